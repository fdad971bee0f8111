import { type AdmissionPolicy, type EntrySettings, FairleadError } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import {
  diskScheduler,
  type FixedPartitionsOptions,
  fixedPartitions,
  PROFILES,
  type StrictPriorityOptions,
  strictPriority,
} from "../src/index.js";

type Refused = [option: string, expected: string, values: unknown[]][];

const NO_OBJECTS = [null, undefined, 5, "0.05", [0.05], () => 0.05];

function expectRefusal(make: () => unknown, message: string): void {
  expect(make).toThrow(FairleadError);
  expect(make).toThrow(message);
}

describe("options of strictPriority", () => {
  const refused: Refused = [
    ["floor", "from 0 to 0.5", [-0.01, 0.51, Number.NaN, Infinity]],
    ["floor", "a number, from 0 to 0.5", ["0", null, [], {}, true, 0n]],
    [
      "unitBytes",
      "a whole number of 1 or more",
      [0, -1, 1.5, Number.NaN, Infinity, "4096", null, [4096], 4096n],
    ],
  ];

  it.each(refused)("%s must be %s, at construction and while running", (option, expected, values) => {
    const policy = strictPriority();
    for (const value of values) {
      const options = { [option]: value } as StrictPriorityOptions;
      const message = `option ${option} must be ${expected}, but is `;
      expectRefusal(() => strictPriority(options), message);
      expectRefusal(() => policy.configure({ floor: 0.2, unitBytes: 512, ...options }), message);
    }
    expect(policy.settings).toEqual({ floor: 0.01, unitBytes: 4096 });
  });

  it("are an object, with none of another name; what is undefined stays", () => {
    const policy = strictPriority({ floor: 0.2, unitBytes: 512 });
    const message = "option options must be an object { floor, unitBytes }, but is ";
    for (const options of NO_OBJECTS) {
      if (options !== undefined) expectRefusal(() => strictPriority(options as never), message);
      expectRefusal(() => policy.configure(options as never), message);
    }
    expectRefusal(() => strictPriority({ flor: 0 } as never), 'no option "flor", known are floor, unitBytes');
    policy.configure({ floor: undefined, unitBytes: undefined } as never);
    expect(policy.settings).toEqual({ floor: 0.2, unitBytes: 512 });
  });
});

describe("options of fixedPartitions", () => {
  const known = "unitsPerSecond, sharesTotal, burstMs, floor, unitBytes";
  const refused: Refused = [
    ["unitsPerSecond", "finite and greater than 0", [0, -1, Number.NaN, Infinity]],
    ["unitsPerSecond", "a number, finite and greater than 0", ["1000", null, [1000], 1000n]],
    ["sharesTotal", "greater than 0 and at most 1000000", [0, -1, Number.NaN, 1_000_001, Infinity]],
    ["sharesTotal", "a number, greater than 0 and at most 1000000", ["10000", null, {}, true]],
    ["burstMs", "from 5 to 10000", [4.9, 10_001, Number.NaN, Infinity]],
    ["burstMs", "a number, from 5 to 10000", ["50", null, [50]]],
    ["floor", "greater than 0 and at most 0.1", [0, 0.11, Number.NaN, Infinity]],
    ["floor", "a number, greater than 0 and at most 0.1", ["0.01", null, Object.create(null)]],
    ["unitBytes", "a whole number of 1 or more", [0, -1, 1.5, Number.NaN, Infinity, "4096", null, [4096]]],
  ];

  it.each(refused)("%s must be %s, at construction and while running", (option, expected, values) => {
    const policy = fixedPartitions({ unitsPerSecond: 10_000 });
    const before = policy.settings;
    for (const value of values) {
      const options = { unitsPerSecond: 1000, [option]: value } as FixedPartitionsOptions;
      const message = `option ${option} must be ${expected}, but is `;
      expectRefusal(() => fixedPartitions(options), message);
      expectRefusal(() => policy.configure(options), message);
    }
    expect(policy.settings).toEqual(before);
  });

  it("are an object, with none of another name; what is undefined stays", () => {
    const policy = fixedPartitions({
      unitsPerSecond: 10_000,
      sharesTotal: 50,
      burstMs: 7,
      floor: 0.1,
      unitBytes: 512,
    });
    const before = policy.settings;
    for (const options of NO_OBJECTS) {
      const message = `option options must be an object { ${known} }, but is `;
      expectRefusal(() => fixedPartitions(options as never), message);
      expectRefusal(() => policy.configure(options as never), message);
    }
    const wrong = { unitsPerSecond: 1, unitPerSecond: 1 };
    expectRefusal(() => fixedPartitions(wrong), `no option "unitPerSecond", known are ${known}`);
    policy.configure(Object.fromEntries(known.split(", ").map((name) => [name, undefined])));
    expect(policy.settings).toEqual(before);
    const defaults = { sharesTotal: 10_000, burstMs: 50, floor: 0.01, unitBytes: 4096 };
    const left = fixedPartitions({ unitsPerSecond: 9, sharesTotal: undefined, floor: undefined } as never);
    expect(left.settings).toEqual({ unitsPerSecond: 9, ...defaults });
  });

  it("must name the bandwidth", () => {
    for (const options of [{}, { burstMs: 9 }, { unitsPerSecond: undefined }]) {
      expectRefusal(
        () => fixedPartitions(options as never),
        "option unitsPerSecond must be given, finite and greater than 0, but is undefined",
      );
    }
  });
});

const POLICIES: [name: string, make: () => AdmissionPolicy][] = [
  ["diskScheduler", () => diskScheduler()],
  ["strictPriority", () => strictPriority()],
  ["fixedPartitions", () => fixedPartitions({ unitsPerSecond: 10_000 })],
];

it.each(POLICIES)(
  "%s refuses a profile that there is none of, and settings that are no object",
  (_, make) => {
    const policy = make();
    const profiles: Readonly<Record<string, EntrySettings>> = PROFILES;
    for (const settings of [profiles.typo, null, "backup", 5, []]) {
      expectRefusal(
        () => policy.setEntry(1, settings as never, 0),
        "option options must be an object { shares, priority, guarantee, limit, quantum, latencyCritical }, but is ",
      );
    }
    expect(policy.entry(1)).toBeUndefined();
  },
);
