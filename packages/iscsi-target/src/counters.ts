import { type Task, Work } from "./task.js";

/** What came in through one portal for one LUN. Commands count when they arrive, bytes when they have moved. */
export interface Counters {
  readonly portal: string;
  /** The LUN's own number, whatever the portal group shows. */
  readonly lun: number;
  commands: number;
  reads: number;
  writes: number;
  flushes: number;
  readBytes: number;
  writtenBytes: number;
  /** Ended with another status than GOOD. */
  failed: number;
  aborted: number;
}

export function createCounters(portal: string, lun: number): Counters {
  return {
    portal,
    lun,
    commands: 0,
    reads: 0,
    writes: 0,
    flushes: 0,
    readBytes: 0,
    writtenBytes: 0,
    failed: 0,
    aborted: 0,
  };
}

export function countCommand(counters: Counters, task: Task): void {
  counters.commands++;
  if (task.work === Work.Read) counters.reads++;
  else if (task.work === Work.Write) counters.writes++;
  else if (task.work === Work.Flush) counters.flushes++;
}
