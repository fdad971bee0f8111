import { type FailureReason, FairleadError } from "@fairlead/core";

/** Something between a portal and us went wrong; `reason` says how it shows as the failure of a path. */
export class IscsiError extends FairleadError {
  constructor(
    code: string,
    readonly reason: FailureReason,
    message: string,
  ) {
    super(code, message);
  }
}

/** The target broke the protocol; its session is dropped. Thrown while a PDU is read, never out of this package. */
export class ProtocolError extends IscsiError {
  constructor(message: string) {
    super("ISCSI_PROTOCOL_ERROR", "protocol-error", message);
  }
}
