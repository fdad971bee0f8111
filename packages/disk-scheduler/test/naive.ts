import type { AdmissionPolicy, Command, Rate, VmId } from "@fairlead/core";
import type { Driven } from "./disk.js";

/** A mistake that a scheduler of this kind has been seen with. */
export type Fault =
  | "none"
  | "charges a limit twice"
  | "keeps tags of the wall clock"
  | "begins a guarantee anew at each wake-up"
  | "banks a guarantee while idle"
  | "holds service by shares against a guarantee"
  | "saves up a limit while idle"
  | "burns a limit's budget and waits for the next"
  | "asks for a budget as large as the command"
  | "takes the first of equals"
  | "charges large commands alike";

interface Entry {
  readonly vm: VmId;
  readonly queue: Command[];
  eachMs: { guarantee: number; limit: number };
  virtualTime: number;
  guaranteeTagMs: number;
  limitTagMs: number;
  windowEndMs: number;
  left: number;
}

const BURST_MS = 50;
const WINDOW_MS = 100;

/** Equal shares, guarantees and limits in commands, by plain loops; with a fault, or without. */
export class Naive implements Driven {
  readonly #fault: Fault;
  readonly #entries: Entry[] = [];
  #virtualTime = 0;
  #lastMs = 0;
  #turn = 0;

  constructor(fault: Fault) {
    this.#fault = fault;
  }

  setEntry: AdmissionPolicy["setEntry"] = (vm, { guarantee, limit }) => {
    const eachMs = (rate: Rate | null | undefined) =>
      rate && "commandsPerSecond" in rate ? 1000 / rate.commandsPerSecond : 0;
    this.#entry(vm).eachMs = { guarantee: eachMs(guarantee), limit: eachMs(limit) };
  };

  enqueue(command: Command, nowMs: number): void {
    const now = this.#now(nowMs);
    const entry = this.#entry(command.vm);
    command.units =
      this.#fault === "charges large commands alike" ? 1 : Math.max(1, Math.ceil(command.lengthBytes / 4096));
    if (entry.queue.push(command) > 1) return;
    entry.virtualTime = Math.max(entry.virtualTime, this.#virtualTime);
    if (this.#fault === "begins a guarantee anew at each wake-up")
      entry.guaranteeTagMs = now + entry.eachMs.guarantee;
    else if (this.#fault !== "banks a guarantee while idle")
      entry.guaranteeTagMs = Math.max(entry.guaranteeTagMs, now - 10);
  }

  next(nowMs: number): Command | undefined {
    const now = this.#now(nowMs);
    const ready = this.#entries.filter(
      (entry) => entry.queue.length > 0 && this.#goesAtMs(entry, now) <= now,
    );
    const due = ready.filter((entry) => entry.eachMs.guarantee > 0 && entry.guaranteeTagMs <= now);
    const first = lowest(due, (entry) => entry.guaranteeTagMs, 0) ?? this.#byShares(ready);
    const command = first?.queue.shift();
    if (first !== undefined && command !== undefined) this.#charge(first, command, now);
    return command;
  }

  nextAt(nowMs: number): number {
    const now = this.#now(nowMs);
    const waiting = this.#entries.filter(({ queue }) => queue.length > 0);
    return nowMs + Math.min(...waiting.map((entry) => this.#goesAtMs(entry, now)), Infinity) - now;
  }

  completed(command: Command): void {
    if (this.#fault !== "charges a limit twice") return;
    const entry = this.#entry(command.vm);
    entry.limitTagMs += entry.eachMs.limit;
  }

  pathsChanged(): void {}

  #byShares(ready: readonly Entry[]): Entry | undefined {
    if (this.#fault !== "takes the first of equals") this.#turn = (this.#turn * 31 + 7) % 1009;
    const first = lowest(ready, (entry) => entry.virtualTime, this.#turn);
    this.#virtualTime = Math.max(this.#virtualTime, first?.virtualTime ?? 0);
    return first;
  }

  /** When the entry's limit lets its next command go. */
  #goesAtMs(entry: Entry, now: number): number {
    const { limit } = entry.eachMs;
    if (limit === 0) return now;
    if (this.#fault === "asks for a budget as large as the command") {
      const cost = (limit * (entry.queue[0]?.lengthBytes ?? 0)) / 4096;
      return cost > BURST_MS ? Infinity : Math.max(entry.limitTagMs, now - BURST_MS) + cost;
    }
    if (this.#fault !== "burns a limit's budget and waits for the next") return entry.limitTagMs;
    if (now >= entry.windowEndMs) {
      entry.windowEndMs = now + WINDOW_MS;
      entry.left = WINDOW_MS / limit;
    }
    return entry.left > 0 ? now : entry.windowEndMs;
  }

  #charge(entry: Entry, command: Command, now: number): void {
    const { guarantee, limit } = entry.eachMs;
    entry.virtualTime += command.units;
    const earliest = this.#fault === "saves up a limit while idle" ? 0 : now - BURST_MS;
    entry.limitTagMs = Math.max(entry.limitTagMs, earliest) + limit;
    entry.left--;
    const held = this.#fault === "holds service by shares against a guarantee";
    entry.guaranteeTagMs = (held ? entry.guaranteeTagMs : Math.min(entry.guaranteeTagMs, now)) + guarantee;
  }

  /** Time without steps back. */
  #now(nowMs: number): number {
    if (this.#fault === "keeps tags of the wall clock") return nowMs;
    if (nowMs < this.#lastMs) for (const entry of this.#entries) this.#shift(entry, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    return nowMs;
  }

  #shift(entry: Entry, byMs: number): void {
    entry.guaranteeTagMs += byMs;
    entry.limitTagMs += byMs;
    entry.windowEndMs += byMs;
  }

  #entry(vm: VmId): Entry {
    const known = this.#entries.find((entry) => entry.vm === vm);
    if (known !== undefined) return known;
    const eachMs = { guarantee: 0, limit: 0 };
    const tags = {
      virtualTime: this.#virtualTime,
      guaranteeTagMs: 0,
      limitTagMs: 0,
      windowEndMs: 0,
      left: 0,
    };
    const entry: Entry = { vm, queue: [], eachMs, ...tags };
    this.#entries.push(entry);
    return entry;
  }
}

/** Of equals the one at `turn`. */
function lowest(entries: readonly Entry[], keyOf: (entry: Entry) => number, turn: number): Entry | undefined {
  const least = Math.min(...entries.map(keyOf));
  const equal = entries.filter((entry) => keyOf(entry) === least);
  return equal[turn % Math.max(1, equal.length)];
}
