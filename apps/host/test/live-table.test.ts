import { until } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { showDemo, statusLine } from "../src/live-table.js";
import { runHost } from "./running-host.js";

/** As much of a terminal as the table needs: lines, moving up, erasing to the end. */
class Screen {
  readonly isTTY = true;
  readonly rows = 30;
  readonly lines: string[] = [""];
  #row = 0;

  constructor(readonly columns: number) {}

  write(text: string): boolean {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's own.
    for (const part of text.split(/(\u001b\[\d*[AJ]|\n)/)) {
      const up = /\[(\d+)A/.exec(part)?.[1];
      if (up !== undefined) this.#row -= Number(up);
      else if (part.endsWith("[J")) this.lines.splice(this.#row, Number.POSITIVE_INFINITY, "");
      else if (part === "\n") this.lines[++this.#row] ??= "";
      else if (part !== "") this.lines[this.#row] = part;
    }
    return true;
  }
}

async function shown(columns: number) {
  const { host, journal } = await runHost();
  await until("both disks", () => host.spm.disks().every(({ state }) => state === "ready"));
  const screen = new Screen(columns);
  const end = showDemo(host, journal, screen);
  onTestFinished(end);
  return { host, journal, screen };
}

describe("the live table", () => {
  it("stands once at the bottom, and events scroll away above it", async () => {
    const { host, screen } = await shown(200);
    const tableAt = () => screen.lines.findIndex((line) => line.startsWith("PATH "));
    const before = [...screen.lines];
    expect(before[tableAt() + 1]).toMatch(/^local:0:0 +active /);
    host.spm.setPathEnabled("local:0:0", false);
    await until("a redraw", () => /^local:0:0 +disabled /.test(screen.lines[tableAt() + 1] ?? ""));
    expect(screen.lines.filter((line) => line.startsWith("PATH "))).toHaveLength(1);
    expect(screen.lines.slice(0, tableAt()).join("\n")).toContain("path-disabled local:0:0: ");
    expect(screen.lines.slice(tableAt())).toHaveLength(before.length - 1);
  });

  it("has no line that would wrap", async () => {
    const { screen } = await shown(40);
    expect(Math.max(...screen.lines.map((line) => line.length))).toBe(39);
  });
});

it("the status line counts paths by state and says who used the storage", async () => {
  const { host } = await runHost();
  await until("both disks", () => host.spm.disks().every(({ state }) => state === "ready"));
  expect(statusLine(host)).toBe("paths 1 active; idle");
  const lun = host.spm.luns()[0]?.id ?? "";
  for (const vm of [1, 2]) host.spm.setEntry(vm, lun, { shares: 1 });
  for (const [second, units] of [0, 100].entries()) {
    host.usage.sample(second * 1000, lun, 1, units * 3);
    host.usage.sample(second * 1000, lun, 2, units);
  }
  expect(statusLine(host)).toBe("paths 1 active; db 75.0 %, web 25.0 % of 400 units/s");
});
