import {
  At,
  BHS_BYTES,
  Flag,
  formatText,
  getOpcode,
  getU32,
  IMMEDIATE,
  Opcode,
  parseNumber,
  Stage,
  setU32,
  startHeader,
  type TextPair,
} from "@fairlead/iscsi-codec";
import { CHAP_OFFER, ChapExchange, refused } from "./chap-login.js";
import { IscsiError, ProtocolError } from "./errors.js";
import { type Negotiated, OperationalKeys } from "./login-keys.js";
import { loginError, Redirect } from "./login-status.js";
import type { ChapOptions } from "./options.js";
import { answerText, type Pdu, type PduQueue } from "./pdu-queue.js";
import { Sequence } from "./sequence.js";

export interface LoginRequest {
  readonly initiatorName: string;
  /** Undefined for a discovery session. */
  readonly targetName: string | undefined;
  readonly isid: Uint8Array;
  readonly chap: ChapOptions | undefined;
  /** Challenges of all logins of this host. */
  readonly challenges: Set<string>;
}

export interface LoginResult {
  readonly negotiated: Negotiated;
  readonly sequence: Sequence;
  /** Target portal group tag; -1 where the target did not say. */
  readonly groupTag: number;
}

/** More exchanges than this are no negotiation. */
const ROUNDS_MAX = 12;
/** Longest text of one answer over all its PDUs. Bytes. */
const TEXT_BYTES_MAX = 64 * 1024;

/** One login, from the security stage on: some targets reinstate a session only then. RFC 7143, 6 */
export class Login {
  readonly #queue: PduQueue;
  readonly #request: LoginRequest;
  readonly #sequence = new Sequence();
  #groupTag = -1;
  #rounds = 0;
  #begun = false;

  constructor(queue: PduQueue, request: LoginRequest) {
    this.#queue = queue;
    this.#request = request;
  }

  /** @throws IscsiError, {@link Redirect} */
  async run(): Promise<LoginResult> {
    await this.#security();
    const keys = new OperationalKeys();
    let pairs: readonly TextPair[] = keys.offer;
    for (;;) {
      const answer = await this.#round(Stage.Operational, Stage.FullFeature, true, pairs);
      pairs = keys.take(answer.pairs);
      if (answer.transit) break;
    }
    if (pairs.length > 0) throw new ProtocolError("the target ended the login with an open question");
    return { negotiated: keys.result(), sequence: this.#sequence, groupTag: this.#groupTag };
  }

  async #security(): Promise<void> {
    const { initiatorName, targetName, chap } = this.#request;
    const pairs: TextPair[] = [["InitiatorName", initiatorName]];
    if (targetName !== undefined) pairs.push(["TargetName", targetName]);
    pairs.push(["SessionType", targetName === undefined ? "Discovery" : "Normal"]);
    pairs.push(["AuthMethod", this.#authMethods()]);
    const answer = await this.#round(Stage.Security, Stage.Operational, chap === undefined, pairs);
    const keys = new Map(answer.pairs);
    this.#groupTag = parseNumber(keys.get("TargetPortalGroupTag") ?? "", 0, 65535) ?? -1;
    const method = keys.get("AuthMethod") ?? "None";
    if (!this.#authMethods().split(",").includes(method))
      throw refused(`the target must take ${this.#authMethods()}, but chose ${method}`);
    if (chap !== undefined && method === "CHAP") return this.#authenticate(chap);
    let transit = answer.transit;
    while (!transit) transit = (await this.#round(Stage.Security, Stage.Operational, true, [])).transit;
  }

  /** Targets keep accounts for themselves, and often none for discovery; a list of names needs no proof. */
  #authMethods(): string {
    const { chap, targetName } = this.#request;
    if (chap === undefined) return "None";
    return targetName === undefined ? "CHAP,None" : "CHAP";
  }

  async #authenticate(chap: ChapOptions): Promise<void> {
    const exchange = new ChapExchange(chap, this.#request.challenges);
    try {
      const challenge = await this.#round(Stage.Security, Stage.Operational, false, [["CHAP_A", CHAP_OFFER]]);
      const pairs = exchange.answer(new Map(challenge.pairs));
      const proof = await this.#round(Stage.Security, Stage.Operational, true, pairs);
      if (!proof.transit) throw refused("the target did not accept the response");
      exchange.verify(new Map(proof.pairs));
    } finally {
      exchange.end();
    }
  }

  /** One request and its whole answer, however many PDUs that takes. */
  async #round(
    stage: number,
    nextStage: number,
    transit: boolean,
    pairs: readonly TextPair[],
  ): Promise<{ transit: boolean; pairs: TextPair[] }> {
    let text: Buffer = formatText(pairs);
    let flags = transit ? Flag.Transit | (stage << 2) | nextStage : stage << 2;
    const parts: Uint8Array[] = [];
    let textBytes = 0;
    for (;;) {
      if (++this.#rounds > ROUNDS_MAX)
        throw new ProtocolError(`the login took more than ${ROUNDS_MAX} exchanges`);
      const answer = await this.#queue.exchange(this.#header(flags), text);
      this.#check(answer, stage, nextStage, flags);
      parts.push(answer.data);
      textBytes += answer.data.length;
      if (textBytes > TEXT_BYTES_MAX) throw new ProtocolError("the target's login text has no end");
      const answered = answer.head[At.Flags]!;
      if ((answered & Flag.Continue) === 0) {
        const whole = Buffer.concat(parts);
        return {
          transit: (answered & Flag.Transit) !== 0,
          pairs: distinct(answerText(whole)),
        };
      }
      text = formatText([]);
      flags = stage << 2;
    }
  }

  #header(flags: number): Uint8Array {
    const head = new Uint8Array(BHS_BYTES);
    startHeader(head, 0, Opcode.LoginRequest | IMMEDIATE, flags);
    head.set(this.#request.isid, At.Isid);
    setU32(head, At.CmdSn, this.#sequence.cmdSn);
    setU32(head, At.ExpStatSn, this.#sequence.expStatSn);
    return head;
  }

  #check({ head, data }: Pdu, stage: number, nextStage: number, sent: number): void {
    if (getOpcode(head, 0) !== Opcode.LoginResponse || getU32(head, At.InitiatorTag) !== 0)
      throw new ProtocolError("a login must be answered by a login response");
    const status = (head[At.StatusClass]! << 8) | head[At.StatusDetail]!;
    if (status >>> 8 === 1) throw Redirect.from(answerText(data));
    if (status !== 0) throw loginError(status);
    if (this.#begun) this.#sequence.takeStatus(head, 0);
    else this.#sequence.begin(head, 0);
    this.#begun = true;
    this.#sequence.takeWindow(head, 0);
    const flags = head[At.Flags]!;
    const offered = (sent & Flag.Transit) !== 0;
    const transit = (flags & Flag.Transit) !== 0;
    if (((flags >>> 2) & 3) !== stage || (transit && (!offered || (flags & 3) !== nextStage)))
      throw new ProtocolError("the target went to another stage of the login than was asked for");
    if (transit && (flags & Flag.Continue) !== 0)
      throw new ProtocolError("the target ended a stage within its text");
  }
}

/** TargetAddress apart, a key stands once. */
function distinct(pairs: TextPair[]): TextPair[] {
  const keys = new Set<string>();
  for (const [key] of pairs) {
    if (keys.has(key) && key !== "TargetAddress")
      throw new IscsiError("ISCSI_PROTOCOL_ERROR", "protocol-error", `the target sent ${key} twice`);
    keys.add(key);
  }
  return pairs;
}
