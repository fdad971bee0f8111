import {
  chooseFromList,
  LoginStatus,
  negotiate,
  OPERATIONAL_KEYS,
  Stage,
  type TextPair,
} from "@fairlead/iscsi-codec";
import { ChapExchange, type ChapOptions } from "./chap.js";
import { applyParameter, defaultParameters, OWN_VALUES, type SessionParameters } from "./parameters.js";

const NAME_BYTES_MAX = 223;

export interface LoginRequest {
  readonly currentStage: number;
  readonly nextStage: number;
  readonly transit: boolean;
  readonly pairs: readonly TextPair[];
}

export interface LoginAnswer {
  /** {@link LoginStatus}; all but Success end the connection. */
  readonly status: number;
  readonly transit: boolean;
  readonly pairs: readonly TextPair[];
}

/** Sets keys that must not be answered: they tell, they don't offer. */
const DECLARATIONS = new Set(["InitiatorName", "InitiatorAlias", "TargetName", "SessionType", "AuthMethod"]);

/** One login, request by request, without its socket. RFC 7143, 6.3 */
export class Login {
  initiator = "";
  discovery = false;
  readonly parameters: SessionParameters = defaultParameters();

  private stage = -1;
  private readonly seen = new Set<string>();
  private readonly chap: ChapExchange | undefined;
  private named = false;

  constructor(
    private readonly targetName: string,
    private readonly groupTag: number,
    chap: ChapOptions | undefined,
  ) {
    this.chap = chap === undefined ? undefined : new ChapExchange(chap);
  }

  step(request: LoginRequest): LoginAnswer {
    const { currentStage, nextStage, transit } = request;
    if (this.stage === -1) this.stage = currentStage;
    const badNext = transit && (nextStage <= currentStage || nextStage === 2);
    if (currentStage !== this.stage || currentStage > Stage.Operational || badNext)
      return failed(LoginStatus.InitiatorError);
    const keys = new Map(request.pairs);
    // CHAP takes several steps, yet no key comes twice in a login either.
    for (const [key] of request.pairs) {
      if (this.seen.has(key)) return failed(LoginStatus.InitiatorError);
      this.seen.add(key);
    }
    const pairs: TextPair[] = [];
    if (!this.named) {
      const status = this.introduce(keys, pairs);
      if (status !== LoginStatus.Success) return failed(status);
    }
    const secured = this.secure(keys, pairs);
    if (!secured) return failed(LoginStatus.AuthenticationFailure);
    this.settle(request.pairs, pairs);
    const open = this.chap === undefined || this.chap.authenticated;
    if (!open && currentStage === Stage.Operational) return failed(LoginStatus.AuthenticationFailure);
    if (transit && open) this.stage = nextStage;
    return { status: LoginStatus.Success, transit: transit && open, pairs };
  }

  /** Names and kind of session, in the first request. */
  private introduce(keys: ReadonlyMap<string, string>, pairs: TextPair[]): number {
    this.named = true;
    const initiator = keys.get("InitiatorName");
    if (initiator === undefined || initiator === "") return LoginStatus.MissingParameter;
    if (Buffer.byteLength(initiator) > NAME_BYTES_MAX) return LoginStatus.InitiatorError;
    this.initiator = initiator;
    const kind = keys.get("SessionType") ?? "Normal";
    if (kind !== "Normal" && kind !== "Discovery") return LoginStatus.SessionTypeUnsupported;
    this.discovery = kind === "Discovery";
    const target = keys.get("TargetName");
    if (!this.discovery) {
      if (target === undefined) return LoginStatus.MissingParameter;
      if (target.toLowerCase() !== this.targetName) return LoginStatus.NotFound;
      pairs.push(["TargetPortalGroupTag", String(this.groupTag)]);
    }
    return LoginStatus.Success;
  }

  /** False: the initiator isn't who it says, or can't prove it in a way that is known here. */
  private secure(keys: ReadonlyMap<string, string>, pairs: TextPair[]): boolean {
    const methods = keys.get("AuthMethod");
    if (methods !== undefined) {
      const method = chooseFromList(methods, [this.chap === undefined ? "None" : "CHAP"]);
      if (method === undefined) return false;
      pairs.push(["AuthMethod", method]);
    }
    if (this.chap === undefined) return true;
    const answer = this.chap.step(keys);
    if (answer === undefined) return false;
    pairs.push(...answer);
    return true;
  }

  private settle(offers: readonly TextPair[], pairs: TextPair[]): void {
    for (const [key, offered] of offers) {
      const rule = OPERATIONAL_KEYS.get(key);
      const own = OWN_VALUES[key];
      if (rule === undefined || own === undefined) {
        if (!DECLARATIONS.has(key) && !key.startsWith("CHAP_")) pairs.push([key, "NotUnderstood"]);
        continue;
      }
      const value = negotiate(rule, offered, own);
      if (value !== undefined) applyParameter(this.parameters, key, value);
      pairs.push([key, value === undefined ? "Reject" : rule.kind === "declared" ? own : value]);
    }
    const { parameters } = this;
    parameters.firstBurstBytes = Math.min(parameters.firstBurstBytes, parameters.maxBurstBytes);
  }
}

function failed(status: number): LoginAnswer {
  return { status, transit: false, pairs: [] };
}
