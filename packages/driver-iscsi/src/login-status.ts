import type { TextPair } from "@fairlead/iscsi-codec";
import { LoginStatus } from "@fairlead/iscsi-codec";
import { IscsiError, ProtocolError } from "./errors.js";
import { type Portal, parsePortal } from "./portal.js";

/** The target wants to be asked at another portal. Whoever dials deals with it, nobody else meets it. */
export class Redirect extends Error {
  constructor(readonly portal: Portal) {
    super(`the target redirects to ${portal.name}`);
  }

  /** From the text of a response of status class 1. @throws ProtocolError without a usable address */
  static from(pairs: readonly TextPair[]): Redirect {
    const address = pairs.find(([key]) => key === "TargetAddress")?.[1] ?? "";
    const portal = parsePortal(address.split(",")[0] ?? "");
    if (portal === undefined) throw new ProtocolError("a redirection must have a TargetAddress");
    return new Redirect(portal);
  }
}

/** A login status of class 2 or 3 in words. */
export function loginError(status: number): IscsiError {
  const shown = `login status 0x${status.toString(16).padStart(4, "0")}`;
  switch (status) {
    case LoginStatus.AuthenticationFailure:
      return new IscsiError(
        "ISCSI_AUTHENTICATION_FAILED",
        "login-refused",
        `${shown}: authentication failed`,
      );
    case LoginStatus.AuthorizationFailure:
      return new IscsiError(
        "ISCSI_NOT_AUTHORIZED",
        "login-refused",
        `${shown}: this host may not use the target`,
      );
    case LoginStatus.NotFound:
    case LoginStatus.TargetRemoved:
      return new IscsiError(
        "ISCSI_TARGET_NOT_FOUND",
        "login-refused",
        `${shown}: there is no such target here`,
      );
    default:
      if (status >>> 8 === 3)
        return new IscsiError(
          "ISCSI_TARGET_UNAVAILABLE",
          "unreachable",
          `${shown}: the target is out of service`,
        );
      return new IscsiError("ISCSI_LOGIN_REFUSED", "login-refused", `${shown}: the target refuses the login`);
  }
}
