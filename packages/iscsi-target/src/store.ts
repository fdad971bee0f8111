/** Called once, after the method that took it has returned `false`. */
export type StoreDone = (error: Error | null) => void;

/**
 * What holds the bytes of a LUN. Offsets and lengths are multiples of 512 and lie within `sizeBytes`; the caller checks
 * them. Each operation answers `true` where it is complete when it returns, and `false` where `done` follows.
 */
export interface Store {
  readonly sizeBytes: number;
  /** Every operation is complete when it returns. */
  readonly synchronous: boolean;
  /** Fills `target` from `at` on. */
  read(offsetBytes: number, target: Uint8Array, at: number, lengthBytes: number, done: StoreDone): boolean;
  /** Takes `source` from `at` on; it is not changed before the end. `fua`: on the medium when it is complete. */
  write(
    offsetBytes: number,
    source: Uint8Array,
    at: number,
    lengthBytes: number,
    fua: boolean,
    done: StoreDone,
  ): boolean;
  /** The range reads as zeros afterwards. */
  zero(offsetBytes: number, lengthBytes: number, done: StoreDone): boolean;
  /** What was written before is on the medium when it is complete. */
  flush(done: StoreDone): boolean;
  /** What is cut off is lost; what is added reads as zeros. */
  resize(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}
