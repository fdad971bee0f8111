import type { Clock } from "@fairlead/core";
import { getOpcode, Opcode } from "@fairlead/iscsi-codec";
import type { Output } from "./output.js";
import type { OwnRequests } from "./own-requests.js";
import type { PduSink } from "./pdu-reader.js";
import type { Sequence } from "./sequence.js";
import type { Wire } from "./wire.js";

/** Asks the target to close the session; whatever else comes in meanwhile is dropped. */
export class LogoutSink implements PduSink {
  readonly #wire: Wire;
  readonly #own: OwnRequests;
  readonly #sequence: Sequence;
  readonly #out: Output;
  #answered: () => void = () => {};

  constructor(wire: Wire, own: OwnRequests, sequence: Sequence, out: Output) {
    this.#wire = wire;
    this.#own = own;
    this.#sequence = sequence;
    this.#out = out;
  }

  header(): void {
    this.#wire.reader.discard();
  }

  pdu(bytes: Uint8Array, at: number): void {
    if (getOpcode(bytes, at) === Opcode.LogoutResponse) this.#answered();
  }

  /** Resolves with the answer, at the end of the connection, or after the time-out. */
  async logout(clock: Clock, timeoutMs: number): Promise<void> {
    this.#wire.reader.sink = this;
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(resolve, timeoutMs);
      this.#answered = () => {
        timer.cancel();
        resolve();
      };
      this.#wire.onEnd = this.#answered;
      this.#own.logout();
      this.#own.encode(this.#out, this.#sequence);
      this.#out.send();
      this.#out.release();
    });
  }
}
