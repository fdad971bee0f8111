import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { Scope } from "@fairlead/testing";
import { onTestFinished } from "vitest";
import { parseConfig } from "../src/config/load.js";
import { type Host, startHost } from "../src/host.js";
import { Journal } from "../src/journal.js";
import { systemClock } from "../src/system-clock.js";

const MIB = 1024 * 1024;

export interface RunningHost {
  readonly scope: Scope;
  readonly host: Host;
  readonly journal: Journal;
  readonly directory: string;
}

/** A host in this process on files of its own: a LUN `local:0:0` of 8 MiB that two VMs share. `files` lie beside its config. */
export async function runHost(
  more: object = {},
  files: Readonly<Record<string, string>> = {},
): Promise<RunningHost> {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  const directory = await scope.directory();
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const disk = (range: string) => ({ disks: { root: { extents: [{ lun: "local:0:0", range }] } } });
  const text = JSON.stringify({
    host: { name: "test", runDir: await scope.directory() },
    hbas: { local: { driver: "file", files: [{ path: "lun0", size: "8MiB" }] } },
    vms: { db: { ...disk("0-4MiB"), luns: { "local:0:0": { shares: 3000 } } }, web: disk("4-8MiB") },
    ...more,
  });
  const { config } = await parseConfig(text, join(directory, "fairlead.yaml"), directory);
  const journal = new Journal();
  const host = await startHost(config, { clock: systemClock(), journal, directory });
  scope.defer(() => host.close());
  return { scope, host, journal, directory };
}

export const FILE_BYTES = 8 * MIB;

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the host answered, looked at by the test.
  readonly json: any;
}

/** One HTTP request to the host, as any program would send it. */
export function ask(
  { host }: RunningHost,
  method: string,
  path: string,
  body?: string | object,
  type = "application/json",
): Promise<Answer> {
  const text = typeof body === "object" ? JSON.stringify(body) : body;
  return new Promise((resolve, reject) => {
    const headers = text === undefined ? {} : { "content-type": type };
    const call = request({ socketPath: host.apiSocket, method, path, headers }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        answer += chunk;
      });
      response.once("end", () => {
        const parsed: unknown = answer === "" ? undefined : JSON.parse(answer);
        const contentType = response.headers["content-type"] ?? "";
        resolve({ status: response.statusCode ?? 0, type: contentType, text: answer, json: parsed });
      });
    });
    call.once("error", reject);
    call.end(text);
  });
}

/** Bytes as they are, and what came back until the host closed the connection. */
export function askRaw({ host }: RunningHost, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: host.apiSocket }, () => socket.write(bytes));
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(answer));
  });
}
