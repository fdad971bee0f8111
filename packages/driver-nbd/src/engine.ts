import type { Clock, EventSink, HostEvent, Timer, VirtualDisk } from "@fairlead/core";
import { BufferPool } from "./buffer-pool.js";
import { type Limits, limitsOf, type NbdExports, type NbdServerOptions } from "./options.js";
import { NAME_BYTES_MAX } from "./protocol.js";
import { ServedDisk } from "./served-disk.js";
import { SlotPool } from "./slot.js";
import type { Transmission } from "./transmission.js";

const IDLE_SLOTS_MAX = 4096;
/** Before it, what an earlier read left over: an option with its longest data. */
const PREFIX_BYTES = NAME_BYTES_MAX + 4096;
/** Many small requests, or most of a 256 KiB payload, in one system call: cheaper than less copying with more calls. */
const READ_BYTES = 256 * 1024;
const WATCH_INTERVAL_MS = 1000;

/** What all connections of a server share: one scratch buffer, pools, the list of those with something to send. */
export class Engine {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly exports: NbdExports;
  readonly pool: BufferPool;
  readonly slots = new SlotPool(IDLE_SLOTS_MAX);
  /** Every read lands here and is used up, or copied, before the next. Reads begin at `prefixBytes`. */
  readonly scratch = Buffer.allocUnsafeSlow(PREFIX_BYTES + READ_BYTES);
  readonly scratchView = new DataView(this.scratch.buffer);
  /** The part of `scratch` that a socket reads into. */
  readonly readBuffer = this.scratch.subarray(PREFIX_BYTES);
  readonly prefixBytes = PREFIX_BYTES;
  readonly served = new Map<VirtualDisk, ServedDisk>();
  /** Connections for which the bound of their disk left no room. */
  readonly waiting = new Set<Transmission>();
  readonly #onEvent: EventSink;
  #dirty: Transmission[] = [];
  #dirtySpare: Transmission[] = [];
  #watchTimer: Timer | undefined;
  readonly #serviceAll = () => this.#service();

  constructor(options: NbdServerOptions) {
    this.limits = limitsOf(options);
    this.clock = options.clock;
    this.exports = options.exports;
    this.pool = new BufferPool(this.limits.retainedBytesMax);
    this.#onEvent = options.onEvent ?? (() => {});
  }

  event(event: HostEvent): void {
    this.#onEvent(event);
  }

  /** The disk as it is served, for as long as it has connections. */
  serve(disk: VirtualDisk): ServedDisk {
    let served = this.served.get(disk);
    if (served === undefined) {
      served = new ServedDisk(disk);
      this.served.set(disk, served);
    }
    return served;
  }

  /** Serves the connection after the current callback: all that completes in it leaves in one write. */
  markDirty(transmission: Transmission): void {
    if (transmission.dirty) return;
    transmission.dirty = true;
    if (this.#dirty.push(transmission) === 1) process.nextTick(this.#serviceAll);
  }

  /** Looks after paused connections from now on, until there are none. */
  watch(): void {
    this.#watchTimer ??= this.clock.schedule(() => this.#watchPaused(), WATCH_INTERVAL_MS);
  }

  close(): void {
    this.#watchTimer?.cancel();
    this.#watchTimer = undefined;
  }

  #service(): void {
    const dirty = this.#dirty;
    this.#dirty = this.#dirtySpare;
    for (const transmission of dirty) {
      transmission.dirty = false;
      transmission.service();
    }
    dirty.length = 0;
    this.#dirtySpare = dirty;
    if (this.waiting.size > 0) for (const transmission of [...this.waiting]) transmission.service();
  }

  #watchPaused(): void {
    this.#watchTimer = undefined;
    const nowMs = this.clock.now();
    let paused = false;
    const short = new Set([...this.waiting].map(({ served }) => served));
    for (const served of this.served.values()) {
      for (const transmission of [...served.connections]) {
        paused ||= transmission.paused;
        if (transmission.paused) transmission.endIfGone();
        if (short.has(served)) transmission.endIfStalled(nowMs);
      }
    }
    if (paused) this.watch();
  }
}
