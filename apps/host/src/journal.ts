import type { HostEvent } from "@fairlead/core";
import { printable } from "./printable.js";

const RECORDS_MAX = 10_000;

/** One event in the order in which it came. */
export interface JournalRecord extends HostEvent {
  /** From 1 on. */
  readonly sequence: number;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** The host's last events. [rule 10] */
export class Journal {
  readonly #records: JournalRecord[] = [];
  readonly #listeners = new Set<(record: JournalRecord) => void>();
  readonly #wallClock: () => Date;
  #lastSequence = 0;

  constructor(wallClock: () => Date = () => new Date()) {
    this.#wallClock = wallClock;
  }

  /** Sequence of the newest record; 0: none yet. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Sequence of the oldest record that is kept; 1 where none was. */
  get firstSequence(): number {
    return this.#lastSequence - this.#records.length + 1;
  }

  readonly append = (event: HostEvent): void => {
    const record: JournalRecord = {
      sequence: ++this.#lastSequence,
      time: this.#wallClock().toISOString(),
      kind: printable(event.kind),
      severity: event.severity,
      subject: printable(event.subject),
      reason: printable(event.reason),
      ...(event.inputs && { inputs: cleanInputs(event.inputs) }),
    };
    if (this.#records.length < RECORDS_MAX) this.#records.push(record);
    else this.#records[this.#indexOf(record.sequence)] = record;
    for (const listener of this.#listeners) listener(record);
  };

  /** Up to `limit` records after `sequence`, oldest first. */
  since(sequence: number, limit: number): JournalRecord[] {
    const first = Math.max(sequence + 1, this.firstSequence);
    const last = Math.min(this.#lastSequence, first + limit - 1);
    const found: JournalRecord[] = [];
    for (let at = first; at <= last; at++) {
      const record = this.#records[this.#indexOf(at)];
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  /** Calls back at each new record until the answer is called. */
  subscribe(listener: (record: JournalRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #indexOf(sequence: number): number {
    return (sequence - 1) % RECORDS_MAX;
  }
}

function cleanInputs(inputs: NonNullable<HostEvent["inputs"]>): NonNullable<HostEvent["inputs"]> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      printable(name),
      typeof value === "string" ? printable(value) : value,
    ]),
  );
}
