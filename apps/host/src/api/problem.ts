import { FairleadError } from "@fairlead/core";
import { printable } from "../printable.js";

/** RFC 9457, with the code from docs/errors.md. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

const STATUS: Readonly<Record<string, number>> = {
  API_BODY_INVALID: 400,
  API_QUERY_INVALID: 400,
  OPTION_INVALID: 400,
  OPTION_UNKNOWN: 400,
  POLICY_NONE_USABLE: 400,
  API_ROUTE_UNKNOWN: 404,
  PATH_UNKNOWN: 404,
  VM_UNKNOWN: 404,
  LUN_UNKNOWN: 404,
  SAN_NONE: 404,
  SAN_PORTAL_UNKNOWN: 404,
  ADMISSION_NOT_CONFIGURABLE: 409,
  POLICY_SUPERSEDED: 409,
};

export function problemOf(error: FairleadError, status = STATUS[error.code] ?? 500): Problem {
  const title = error.code.toLowerCase().replaceAll("_", " ");
  const detail = printable(error.message);
  return { type: `urn:fairlead:error:${error.code}`, title, status, detail, code: error.code };
}

/** Whatever a route threw; `unexpected` is told of what no route should throw. */
export function problemFrom(error: unknown, unexpected: (error: unknown) => void): Problem {
  if (error instanceof FairleadError) return problemOf(error);
  const status = statusOf(error);
  if (status >= 400 && status < 500) {
    const message = error instanceof Error ? error.message : "bad request";
    return problemOf(new FairleadError("API_REQUEST_REFUSED", message), status);
  }
  unexpected(error);
  return problemOf(new FairleadError("API_FAILED", "the host could not answer; its log says why"), 500);
}

/** Fastify's errors carry the HTTP status that they mean. */
function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return 500;
  return typeof error.statusCode === "number" ? error.statusCode : 500;
}
