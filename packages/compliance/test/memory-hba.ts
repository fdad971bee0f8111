import type {
  AdapterListener,
  Command,
  DiscoveredPath,
  Hba,
  LunDescription,
  LunRange,
  PathAdapter,
} from "@fairlead/core";
import type { HbaFixture } from "../src/index.js";

const CAPACITY_BYTES = 1 << 20;
const BLOCK_BYTES = 512;

/** Where an HBA in memory departs from the contract. */
export interface Flaws {
  sameIds?: boolean;
  newAdapters?: boolean;
  ignoresRange?: boolean;
  losesLastByte?: boolean;
  writesOneBlockMore?: boolean;
  ownDisks?: boolean;
  refusesFlush?: boolean;
  completesAtOnce?: boolean;
  completesTwice?: boolean;
  forgetsEveryTenth?: boolean;
  invalidIsFailure?: boolean;
  wraps?: boolean;
  fenceAtOnce?: boolean;
  fenceOnce?: boolean;
  resetKills?: boolean;
  noticeLate?: boolean;
  staysUp?: boolean;
  hangsWhenDown?: boolean;
  silentReturn?: boolean;
  closeDropsPending?: boolean;
  fenceForgets?: boolean;
}

/** Two paths to one LUN of 1 MiB in memory; LUN numbers 1 and 2. */
export function memoryHba(flaws: Flaws = {}): HbaFixture {
  const disk = new Uint8Array(CAPACITY_BYTES);
  const adapters = new Map<number, MemoryAdapter>();
  const scanned = (number: number): DiscoveredPath => {
    const known = flaws.newAdapters ? undefined : adapters.get(number);
    const adapter =
      known ?? new MemoryAdapter(flaws.sameIds ? 1 : number, flaws.ownDisks ? disk.slice() : disk, flaws);
    adapters.set(number, adapter);
    return { adapter, lun: LUN };
  };
  const hba: Hba = {
    name: "vmhba7",
    async scan(range: LunRange) {
      const numbers = [1, 2].filter(
        (number) => flaws.ignoresRange || (number >= range.first && number <= range.last),
      );
      return { paths: numbers.map(scanned), problems: [], settled: true };
    },
    async close() {
      for (const adapter of adapters.values()) adapter.close();
    },
  };
  return {
    hba,
    range: { first: 0, last: 15 },
    cleanup() {},
    breakPath: (pathId) => adapterOf(adapters, pathId).break(),
    restorePath: (pathId) => adapterOf(adapters, pathId).restore(),
  };
}

const LUN: LunDescription = {
  id: "naa.6000000000000001",
  ids: ["t10.memory", "naa.6000000000000001"],
  capacityBytes: CAPACITY_BYTES,
  blockSizeBytes: BLOCK_BYTES,
  maxTransferBytes: 1 << 17,
  readOnly: false,
  writeCache: false,
  fua: true,
  vendor: "fairlead",
  product: "memory",
};

function adapterOf(adapters: ReadonlyMap<number, MemoryAdapter>, pathId: string): MemoryAdapter {
  for (const adapter of adapters.values()) if (adapter.id === pathId) return adapter;
  throw new Error(`no path ${pathId}`);
}

class MemoryAdapter implements PathAdapter {
  readonly id: string;
  readonly session;
  readonly components = ["hba:vmhba7"];
  up = true;
  listener: AdapterListener = { completed() {}, notice() {} };
  #pending: Command[] = [];
  #fences: ((result: "fenced") => void)[] = [];
  #count = 0;
  #closed = false;

  constructor(
    number: number,
    readonly disk: Uint8Array,
    readonly flaws: Flaws,
  ) {
    this.id = `vmhba7:0:${number}`;
    this.session = { id: "vmhba7:0", fence: (done: (result: "fenced") => void) => this.#fence(done) };
  }

  submit(command: Command): void {
    const { flaws } = this;
    if (flaws.completesAtOnce) {
      this.listener.completed(command, this.#execute(command));
      return;
    }
    if (flaws.hangsWhenDown && !this.up) return;
    if (flaws.forgetsEveryTenth && ++this.#count % 10 === 0) return;
    this.#pending.push(command);
    setImmediate(() => {
      const place = this.#pending.indexOf(command);
      if (place === -1) return;
      this.#pending.splice(place, 1);
      const outcome = this.up || flaws.staysUp ? this.#execute(command) : "not-sent";
      this.listener.completed(command, outcome);
      if (flaws.completesTwice) this.listener.completed(command, outcome);
    });
  }

  resetLun(done: (succeeded: boolean) => void): void {
    setImmediate(() => done(true));
    if (this.flaws.resetKills) this.up = false;
  }

  break(): void {
    setImmediate(() => {
      if (!this.flaws.staysUp) this.up = false;
      if (!this.flaws.noticeLate) this.#tell();
      for (const command of this.#pending.splice(0)) this.listener.completed(command, "in-doubt");
      if (this.flaws.noticeLate) this.#tell();
    });
  }

  restore(): void {
    setImmediate(() => {
      this.up = true;
      for (const done of this.#fences.splice(0)) done("fenced");
      if (!this.flaws.silentReturn) this.listener.notice({ kind: "path-restored" });
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.up = false;
    const pending = this.#pending.splice(0);
    if (this.flaws.closeDropsPending) return;
    for (const command of pending) this.listener.completed(command, "in-doubt");
  }

  #tell(): void {
    this.listener.notice({ kind: "path-failed", reason: "connection-lost", detail: "broken by the test" });
  }

  #fence(done: (result: "fenced") => void): void {
    const { flaws } = this;
    if (flaws.fenceAtOnce) {
      done("fenced");
      return;
    }
    if (flaws.fenceForgets && !this.up) return;
    if (flaws.fenceOnce && ++this.#count % 2 === 0) return;
    if (this.up) setImmediate(() => done("fenced"));
    else this.#fences.push(done);
  }

  #execute(command: Command): "good" | "invalid" | "target-error" {
    const { flaws } = this;
    const { offsetBytes, lengthBytes, data } = command;
    if (command.op === "flush") return flaws.refusesFlush ? "target-error" : "good";
    if (offsetBytes + lengthBytes > CAPACITY_BYTES) {
      if (flaws.invalidIsFailure) this.#tell();
      if (!flaws.wraps) return "invalid";
      return "good";
    }
    const end = offsetBytes + lengthBytes - (flaws.losesLastByte && lengthBytes > 4096 ? 1 : 0);
    if (command.op === "read") data.set(this.disk.subarray(offsetBytes, end));
    else this.disk.set(data.subarray(0, end - offsetBytes), offsetBytes);
    if (command.op === "write" && flaws.writesOneBlockMore) {
      this.disk.fill(0, offsetBytes + lengthBytes, offsetBytes + lengthBytes + BLOCK_BYTES);
    }
    return "good";
  }
}
