import {
  At,
  Flag,
  FormatError,
  formatText,
  getU16,
  getU32,
  LoginStatus,
  parseText,
  Stage,
  type TextPair,
} from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import { Login } from "./login.js";
import type { SessionParameters } from "./parameters.js";
import { sendLoginResponse } from "./responses.js";
import type { SessionHost } from "./session-host.js";

/** Text of one login request, over several PDUs. */
const TEXT_BYTES_MAX = 16 << 10;
const NO_DATA = new Uint8Array(0);

/** Login PDUs of one connection. */
export class LoginPhase {
  private readonly login: Login;
  private parts: Uint8Array[] = [];
  private partsBytes = 0;

  constructor(
    private readonly connection: Connection,
    private readonly host: SessionHost,
  ) {
    const { shared, groupTag } = connection.portal;
    this.login = new Login(shared.targetName, groupTag, shared.chap);
  }

  get parameters(): SessionParameters {
    return this.login.parameters;
  }

  take(header: Uint8Array, data: Uint8Array): void {
    const flags = header[At.Flags]!;
    if (header[At.VersionMin]! > 0) {
      this.refuse(header, LoginStatus.UnsupportedVersion, "the initiator's lowest version is above 0");
      return;
    }
    this.parts.push(data);
    this.partsBytes += data.length;
    const goesOn = (flags & Flag.Continue) !== 0;
    if (this.partsBytes > TEXT_BYTES_MAX || (goesOn && (flags & Flag.Transit) !== 0)) {
      this.refuse(header, LoginStatus.InitiatorError, "the text is too long, or both goes on and ends");
      return;
    }
    if (goesOn) {
      this.answer(header, NO_DATA, flags & STAGES, 0);
      return;
    }
    const text = Buffer.concat(this.parts);
    this.parts = [];
    this.partsBytes = 0;
    this.takeText(header, text);
  }

  private takeText(header: Uint8Array, text: Uint8Array): void {
    let pairs: TextPair[];
    try {
      pairs = parseText(text, 0, text.length);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.refuse(header, LoginStatus.InitiatorError, error.message);
      return;
    }
    const flags = header[At.Flags]!;
    const nextStage = flags & 3;
    const currentStage = (flags >>> 2) & 3;
    const transit = (flags & Flag.Transit) !== 0;
    const answer = this.login.step({ currentStage, nextStage, transit, pairs });
    if (answer.status !== LoginStatus.Success) {
      this.refuse(header, answer.status, `login status ${answer.status.toString(16).padStart(4, "0")}`);
      return;
    }
    const data = formatText(answer.pairs);
    const stages = answer.transit ? (flags & STAGES) | Flag.Transit : flags & CURRENT_STAGE;
    if (answer.transit && nextStage === Stage.FullFeature) this.open(header, data, stages);
    else this.answer(header, data, stages, 0);
  }

  private open(header: Uint8Array, data: Uint8Array, flags: number): void {
    const { connection, login } = this;
    const request = header.slice();
    const isid = Buffer.from(request.subarray(At.Isid, At.Isid + 6)).toString("hex");
    const { initiator, discovery } = login;
    const tsih = getU16(request, At.Tsih);
    connection.opening();
    const cmdSn = getU32(request, At.CmdSn);
    this.host.openSession({ connection, initiator, isid, tsih, discovery, cmdSn }, (result) => {
      if (connection.ended) return;
      if (typeof result === "number") {
        this.refuse(request, result, `there can't be such a session with ${initiator}`);
        return;
      }
      connection.opened(result, discovery);
      this.answer(request, data, flags, result.tsih);
    });
  }

  private answer(header: Uint8Array, data: Uint8Array, flags: number, tsih: number): void {
    sendLoginResponse(this.connection, header, data, { flags, tsih, status: LoginStatus.Success });
    this.connection.flushSoon();
  }

  private refuse(header: Uint8Array, status: number, reason: string): void {
    const { connection } = this;
    this.host.report("login-refused", "warning", connection.portal.address, reason);
    sendLoginResponse(connection, header, NO_DATA, {
      flags: header[At.Flags]! & CURRENT_STAGE,
      tsih: 0,
      status,
    });
    connection.finish();
  }
}

const CURRENT_STAGE = 0x0c;
const STAGES = 0x0f;
