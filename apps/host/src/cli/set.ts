import { type Command, InvalidArgumentError } from "commander";
import { levelText } from "../level-view.js";
import type { PolicyChange } from "../views.js";
import type { ApiClient } from "./client.js";
import type { Output } from "./output.js";

const LUN = ["--lun <lun>", "only this LUN: its id, or the name of a path to it"] as const;

/** What an administrator changes while the host runs; it holds until the host ends. [0092] [0115] */
export function addSetCommands(program: Command, output: Output, client: () => ApiClient): void {
  const set = program.command("set").description("change policies and levels of service until the host ends");
  addPolicyCommand(
    set,
    output,
    client,
    "strategy",
    "strategy of all LUNs, or of one: built-in, file or package",
  );
  addPolicyCommand(set, output, client, "admission", "admission policy of all LUNs, or of one");
  set
    .command("scheduler")
    .description("options of disk-scheduler, as below luns.scheduler in the config")
    .argument("<key=value...>", "such as quantum=4 or interval=500ms")
    .option(...LUN)
    .action(async (texts: string[], { lun }: { lun?: string }, command: Command) => {
      const body = await assigned(command, texts);
      const { luns } = await client().send("scheduler", "PUT", `${scopePath(lun)}/scheduler`, body);
      output.print(`scheduler of ${luns === "all" ? "all LUNs" : luns}: ${texts.join(", ")}`);
    });
  set
    .command("entry")
    .description("level of service of a VM on a LUN")
    .argument("<vm>")
    .argument("<lun>", "id of the LUN, or the name of a path to it")
    .argument("<key=value...>", "profile, shares, priority, guarantee, limit, quantum, as in the config")
    .addHelpText(
      "after",
      "\nfairlead set entry db vmhba0:0:1 shares=high guarantee=50MiB/s limit=3000iops\nfairlead set entry db vmhba0:0:1 guarantee=none limit=none quantum=default",
    )
    .action(async (vm: string, lun: string, texts: string[], _options: object, command: Command) => {
      const body = await assigned(command, texts);
      const path = `/v1/vms/${encodeURIComponent(vm)}/luns/${encodeURIComponent(lun)}/entry`;
      const entry = await client().send("entry", "PUT", path, body);
      output.print(`${entry.vm} on ${entry.lun}: ${levelText(entry)}`);
    });
}

interface PolicyFlags {
  readonly lun?: string;
  readonly fallback?: string[];
}

function addPolicyCommand(
  set: Command,
  { print, warn }: Output,
  client: () => ApiClient,
  what: "strategy" | "admission",
  description: string,
): void {
  set
    .command(what)
    .description(description)
    .argument("<policy>", "name of a built-in one, ./file.ts, or a package")
    .argument("[key=value...]", "its options")
    .option(...LUN)
    .option("--fallback <policy...>", "what takes its place where it can't be used, in this order")
    .action(
      async (policy: string, texts: string[], { lun, fallback = [] }: PolicyFlags, command: Command) => {
        const { policyEntry } = await import("./assignments.js");
        const first = policyEntry(policy, await assigned(command, texts));
        const body = { [what]: [first, ...fallback.map((one) => policyEntry(one))] };
        const change = await client().send("policy", "PUT", `${scopePath(lun)}/${what}`, body);
        for (const { name, code, reason } of change.skipped) warn(`${code}: ${name}: ${reason}`);
        print(`${what} of ${lun ?? "all LUNs"}: ${usedText(change)}`);
      },
    );
}

/** `key=value` words; ends the command with what is wrong with them. */
export async function assigned(command: Command, texts: readonly string[]): Promise<Record<string, unknown>> {
  const { parseAssignments } = await import("./assignments.js");
  try {
    return parseAssignments(texts);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return command.error(`error: ${error.message}`, { exitCode: 2 });
  }
}

function usedText({ used: [first = "", ...rest] }: PolicyChange): string {
  return rest.length === 0 ? first : `${first}, fall-back ${rest.join(", ")}`;
}

function scopePath(lun: string | undefined): string {
  return lun === undefined ? "/v1" : `/v1/luns/${encodeURIComponent(lun)}`;
}
