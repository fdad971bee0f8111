import { createManualClock } from "@fairlead/compliance";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Job, Service, type ServiceOptions } from "../src/service.js";

class TestJob implements Job<TestJob> {
  nextJob: TestJob | null = null;
  aborted = false;
  arrivedAtMs = 0;
  dueAtMs = 0;
  inService = false;
  constructor(
    readonly name: number,
    readonly lengthBytes = 4096,
  ) {}
}

function setUp(options: ServiceOptions) {
  const clock = createManualClock();
  const ended: { name: number; atMs: number; dueAtMs: number }[] = [];
  const service = new Service<TestJob>(
    clock,
    (job) => ended.push({ name: job.name, atMs: clock.now(), dueAtMs: job.dueAtMs }),
    options,
  );
  return { clock, ended, service };
}

describe("rates", () => {
  test.each([
    [{ commandsPerSecond: 2000 }, 4096, 2000],
    [{ unitsPerSecond: 2000 }, 4096, 2000],
    [{ unitsPerSecond: 2000 }, 4097, 1000],
    [{ unitsPerSecond: 2000 }, 65536, 125],
    [{ unitsPerSecond: 2000 }, 0, 2000],
    [{ bytesPerSecond: 4096000 }, 8192, 500],
    [{ commandsPerSecond: 300, unitsPerSecond: 2000 }, 4096, 300],
  ])("%j with %i bytes: %i in a second", (options, lengthBytes, perSecond) => {
    const { clock, ended, service } = setUp(options);
    for (let name = 0; name < 2500; name++) service.enqueue(new TestJob(name, lengthBytes));
    clock.advance(1000.01);
    expect(ended.length).toBe(perSecond);
    expect(ended.map(({ name }) => name)).toEqual(ended.map((_, index) => index));
  });

  test("timers that come late change nothing in the long run", () => {
    // A clock whose timers fire only when the test says so, 7 ms late or more.
    let nowMs = 0;
    let fire: (() => void) | undefined;
    const ended: number[] = [];
    const service = new Service<TestJob>(
      {
        now: () => nowMs,
        schedule(callback) {
          fire = callback;
          return { cancel: () => {} };
        },
      },
      (job) => ended.push(job.dueAtMs),
      { commandsPerSecond: 2000 },
    );
    for (let name = 0; name < 3000; name++) service.enqueue(new TestJob(name));
    while (nowMs < 1000) {
      nowMs += 7.3;
      fire?.();
    }
    expect(ended.length).toBe(Math.floor(nowMs * 2));
    expect(ended.at(-1)).toBeCloseTo(ended.length / 2);
  });

  test("a lone client that sends its next command after each answer gets the rate, however late timers are", () => {
    let nowMs = 0;
    let fire: (() => void) | undefined;
    let ended = 0;
    const service = new Service<TestJob>(
      {
        now: () => nowMs,
        schedule(callback) {
          fire = callback;
          return { cancel: () => {} };
        },
      },
      () => ended++,
      { commandsPerSecond: 2000 },
    );
    service.enqueue(new TestJob(0));
    while (nowMs < 1000) {
      nowMs += 1.3;
      const before = ended;
      fire?.();
      // Its answers come back in the same turn of the loop.
      for (let round = before; round < ended && round < before + 8; round++)
        service.enqueue(new TestJob(round));
    }
    expect(ended).toBeGreaterThan(1990);
    expect(ended).toBeLessThan(2010);
  });

  test("idle time is not saved up", () => {
    const { clock, ended, service } = setUp({ commandsPerSecond: 1000 });
    clock.advance(5000);
    for (let name = 0; name < 100; name++) service.enqueue(new TestJob(name));
    clock.advance(10);
    expect(ended.length).toBe(10);
  });
});

test("fixed time with places: n at a time, first come, first served", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(30), { minLength: 6, maxLength: 40 }),
      (parallel, gaps) => {
        const { clock, ended, service } = setUp({ serviceTimeMs: 10, parallel });
        const free = new Array<number>(parallel).fill(0);
        const expected = gaps.map((gapMs, name) => {
          clock.advance(gapMs);
          service.enqueue(new TestJob(name));
          free.sort((a, b) => a - b);
          const startMs = Math.max(free[0] ?? 0, clock.now());
          free[0] = startMs + 10;
          return { name, atMs: startMs + 10, dueAtMs: startMs + 10 };
        });
        clock.advance(10_000);
        expect(ended).toEqual(expected);
      },
    ),
    { seed: 3, numRuns: 60 },
  );
});

test("what was taken back before its service costs nothing, in service it keeps its place", () => {
  const { clock, ended, service } = setUp({ commandsPerSecond: 100 });
  const jobs = Array.from({ length: 6 }, (_, name) => new TestJob(name));
  for (const job of jobs) service.enqueue(job);
  for (const index of [0, 1, 2, 4]) jobs[index]!.aborted = true;
  expect(jobs.map(({ inService }) => inService)).toEqual([true, false, false, false, false, false]);
  clock.advance(30);
  const atMs = (name: number) => ended.find((one) => one.name === name)?.atMs;
  expect(ended.length).toBe(6);
  // 0 was in service and took its time; 1, 2 and 4 took none.
  expect([atMs(0), atMs(3), atMs(5)]).toEqual([10, 20, 30]);
});

test("without a model everything is at once, and a model can come and go", () => {
  const { clock, ended, service } = setUp({});
  service.enqueue(new TestJob(0));
  expect(ended.length).toBe(1);
  service.configure({ serviceTimeMs: 5 });
  service.enqueue(new TestJob(1));
  service.enqueue(new TestJob(2));
  expect(ended.length).toBe(1);
  service.configure({});
  clock.advance(5);
  expect(ended.length).toBe(3);
  service.enqueue(new TestJob(3));
  expect(ended.length).toBe(4);
});

test.each([
  [{ commandsPerSecond: 0 }, "commandsPerSecond"],
  [{ unitsPerSecond: -1 }, "unitsPerSecond"],
  [{ bytesPerSecond: Number.NaN }, "bytesPerSecond"],
  [{ serviceTimeMs: Infinity }, "serviceTimeMs"],
  [{ parallel: 1.5 }, "parallel"],
])("%j is refused", (options, name) => {
  expect(() => setUp(options)).toThrow(`option ${name} must be`);
});
