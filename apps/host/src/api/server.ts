import { chmodSync, lstatSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { FairleadError } from "@fairlead/core";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { unlinkIfThere } from "../run-dir.js";
import { type Problem, problemFrom, problemOf } from "./problem.js";
import { type ApiParts, addRoutes } from "./routes.js";
import { addSanRoutes } from "./san-routes.js";

const OWNER_ONLY = 0o600;
const BODY_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often node looks for requests that take too long. */
const CHECK_MS = 1000;
const CLOSE_MS = 500;
/** Those who follow the events ask again within this time after an answer, and so see the last ones. */
const LAST_EVENTS_MS = 250;
/** sun_path without its final 0; the kernel cuts off the rest in silence. */
const SOCKET_PATH_BYTES_MAX = 107;

export interface ApiServer {
  close(): Promise<void>;
}

/** The API on its unix socket. Errors: `API_SOCKET_REFUSED`, `API_SOCKET_IN_USE`, `API_LISTEN_FAILED`. */
export async function serveApi(parts: ApiParts): Promise<ApiServer> {
  const path = parts.host.apiSocket;
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    const message = `the API socket's path must have at most ${SOCKET_PATH_BYTES_MAX} bytes, but ${path} has ${Buffer.byteLength(path)}`;
    throw new FairleadError("API_SOCKET_REFUSED", message);
  }
  await removeStale(path);
  const app = createApp(parts);
  try {
    await app.listen({ path });
    chmodSync(path, OWNER_ONLY); // Until now the run directory kept others out.
  } catch (error) {
    await app.close();
    throw new FairleadError("API_LISTEN_FAILED", `can't listen at ${path}: ${(error as Error).message}`);
  }
  return {
    async close() {
      await delay(LAST_EVENTS_MS);
      unlinkIfThere(path);
      // Answers under way are finished, but nobody who does not read them holds up the host.
      const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_MS);
      await app.close();
      clearTimeout(timer);
    },
  };
}

function createApp(parts: ApiParts): FastifyInstance {
  const unexpected = (cause: unknown): void => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    parts.journal.append({ kind: "api-failed", severity: "error", subject: "api", reason });
  };
  const onError = (error: unknown, _request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    send(reply, problemFrom(error, unexpected));
  const app = Fastify({
    frameworkErrors: onError,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 512 },
    http: { headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: CHECK_MS },
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setErrorHandler(onError);
  app.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url.slice(0, 200)}`;
    return send(reply, problemOf(new FairleadError("API_ROUTE_UNKNOWN", message)));
  });
  addRoutes(app, parts);
  addSanRoutes(app, parts.san);
  return app;
}

function send(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type("application/problem+json").send(problem);
}

/** A socket that a host left when it was killed. */
async function removeStale(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket())
    throw new FairleadError("API_SOCKET_REFUSED", `${path} is there and is not a socket`);
  if (await answers(path)) throw new FairleadError("API_SOCKET_IN_USE", `another host answers at ${path}`);
  unlinkIfThere(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}
