import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Pair } from "yaml";

export type ConfigPath = readonly (string | number)[];

/** Where the parts of a YAML document stand. */
export class Places {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** Of the value at the path, or of the innermost thing around it that is there. */
  ofValue(path: ConfigPath): { line: number; column: number } {
    return this.ofOffset(this.#find(path).valueOffset);
  }

  /** Of the key that ends the path. */
  ofKey(path: ConfigPath): { line: number; column: number } {
    return this.ofOffset(this.#find(path).keyOffset);
  }

  ofOffset(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #find(path: ConfigPath): { keyOffset: number; valueOffset: number } {
    let node: unknown = this.#document.contents;
    let keyOffset = startOf(node) ?? 0;
    let valueOffset = keyOffset;
    for (const segment of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) {
        const pair = node.items.find((item) => keyOf(item) === String(segment));
        if (pair === undefined) break;
        keyOffset = startOf(pair.key) ?? valueOffset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(segment)];
        keyOffset = startOf(node) ?? valueOffset;
      } else break;
      valueOffset = startOf(node) ?? keyOffset;
    }
    return { keyOffset, valueOffset };
  }
}

function keyOf(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value) : undefined;
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  const { range } = node;
  const start: unknown = Array.isArray(range) ? range[0] : undefined;
  return typeof start === "number" ? start : undefined;
}
