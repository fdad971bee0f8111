#!/usr/bin/env node
import { createInterface } from "node:readline";
import { type Clock, FairleadError } from "@fairlead/core";
import { runFaultCommand } from "./fault-commands.js";
import { createTarget } from "./san.js";
import { parseSanOptions, USAGE } from "./san-options.js";

const clock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof FairleadError) return { code: error.code, message: error.message };
  if (error instanceof Error) {
    const code = Reflect.get(error, "code");
    return { code: typeof code === "string" ? code : "UNEXPECTED", message: error.message };
  }
  return { code: "UNEXPECTED", message: String(error) };
}

async function main(): Promise<void> {
  if (process.argv.includes("--help")) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const options = parseSanOptions(process.argv.slice(2));
  const target = createTarget({ ...options, clock });
  const ready = await target.start();
  const lines = createInterface({ input: process.stdin });
  // Answers come in the order of the lines.
  let answered = Promise.resolve();
  lines.on("line", (line) => {
    answered = answered
      .then(() => runFaultCommand(target, line))
      .then(
        (result) => print({ ok: true, result }),
        (error: unknown) => print({ ok: false, error: describe(error) }),
      );
  });
  const stop = () => {
    lines.close();
    void target.stop().then(async () => {
      await Promise.all((options.luns ?? []).map((lun) => lun.store.close()));
      process.exit(0);
    });
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  print({ iqn: target.iqn, ...ready });
}

main().catch((error: unknown) => {
  const { code, message } = describe(error);
  process.stderr.write(`fairlead-san: ${code}: ${message}\n`);
  process.exit(code === "SAN_OPTION_INVALID" ? 2 : 1);
});
