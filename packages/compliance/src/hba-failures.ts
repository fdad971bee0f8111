import assert from "node:assert/strict";
import { assertBytes, type HbaLaw } from "./hba-bench.js";
import { newCommand, pattern } from "./path-client.js";

/** Laws of fences, resets and the end. */
export function sessionLaws(law: HbaLaw): void {
  law("answers each call for a fence once, and not from within it", async ({ path, client }) => {
    const answers: string[] = [];
    let calling = true;
    const both = new Promise<void>((resolve) => {
      for (const call of ["first", "second"]) {
        path.adapter.session.fence((result) => {
          if (calling) client.faults.push("the fence answered from within the call");
          if (result !== "fenced" && result !== "unfenceable")
            client.faults.push(`the fence answered ${result}`);
          answers.push(call);
          if (answers.length === 2) resolve();
        });
      }
    });
    calling = false;
    await client.within(both, "answer of the fence");
    await client.verify();
    assert.deepEqual(answers.toSorted(), ["first", "second"]);
  });

  law("answers a LUN reset once and serves on", async ({ path, client }) => {
    let answers = 0;
    const answer = new Promise<boolean>((resolve) => {
      path.adapter.resetLun((succeeded) => {
        answers++;
        resolve(succeeded);
      });
    });
    assert.equal(typeof (await client.within(answer, "answer to the reset")), "boolean");
    await client.read(0, path.lun.blockSizeBytes);
    assert.equal(answers, 1);
  });

  law(
    "completes everything before it is closed, and nothing runs afterwards",
    async ({ fixture, path, client }) => {
      const data = new Uint8Array(path.lun.blockSizeBytes);
      const outcomes = Array.from({ length: 32 }, () => client.submit(newCommand("read", 0, data)));
      client.closing = true;
      await client.within(fixture.hba.close(), "end of close");
      assert.equal(client.pendingCommands, 0, "pending after close");
      for (const outcome of await Promise.all(outcomes)) {
        assert.ok(
          ["good", "not-sent", "in-doubt"].includes(outcome),
          `a command ended as ${outcome} at close`,
        );
      }
      assert.equal(path.adapter.up, false);
      assert.equal(await client.run("read", 0, data), "not-sent", "read after close");
    },
  );
}

/** Laws of paths that fail and return. */
export function failureLaws(law: HbaLaw): void {
  law(
    "tells of a failure first, then completes what was pending; refuses until it tells of the return",
    async (bench) => {
      const { fixture, path, client } = bench;
      assert.ok(
        fixture.breakPath && fixture.restorePath,
        "pass { failures: false } where the fixture can't break paths",
      );
      const { adapter, lun } = path;
      const data = pattern(lun.blockSizeBytes, 7);
      await client.write(0, data);
      const failed = client.next("path-failed");
      await fixture.breakPath(adapter.id);
      // A driver may find out only by a command that gets no answer.
      const pending = Array.from({ length: 8 }, () =>
        client.submit(newCommand("read", 0, new Uint8Array(lun.blockSizeBytes))),
      );
      await failed;
      for (const outcome of await client.within(Promise.all(pending), "completion of what was pending")) {
        assert.ok(
          ["good", "not-sent", "in-doubt"].includes(outcome),
          `a command ended as ${outcome} at a failure`,
        );
      }
      assert.equal(adapter.up, false);
      assert.equal(
        await client.run("read", 0, new Uint8Array(lun.blockSizeBytes)),
        "not-sent",
        "read on a path that is down",
      );

      const restored = client.next("path-restored");
      await fixture.restorePath(adapter.id);
      await restored;
      assert.equal(adapter.up, true);
      assertBytes(await client.read(0, data.length), data, 0);
    },
  );

  law("answers the fences that were asked for while the path was down, once it is back", async (bench) => {
    const { fixture, path, client } = bench;
    assert.ok(
      fixture.breakPath && fixture.restorePath,
      "pass { failures: false } where the fixture can't break paths",
    );
    const failed = client.next("path-failed");
    await fixture.breakPath(path.adapter.id);
    const probe = client.submit(newCommand("read", 0, new Uint8Array(path.lun.blockSizeBytes)));
    await failed;
    await client.within(probe, "completion of what was pending");
    let answers = 0;
    const both = new Promise<void>((resolve) => {
      for (let call = 0; call < 2; call++) {
        path.adapter.session.fence(() => {
          answers++;
          if (answers === 2) resolve();
        });
      }
    });
    const restored = client.next("path-restored");
    await fixture.restorePath(path.adapter.id);
    await client.within(both, "answer of the fence");
    await restored;
    await client.verify();
    assert.equal(answers, 2);
  });
}
