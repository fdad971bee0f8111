import { expect, it } from "vitest";
import { CONTRACT_VERSION, defineAdmissionPolicy, defineStrategy } from "../src/index.js";

it("stamps a plugin with what it is and the contract that it was written for", () => {
  const first = { name: "first", select: () => 0 };
  const strategy = defineStrategy({ name: "first", create: () => first });
  expect(strategy).toMatchObject({ contract: CONTRACT_VERSION, kind: "strategy", name: "first" });
  expect(strategy.create(undefined, { team: "naa.1", ordinal: 0 })).toBe(first);
  const create = () => {
    throw new Error("not called");
  };
  expect(defineAdmissionPolicy({ name: "fifo", create })).toMatchObject({
    contract: CONTRACT_VERSION,
    kind: "admission-policy",
  });
});
