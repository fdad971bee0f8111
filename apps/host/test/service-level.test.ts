import { createManualClock } from "@fairlead/compliance";
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

  /** Looks once a second; an entry of `unmetMs` each time, which consumed `units` since the look before. */
  function looks(
    entries: readonly { unmetMs: number; units?: number; guarantee?: EntryStatus["guarantee"] }[],
  ) {
    const events: HostEvent[] = [];
    const guarantees = new Guarantees((event) => events.push(event));
    const clock = createManualClock(7000);
    let consumedUnits = 500_000;
    const kinds = entries.map(({ unmetMs, units = 2560, ...more }) => {
      const before = events.length;
      clock.advance(1000);
      consumedUnits = units < 0 ? 0 : consumedUnits + units;
      const entry = { guarantee, unmetMs, consumedUnits, ...more } as EntryStatus;
      guarantees.look({ nowMs: clock.now(), vm: 1, vmName: "db", lun: "naa.1", entry, unitBytes: 8192 });
      return events
        .slice(before)
        .map(({ kind }) => kind)
        .join();
    });
    return { events, kinds };
  }
  const unmet = (...msOfEach: number[]) => msOfEach.map((unmetMs) => ({ unmetMs }));
  const quiet = (count: number) => Array<string>(count).fill("");

  it("that can't be met for 3 s are told once, and once again when they have been met for 5 s", () => {
    const { events, kinds } = looks([
      { unmetMs: 0, units: 9999 },
      { unmetMs: 300, units: 1280 },
      { unmetMs: 900, units: 2560 },
      { unmetMs: 1500, units: 3840 },
      ...unmet(2000, 2000, 2600),
      ...unmet(2600, 2600, 2600, 2600).map((look) => ({ ...look, units: 6400 })),
      { unmetMs: 2600, units: 12_800 },
      ...unmet(2600, 2700, 2800, 2900),
    ]);
    expect(kinds).toEqual([
      ...quiet(3),
      "guarantee-unmet",
      ...quiet(7),
      "guarantee-met",
      ...quiet(3),
      "guarantee-unmet",
    ]);
    expect(events[0]).toEqual({
      kind: "guarantee-unmet",
      severity: "warning",
      subject: "db",
      reason: "50MiB/s of naa.1 can't be met: it received about 20.0MiB/s over 3 s",
      inputs: { lun: "naa.1", configured: "50MiB/s", received: "about 20.0MiB/s over 3 s" },
    });
    expect(events[1]).toMatchObject({
      severity: "info",
      reason: "50MiB/s of naa.1 is met again: it received about 60.0MiB/s over 5 s",
    });
  });

  it("that lack something for 2 s only, as at a start, are no alert", () => {
    expect(looks(unmet(0, 400, 900, 900, 1300, 1700, 1700)).kinds).toEqual(quiet(7));
  });

  it("that are taken away end the alert", () => {
    const { events, kinds } = looks([...unmet(0, 10, 20, 30), { unmetMs: 30, guarantee: null }]);
    expect(kinds).toEqual([...quiet(3), "guarantee-unmet", "guarantee-met"]);
    expect(events[1]?.reason).toBe("it has no guarantee on naa.1 any more");
  });

  it("of an entry that was made anew count from 0", () => {
    const anew = [...unmet(500, 500), { unmetMs: 0, units: -1 }, ...unmet(0, 400, 500)];
    expect(looks([...anew, ...unmet(500)]).kinds).toEqual(quiet(7));
    const { kinds, events } = looks([...anew, ...unmet(600)]);
    expect(kinds).toEqual([...quiet(6), "guarantee-unmet"]);
    expect(events[0]?.inputs?.received).toBe("about 20.0MiB/s over 3 s");
    // Its count is behind the other's, though the time that it lacked is not.
    expect(
      looks([...unmet(0), { unmetMs: 10, units: -1 }, ...unmet(20, 30)]).events[0]?.inputs?.received,
    ).toBe("about 20.0MiB/s over 2 s");
  });

  it("in commands are told in units", () => {
    const inCommands = { commandsPerSecond: 900 };
    const { events } = looks(unmet(0, 1, 2, 3).map((look) => ({ ...look, guarantee: inCommands })));
    expect(events[0]?.inputs).toEqual({
      lun: "naa.1",
      configured: "900iops",
      received: "2560 units/s over 3 s",
    });
  });
});
