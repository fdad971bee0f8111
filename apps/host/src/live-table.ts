import { pathColumns, percent, vmColumns, vmRows } from "./cli/columns.js";
import { formatTable } from "./cli/table.js";
import type { Host } from "./host.js";
import type { Journal } from "./journal.js";
import { recordLine } from "./journal-line.js";
import { vmViews } from "./views.js";

const REDRAW_MS = 1000;
const STATUS_MS = 10_000;

/** As much of a stream as is needed; `process.stdout` is one. */
interface Output {
  readonly isTTY?: boolean;
  readonly columns: number;
  readonly rows: number;
  write(text: string): boolean;
}

/** What the demo shows of itself, on a terminal as a table that is drawn again each second, else line by line. */
export function showDemo(host: Host, journal: Journal, output: Output): () => void {
  return output.isTTY ? showTable(host, journal, output) : showLines(host, journal, output);
}

function showTable(host: Host, journal: Journal, output: Output): () => void {
  let drawn = 0;
  let news: string[] = [];
  const draw = (): void => {
    const fit = (line: string) => line.slice(0, Math.max(20, output.columns - 1));
    const lines = ["", ...tableText(host).split("\n")].map(fit);
    const height = Math.max(1, output.rows - 1);
    const shown = lines.slice(0, height);
    const erase = drawn > 0 ? `\u001b[${drawn}A\u001b[J` : "";
    output.write(`${erase}${[...news.map(fit), ...shown].join("\n")}\n`);
    drawn = shown.length;
    news = [];
  };
  const unsubscribe = journal.subscribe((record) => news.push(recordLine(record)));
  draw();
  const timer = setInterval(draw, REDRAW_MS).unref();
  return () => {
    clearInterval(timer);
    unsubscribe();
    draw();
  };
}

function tableText(host: Host): string {
  return `${formatTable(pathColumns(false), host.spm.paths())}\n\n${formatTable(vmColumns(false), vmRows(vmViews(host)))}`;
}

function showLines(host: Host, journal: Journal, output: Output): () => void {
  const unsubscribe = journal.subscribe((record) => output.write(`${recordLine(record)}\n`));
  const timer = setInterval(() => output.write(`${statusLine(host)}\n`), STATUS_MS).unref();
  return () => {
    clearInterval(timer);
    unsubscribe();
  };
}

/** `paths 8 active; db 40.0 %, web 40.0 %, batch 20.0 % of 51200 units/s` */
export function statusLine(host: Host): string {
  const states = new Map<string, number>();
  for (const { state } of host.spm.paths()) states.set(state, (states.get(state) ?? 0) + 1);
  const paths = [...states].map(([state, count]) => `${count} ${state}`).join(", ");
  const rows = vmRows(vmViews(host)).flatMap(({ name, entry }) => (entry ? [{ name, ...entry }] : []));
  const unitsPerSecond = rows.reduce((sum, row) => sum + row.unitsPerSecond, 0);
  const parts = rows
    .filter(({ received }) => received > 0)
    .map(({ name, received }) => `${name} ${percent(received)}`);
  const use = parts.length === 0 ? "idle" : `${parts.join(", ")} of ${unitsPerSecond.toFixed(0)} units/s`;
  return `paths ${paths || "none"}; ${use}`;
}
