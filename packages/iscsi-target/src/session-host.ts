import type { Connection } from "./connection.js";
import type { CommandReceiver } from "./data-out.js";
import type { Session } from "./session.js";
import type { Task } from "./task.js";

/** A login that has settled everything but the session. */
export interface Opening {
  readonly connection: Connection;
  readonly initiator: string;
  readonly isid: string;
  /** 0: a new session. */
  readonly tsih: number;
  readonly discovery: boolean;
  readonly cmdSn: number;
}

/** What a connection needs of its target. */
export interface SessionHost {
  /** Ends what stands in the way, then calls back with the session, or with a login status where there is none. */
  openSession(opening: Opening, done: (result: Session | number) => void): void;
  /** Takes the session's tasks back. */
  endSession(session: Session): void;
  createCommands(connection: Connection, session: Session): CommandReceiver;
  /** The text that answers SendTargets. */
  listTargets(connection: Connection, which: string): string;
  /** Offers a parked read again. */
  resumeRead(task: Task): void;
  /** Takes one task back. */
  abort(task: Task): void;
  report(kind: string, severity: "info" | "warning" | "error", subject: string, reason: string): void;
  flushSoon(connection: Connection): void;
}
