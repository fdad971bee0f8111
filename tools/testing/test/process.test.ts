import { afterEach, expect, it } from "vitest";
import { cpuSeconds, residentBytes, run, Scope, start, until } from "../src/index.js";

const scope = new Scope();
afterEach(() => scope.close());

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it("closes in reverse order, each once, also past a failure", async () => {
  const order: number[] = [];
  const own = new Scope();
  own.defer(() => void order.push(1));
  own.defer(() => {
    throw new Error("second");
  });
  own.defer(() => void order.push(3));
  await expect(own.close()).rejects.toThrow(AggregateError);
  await own.close();
  expect(order).toEqual([3, 1]);
});

it("kills the children of a process with it", async () => {
  const own = new Scope();
  const shell = await start(own, "sh", ["-c", "sleep 60 & echo $!; wait"], {
    ready: ({ stdout }) => stdout.includes("\n"),
  });
  const child = Number(shell.stdout);
  expect(alive(child)).toBe(true);
  await own.close();
  await until("child gone", () => !alive(child));
});

it("reports the output of a process that ends before it is ready", async () => {
  await expect(
    start(scope, "sh", ["-c", "echo no such disk >&2; exit 3"], { ready: () => false }),
  ).rejects.toThrow(/exit code 3:\nno such disk/);
});

it("ends a run at its time-out and takes only allowed exit codes", async () => {
  await expect(run("sleep", ["60"], { timeoutMs: 50 })).rejects.toThrow("not done within 50 ms");
  await expect(run("sh", ["-c", "exit 4"])).rejects.toThrow("exit code 4");
  expect((await run("sh", ["-c", "exit 4"], { allow: [4] })).code).toBe(4);
});

it("measures the CPU of a process and its children, and its memory", async () => {
  const shell = await start(
    scope,
    "sh",
    ["-c", "(timeout 0.3 sh -c 'while :; do :; done'); echo done; sleep 60"],
    {
      ready: ({ stdout }) => stdout.includes("done"),
    },
  );
  expect(await cpuSeconds(shell.pid)).toBeGreaterThan(0.1);
  expect(await residentBytes(shell.pid)).toBeGreaterThan(100_000);
});
