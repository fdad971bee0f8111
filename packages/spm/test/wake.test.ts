import { describe, expect, it } from "vitest";
import { house, lunOf, request } from "./house.js";
import { Queue } from "./queue.js";

async function limited() {
  const policy = new Queue();
  const made = house({}, { createAdmissionPolicy: () => policy });
  const adapter = made.hbas[0].add("vmhba0:0:1", lunOf("naa.1"));
  made.manager.addDisk({ name: "db", vm: 1, extents: [{ lun: "naa.1" }] });
  await made.manager.rescan();
  const read = () => {
    const one = request("read", 0, 512);
    made.disk("db").submit(one.made);
    return one;
  };
  return { ...made, policy, adapter, read };
}

describe("a policy that says when to ask again", () => {
  it("is asked again then, and not before", async () => {
    const { policy, adapter, read, clock } = await limited();
    policy.fromMs = 250;
    read();
    const { asked } = policy;
    clock.advance(249);
    expect([adapter.pending.length, policy.asked]).toEqual([0, asked]);
    clock.advance(1);
    expect(adapter.pending).toHaveLength(1);
  });

  it("is asked at an earlier time where that is said later", async () => {
    const { policy, adapter, read, clock } = await limited();
    policy.fromMs = 500;
    read();
    policy.fromMs = 100;
    read();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(100);
    expect(adapter.pending).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it("is asked at a later time where that is said later, with one timer at a time", async () => {
    const { policy, adapter, read, clock } = await limited();
    policy.fromMs = 100;
    read();
    policy.fromMs = 300;
    read();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(299);
    expect([adapter.pending.length, clock.pendingTimers]).toEqual([0, 1]);
    clock.advance(1);
    expect([adapter.pending.length, clock.pendingTimers]).toEqual([2, 0]);
  });

  it("that names now, or a time gone by, is asked once in a millisecond and not in a circle", async () => {
    const { policy, read, clock } = await limited();
    read();
    policy.next = function (this: Queue) {
      this.asked++;
      return undefined;
    };
    policy.fromMs = -5;
    read();
    const { asked } = policy;
    clock.advance(10);
    expect(policy.asked - asked).toBe(10);
  });

  it("is asked after each change of paths in any case, and never again after the end", async () => {
    const { policy, adapter, read, clock, manager } = await limited();
    policy.fromMs = Number.POSITIVE_INFINITY;
    const one = read();
    expect(clock.pendingTimers).toBe(0);
    policy.fromMs = 1e6;
    adapter.fail();
    adapter.restore();
    expect(clock.pendingTimers).toBe(1);
    const closing = manager.close(0);
    expect(await closing).toBe(true);
    expect(one.outcomes).toEqual(["no-path"]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("is asked at once where an entry or an option changes", async () => {
    const { policy, adapter, read, manager } = await limited();
    policy.fromMs = 1e6;
    read();
    policy.fromMs = 0;
    manager.setEntry(1, "naa.1", { limit: null });
    expect(adapter.pending).toHaveLength(1);
  });
});
