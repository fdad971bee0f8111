import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exclusively } from "../lock.mjs";
import { tree } from "./tree.mjs";

const lockModule = join(import.meta.dirname, "..", "lock.mjs");

/** Each process adds 1 to a file in two steps with a wait between: without a lock, additions are lost. */
const addOne = `
  import { readFileSync, writeFileSync } from "node:fs";
  import { exclusively } from ${JSON.stringify(lockModule)};
  const [directory, file] = process.argv.slice(1);
  await exclusively(directory, async () => {
    const before = Number(readFileSync(file, "utf8"));
    await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(file, String(before + 1));
  });`;

test("processes that start together go one after another, and a dead owner's lock is taken over", async () => {
  const root = tree({ count: "0" });
  const dead = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => dead.on("close", resolve));
  writeFileSync(join(root, "lock"), String(dead.pid));
  const count = join(root, "count");
  const args = ["--input-type=module", "-e", addOne, root, count];
  const children = Array.from({ length: 7 }, () => spawn(process.execPath, args, { stdio: "ignore" }));
  const codes = await Promise.all(
    children.map((child) => new Promise((resolve) => child.on("close", resolve))),
  );
  expect(codes).toEqual(codes.map(() => 0));
  expect(readFileSync(count, "utf8")).toBe("7");
  expect(existsSync(join(root, "lock"))).toBe(false);
});

test("the lock is given back after a failure", async () => {
  const root = tree({});
  const failing = exclusively(root, async () => {
    throw new Error("no space");
  });
  await expect(failing).rejects.toThrow("no space");
  await expect(exclusively(root, async () => 1)).resolves.toBe(1);
});
