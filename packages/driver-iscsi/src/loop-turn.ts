export interface LoopWork {
  runTurn(): void;
}

/** Collects what has to be done at the end of this turn of the event loop: one immediate for all sessions. */
export class LoopTurn {
  #pending: LoopWork[] = [];
  #spare: LoopWork[] = [];
  readonly #run = () => {
    const work = this.#pending;
    this.#pending = this.#spare;
    this.#spare = work;
    for (const item of work) item.runTurn();
    work.length = 0;
  };

  /** The caller sees to it that it is not added twice. */
  add(work: LoopWork): void {
    if (this.#pending.push(work) === 1) setImmediate(this.#run);
  }
}
