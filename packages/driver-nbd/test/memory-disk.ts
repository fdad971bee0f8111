import type { Outcome, Request, VirtualDisk } from "@fairlead/core";

/** A disk in memory that answers from within `submit`. */
export class MemoryDisk implements VirtualDisk {
  readonly blockSizeBytes: number;
  readonly readOnly: boolean;
  readonly content: Buffer;
  readonly name: string;
  flushes = 0;
  fuaWrites = 0;
  cancels = 0;

  constructor(
    name: string,
    sizeBytes: number,
    options: { blockSizeBytes?: number; readOnly?: boolean } = {},
  ) {
    this.name = name;
    this.content = Buffer.alloc(sizeBytes);
    this.blockSizeBytes = options.blockSizeBytes ?? 512;
    this.readOnly = options.readOnly ?? false;
  }

  get sizeBytes(): number {
    return this.content.length;
  }

  submit(request: Request): void {
    request.complete(request, this.run(request));
  }

  cancel(_request: Request): void {
    this.cancels++;
  }

  run(request: Request): Outcome {
    const { op, offsetBytes, lengthBytes } = request;
    if (op === "flush") this.flushes++;
    if (op === "write") {
      if (request.fua) this.fuaWrites++;
      this.content.set(request.data, offsetBytes);
    }
    if (op === "read") this.content.copy(request.data, 0, offsetBytes, offsetBytes + lengthBytes);
    return "good";
  }
}
