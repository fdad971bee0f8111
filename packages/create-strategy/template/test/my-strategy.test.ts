import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { strategySuite } from "@fairlead/compliance";
import { Command, type Path } from "@fairlead/core";
import plugin, { myStrategy } from "../src/index.js";

// The laws that every strategy keeps, with the options as you recommend them.
strategySuite({ describe, it }, () => myStrategy());
strategySuite({ describe, it }, () => myStrategy({ marginBytes: 0 }));

/** Paths `p0`, `p1`, … with these bytes pending. */
function testPaths(...bytes: number[]): Path[] {
  const rest = { pendingCommands: 0, completedBytes: 0, completedCommands: 0, busyMs: 0, share: 1 };
  return bytes.map((pendingBytes, index) => ({ id: `p${index}`, state: "active", pendingBytes, ...rest }));
}

// What is special about this one.
describe("my-strategy", () => {
  it("stays until another path has the margin less pending", () => {
    const strategy = myStrategy({ marginBytes: 1000 });
    const chosen = (...bytes: number[]) => strategy.select(testPaths(...bytes), new Command());
    assert.equal(chosen(700, 0, 300), 1);
    assert.equal(chosen(700, 1299, 300), 1);
    assert.equal(chosen(700, 1300, 300), 2);
    assert.equal(chosen(0, 1300, 300), 2);
  });

  it("goes on from the path itself, wherever it stands after a change of the paths", () => {
    const strategy = myStrategy();
    const [p0, p1, p2] = testPaths(100, 200, 0) as [Path, Path, Path];
    assert.equal(strategy.select([p0, p1, p2], new Command()), 2);
    assert.equal(strategy.select([p2, p0, p1], new Command()), 0);
    assert.equal(strategy.select([p1, p0], new Command()), 1);
  });

  it("refuses options that are wrong, also through the schema that a host asks", async () => {
    for (const marginBytes of [-1, Number.NaN, "1000" as never]) {
      assert.throws(() => myStrategy({ marginBytes }), { option: "marginBytes" });
      const result = await plugin.options?.["~standard"].validate({ marginBytes });
      assert.deepEqual(result?.issues?.[0]?.path, ["marginBytes"]);
    }
    const result = await plugin.options?.["~standard"].validate({ margin: 1 });
    assert.match(result?.issues?.[0]?.message ?? "", /no option "margin"/);
  });
});
