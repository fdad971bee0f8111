import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { LOG_LEVELS, type LogLevel } from "../log-level.js";
import { SAN_ACTIONS, type SanAction } from "../san.js";
import { ApiClient, socketPath } from "./client.js";
import { counted } from "./counted.js";
import { printEvents } from "./events.js";
import { GET_FORMATS, type GetFormat, get, KINDS, type Kind } from "./get.js";
import type { Output } from "./output.js";
import { addPluginCommands, loadingTimeout } from "./plugins.js";
import { addSetCommands } from "./set.js";

/** The command line. What only some commands need is loaded when they run. */
export function createProgram(output: Output): Command {
  const program = new Command("fairlead")
    .description("VM-aware multipath storage for hosts that run virtual machines")
    .addOption(new Option("--socket <path>", "API socket of the host").env("FAIRLEAD_SOCKET"))
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(fairlead --help lists the commands)")
    .configureOutput({
      writeOut: (text) => output.print(text.trimEnd()),
      writeErr: (text) => output.warn(text.trimEnd()),
    })
    .exitOverride();
  const client = (): ApiClient => new ApiClient(socketPath(program.opts<{ socket?: string }>().socket));
  addHostCommands(program, output);
  addReadCommands(program, output, client);
  addChangeCommands(program, output, client);
  addSetCommands(program, output, client);
  addPluginCommands(program, output, client);
  addSanCommands(program, output, client);
  return program;
}

function addHostCommands(program: Command, { print, warn }: Output): void {
  program
    .command("up")
    .description("run a host; without a config on an embedded SAN, to try it")
    .option("--config <file>", "config file (YAML)")
    .addOption(new Option("--log-level <level>", "what is logged").choices(LOG_LEVELS).default("info"))
    .action(async ({ config, logLevel }: { config?: string; logLevel: LogLevel }) => {
      const { up } = await import("./up.js");
      await up(config, logLevel);
    });
  program
    .command("check-config")
    .description("check a config file and list everything that is wrong with it")
    .argument("<file>")
    .addOption(loadingTimeout())
    .action(async (file: string, { timeout }: { timeout: number }) => {
      const { askConfig } = await import("./config-question.js");
      const { warnings, text } = await askConfig("check", file, timeout);
      for (const warning of warnings) warn(warning);
      print(text);
    });
  program
    .command("schema")
    .description("print the JSON Schema of the config file, for editors")
    .action(async () => {
      const { jsonSchema } = await import("../config/schema.js");
      print(JSON.stringify(jsonSchema(), undefined, 2));
    });
}

function addReadCommands(program: Command, { print, warn }: Output, client: () => ApiClient): void {
  program
    .command("get")
    .description("show paths, LUNs, disks or VMs")
    .addArgument(new Argument("<kind>").choices(KINDS))
    .addOption(new Option("-o, --output <format>", "format").choices(GET_FORMATS).default("table"))
    .action(async (kind: Kind, { output }: { output: GetFormat }) =>
      print(await get(client(), kind, output)),
    );
  program
    .command("events")
    .description("show what happened and why")
    .option("-f, --follow", "go on with what comes")
    .option("--since <sequence>", "only what came after this number", wholeNumber, 0)
    .addOption(new Option("-o, --output <format>", "format").choices(["text", "json"]).default("text"))
    .action(async ({ follow = false, since, output }: { follow?: boolean; since: number; output: string }) =>
      printEvents(client(), { since, follow, json: output === "json" }, print, warn),
    );
}

function addChangeCommands(program: Command, { print, warn }: Output, client: () => ApiClient): void {
  program
    .command("rescan")
    .description("look for new LUNs and paths now")
    .action(async () => {
      const { addedLuns, addedPaths, grownLuns, problems } = await client().send(
        "rescan",
        "POST",
        "/v1/rescan",
      );
      for (const { where, code, message } of problems) warn(`${code}: ${where}: ${message}`);
      const names = (list: readonly string[]) => (list.length > 0 ? ` (${list.join(", ")})` : "");
      print(`${counted(addedPaths.length, "path")} added${names(addedPaths)}`);
      const grown = `${grownLuns.length} grown${names(grownLuns)}`;
      print(`${counted(addedLuns.length, "LUN")} added${names(addedLuns)}, ${grown}`);
    });
  const paths = program.command("path").description("take a path out of use, or back");
  for (const [verb, enabled] of [
    ["disable", false],
    ["enable", true],
  ] as const) {
    paths
      .command(verb)
      .description(enabled ? "use the path again" : "send nothing over the path")
      .argument("<name>", "such as vmhba0:0:1")
      .action(async (name: string) => {
        const { path } = await client().send("path", "PUT", `/v1/paths/${encodeURIComponent(name)}`, {
          enabled,
        });
        print(`${path.name} is ${path.state}`);
      });
  }
  const luns = program.command("lun").description("take a LUN out of every VM's sight, or back");
  for (const [verb, masked] of [
    ["mask", true],
    ["unmask", false],
  ] as const) {
    luns
      .command(verb)
      .description(masked ? "no VM may see or use the LUN, until the host ends" : "VMs may use the LUN")
      .argument("<lun>", "its id, or the name of a path to it")
      .action(async (name: string) => {
        const { lun } = await client().send("lun", "PUT", `/v1/luns/${encodeURIComponent(name)}`, { masked });
        print(`${lun.id} is ${lun.masked ? "masked" : "not masked"}`);
      });
  }
}

const SAN_WORDS: Readonly<Record<SanAction, string>> = {
  close: "reset every connection of the portal",
  stall: "let the portal fall silent",
  resume: "end the silence",
  refuse: "refuse new connections",
  accept: "accept connections again",
};

function addSanCommands(program: Command, { print }: Output, client: () => ApiClient): void {
  const san = program.command("san").description("break the embedded SAN of a host without a config");
  san
    .command("portals")
    .description("list its portals")
    .action(async () => {
      const { portals } = await client().get("portals", "/v1/san/portals");
      for (const { address, processor, sessions } of portals)
        print(`${address}  ${processor}  ${counted(sessions, "session")}`);
    });
  for (const action of SAN_ACTIONS) {
    san
      .command(action)
      .description(SAN_WORDS[action])
      .argument("<portal>", "such as 127.0.0.1:3260")
      .action(async (portal: string) => {
        await client().send("portals", "POST", `/v1/san/portals/${encodeURIComponent(portal)}`, { action });
        print(`${portal}: ${action}`);
      });
  }
  san
    .command("limit")
    .description("slow its LUNs down, so that shares matter")
    .argument("<rate>", "of each LUN: bytes or commands per second, or none for as fast as it can")
    .addHelpText(
      "after",
      "\nfairlead san limit 50MiB/s\nfairlead san limit 3000iops\nfairlead san limit none",
    )
    .action(async (rate: string) => {
      await client().send("portals", "PUT", "/v1/san/limit", { rate });
      print(`each LUN: ${rate}`);
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}
