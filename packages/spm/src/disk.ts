import type { Op, Outcome, Request, VirtualDisk } from "@fairlead/core";
import { DiskCommand } from "./disk-command.js";
import type { Segment } from "./extents.js";
import type { Lun } from "./lun.js";
import type { DiskSpec, DiskStatus } from "./types.js";

/**
 * One virtual disk: maps each request to commands on its LUNs and joins their outcomes to one. A guest can't name a byte
 * outside its segments, because each request is checked against the disk's size before it is mapped. [0067]–[0069]
 */
export class Disk implements VirtualDisk {
  readonly name: string;
  readonly readOnly: boolean;
  readonly blockSizeBytes: number;
  sizeBytes: number;
  readonly #spec: DiskSpec;
  #segments: readonly Segment[];
  #closed = false;
  readonly #free: DiskCommand[] = [];
  #completedRequests = 0;
  #failedRequests = 0;
  #readBytes = 0;
  #writtenBytes = 0;

  constructor(spec: DiskSpec, segments: readonly Segment[]) {
    this.name = spec.name;
    this.#spec = spec;
    this.#segments = segments;
    this.sizeBytes = sizeOf(segments);
    this.readOnly = spec.readOnly === true || segments.some(({ lun }) => lun.description.readOnly);
    this.blockSizeBytes = Math.max(...segments.map(({ lun }) => lun.description.blockSizeBytes));
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  submit(request: Request): void {
    request.openCommands = 1; // The last line of this function takes it back: a part may end before the next is made.
    request.outcome = this.#refusal(request) ?? "good";
    if (request.outcome === "good") {
      if (request.op === "flush") this.#flush(request, false);
      else this.#transfer(request);
    }
    this.#partEnded(request, request.op);
  }

  cancel(request: Request): void {
    let command = request.firstCommand as DiskCommand | null;
    while (command !== null) {
      const { sibling } = command; // Before the command ends, and with it its place among its siblings.
      command.lun?.cancel(command);
      command = sibling;
    }
  }

  /** The LUN under an open-ended last segment has grown. Requests in flight are not touched. */
  grow(lun: Lun): boolean {
    const last = this.#segments.at(-1);
    if (last === undefined || !last.openEnded || last.lun !== lun) return false;
    const lengthBytes = lun.description.capacityBytes - last.lunOffsetBytes;
    this.#segments = [...this.#segments.slice(0, -1), { ...last, lengthBytes }];
    this.sizeBytes = sizeOf(this.#segments);
    return true;
  }

  /** From now on requests end as `cancelled`; those in flight end by themselves, or are cancelled by the front end. */
  close(): void {
    this.#closed = true;
  }

  status(): DiskStatus {
    return {
      name: this.name,
      vm: this.#spec.vm,
      state: "ready",
      reason: "",
      sizeBytes: this.sizeBytes,
      extents: this.#segments.map(({ lun, lunOffsetBytes, lengthBytes }) => ({
        lunId: lun.description.id,
        startBytes: lunOffsetBytes,
        lengthBytes,
      })),
      completedRequests: this.#completedRequests,
      failedRequests: this.#failedRequests,
      readBytes: this.#readBytes,
      writtenBytes: this.#writtenBytes,
    };
  }

  #refusal(request: Request): Outcome | undefined {
    if (this.#closed) return "cancelled";
    if (request.op === "flush") return undefined;
    const { offsetBytes, lengthBytes } = request;
    if (!Number.isSafeInteger(offsetBytes) || !Number.isSafeInteger(lengthBytes)) return "invalid";
    if (offsetBytes < 0 || lengthBytes < 0 || lengthBytes > this.sizeBytes - offsetBytes) return "invalid";
    if (offsetBytes % this.blockSizeBytes !== 0 || lengthBytes % this.blockSizeBytes !== 0) return "invalid";
    if (request.data.length !== lengthBytes) return "invalid";
    return request.op === "write" && this.readOnly ? "write-protected" : undefined;
  }

  #transfer(request: Request): void {
    const endBytes = request.offsetBytes + request.lengthBytes;
    let atBytes = request.offsetBytes;
    for (let index = 0; atBytes < endBytes; index++) {
      const segment = this.#segments[index];
      if (segment === undefined) return;
      const segmentEndBytes = segment.offsetBytes + segment.lengthBytes;
      while (atBytes < endBytes && atBytes < segmentEndBytes) {
        const lengthBytes = Math.min(
          endBytes - atBytes,
          segmentEndBytes - atBytes,
          segment.lun.description.maxTransferBytes,
        );
        this.#send(request, request.op, segment, atBytes, lengthBytes);
        atBytes += lengthBytes;
      }
    }
  }

  #send(request: Request, op: Op, segment: Segment, atBytes: number, lengthBytes: number): void {
    const command = this.#take(request, segment.lun, op);
    const start = atBytes - request.offsetBytes;
    command.offsetBytes = segment.lunOffsetBytes + (atBytes - segment.offsetBytes);
    command.lengthBytes = lengthBytes;
    command.fua = request.fua && segment.lun.description.fua;
    command.data =
      lengthBytes === request.lengthBytes ? request.data : request.data.subarray(start, start + lengthBytes);
    segment.lun.enqueue(command);
  }

  /** One SYNCHRONIZE CACHE per LUN that has a cache; `instead` of FUA only where the LUN does not know FUA. */
  #flush(request: Request, instead: boolean): void {
    this.#segments.forEach(({ lun }, index) => {
      if (!lun.description.writeCache || (instead && lun.description.fua)) return;
      if (this.#segments.findIndex((segment) => segment.lun === lun) !== index) return;
      const command = this.#take(request, lun, "flush");
      command.offsetBytes = 0;
      command.lengthBytes = 0;
      command.fua = false;
      command.data = request.data;
      lun.enqueue(command);
    });
  }

  #take(request: Request, lun: Lun, op: Op): DiskCommand {
    let command = this.#free.pop();
    if (command === undefined) {
      command = new DiskCommand();
      command.vm = this.#spec.vm;
      command.ended = this.#ended;
    }
    command.op = op;
    command.lun = lun;
    command.request = request;
    command.senseCode = 0;
    command.sibling = request.firstCommand as DiskCommand | null;
    request.firstCommand = command;
    request.openCommands++;
    return command;
  }

  readonly #ended = (command: DiskCommand, outcome: Outcome): void => {
    const { request, op } = command;
    unlink(request, command);
    this.#free.push(command);
    if (outcome !== "good" && request.outcome === "good") request.outcome = outcome;
    this.#partEnded(request, op);
  };

  #partEnded(request: Request, op: Op): void {
    if (--request.openCommands > 0) return;
    if (op === "write" && request.fua && request.outcome === "good") {
      request.openCommands = 1;
      this.#flush(request, true);
      this.#partEnded(request, "flush");
      return;
    }
    this.#count(request);
    request.complete(request, request.outcome);
  }

  #count(request: Request): void {
    this.#completedRequests++;
    if (request.outcome !== "good") this.#failedRequests++;
    else if (request.op === "read") this.#readBytes += request.lengthBytes;
    else if (request.op === "write") this.#writtenBytes += request.lengthBytes;
  }
}

function unlink(request: Request, command: DiskCommand): void {
  if (request.firstCommand === command) {
    request.firstCommand = command.sibling;
    return;
  }
  let before = request.firstCommand as DiskCommand | null;
  while (before !== null && before.sibling !== command) before = before.sibling;
  if (before !== null) before.sibling = command.sibling;
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}
