import type { EntryStatus, HostEvent } from "@fairlead/core";
import { PROFILES, SHARES } from "@fairlead/disk-scheduler";
import { describe, expect, it } from "vitest";
import { levelSchema } from "../src/config/level-schema.js";
import { Guarantees } from "../src/guarantees.js";
import { levelText } from "../src/level-view.js";
import { entryOn, levelView } from "../src/service-level.js";

const level = (words: object, priority = 5) => entryOn(levelSchema.parse(words), priority);
const MIB = 2 ** 20;

describe("a level of service", () => {
  it("has what stands beside the profile, else the profile's, else the VM's", () => {
    expect(level({}, 7)).toEqual({ priority: 7 });
    expect(level({ shares: 3, priority: 2, guarantee: "50MiB/s", limit: "none", quantum: 4 }, 7)).toEqual({
      shares: 3,
      priority: 2,
      guarantee: { bytesPerSecond: 50 * MIB },
      limit: null,
      quantum: 4,
    });
    expect(level({ profile: "backup" }, 7)).toEqual({ ...PROFILES.backup });
    expect(level({ profile: "latency-critical", shares: "low", priority: 3, quantum: "default" }, 7)).toEqual(
      {
        ...PROFILES["latency-critical"],
        shares: SHARES.low,
        priority: 3,
        quantum: null,
      },
    );
    expect([level({ shares: "normal" }).shares, level({ shares: "high" }).shares]).toEqual([
      SHARES.normal,
      SHARES.high,
    ]);
  });

  it("is told in the words that set it", () => {
    const status: EntryStatus = {
      shares: 2000,
      priority: 8,
      guarantee: { bytesPerSecond: 1536 },
      limit: { commandsPerSecond: 3000 },
      quantum: null,
      latencyCritical: true,
      queuedCommands: 0,
      consumedUnits: 0,
      virtualTime: 0,
      state: "idle",
      unmetMs: 0,
    };
    const view = levelView(status);
    expect(view).toMatchObject({ guarantee: "1536B/s", limit: "3000iops", quantum: "default" });
    expect(levelText(view)).toBe(
      "2000 shares, priority 8, guarantee 1536B/s, limit 3000iops, latency-critical",
    );
    expect(
      levelText(levelView({ ...status, guarantee: null, limit: null, quantum: 3, latencyCritical: false })),
    ).toBe("2000 shares, priority 8, quantum 3");
  });
});

describe("guarantees", () => {
  const guarantee = { bytesPerSecond: 50 * MIB };

  /** Looks once a second; an entry of `unmetMs` each time. */
  function looks(entries: readonly { unmetMs: number; guarantee?: EntryStatus["guarantee"] }[], vm = 1) {
    const events: HostEvent[] = [];
    const guarantees = new Guarantees((event) => events.push(event));
    const kinds = entries.map((entry) => {
      const before = events.length;
      guarantees.look({
        vm,
        vmName: "db",
        lun: "naa.1",
        entry: { guarantee, ...entry } as EntryStatus,
        unitsPerSecond: 2560,
        unitBytes: 8192,
      });
      return events
        .slice(before)
        .map(({ kind }) => kind)
        .join();
    });
    return { events, kinds };
  }

  it("that can't be met are told once, and once again when they have been met for 5 s", () => {
    const unmet = [0, 300, 900, 900, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1300];
    const { events, kinds } = looks(unmet.map((unmetMs) => ({ unmetMs })));
    expect(kinds).toEqual([
      "",
      "guarantee-unmet",
      ...Array(7).fill(""),
      "guarantee-met",
      "",
      "",
      "guarantee-unmet",
    ]);
    expect(events[0]).toEqual({
      kind: "guarantee-unmet",
      severity: "warning",
      subject: "db",
      reason: "50MiB/s of naa.1 can't be met: it received about 20.0MiB/s",
      inputs: { lun: "naa.1", configured: "50MiB/s", received: "about 20.0MiB/s" },
    });
    expect(events[1]).toMatchObject({ severity: "info", reason: expect.stringContaining("is met again") });
  });

  it("that are taken away end the alert", () => {
    const { kinds } = looks([{ unmetMs: 0 }, { unmetMs: 10 }, { unmetMs: 10, guarantee: null }]);
    expect(kinds).toEqual(["", "guarantee-unmet", "guarantee-met"]);
  });

  it("of an entry that was made anew count from 0", () => {
    const { kinds } = looks([{ unmetMs: 500 }, { unmetMs: 0 }, { unmetMs: 0 }, { unmetMs: 400 }]);
    expect(kinds).toEqual(["guarantee-unmet", "", "", ""]);
  });

  it("in commands are told in units", () => {
    const { events } = looks([{ unmetMs: 1, guarantee: { commandsPerSecond: 900 } }]);
    expect(events[0]?.inputs).toEqual({ lun: "naa.1", configured: "900iops", received: "2560 units/s" });
  });
});
