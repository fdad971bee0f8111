import assert from "node:assert/strict";
import { Frame, type NicDriver, type NicListener, type PathNotice } from "@fairlead/core";
import { Signal } from "./deadline.js";
import { difference, numberOf } from "./test-frames.js";

/** The layer above one NIC: sends, and remembers what the driver did that it must not do. */
export class NicClient implements NicListener {
  readonly notices: PathNotice[] = [];
  /** Broken promises of the driver, in words. */
  readonly faults: string[] = [];
  /** Copies of the suite's frames that came from the wire, in order. */
  readonly arrived: Uint8Array[] = [];
  readonly changed = new Signal();
  /** The NIC is being closed: what is pending may end without a notice. */
  closing = false;
  /** Called for each of the suite's frames while it is lent. */
  onReceived: (bytes: Uint8Array) => void = () => {};
  /** Called at the end of each frame. */
  onTransmitted: (frame: Frame) => void = () => {};
  readonly #pending = new Map<Frame, Uint8Array>();
  #transmitting = false;

  constructor(
    readonly nic: NicDriver,
    readonly waitMs: number,
  ) {
    nic.listener = this;
  }

  get pendingFrames(): number {
    return this.#pending.size;
  }

  received(bytes: Uint8Array): void {
    if (numberOf(bytes) === -1) return;
    this.arrived.push(bytes.slice());
    this.onReceived(bytes);
    this.changed.notify();
  }

  transmitted(frame: Frame, outcome: "good" | "not-sent"): void {
    if (this.#transmitting) this.faults.push("a frame ended from within transmit");
    const sent = this.#pending.get(frame);
    if (sent === undefined) {
      this.faults.push(`a frame ended as ${outcome} that was not pending`);
      return;
    }
    this.#pending.delete(frame);
    const change = difference(frame.bytes, sent);
    if (change !== "") this.faults.push(`before it was reported, ${change}`);
    // From now on they are the sender's: whoever still reads them finds this.
    frame.bytes.fill(0xdd);
    const failed = this.closing || this.notices.at(-1)?.kind === "path-failed";
    if (outcome === "not-sent" && !failed) this.faults.push("not-sent came before the notice path-failed");
    this.onTransmitted(frame);
    this.changed.notify();
  }

  notice(notice: PathNotice): void {
    this.notices.push(notice);
    this.changed.notify();
  }

  /** Whether the driver took the frame. */
  transmit(bytes: Uint8Array, frame = new Frame()): boolean {
    frame.bytes = bytes.slice();
    frame.lengthBytes = bytes.length;
    // A frame that is refused is not reported either.
    this.#pending.set(frame, bytes);
    this.#transmitting = true;
    const taken = this.nic.transmit(frame);
    this.#transmitting = false;
    if (!taken) this.#pending.delete(frame);
    return taken;
  }

  /** Sends all of them, waiting where the queue is full, until each is reported. */
  async send(frames: readonly Uint8Array[]): Promise<void> {
    for (const bytes of frames) {
      while (!this.transmit(bytes)) {
        const before = this.pendingFrames;
        assert.ok(before > 0, `${this.nic.id} refused ${bytes.length} bytes with nothing pending`);
        await this.until(() => this.pendingFrames < before, "end of a frame");
      }
    }
    await this.until(() => this.pendingFrames === 0, "end of all frames");
  }

  /** Waits for a notice after the first `known`. */
  async noticed(kind: PathNotice["kind"], known: number): Promise<void> {
    await this.until(
      () => this.notices.slice(known).some((notice) => notice.kind === kind),
      `notice ${kind}`,
    );
  }

  until(holds: () => boolean, what: string): Promise<void> {
    return this.changed.until(holds, this.waitMs, `${what} on ${this.nic.id}`);
  }
}
