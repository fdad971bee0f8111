import type { Command, Op, Outcome } from "./command.js";

const NO_DATA = new Uint8Array(0);

/** One request of a guest, as a front end (the NBD server) gives it to a virtual disk. Pooled by the front end. */
export class Request {
  op: Op = "read";
  /** First byte on the virtual disk. */
  offsetBytes = 0;
  lengthBytes = 0;
  fua = false;
  /** Source of a write, destination of a read, `lengthBytes` long; not touched by the front end until `complete`. */
  data: Uint8Array = NO_DATA;
  /** Called exactly once for each `submit`, possibly from within it. The front end sets it once. */
  complete: (request: Request, outcome: Outcome) => void = () => {};
  /** Commands not yet ended. Belongs to the disk. */
  openCommands = 0;
  /** The first of them; each knows the next. Belongs to the disk. */
  firstCommand: Command | null = null;
  /** First error, else `good`. Belongs to the disk. */
  outcome: Outcome = "good";
}

/** What a guest sees: one plain disk, whatever lies under it. [0067]–[0069] */
export interface VirtualDisk {
  readonly name: string;
  readonly sizeBytes: number;
  /** Offsets and lengths are multiples of it. */
  readonly blockSizeBytes: number;
  readonly readOnly: boolean;
  /**
   * Takes a request whose range the front end has checked; the disk checks it again and completes it as `invalid`
   * where it leaves the disk. Synchronous.
   */
  submit(request: Request): void;
  /** The client is gone: what has not been sent to a path yet completes as `cancelled`, the rest ends by itself. */
  cancel(request: Request): void;
}
