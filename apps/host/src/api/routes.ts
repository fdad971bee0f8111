import { FairleadError } from "@fairlead/core";
import type { RescanReport } from "@fairlead/spm";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Host } from "../host.js";
import type { Journal } from "../journal.js";
import type { San } from "../san.js";
import { diskViews, type Views, vmViews } from "../views.js";
import { addLevelRoutes } from "./level-routes.js";
import { findLun } from "./names.js";
import { bodyAs, queryAs } from "./validate.js";

export interface ApiParts {
  readonly host: Host;
  readonly journal: Journal;
  readonly san?: San;
  rescan(): Promise<RescanReport>;
}

const EVENTS_MAX = 1000;
const WAIT_SECONDS_MAX = 30;
/** Readers that wait for events; one more is answered at once. */
const WAITING_MAX = 32;

const nothing = z.strictObject({});
const count = (max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "a whole number")
    .transform(Number)
    .refine((value) => value <= max, `a number of at most ${max}`);
const eventsQuery = z.strictObject({
  since: count(Number.MAX_SAFE_INTEGER).prefault("0"),
  limit: count(EVENTS_MAX).prefault(String(EVENTS_MAX)),
  wait: count(WAIT_SECONDS_MAX).prefault("0"),
});
const pathBody = z.strictObject({ enabled: z.boolean() });
const lunBody = z.strictObject({ masked: z.boolean() });

export function addRoutes(app: FastifyInstance, parts: ApiParts): void {
  const { host } = parts;
  const { spm } = host;
  app.get("/livez", async () => ({ status: "ok" }));
  app.get("/v1/paths", async ({ query }): Promise<Views["paths"]> => {
    queryAs(nothing, query);
    return { paths: spm.paths() };
  });
  app.get("/v1/luns", async ({ query }): Promise<Views["luns"]> => {
    queryAs(nothing, query);
    return { luns: spm.luns() };
  });
  app.get("/v1/disks", async ({ query }): Promise<Views["disks"]> => {
    queryAs(nothing, query);
    return { disks: diskViews(host) };
  });
  app.get("/v1/vms", async ({ query }): Promise<Views["vms"]> => {
    queryAs(nothing, query);
    return { vms: vmViews(host) };
  });
  app.post("/v1/rescan", async ({ body }): Promise<Views["rescan"]> => {
    bodyAs(nothing, body);
    return parts.rescan();
  });
  app.put<{ Params: { name: string } }>(
    "/v1/paths/:name",
    async ({ params, body }): Promise<Views["path"]> => {
      spm.setPathEnabled(params.name, bodyAs(pathBody, body).enabled);
      const path = spm.paths().find(({ name }) => name === params.name);
      if (path === undefined) throw new FairleadError("PATH_UNKNOWN", `path ${params.name} is gone`);
      return { path };
    },
  );
  app.put<{ Params: { name: string } }>("/v1/luns/:name", async ({ params, body }): Promise<Views["lun"]> => {
    const { id } = findLun(spm.luns(), params.name);
    spm.setMasked(id, bodyAs(lunBody, body).masked);
    return { lun: findLun(spm.luns(), id) };
  });
  addLevelRoutes(app, parts);
  addEvents(app, parts.journal);
}

function addEvents(app: FastifyInstance, journal: Journal): void {
  let waiting = 0;
  const released = new Set<() => void>();
  app.addHook("preClose", async () => {
    for (const release of released) release();
  });

  app.get("/v1/events", async ({ query }): Promise<Views["events"]> => {
    const { since, limit, wait } = queryAs(eventsQuery, query);
    // A number from before the host was started again: from the beginning.
    const after = since > journal.lastSequence ? 0 : since;
    if (wait > 0 && after === journal.lastSequence && waiting < WAITING_MAX) {
      waiting++;
      await nextRecord(journal, wait * 1000, released);
      waiting--;
    }
    const { firstSequence, lastSequence } = journal;
    return { events: journal.since(after, limit), firstSequence, lastSequence };
  });
}

function nextRecord(journal: Journal, timeoutMs: number, released: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      unsubscribe();
      released.delete(end);
      resolve();
    };
    const timer = setTimeout(end, timeoutMs).unref();
    const unsubscribe = journal.subscribe(end);
    released.add(end);
  });
}
