import type { Command } from "commander";
import type { ApiClient } from "./client.js";
import type { Output } from "./program.js";

export function addPluginCommands(_program: Command, _output: Output, _client: () => ApiClient): void {}
