import fs from "node:fs";
import type { Command, Outcome } from "@fairlead/core";

/** What an operation needs of its file. */
export interface OperationOwner {
  readonly fd: number;
  /** Set by a failed flush: the kernel has dropped data that was answered, and reports that only once. */
  flushFailure: Outcome | undefined;
  ended(operation: Operation, outcome: Outcome): void;
}

type Phase = "read" | "write" | "flush";

/**
 * One command on its way through the kernel. Pooled; its callbacks are made once, so that a command makes no closure
 * of ours. A transfer that the kernel cuts short goes on where it stopped.
 */
export class Operation {
  command: Command | null = null;
  /** Order of submission in its file. */
  sequence = 0;
  #doneBytes = 0;
  #phase: Phase = "read";
  readonly #owner: OperationOwner;
  readonly #onTransfer = (error: NodeJS.ErrnoException | null, bytes: number) =>
    this.#transferred(error, bytes);
  readonly #onFlush = (error: NodeJS.ErrnoException | null) => this.#flushed(error);

  constructor(owner: OperationOwner) {
    this.#owner = owner;
  }

  start(command: Command, sequence: number): void {
    this.command = command;
    this.sequence = sequence;
    this.#doneBytes = 0;
    this.#phase = command.op;
    if (this.#phase === "flush") this.#flush();
    else this.#transfer(command);
  }

  #transfer(command: Command): void {
    const restBytes = command.lengthBytes - this.#doneBytes;
    const position = command.offsetBytes + this.#doneBytes;
    const { fd } = this.#owner;
    if (this.#phase === "read")
      fs.read(fd, command.data, this.#doneBytes, restBytes, position, this.#onTransfer);
    else fs.write(fd, command.data, this.#doneBytes, restBytes, position, this.#onTransfer);
  }

  #transferred(error: NodeJS.ErrnoException | null, bytes: number): void {
    const { command } = this;
    if (command === null) return;
    if (error !== null) {
      this.#end(outcomeOf(error));
      return;
    }
    this.#doneBytes += bytes;
    if (bytes === 0) {
      // The file was cut short behind our back.
      this.#end("medium-error");
    } else if (this.#doneBytes < command.lengthBytes) {
      this.#transfer(command);
    } else if (this.#phase === "write" && command.fua) {
      this.#flush();
    } else {
      this.#end("good");
    }
  }

  #flush(): void {
    fs.fdatasync(this.#owner.fd, this.#onFlush);
  }

  #flushed(error: NodeJS.ErrnoException | null): void {
    if (error !== null) this.#owner.flushFailure ??= outcomeOf(error);
    this.#end(this.#owner.flushFailure ?? "good");
  }

  #end(outcome: Outcome): void {
    this.#owner.ended(this, outcome);
  }
}

/** What a system call's error means for the layers above. */
export function outcomeOf(error: NodeJS.ErrnoException): Outcome {
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return "no-space";
    case "EROFS":
    case "EPERM":
    case "EACCES":
    case "EBADF":
      return "write-protected";
    case "EINVAL":
    case "EFBIG":
      return "invalid";
    default:
      return "medium-error";
  }
}
