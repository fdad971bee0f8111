import type { Clock, Command, Outcome } from "@fairlead/core";
import { isBefore, TaskResponse } from "@fairlead/iscsi-codec";
import { encodeCommand, encodeDataOut } from "./encode.js";
import { IscsiError } from "./errors.js";
import { Inbound } from "./inbound.js";
import type { Negotiated } from "./login-keys.js";
import { LogoutSink } from "./logout.js";
import type { LoopTurn, LoopWork } from "./loop-turn.js";
import type { LunPath } from "./lun-path.js";
import type { Timing } from "./options.js";
import { Output, type StagingPool } from "./output.js";
import { OwnRequests } from "./own-requests.js";
import type { Sequence } from "./sequence.js";
import { type ControlTask, type Slot, SlotQueue, SlotState, SlotTable } from "./slot.js";
import { Watchdog, type Watched } from "./watchdog.js";
import type { Wire } from "./wire.js";

/** What a connection has from its driver. */
export interface Shared {
  readonly clock: Clock;
  readonly timing: Timing;
  readonly turn: LoopTurn;
  readonly pool: StagingPool;
}

/** The session that a connection serves. */
export interface ConnectionOwner {
  /** Comes once, before what is outstanding is completed. */
  connectionEnded(error: IscsiError): void;
  /** `cmdSn`: of the command that met it. True: it proves that a reset ended everything before that command. */
  unitAttention(lunNumber: number, code: number, cmdSn: number): boolean;
  /** The target knows the path's LUN no more. */
  lunGone(path: LunPath): void;
}

interface PendingReset {
  readonly lunNumber: number;
  /** CmdSN of the first command that the reset does not reach. */
  readonly firstUnreached: number;
  readonly done: (succeeded: boolean) => void;
  readonly timer: { cancel(): void };
}

const LOGOUT_TIMEOUT_MS = 2000;
/** Time for what a reset may have ended in silence, after which its session is given up. */
const LOST_TIMEOUT_MS = 2000;

/** A session's one connection in full feature phase: commands out, answers in. */
export class Connection implements LoopWork, Watched {
  readonly slots = new SlotTable();
  readonly #wire: Wire;
  readonly #shared: Shared;
  readonly #owner: ConnectionOwner;
  readonly #terms: Negotiated;
  readonly #sequence: Sequence;
  readonly #out: Output;
  readonly #own = new OwnRequests();
  readonly #watchdog: Watchdog;
  /** Commands that are not written yet, and writes whose data the target has asked for. */
  readonly #toSend = new SlotQueue();
  readonly #toAnswer = new SlotQueue();
  readonly #resets = new Map<number, PendingReset>();
  #turnPending = false;
  #ended = false;

  constructor(wire: Wire, terms: Negotiated, sequence: Sequence, shared: Shared, owner: ConnectionOwner) {
    this.#wire = wire;
    this.#shared = shared;
    this.#owner = owner;
    this.#terms = terms;
    this.#sequence = sequence;
    this.#out = new Output(wire, shared.pool);
    wire.reader.sink = new Inbound(this, wire.reader, sequence, terms, this.#own, owner);
    wire.onEnd = (error) => this.#end(error);
    wire.onDrained = () => {
      if (this.#out.drained()) this.wake();
    };
    this.#watchdog = new Watchdog(shared.clock, shared.timing, this);
  }

  get outstanding(): number {
    return this.slots.busy;
  }

  takeHeard(): boolean {
    const heard = this.#wire.heard;
    this.#wire.heard = false;
    return heard;
  }

  ping(): void {
    this.#own.ping();
    this.wake();
  }

  overdue(tick: number): boolean {
    for (const slot of this.slots.all) {
      if (slot.state === SlotState.Free || slot.startTick > tick) continue;
      if (slot.state !== SlotState.Abandoned) return true;
      this.slots.give(slot);
    }
    return false;
  }

  fail(error: IscsiError): void {
    this.#wire.fail(error);
  }

  /** False where every tag is in use. */
  submit(path: LunPath, command: Command): boolean {
    const slot = this.slots.take();
    if (slot === undefined) return false;
    slot.command = command;
    slot.path = path;
    slot.lunNumber = path.lunNumber;
    slot.data = command.data;
    slot.expectedBytes = command.op === "flush" ? 0 : command.lengthBytes;
    slot.write = command.op === "write";
    command.senseCode = 0;
    this.#enqueue(slot);
    return true;
  }

  /** Sends a command of our own that reads at most `task.data.length` bytes. */
  execute(lunNumber: number, task: ControlTask): void {
    const slot = this.#ended ? undefined : this.slots.take();
    if (slot === undefined) {
      task.done("not-sent", 0, 0);
      return;
    }
    slot.control = task;
    slot.lunNumber = lunNumber;
    slot.data = task.data;
    slot.expectedBytes = task.data.length;
    slot.write = false;
    this.#enqueue(slot);
  }

  resetLun(lunNumber: number, done: (succeeded: boolean) => void): void {
    const tag = this.#own.resetLun(lunNumber);
    const timer = this.#shared.clock.schedule(() => {
      if (this.#resets.delete(tag)) done(false);
    }, this.#shared.timing.resetTimeoutMs);
    this.#resets.set(tag, { lunNumber, firstUnreached: this.#sequence.cmdSn, done, timer });
    this.wake();
  }

  /** The answer to a LUN RESET; one that came too late has no entry any more. */
  resetAnswered(tag: number, response: number): void {
    const reset = this.#resets.get(tag);
    if (reset === undefined) return;
    this.#resets.delete(tag);
    reset.timer.cancel();
    const succeeded = response === TaskResponse.Complete;
    if (succeeded) this.lunWasReset(reset.lunNumber, reset.firstUnreached, true);
    reset.done(succeeded);
  }

  /**
   * A reset reached the LUN's commands before `cmdSn`. With proof (the target has said that it ended them all), those
   * which the target had as a whole can't take effect any more and may be repeated at once. Writes whose data was
   * still on its way are not known to the LUN on every target, and without proof nothing is certain: what stays without an
   * answer then ends with its session, by which it gets its fence.
   */
  lunWasReset(lunNumber: number, cmdSn: number, proof: boolean): void {
    const startTick = this.#watchdog.startTickFor(LOST_TIMEOUT_MS);
    for (const slot of this.slots.all) {
      if (slot.state !== SlotState.Sent || slot.lunNumber !== lunNumber || !isBefore(slot.cmdSn, cmdSn))
        continue;
      if (proof && slot.complete) this.#abandon(slot, "busy");
      else slot.startTick = Math.min(slot.startTick, startTick);
    }
  }

  /** Ends a command and tells its owner, who may submit the next one at once. */
  finish(slot: Slot, outcome: Outcome, senseCode: number): void {
    const { command, path, control, receivedBytes } = slot;
    this.#stopAnswer(slot);
    this.slots.give(slot);
    if (control !== null) control.done(outcome, senseCode, receivedBytes);
    else if (command !== null && path !== null) {
      command.senseCode = senseCode;
      path.listener.completed(command, outcome);
    }
  }

  /** The target did not run it: once more, before everything that has not been sent yet. */
  repeat(slot: Slot): void {
    this.#stopAnswer(slot);
    this.#reset(slot);
    this.#toSend.unshift(slot);
    this.wake();
  }

  /** The slot's `out` fields hold what the target has asked for. */
  answerR2t(slot: Slot): void {
    this.#toAnswer.push(slot);
    this.wake();
  }

  /** See to it that what waits is written at the end of this turn of the loop. */
  wake(): void {
    if (this.#turnPending || this.#ended) return;
    this.#turnPending = true;
    this.#shared.turn.add(this);
  }

  /** The window has moved: commands that waited for it may go. */
  windowMoved(): void {
    if (this.#toSend.head !== null || !this.#own.empty) this.wake();
  }

  runTurn(): void {
    this.#turnPending = false;
    if (this.#ended) return;
    this.#encode();
    this.#out.send();
    this.#out.release();
  }

  /** Completes what is outstanding, then logs out. Resolves when the connection is gone, after 2 s at most. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const { reader } = this.#wire;
    // Data on its way into a command's buffer would still come in after that command's end.
    const clean = reader.idle && !this.#out.blocked;
    this.#end(new IscsiError("ISCSI_CLOSED", "closed", "the host closed the session"));
    if (clean) {
      const sink = new LogoutSink(this.#wire, this.#own, this.#sequence, this.#out);
      await sink.logout(this.#shared.clock, LOGOUT_TIMEOUT_MS);
    }
    this.#wire.kill();
  }

  /** Ends a command whose answer may come all the same. */
  #abandon(slot: Slot, outcome: Outcome): void {
    const { command, path, control } = slot;
    this.#stopAnswer(slot);
    this.slots.abandon(slot);
    slot.startTick = this.#watchdog.tick;
    if (control !== null) control.done(outcome, 0, 0);
    else if (command !== null) path?.listener.completed(command, outcome);
  }

  #stopAnswer(slot: Slot): void {
    if (slot.outLeft > 0) this.#toAnswer.remove(slot);
    slot.outLeft = 0;
  }

  #enqueue(slot: Slot): void {
    slot.attentions = 0;
    slot.startTick = this.#watchdog.tick;
    this.#reset(slot);
    this.#toSend.push(slot);
    this.wake();
  }

  #reset(slot: Slot): void {
    slot.state = SlotState.Queued;
    slot.receivedBytes = 0;
    slot.dataInSn = 0;
    slot.r2tSn = 0;
    slot.outLeft = 0;
  }

  /** Own requests first, then data that the target waits for, then new commands while its window is open. */
  #encode(): void {
    const out = this.#out;
    if (!this.#own.encode(out, this.#sequence)) return;
    for (let slot = this.#toAnswer.head; slot !== null; slot = this.#toAnswer.head) {
      if (!encodeDataOut(out, slot, this.#sequence, this.#terms)) return;
      this.#toAnswer.shift();
    }
    for (let slot = this.#toSend.head; slot !== null && this.#sequence.open; slot = this.#toSend.head) {
      if (!encodeCommand(out, slot, this.#sequence, this.#terms)) return;
      this.#toSend.shift();
      slot.state = SlotState.Sent;
      if (slot.outLeft > 0 && !encodeDataOut(out, slot, this.#sequence, this.#terms)) {
        this.#toAnswer.unshift(slot);
        return;
      }
    }
  }

  #end(error: IscsiError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watchdog.stop();
    this.#owner.connectionEnded(error);
    for (const slot of this.slots.all)
      if (slot.state === SlotState.Queued || slot.state === SlotState.Sent)
        this.finish(slot, slot.state === SlotState.Sent ? "in-doubt" : "not-sent", 0);
    for (const reset of this.#resets.values()) {
      reset.timer.cancel();
      reset.done(false);
    }
    this.#resets.clear();
  }
}
