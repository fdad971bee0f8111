import type { Clock, Command, EventSink, Timer } from "@fairlead/core";
import type { Member } from "./member.js";
import { type ByteRange, overlaps } from "./open-writes.js";

const RESETS_MAX = 3;
const RESET_PAUSE_MS = 200;
const DRAIN_MS = 1000;

/** What one failure of one path left open: writes that may have run, or may yet run. */
interface Doubt {
  /** Undefined: what a predecessor of this process left open, which can be anywhere on the LUN. */
  readonly member: Member | undefined;
  /** `member.failures` when it arose. */
  readonly failure: number;
  readonly commands: Command[];
  /** Ranges whose requests were answered with an error while the doubt lasts. */
  readonly abandoned: ByteRange[];
  readonly timer: Timer;
  readonly sinceMs: number;
  /** The session's proof is there; the LUN RESET may still be missing. */
  fenced: boolean;
  resets: number;
}

/** `pausing`: a reset failed, and the next one has to wait. */
type Phase = "idle" | "draining" | "resetting" | "pausing";

/** What {@link Fencing} needs of its team. */
export interface FencingTeam {
  readonly name: string;
  readonly clock: Clock;
  readonly quiesceMs: number;
  readonly onEvent: EventSink;
  /** Commands that are with a path now. */
  sentCommands(): number;
  /** A path over which a LUN RESET can go, another one at each turn. */
  usableMember(turn: number): Member | undefined;
  /** These writes can no longer arrive by the old way: send them again. Also called when dispatch may go on. */
  settled(commands: readonly Command[]): void;
}

/**
 * Rule 3: a write in doubt is sent again only after the old session can no longer deliver it. The session is
 * reinstated, then dispatch to the LUN stops until what is with the healthy paths has ended, then LUN RESET ends what
 * the target had already taken from the old session, then the writes go again. Where no portal of the group
 * answers, or the reset is refused, only the quiesce time ends the doubt; the rest of the LUN goes on meanwhile.
 */
export class Fencing {
  readonly #team: FencingTeam;
  readonly #doubts: Doubt[] = [];
  #phase: Phase = "idle";
  #timer: Timer | undefined;
  #drainOver = false;
  #turn = 0;

  constructor(team: FencingTeam) {
    this.#team = team;
  }

  /** True while nothing may be sent to the LUN, because a reset is due or under way. */
  get frozen(): boolean {
    return this.#phase !== "idle";
  }

  get doubtful(): boolean {
    return this.#doubts.length > 0;
  }

  get doubtfulWrites(): number {
    return this.#doubts.reduce((sum, doubt) => sum + doubt.commands.length + doubt.abandoned.length, 0);
  }

  /**
   * Whether the command has to wait. A write waits for a predecessor's doubt and for an abandoned range; those in doubt
   * themselves are open writes still. A read waits for an abandoned range alone: that was answered with an error, and
   * must not appear later; of the others either state is right until they end.
   */
  blocks(command: Command): boolean {
    for (const doubt of this.#doubts) {
      if (doubt.member === undefined && command.op === "write") return true;
      for (const abandoned of doubt.abandoned) if (overlaps(abandoned, command)) return true;
    }
    return false;
  }

  /** A write of a path that has just failed. */
  add(member: Member, command: Command): void {
    let doubt = this.#doubts.find((known) => known.member === member && known.failure === member.failures);
    if (doubt === undefined) {
      doubt = this.#open(member);
      this.#askFor(doubt, member);
    }
    doubt.commands.push(command);
  }

  /** A predecessor may have left writes on their way: later ones wait. */
  inherit(): void {
    this.#open(undefined);
  }

  /** All sessions that a predecessor may have had are reinstated: only the LUN RESET is missing. */
  predecessorFenced(): void {
    for (const doubt of this.#doubts) if (doubt.member === undefined) doubt.fenced = true;
    this.advance();
  }

  /** Stops waiting for the writes in doubt; their ranges stay closed until the doubt ends. */
  abandon(visit: (command: Command) => void): void {
    for (const doubt of this.#doubts) {
      for (const command of doubt.commands.splice(0)) {
        doubt.abandoned.push({ offsetBytes: command.offsetBytes, lengthBytes: command.lengthBytes });
        visit(command);
      }
    }
  }

  /** Call after each completion while frozen, and after each change of the usable paths. */
  advance(): void {
    if (this.#phase === "resetting" || this.#phase === "pausing") return;
    const ready = this.#doubts.filter((doubt) => doubt.fenced && doubt.resets < RESETS_MAX);
    if (ready.length === 0) {
      if (this.#phase === "draining") this.#go("idle");
      return;
    }
    if (this.#phase === "idle") {
      this.#drainOver = false;
      this.#go("draining", DRAIN_MS, () => {
        this.#drainOver = true;
        this.advance();
      });
    }
    if (this.#team.sentCommands() > 0 && !this.#drainOver) return;
    const member = this.#team.usableMember(this.#turn++);
    if (member !== undefined) this.#reset(member, ready);
  }

  close(): void {
    this.#timer?.cancel();
    for (const doubt of this.#doubts) doubt.timer.cancel();
  }

  #go(phase: Phase, timeoutMs = 0, onTimeout?: () => void): void {
    this.#timer?.cancel();
    this.#timer = onTimeout && this.#team.clock.schedule(onTimeout, timeoutMs);
    this.#phase = phase;
  }

  #open(member: Member | undefined): Doubt {
    const { clock, quiesceMs } = this.#team;
    const doubt: Doubt = {
      member,
      failure: member?.failures ?? 0,
      commands: [],
      abandoned: [],
      timer: clock.schedule(() => this.#end([doubt], "the quiesce time has passed"), quiesceMs),
      sinceMs: clock.now(),
      fenced: false,
      resets: 0,
    };
    this.#doubts.push(doubt);
    return doubt;
  }

  #askFor(doubt: Doubt, member: Member): void {
    member.adapter.session.fence((result) => {
      if (result === "unfenceable" || !this.#doubts.includes(doubt)) return;
      doubt.fenced = true;
      this.advance();
    });
  }

  #reset(member: Member, ready: readonly Doubt[]): void {
    this.#go("resetting");
    member.adapter.resetLun((succeeded) => {
      if (succeeded) {
        this.#go("idle");
        this.#end(ready, `its session was reinstated and the LUN reset over ${member.id}`);
        return;
      }
      if (!member.usable) {
        this.#go("idle"); // The path failed, which says nothing about resets: another one takes it.
        this.advance();
        return;
      }
      for (const doubt of ready) doubt.resets++;
      this.#event("warning", "lun-reset-failed", `LUN RESET over ${member.id} did not succeed`, ready);
      this.#go("pausing", RESET_PAUSE_MS, () => {
        this.#go("idle");
        this.advance();
        if (!this.frozen) this.#team.settled([]);
      });
    });
  }

  #end(doubts: readonly Doubt[], reason: string): void {
    const ended = doubts.filter((doubt) => this.#doubts.includes(doubt)); // The quiesce time may have come first.
    for (const doubt of ended) {
      this.#doubts.splice(this.#doubts.indexOf(doubt), 1);
      doubt.timer.cancel();
      this.#event("info", "doubt-ended", reason, [doubt]);
    }
    this.advance();
    this.#team.settled(ended.flatMap((doubt) => doubt.commands));
  }

  #event(severity: "info" | "warning", kind: string, reason: string, doubts: readonly Doubt[]): void {
    const { clock, name, onEvent } = this.#team;
    onEvent({
      kind,
      severity,
      subject: name,
      reason,
      inputs: {
        paths: doubts.map(({ member }) => member?.id ?? "of a predecessor").join(" "),
        writes: doubts.reduce((sum, doubt) => sum + doubt.commands.length, 0),
        elapsedMs: Math.round(clock.now() - Math.min(...doubts.map((doubt) => doubt.sinceMs))),
      },
    });
  }
}
