#!/usr/bin/env node
import { CommanderError } from "commander";
import { EXIT, errorText, exitCodeOf } from "./cli/exit.js";
import { createProgram } from "./cli/program.js";

// `fairlead get paths | head`: the reader has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
});

// A terminal that is gone must not end the host.
process.stderr.on("error", () => {});

const program = createProgram({
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage; // Commander has said why.
  } else {
    process.stderr.write(errorText(error));
    process.exitCode = exitCodeOf(error);
  }
}
