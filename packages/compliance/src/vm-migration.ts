import assert from "node:assert/strict";
import type { VmBench, VmLaw } from "./vm-bench.js";

/** Laws of moving a VM. */
export function migrationLaws(law: VmLaw): void {
  law("moves the VM, and hands over once with the guest at rest on both sides", async (bench) => {
    const { fixture, vm, client } = bench;
    const { destination, progress: progressThere } = migrationOf(bench);
    await client.progresses(() => fixture.progress());
    let switchOvers = 0;
    let workDone = 0;
    const steps = {
      switchOver: async () => {
        switchOvers++;
        const there = await progressThere();
        workDone = await client.rests(() => fixture.progress(), "here during the hand-over");
        assert.equal(await progressThere(), there, "the guest went on there during the hand-over");
      },
    };
    await client.within(vm.migrate(destination, steps), "end of migrate");
    assert.equal(switchOvers, 1, "calls of switchOver");
    await client.assertStopped();
    assert.equal(client.states.at(-1), "stopped");
    await client.rests(() => fixture.progress(), "here after it had moved");
    await client.progresses(progressThere, "there");
    assert.ok((await progressThere()) >= workDone, "the guest began anew there");
  });

  law("waits for the hand-over, however long it takes", async (bench) => {
    const { fixture, vm, client } = bench;
    const { destination, progress: progressThere } = migrationOf(bench);
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = () => {};
    const handOver = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let ended = false;
    const steps = {
      switchOver: () => {
        begun();
        return released;
      },
    };
    const migration = vm.migrate(destination, steps).then(() => {
      ended = true;
    });
    await client.within(Promise.race([handOver, migration]), "call of switchOver");
    const there = await progressThere();
    await client.rests(() => fixture.progress(), "here during the hand-over");
    assert.equal(await progressThere(), there, "the guest went on there before the hand-over had ended");
    assert.equal(ended, false, "migrate resolved before the hand-over had ended");
    release();
    await client.within(migration, "end of migrate");
    await client.progresses(progressThere, "there");
  });

  law("goes on here where the hand-over fails, and can be moved later", async (bench) => {
    const { fixture, vm, client } = bench;
    const { destination, progress: progressThere } = migrationOf(bench);
    await client.progresses(() => fixture.progress());
    const before = await fixture.progress();
    const refusal = new Error("the disks stay here");
    const refused = vm.migrate(destination, { switchOver: () => Promise.reject(refusal) });
    await assert.rejects(
      client.within(refused, "end of migrate"),
      (error) => error === refusal,
      "migrate must reject with the error of switchOver",
    );
    assert.equal(vm.state, "running");
    await client.progresses(() => fixture.progress());
    assert.ok((await fixture.progress()) > before, "the guest began anew");
    await client.rests(progressThere, "there although the hand-over failed");
    await client.within(vm.suspend(), "end of suspend");
    await client.rests(() => fixture.progress(), "while it was suspended");
    await client.within(vm.resume(), "end of resume");
    await client.within(vm.migrate(destination, { switchOver: async () => {} }), "end of migrate");
    assert.equal(vm.state, "stopped");
    await client.progresses(progressThere, "there");
  });
}

function migrationOf({ fixture }: VmBench): {
  destination: string;
  progress: () => Promise<number> | number;
} {
  const { migration } = fixture;
  assert.ok(migration, "pass { migration: false } where the VM can't be moved");
  return { destination: migration.destination, progress: () => migration.progress() };
}
