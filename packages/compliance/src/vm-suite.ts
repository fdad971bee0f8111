import assert from "node:assert/strict";
import { within } from "./deadline.js";
import type { SuiteRunner } from "./runner.js";
import type { VmBench, VmFixture, VmLaw } from "./vm-bench.js";
import { assertStoppedError, VmClient } from "./vm-client.js";
import { migrationLaws } from "./vm-migration.js";

export interface VmSuiteOptions {
  /** Whether the fixture says where the VM can be moved to; without it the laws of migration are left out. @default true */
  migration?: boolean;
  /** Whether the fixture can end the VM behind the driver's back; without it the law about that is left out. @default true */
  failures?: boolean;
  /** How long the driver may take for a call. ms. @default 20000 */
  waitMs?: number;
  /** How long a guest that must rest is watched. ms. @default 300 */
  watchMs?: number;
}

/** Laws that every VM driver keeps. `create` starts a fresh VM for each law. */
export function vmSuite(
  runner: SuiteRunner,
  create: () => Promise<VmFixture>,
  options: VmSuiteOptions = {},
): void {
  const { migration = true, failures = true, waitMs = 20_000, watchMs = 300 } = options;

  function law(name: string, body: (bench: VmBench) => Promise<void>): void {
    const run = async () => {
      const fixture = await create();
      const { vm } = fixture;
      try {
        const client = new VmClient(vm, waitMs, watchMs);
        await body({ fixture, vm, client });
        assert.deepEqual(client.faults, []);
      } finally {
        await within(vm.close(), waitMs, `end of close of ${vm.name}`);
        await fixture.cleanup();
      }
    };
    runner.it(name, run, 8 * (waitMs + watchMs));
  }

  runner.describe("VM driver", () => {
    suspensionLaws(law);
    endLaws(law);
    if (failures) failureLaw(law);
    if (migration) migrationLaws(law);
  });
}

function suspensionLaws(law: VmLaw): void {
  law("finds the VM running", async ({ fixture, vm, client }) => {
    assert.ok(vm.name.length > 0, "it has a name");
    assert.equal(vm.state, "running");
    await client.progresses(() => fixture.progress());
    assert.deepEqual(client.states, [], "nothing has changed");
  });

  law("lets the guest execute nothing from suspend until resume, and go on where it was", async (bench) => {
    const { fixture, vm, client } = bench;
    await client.progresses(() => fixture.progress());
    let before = await fixture.progress();
    for (let turn = 0; turn < 3; turn++) {
      await client.within(vm.suspend(), "end of suspend");
      assert.equal(vm.state, "suspended");
      const rested = await client.rests(() => fixture.progress(), "while it was suspended");
      assert.ok(rested >= before, `the guest fell from ${before} to ${rested}`);
      before = rested;
      await client.within(vm.resume(), "end of resume");
      assert.equal(vm.state, "running");
      await client.progresses(() => fixture.progress());
      assert.ok((await fixture.progress()) > before, "the guest began anew");
    }
    const expected = ["suspended", "running", "suspended", "running", "suspended", "running"];
    assert.deepEqual(client.states, expected, "one notice of each change");
  });

  law(
    "resolves at once where there is nothing to do, and tells of nothing",
    async ({ fixture, vm, client }) => {
      await client.within(vm.resume(), "end of resume");
      assert.deepEqual(client.states, []);
      await client.within(vm.suspend(), "end of suspend");
      await client.within(vm.suspend(), "end of a second suspend");
      assert.equal(vm.state, "suspended");
      await client.rests(() => fixture.progress(), "while it was suspended twice");
      await client.within(vm.resume(), "end of resume");
      await client.within(vm.resume(), "end of a second resume");
      await client.progresses(() => fixture.progress());
      assert.deepEqual(client.states, ["suspended", "running"], "one notice of each change");
    },
  );

  law("carries out calls that come together in their order", async ({ fixture, vm, client }) => {
    const order: number[] = [];
    const calls: readonly ("suspend" | "resume")[] = [
      "suspend",
      "resume",
      "resume",
      "suspend",
      "suspend",
      "resume",
      "suspend",
    ];
    const all = Promise.all(calls.map((call, number) => vm[call]().then(() => order.push(number))));
    await client.within(all, "end of seven calls");
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6], "they resolve in the order in which they were made");
    assert.equal(vm.state, "suspended");
    await client.rests(() => fixture.progress(), "although suspend came last");
    const both = Promise.all([vm.suspend(), vm.resume()]);
    await client.within(both, "end of two calls");
    assert.equal(vm.state, "running");
    await client.progresses(() => fixture.progress());
    assert.equal(client.states.at(-1), "running");
  });
}

function endLaws(law: VmLaw): void {
  law("stops the VM, and then refuses each call with VM_STOPPED", async ({ fixture, vm, client }) => {
    await client.progresses(() => fixture.progress());
    const stopped = vm.stop();
    // Behind it in the queue.
    const suspended = assertStoppedError(vm.suspend(), "suspend behind stop");
    await client.within(stopped, "end of stop");
    await client.within(suspended, "refusal of suspend");
    await client.assertStopped();
    await client.rests(() => fixture.progress(), "after stop");
    assert.deepEqual(client.states, ["stopped"], "one notice");
  });

  law("stops a VM that is suspended", async ({ vm, client }) => {
    await client.within(vm.suspend(), "end of suspend");
    await client.within(vm.stop(), "end of stop");
    await client.assertStopped();
    assert.deepEqual(client.states, ["suspended", "stopped"]);
  });

  law("leaves the VM as it is when it is closed, and tells of nothing afterwards", async (bench) => {
    const { fixture, vm, client } = bench;
    await client.within(vm.close(), "end of close");
    await client.progresses(() => fixture.progress());
    await client.within(vm.close(), "end of a second close");
    assert.deepEqual(client.states, []);
  });

  law("leaves a VM suspended when it is closed", async ({ fixture, vm, client }) => {
    await client.within(vm.suspend(), "end of suspend");
    await client.within(vm.close(), "end of close");
    await client.rests(() => fixture.progress(), "when the driver was closed");
    assert.deepEqual(client.states, ["suspended"]);
  });
}

function failureLaw(law: VmLaw): void {
  law("tells of the end of a VM that others ended", async ({ fixture, client }) => {
    assert.ok(fixture.kill, "pass { failures: false } where the fixture can't end the VM");
    await fixture.kill();
    await client.changed.until(() => client.states.length > 0, client.waitMs, "notice of the end");
    assert.deepEqual(client.states, ["stopped"]);
    await client.assertStopped();
    assert.deepEqual(client.states, ["stopped"], "one notice");
  });
}
