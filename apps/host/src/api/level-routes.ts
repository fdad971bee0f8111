import { FairleadError } from "@fairlead/core";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { entrySettings, levelSchema } from "../config/level-schema.js";
import { schedulerSchema } from "../config/lun-schema.js";
import { policyList } from "../config/policy-schema.js";
import { levelText } from "../level-view.js";
import { refusedLevel } from "../refused-level.js";
import { levelView } from "../service-level.js";
import type { EntryView, Views } from "../views.js";
import { findLun } from "./names.js";
import type { ApiParts } from "./routes.js";
import { bodyAs } from "./validate.js";

const named = (body: object): boolean => Object.keys(body).length > 0;
/** Not where a key is wrong: that one was meant to be the change. */
const SOMETHING = { error: "at least one key", when: noIssues };
const levelBody = levelSchema.refine(named, SOMETHING);
const schedulerBody = schedulerSchema
  .extend({ queueDepth: schedulerSchema.shape.queueDepth.unwrap().optional() })
  .refine(named, SOMETHING);
const strategyBody = z.strictObject({ strategy: policyList });
const admissionBody = z.strictObject({ admission: policyList });

function noIssues({ issues }: { readonly issues: readonly unknown[] }): boolean {
  return issues.length === 0;
}

/** Changes of policies and levels of service; bodies are written as in the config, and hold until the host ends. [0092] */
export function addLevelRoutes(app: FastifyInstance, parts: ApiParts): void {
  const { spm, policies } = parts.host;
  const idOf = (name: string | undefined) => (name === undefined ? undefined : findLun(spm.luns(), name).id);
  app.get("/v1/plugins", async (): Promise<Views["plugins"]> => ({ plugins: policies.plugins(spm.luns()) }));
  for (const scope of ["/v1", "/v1/luns/:lun"]) {
    app.put<{ Params: { lun?: string } }>(
      `${scope}/strategy`,
      async ({ params, body }): Promise<Views["policy"]> =>
        policies.setStrategies(spm, bodyAs(strategyBody, body).strategy, idOf(params.lun)),
    );
    app.put<{ Params: { lun?: string } }>(
      `${scope}/admission`,
      async ({ params, body }): Promise<Views["policy"]> =>
        policies.setAdmission(parts.host, bodyAs(admissionBody, body).admission, idOf(params.lun)),
    );
    app.put<{ Params: { lun?: string } }>(
      `${scope}/scheduler`,
      async ({ params, body }): Promise<Views["scheduler"]> => {
        const lun = idOf(params.lun);
        policies.configureScheduler(spm, bodyAs(schedulerBody, body), lun);
        return { luns: lun ?? "all" };
      },
    );
  }
  app.put<{ Params: { vm: string; lun: string } }>(
    "/v1/vms/:vm/luns/:lun/entry",
    async ({ params, body }): Promise<Views["entry"]> => setEntry(parts, params, body),
  );
}

function setEntry(
  { host, journal }: ApiParts,
  params: { vm: string; lun: string },
  body: unknown,
): EntryView {
  const { spm, vms } = host;
  const settings = entrySettings(bodyAs(levelBody, body));
  const vm = vms.get(params.vm);
  const lun = findLun(spm.luns(), params.lun);
  const present = spm.entry(vm.id, lun.id);
  try {
    spm.setEntry(vm.id, lun.id, settings);
  } catch (error) {
    throw refusedLevel(error, vm.name, lun.id, { ...present, ...settings });
  }
  const entry = spm.entry(vm.id, lun.id);
  if (entry === undefined) throw new FairleadError("LUN_UNKNOWN", `LUN ${lun.id} is gone`);
  const view = levelView(entry);
  journal.append({
    kind: "entry-set",
    severity: "info",
    subject: vm.name,
    reason: `${levelText(view)} on ${lun.id}, an administrator's word; until the host ends`,
    inputs: { lun: lun.id, ...view },
  });
  return { vm: vm.name, lun: lun.id, ...view };
}
