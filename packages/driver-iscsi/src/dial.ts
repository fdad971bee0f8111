import {
  At,
  BHS_BYTES,
  Flag,
  IMMEDIATE,
  LogoutReason,
  Opcode,
  setU32,
  startHeader,
} from "@fairlead/iscsi-codec";
import type { Context } from "./context.js";
import { IscsiError } from "./errors.js";
import type { Route } from "./groups.js";
import { Login, type LoginRequest, type LoginResult } from "./login.js";
import { Redirect } from "./login-status.js";
import type { ChapOptions } from "./options.js";
import { PduQueue } from "./pdu-queue.js";
import type { Portal } from "./portal.js";
import { Wire } from "./wire.js";

/** Times that one login follows a redirection. */
const REDIRECTS_MAX = 2;
const LOGOUT_TIMEOUT_MS = 2000;

export interface DialRequest {
  readonly route: Route;
  /** Undefined: a discovery session. */
  readonly targetName: string | undefined;
  readonly isid: Uint8Array;
  readonly chap: ChapOptions | undefined;
}

export interface Dialled extends LoginResult {
  readonly wire: Wire;
  readonly queue: PduQueue;
}

/** One attempt to connect and log in, bounded in time; can be called off. */
export class Dial {
  readonly #context: Context;
  readonly #request: DialRequest;
  #wire: Wire | undefined;
  #cancelled = false;

  constructor(context: Context, request: DialRequest) {
    this.#context = context;
    this.#request = request;
  }

  /** @throws IscsiError */
  async run(): Promise<Dialled> {
    const { clock, timing } = this.#context;
    const timer = clock.schedule(() => {
      this.#wire?.fail(
        new IscsiError("ISCSI_LOGIN_TIMEOUT", "unreachable", `no login within ${timing.loginTimeoutMs} ms`),
      );
    }, timing.loginTimeoutMs);
    try {
      return await this.#follow(this.#request.route.portal);
    } finally {
      timer.cancel();
    }
  }

  cancel(): void {
    this.#cancelled = true;
    this.#wire?.fail(new IscsiError("ISCSI_CLOSED", "closed", "the login was called off"));
  }

  async #follow(first: Portal): Promise<Dialled> {
    let portal = first;
    for (let redirects = 0; ; redirects++) {
      try {
        return await this.#login(portal);
      } catch (error) {
        this.#wire?.kill();
        if (!(error instanceof Redirect)) throw error;
        if (redirects === REDIRECTS_MAX)
          throw new IscsiError(
            "ISCSI_REDIRECT_LIMIT",
            "login-refused",
            `a login may be redirected ${REDIRECTS_MAX} times, but ${portal.name} redirects again`,
          );
        portal = error.portal;
      }
    }
  }

  async #login(portal: Portal): Promise<Dialled> {
    if (this.#cancelled) throw new IscsiError("ISCSI_CLOSED", "closed", "the login was called off");
    const { targetName, isid, chap, route } = this.#request;
    const { initiatorName, challenges, scratch } = this.#context;
    const queue = new PduQueue();
    const wire = new Wire(portal, route.localAddress, scratch, queue);
    this.#wire = wire;
    await wire.connected();
    queue.attach(wire);
    const request: LoginRequest = { initiatorName, targetName, isid, chap, challenges };
    const result = await new Login(queue, request).run();
    return { ...result, wire, queue };
  }
}

/** Ends a session that carries no commands. Bounded in time; the connection is gone afterwards either way. */
export async function logOut(context: Context, { wire, queue, sequence }: Dialled): Promise<void> {
  const head = new Uint8Array(BHS_BYTES);
  startHeader(head, 0, Opcode.LogoutRequest | IMMEDIATE, Flag.Final | LogoutReason.CloseSession);
  setU32(head, At.CmdSn, sequence.cmdSn);
  setU32(head, At.ExpStatSn, sequence.expStatSn);
  const timer = context.clock.schedule(() => {
    wire.fail(new IscsiError("ISCSI_LOGIN_TIMEOUT", "unreachable", "no answer to a logout"));
  }, LOGOUT_TIMEOUT_MS);
  try {
    await queue.exchange(head, new Uint8Array(0));
  } catch (error) {
    // The session ends with its connection, too.
    if (!(error instanceof IscsiError)) throw error;
  } finally {
    timer.cancel();
    wire.kill();
  }
}
