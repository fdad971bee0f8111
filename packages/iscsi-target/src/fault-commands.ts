import { FairleadError } from "@fairlead/core";
import type { FaultOp } from "./logical-unit.js";
import type { Target } from "./target.js";

/**
 * One fault or question as a line of JSON, for a target in a process of its own. Answers what is to be printed.
 *
 * ```json
 * {"portal":"127.0.0.1:3260","fault":"stall"}
 * ```
 *
 * @throws FairleadError SAN_COMMAND_INVALID, and what the target throws
 */
export async function runFaultCommand(target: Target, line: string): Promise<unknown> {
  const command = parse(line);
  if (command.query === "counters") return target.counters();
  if (command.query === "sessions") return target.sessions();
  const { portal, lun, fault } = command;
  if (typeof portal === "string" && typeof fault === "string")
    await portalFault(target, portal, fault, command);
  else if (typeof lun === "number" && typeof fault === "string") return lunFault(target, lun, fault, command);
  else if (fault === "reinstate-early") target.setReinstateEarly(command.on !== false);
  else throw invalid("a command must have a query, or a fault with a portal or a lun", line);
  return null;
}

type Fields = Readonly<Record<string, unknown>>;

function parse(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : "no JSON", line);
  }
  if (typeof value !== "object" || value === null) throw invalid("a command must be an object", line);
  return { ...value };
}

async function portalFault(target: Target, address: string, fault: string, fields: Fields): Promise<void> {
  const portal = target.portal(address);
  switch (fault) {
    case "close":
      portal.close();
      break;
    case "stall":
      portal.stall();
      break;
    case "resume":
      portal.resume();
      break;
    case "refuse":
      portal.refuse();
      break;
    case "accept":
      await portal.accept();
      break;
    case "delay":
      portal.delay(number(fields, "ms", 0));
      break;
    default:
      throw invalid("a portal knows close, stall, resume, refuse, accept and delay", fault);
  }
}

const OPS: readonly FaultOp[] = ["read", "write", "flush", "any"];

function lunFault(target: Target, lunNumber: number, fault: string, fields: Fields): unknown {
  const lun = target.lun(lunNumber);
  switch (fault) {
    case "offline":
      lun.offline();
      return null;
    case "online":
      lun.online();
      return null;
    case "busy":
      lun.busyNext(number(fields, "count", 1));
      return null;
    case "fail": {
      const op = OPS.find((known) => known === (fields.op ?? "any"));
      if (op === undefined) throw invalid("op must be read, write, flush or any", String(fields.op));
      lun.failNext({ op, sense: number(fields, "sense"), count: number(fields, "count", 1) });
      return null;
    }
    case "hold":
      lun.holdWrites(number(fields, "count", 1));
      return null;
    case "release":
      return lun.releaseWrites();
    default:
      throw invalid("a lun knows offline, online, busy, fail, hold and release", fault);
  }
}

function number(fields: Fields, name: string, otherwise?: number): number {
  const value = fields[name] ?? otherwise;
  if (typeof value !== "number") throw invalid(`${name} must be a number`, String(value));
  return value;
}

function invalid(message: string, received: string): FairleadError {
  return new FairleadError(
    "SAN_COMMAND_INVALID",
    `${message}; received ${JSON.stringify(received.slice(0, 200))}`,
  );
}
