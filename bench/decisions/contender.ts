/** One way to do the same thing, with its state set up. */
export interface Contender {
  readonly name: string;
  /** Decisions that one turn of the clock is worth: fewer where each takes long. */
  readonly decisions: number;
  /** Takes this many decisions. */
  run(decisions: number): void | Promise<void>;
}

export interface Figure {
  readonly name: string;
  readonly medianNs: number;
}

/**
 * ns of CPU per decision: nothing here waits, so that the clock on the wall would only add what else runs on the machine.
 * The median of several rounds, in each of which every contender has its turn.
 */
export async function measure(contenders: readonly Contender[], rounds: number): Promise<Figure[]> {
  const samples = contenders.map((): number[] => []);
  for (const contender of contenders) await contender.run(contender.decisions);
  for (let round = 0; round < rounds; round++) {
    for (const [place, contender] of contenders.entries()) {
      const before = process.cpuUsage();
      await contender.run(contender.decisions);
      const { user, system } = process.cpuUsage(before);
      samples[place]?.push(((user + system) * 1000) / contender.decisions);
    }
  }
  return contenders.map(({ name }, place) => ({ name, medianNs: median(samples[place] ?? []) }));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
