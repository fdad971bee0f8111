import { FairleadError } from "@fairlead/core";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { parseRate, RATE_EXPECTED } from "../config/units.js";
import { SAN_ACTIONS, type San } from "../san.js";
import type { Views } from "../views.js";
import { bodyAs } from "./validate.js";

const actionBody = z.strictObject({ action: z.enum(SAN_ACTIONS) });
const limitBody = z.strictObject({
  rate: z
    .string({ error: RATE_EXPECTED })
    .refine((text) => text === "none" || parseRate(text) !== undefined, `${RATE_EXPECTED}, or none`)
    .transform((text) => (text === "none" ? undefined : parseRate(text))),
});

/** Faults of the demo's SAN. */
export function addSanRoutes(app: FastifyInstance, san: San | undefined): void {
  const embedded = (): San => {
    if (san !== undefined) return san;
    throw new FairleadError("SAN_NONE", "this host has no embedded SAN: it was started with a config file");
  };
  app.get("/v1/san/portals", async (): Promise<Views["portals"]> => ({ portals: embedded().portals() }));
  app.post<{ Params: { portal: string } }>(
    "/v1/san/portals/:portal",
    async ({ params, body }): Promise<Views["portals"]> => {
      await embedded().act(params.portal, bodyAs(actionBody, body).action);
      return { portals: embedded().portals() };
    },
  );
  app.put("/v1/san/limit", async ({ body }): Promise<Views["portals"]> => {
    embedded().limit(bodyAs(limitBody, body).rate);
    return { portals: embedded().portals() };
  });
}
