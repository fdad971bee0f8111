import type { Cell, Workload } from "./cell.js";

/** The cells of one workload: by side, one for each round. */
export interface Row {
  readonly workload: Workload;
  readonly cells: ReadonlyMap<string, readonly Cell[]>;
}

interface Column {
  readonly title: string;
  readonly value: (cell: Cell) => number;
  readonly digits: number;
}

const COLUMNS: readonly Column[] = [
  { title: "IOPS", value: (cell) => cell.iops, digits: 0 },
  { title: "MiB/s", value: (cell) => cell.mibPerSecond, digits: 1 },
  { title: "p99, ms", value: (cell) => cell.p99Ms, digits: 2 },
  { title: "CPU s per GiB", value: (cell) => cell.cpuSecondsPerGib, digits: 2 },
  { title: "CPU µs per command", value: (cell) => cell.cpuMicrosPerCommand, digits: 1 },
  { title: "commands at the target ÷ from the client", value: (cell) => cell.targetCommands, digits: 3 },
];

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** One Markdown table per measure: median (min–max), and the ratio of medians to the first side. */
export function report(rows: readonly Row[], sides: readonly string[]): string {
  return COLUMNS.map((column) => table(column, rows, sides)).join("\n");
}

function table({ title, value, digits }: Column, rows: readonly Row[], sides: readonly string[]): string {
  const [baseline, ...others] = sides;
  const head = [title, ...sides, ...others.map((side) => `${side} ÷ ${baseline}`)];
  const lines = [line(head), line(head.map(() => "---"))];
  for (const { workload, cells } of rows) {
    const values = sides.map((side) => (cells.get(side) ?? []).map(value));
    const figures = values.map((all) => {
      const range = `${Math.min(...all).toFixed(digits)}–${Math.max(...all).toFixed(digits)}`;
      return `${median(all).toFixed(digits)} (${range})`;
    });
    const base = median(values[0] ?? []);
    const ratios = values.slice(1).map((all) => (median(all) / base).toFixed(2));
    lines.push(line([`${workload.bs} ${workload.rw}`, ...figures, ...ratios]));
  }
  return `${lines.join("\n")}\n`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
