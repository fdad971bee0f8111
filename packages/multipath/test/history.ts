/** One operation on one block, with the times between which it took place. */
export interface Operation {
  readonly kind: "read" | "write";
  readonly value: number;
  readonly startedAt: number;
  endedAt: number;
}

/**
 * Says what is wrong with the history of one block, whose first value is 0; undefined: each read returned the last
 * acknowledged write or one concurrent with it, and no read went back behind an earlier one. Values are unique.
 */
export function contradiction(history: readonly Operation[]): string | undefined {
  const writes = [
    { kind: "write", value: 0, startedAt: -2, endedAt: -1 } as const,
    ...history.filter(({ kind }) => kind === "write"),
  ];
  const seen: { write: Operation; read: Operation }[] = [];
  for (const read of history.filter(({ kind }) => kind === "read")) {
    const write = writes.find(({ value }) => value === read.value);
    if (write === undefined) return `read ${read.value}, which nobody wrote`;
    if (write.startedAt > read.endedAt) return `read ${read.value} before it was written`;
    const later = writes.find((other) => other.startedAt > write.endedAt && other.endedAt < read.startedAt);
    if (later !== undefined) return `read ${read.value} although ${later.value} was acknowledged after it`;
    const newer = seen.find(
      (other) => other.read.endedAt < read.startedAt && write.endedAt < other.write.startedAt,
    );
    if (newer !== undefined) return `read ${read.value} after ${newer.read.value}, which is newer`;
    seen.push({ write, read });
  }
  return undefined;
}
