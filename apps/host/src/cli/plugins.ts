import { FairleadError } from "@fairlead/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../config/units.js";
import type { PluginView } from "../plugins/list.js";
import type { VerifyReport } from "../verify/report.js";
import type { ApiClient } from "./client.js";
import type { Output } from "./output.js";
import { assigned } from "./set.js";
import { type Column, formatTable } from "./table.js";

/** The host's own policies and everybody's: what there is, and whether it keeps the laws. */
export function addPluginCommands(program: Command, output: Output, client: () => ApiClient): void {
  const plugins = program
    .command("plugins")
    .description("look at policies: built-in ones, packages and files");
  plugins
    .command("list")
    .description("list built-in policies and those of the running host, or of a config")
    .option("--config <file>", "of this config, without a host")
    .addOption(loadingTimeout())
    .addOption(new Option("-o, --output <format>", "format").choices(["table", "json"]).default("table"))
    .action(async ({ config, output: format, timeout }: ListOptions) => {
      const views = config === undefined ? await ofHost(client(), output) : await ofConfig(config, timeout);
      output.print(format === "json" ? JSON.stringify(views, undefined, 2) : formatTable(COLUMNS, views));
    });
  plugins
    .command("verify")
    .description("run the laws and a short measurement on a policy, in a process of its own")
    .argument("<policy>", "name of a built-in one, ./file.ts, or a package")
    .argument("[key=value...]", "its options")
    .addOption(
      new Option("--timeout <duration>", "how long all of it may take")
        .argParser(duration)
        .default(120_000, "2min"),
    )
    .action(async (policy: string, texts: string[], { timeout }: { timeout: number }, command: Command) => {
      const { policyEntry } = await import("./assignments.js");
      const entry = policyEntry(policy, await assigned(command, texts));
      await verify({ entry, directory: process.cwd() }, timeout, output);
    });
  plugins.command("verify-in-this-process", { hidden: true }).argument("<request>").action(verifyHere);
  plugins
    .command("config-in-this-process", { hidden: true })
    .argument("<request>")
    .action(async (request: string) => {
      const { answerConfig } = await import("./config-question.js");
      await answerConfig(request);
      process.disconnect?.();
    });
}

interface ListOptions {
  readonly config?: string;
  readonly output: string;
  readonly timeout: number;
}

/** For commands that load the plugins of a config. */
export function loadingTimeout(): Option {
  return new Option("--timeout <duration>", "how long each plugin of the config may take to load")
    .argParser(duration)
    .default(20_000, "20s");
}

const COLUMNS: Column<PluginView>[] = [
  { heading: "NAME", text: ({ name }) => name },
  { heading: "KIND", text: ({ kind }) => kind },
  { heading: "FROM", text: ({ from }) => from },
  { heading: "CONTRACT", align: "right", text: ({ contract }) => String(contract ?? "-") },
  { heading: "LUNS", text: ({ scope }) => scope ?? "-" },
  { heading: "STATE", text: ({ state }) => state },
  { heading: "REASON", text: ({ reason }) => reason },
];

async function ofHost(client: ApiClient, { warn }: Output): Promise<readonly PluginView[]> {
  try {
    return (await client.get("plugins", "/v1/plugins")).plugins;
  } catch (error) {
    if (!(error instanceof FairleadError && error.code === "HOST_NOT_RUNNING")) throw error;
    warn(`${error.message}; these are the built-in policies only`);
    const [{ builtIns }, { listPlugins }] = await Promise.all([
      import("../plugins/built-in.js"),
      import("../plugins/list.js"),
    ]);
    return listPlugins(
      builtIns(() => ({ queueDepth: 1 })),
      [],
      [],
    );
  }
}

async function ofConfig(file: string, timeoutMs: number): Promise<readonly PluginView[]> {
  const { askConfig } = await import("./config-question.js");
  return askConfig("plugins", file, timeoutMs);
}

async function verify(
  request: { entry: object; directory: string },
  timeoutMs: number,
  { print }: Output,
): Promise<void> {
  const { verifyPlugin } = await import("../verify/verify.js");
  const costs: string[] = [];
  const verdict = await verifyPlugin({ ...request, entry: { ...request.entry } }, timeoutMs, (report) => {
    if (report.step === "cost") costs.push(`${report.ns.toFixed(0)} ns with ${report.size} ${report.of}`);
    const line = reportLine(report);
    if (line !== undefined) print(line);
  });
  if (costs.length > 0) print(`a decision takes ${costs.join(", ")}`);
  if (verdict.failed > 0) {
    const laws = verdict.kept + verdict.failed;
    throw new FairleadError("PLUGIN_VERIFY_FAILED", `${verdict.failed} of ${laws} laws are not kept`);
  }
  print(`all ${verdict.kept} laws are kept`);
  if (verdict.unmeasured > 0) {
    throw new FairleadError("PLUGIN_VERIFY_FAILED", "it keeps the laws, but failed while it was measured");
  }
}

function reportLine(report: VerifyReport): string | undefined {
  if (report.step === "loaded") {
    const { name, kind, from, contract } = report;
    return `${name}: ${kind}, ${from}, contract ${contract}`;
  }
  if (report.step === "unmeasured") return failedLine(report.what, report.failure);
  if (report.step !== "law") return undefined;
  return report.failure === undefined ? `ok      ${report.law}` : failedLine(report.law, report.failure);
}

function failedLine(what: string, failure: string): string {
  return `failed  ${what}: ${failure.replaceAll(/\s*\n\s*/g, " ")}`;
}

async function verifyHere(text: string): Promise<void> {
  const { verifyInThisProcess } = await import("../verify/in-this-process.js");
  const { reporter } = await import("./reporter.js");
  await verifyInThisProcess(JSON.parse(text), reporter<VerifyReport>());
  process.disconnect?.();
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError("expected a duration such as 30s");
  return ms;
}
