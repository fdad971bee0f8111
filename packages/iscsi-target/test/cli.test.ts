import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseSanOptions } from "../src/san-options.js";
import { RawInitiator } from "./raw-initiator.js";

const program = fileURLToPath(new URL("../src/cli.ts", import.meta.url));

function start(args: string[]) {
  const child = spawn(
    process.execPath,
    ["--conditions=@fairlead/source", "--import", "tsx", program, ...args],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse(String((await lines.next()).value));
  const ask = (command: unknown) => {
    child.stdin.write(`${typeof command === "string" ? command : JSON.stringify(command)}\n`);
    return answer();
  };
  return { child, answer, ask };
}

test("a SAN in a process of its own takes faults by its input and stops on SIGTERM", async () => {
  const { child, answer, ask } = start(["--portal-group", "1=127.0.0.1:0", "--lun", "1=1MiB"]);
  const { portals } = await answer();
  const { address } = portals[0];
  const initiator = await RawInitiator.login(address);
  await initiator.clearAttention();
  expect((await ask({ query: "sessions" })).result).toMatchObject([{ portal: address, groupTag: 1 }]);
  expect(await ask({ lun: 1, fault: "fail", op: "any", sense: 0x031100 })).toEqual({
    ok: true,
    result: null,
  });
  expect(await initiator.clearAttention()).toBe(0x031100);
  expect((await ask("{")).error.code).toBe("SAN_COMMAND_INVALID");
  expect((await ask({ portal: "192.0.2.1:1", fault: "stall" })).error.code).toBe("TARGET_PORTAL_UNKNOWN");
  expect((await ask({ lun: 5, fault: "busy" })).error.code).toBe("TARGET_LUN_UNKNOWN");
  expect((await ask({ query: "counters" })).result).toMatchObject([{ portal: address, lun: 1, commands: 2 }]);
  await ask({ portal: address, fault: "close" });
  await initiator.expectClose();
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

describe("the command line", () => {
  test("becomes options", () => {
    const { portalGroups, luns, service, iqn } = parseSanOptions([
      ...["--portal-group", "1=127.0.0.1:3260,[::1]:3260", "--portal-group", "2=127.0.0.2:3260"],
      ...["--lun", "1=64MiB,volatile", "--lun", "7=512,read-only", "--units-per-second", "2000"],
      ...["--iqn", "iqn.2026-01.net.example:a"],
    ]);
    expect(portalGroups).toEqual([
      { tag: 1, portals: ["127.0.0.1:3260", "[::1]:3260"] },
      { tag: 2, portals: ["127.0.0.2:3260"] },
    ]);
    expect(
      luns?.map((lun) => [lun.number, lun.store.sizeBytes, lun.readOnly, "dropCache" in lun.store]),
    ).toEqual([
      [1, 64 << 20, false, true],
      [7, 512, true, false],
    ]);
    expect([service, iqn]).toEqual([{ unitsPerSecond: 2000 }, "iqn.2026-01.net.example:a"]);
  });

  test.each([
    [[], "--portal-group must be given"],
    [["--portal-group", "127.0.0.1:1"], "TAG=ADDRESS:PORT"],
    [["--portal-group", "1=h:1", "--lun", "1"], "NUMBER=SIZE"],
    [["--portal-group", "1=h:1", "--lun", "1=1MiB,what"], '"what" is none of'],
    [["--portal-group", "1=h:1", "--parallel", "two"], '--parallel must be a number, but is "two"'],
    [["--portal-group", "1=h:1", "--chap-user", "u"], "go together"],
    [["--nonsense"], "--nonsense"],
  ])("%j is refused", (args, message) => {
    expect(() => parseSanOptions(args)).toThrow(
      expect.objectContaining({ code: "SAN_OPTION_INVALID", message: expect.stringContaining(message) }),
    );
  });
});
