import { describe, expect, it } from "vitest";
import { Journal } from "../src/journal.js";
import { recordLine } from "../src/journal-line.js";

const event = (reason: string) => ({ kind: "k", severity: "info" as const, subject: "s", reason });

describe("Journal", () => {
  it("keeps the last 10,000 events in order and numbers them from 1", () => {
    const journal = new Journal();
    expect([journal.firstSequence, journal.lastSequence, journal.since(0, 10)]).toEqual([1, 0, []]);
    for (let count = 1; count <= 10_003; count++) journal.append(event(String(count)));
    expect([journal.firstSequence, journal.lastSequence]).toEqual([4, 10_003]);
    const all = journal.since(0, Number.POSITIVE_INFINITY);
    expect(all).toHaveLength(10_000);
    for (const [index, { sequence, reason }] of all.entries()) {
      expect(sequence).toBe(index + 4);
      expect(reason).toBe(String(index + 4));
    }
    expect(journal.since(10_001, 10).map(({ sequence }) => sequence)).toEqual([10_002, 10_003]);
    expect(journal.since(4, 2).map(({ sequence }) => sequence)).toEqual([5, 6]);
    expect(journal.since(10_003, 10)).toEqual([]);
  });

  it("takes control characters out of everything, so that nobody writes to a terminal through it", () => {
    const journal = new Journal(() => new Date(0));
    journal.append({
      kind: "k\n",
      severity: "error",
      subject: "\u001b[31mvm\r",
      reason: "a\u0000b\u009bc\u2028d\u202ee",
      inputs: { "x\u001b": "y\u0007", n: 3 },
    });
    const [record] = journal.since(0, 1);
    expect(record).toEqual({
      sequence: 1,
      time: "1970-01-01T00:00:00.000Z",
      kind: "k ",
      severity: "error",
      subject: " [31mvm ",
      reason: "a b c d e",
      inputs: { "x ": "y ", n: 3 },
    });
  });

  it("keeps little of a very long text", () => {
    const journal = new Journal();
    journal.append(event("x".repeat(1_000_000)));
    expect(journal.since(0, 1)[0]?.reason.length).toBeLessThan(2100);
  });

  it("tells subscribers until they leave", () => {
    const journal = new Journal();
    const seen: number[] = [];
    const leave = journal.subscribe(({ sequence }) => seen.push(sequence));
    journal.append(event("a"));
    journal.append(event("b"));
    leave();
    journal.append(event("c"));
    expect(seen).toEqual([1, 2]);
  });

  it("makes a line with the severity where it matters", () => {
    const record = { sequence: 1, time: "2026-01-02T03:04:05.678Z", kind: "k", subject: "s", reason: "r" };
    expect(recordLine({ ...record, severity: "info" })).toBe("03:04:05 k s: r");
    expect(recordLine({ ...record, severity: "warning" })).toBe("03:04:05 warning k s: r");
  });
});
