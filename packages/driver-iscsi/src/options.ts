import { type Clock, type EventSink, OptionError } from "@fairlead/core";
import { type Portal, portalOption } from "./portal.js";

/** RFC 7143, 12.1.3: shortest secret that is allowed without IPsec. Bytes. */
const SECRET_BYTES_MIN = 12;

export interface IscsiDriverOptions {
  /** Time of keep-alives, time-outs and back-off. */
  clock: Clock;
  /** Name of this host towards targets: `iqn.…`, `eui.…` or `naa.…`; one per host. */
  initiatorName: string;
  /** Takes what happens to sessions and LUNs. */
  onEvent?: EventSink;
  /** From 0 to below 1; spreads reconnections. @default Math.random */
  random?: () => number;
  /** Silence with commands outstanding after which the target is pinged. ms. @default 1000 */
  pingAfterMs?: number;
  /** Silence without commands outstanding after which the target is pinged. ms. @default 5000 */
  idlePingAfterMs?: number;
  /** Silence after a ping that fails the session. ms. @default 2000 */
  pingTimeoutMs?: number;
  /** Time for one command, after which its session fails. ms. @default 30000 */
  commandTimeoutMs?: number;
  /** Time for connecting and logging in at one portal. ms. @default 5000 */
  loginTimeoutMs?: number;
  /** Time for a LUN RESET. ms. @default 5000 */
  resetTimeoutMs?: number;
}

export interface ChapOptions {
  user: string;
  /** At least 12 bytes. */
  secret: string;
  /** What the target has to prove in return. */
  mutual?: {
    user: string;
    /** At least 12 bytes, and another one than the host's own. */
    secret: string;
  };
}

export interface IscsiHbaOptions {
  /** `vmhba0`; unique in the driver. */
  name: string;
  /** `host:port`, in the order of their device numbers. */
  portals: readonly string[];
  /** Address that connections leave from. @default chosen by the kernel */
  localAddress?: string;
  /** Target names to use. @default all that the portals tell of */
  targets?: readonly string[];
  /** Authentication. @default none */
  chap?: ChapOptions;
}

export interface Timing {
  readonly pingAfterMs: number;
  readonly idlePingAfterMs: number;
  readonly pingTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly loginTimeoutMs: number;
  readonly resetTimeoutMs: number;
}

/** @throws OptionError */
export function checkTiming(options: IscsiDriverOptions): Timing {
  const timing = {
    pingAfterMs: options.pingAfterMs ?? 1000,
    idlePingAfterMs: options.idlePingAfterMs ?? 5000,
    pingTimeoutMs: options.pingTimeoutMs ?? 2000,
    commandTimeoutMs: options.commandTimeoutMs ?? 30_000,
    loginTimeoutMs: options.loginTimeoutMs ?? 5000,
    resetTimeoutMs: options.resetTimeoutMs ?? 5000,
  };
  for (const [option, value] of Object.entries(timing))
    if (!(value > 0) || !Number.isFinite(value))
      throw new OptionError(option, "a number of ms above 0", value);
  return timing;
}

/** RFC 7143, 4.2.7: at most 223 bytes, lower case. @throws OptionError */
export function checkName(option: string, name: string): string {
  if (!/^(?:iqn\.[0-9]{4}-[0-9]{2}\.|eui\.|naa\.)[a-z0-9.:-]+$/.test(name) || name.length > 223)
    throw new OptionError(option, "an iSCSI name (iqn.…, eui.… or naa.…) of at most 223 bytes", name);
  return name;
}

export interface CheckedHba {
  readonly name: string;
  readonly portals: readonly Portal[];
  readonly localAddress: string | undefined;
  readonly targets: ReadonlySet<string> | undefined;
  readonly chap: ChapOptions | undefined;
}

/** @throws OptionError */
export function checkHba(options: IscsiHbaOptions): CheckedHba {
  if (!/^[A-Za-z0-9_-]+$/.test(options.name))
    throw new OptionError("name", "letters, digits, - and _", options.name);
  if (options.portals.length === 0) throw new OptionError("portals", "at least one portal", options.portals);
  const portals = options.portals.map((text) => portalOption("portals", text));
  const names = new Set(portals.map((portal) => portal.name));
  if (names.size < portals.length)
    throw new OptionError("portals", "different portals", options.portals.join(" "));
  for (const target of options.targets ?? []) checkName("targets", target);
  if (options.chap !== undefined) checkChap(options.chap);
  return {
    name: options.name,
    portals,
    localAddress: options.localAddress,
    targets: options.targets === undefined ? undefined : new Set(options.targets),
    chap: options.chap,
  };
}

function checkChap(chap: ChapOptions): void {
  checkSecret("chap.secret", chap.secret);
  if (chap.user === "") throw new OptionError("chap.user", "not empty", chap.user);
  if (chap.mutual === undefined) return;
  checkSecret("chap.mutual.secret", chap.mutual.secret);
  // With equal secrets whoever answers our challenge could have had the answer from us.
  if (chap.mutual.secret === chap.secret)
    throw new OptionError("chap.mutual.secret", "another one than chap.secret", "the same");
}

/** The message must not show the secret. */
function checkSecret(option: string, secret: string): void {
  const bytes = Buffer.byteLength(secret);
  if (bytes < SECRET_BYTES_MIN)
    throw new OptionError(option, `at least ${SECRET_BYTES_MIN} bytes long`, `${bytes} bytes`);
}
