import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { FairleadError } from "@fairlead/core";
import { defaultRunDir } from "../run-dir.js";
import type { Views } from "../views.js";

const TIMEOUT_MS = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** `--socket`, else FAIRLEAD_SOCKET, else where a host listens by default. */
export function socketPath(option: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  return option ?? env.FAIRLEAD_SOCKET ?? join(defaultRunDir(env), "api.sock");
}

/** Asks a running host. */
export class ApiClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Errors: `HOST_NOT_RUNNING`, `HOST_FORBIDDEN`, `HOST_ANSWER_INVALID`, and what the host answers with. */
  get<Name extends keyof Views>(_view: Name, path: string): Promise<Views[Name]> {
    return this.#call("GET", path, undefined);
  }

  send<Name extends keyof Views>(
    _view: Name,
    method: "POST" | "PUT",
    path: string,
    body: object = {},
  ): Promise<Views[Name]> {
    return this.#call(method, path, body);
  }

  async #call<T>(method: string, path: string, body: object | undefined): Promise<T> {
    const { status, text } = await this.#exchange(method, path, body && JSON.stringify(body));
    const answer = parse(text, this.#socket);
    if (status >= 200 && status < 300) return answer as T; // The host's own types, on the other end of its own socket.
    const { code, detail } = answer as { code?: unknown; detail?: unknown };
    throw new FairleadError(
      typeof code === "string" ? code : "HOST_ANSWER_INVALID",
      typeof detail === "string" ? detail : `the host answered ${status}`,
    );
  }

  #exchange(
    method: string,
    path: string,
    body: string | undefined,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const call = request({ socketPath: this.#socket, method, path, headers, timeout: TIMEOUT_MS });
      call.once("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      call.once("error", (error) => reject(this.#notRunning(error)));
      call.once("response", (response) => {
        collect(response).then(
          (text) => resolve({ status: response.statusCode ?? 0, text }),
          (error: Error) => reject(this.#notRunning(error)),
        );
      });
      call.end(body);
    });
  }

  #notRunning(error: NodeJS.ErrnoException): FairleadError {
    if (error.code === "EACCES" || error.code === "EPERM") {
      const message = `${this.#socket} belongs to another user: ${error.message}`;
      return new FairleadError("HOST_FORBIDDEN", message, { cause: error });
    }
    const reason =
      error.code === "ENOENT"
        ? "there is no socket"
        : error.code === "ECONNREFUSED"
          ? "nobody listens"
          : error.message;
    return new FairleadError("HOST_NOT_RUNNING", `no host answers at ${this.#socket}: ${reason}`, {
      cause: error,
    });
  }
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error("its answer does not end");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string, socket: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FairleadError("HOST_ANSWER_INVALID", `what answers at ${socket} is no Fairlead host`, {
      cause: error,
    });
  }
}
