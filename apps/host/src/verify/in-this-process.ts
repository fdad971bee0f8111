import { admissionSuite, strategySuite } from "@fairlead/compliance";
import { type AdmissionPolicy, FairleadError, OptionError, type TeamContext } from "@fairlead/core";
import { schedulerSchema } from "../config/lun-schema.js";
import { policySchema } from "../config/policy-schema.js";
import { builtIns } from "../plugins/built-in.js";
import { loadPlugin, loadPolicy, type PolicySource } from "../plugins/choose.js";
import { refusingExit } from "../plugins/exit-guard.js";
import type { PolicyKind, PolicyOf } from "../plugins/policy.js";
import { thrownText } from "../plugins/thrown.js";
import { BehindTheBack, LAW } from "./behind-the-back.js";
import { costOfAdmission, costOfStrategy } from "./cost.js";
import { collectLaws, type Law } from "./laws.js";
import type { VerifyReport, VerifyRequest } from "./report.js";

const SIZES = [2, 8, 64];
const TEAM: TeamContext = { team: "verify", ordinal: 0 };
/** Room for the longest sequence of calls that the suites report, but not for a value that never ends. */
const REASON_CHARS_MAX = 16_384;
const CLAUSE_CHARS_MAX = 300;

type Send = (report: VerifyReport) => Promise<void>;

/** Loads the plugin and runs everything on it, here: a plugin that loops never comes back. */
export async function verifyInThisProcess(request: VerifyRequest, send: Send): Promise<void> {
  try {
    await refusingExit(() => verify(request, send));
    await send({ step: "done" });
  } catch (error) {
    if (!(error instanceof FairleadError)) throw error;
    await send({ step: "refused", code: error.code, message: error.message });
  }
}

async function verify({ entry, directory }: VerifyRequest, send: Send): Promise<void> {
  const behindTheBack = new BehindTheBack();
  const source: PolicySource = { builtIns: builtIns(() => schedulerSchema.parse({})), directory };
  const parsed = policySchema.parse(entry);
  await send({ step: "begins", what: "loading" });
  const { plugin } = await loadPlugin(undefined, parsed, source);
  if (plugin.kind === "strategy") await verifyStrategy(await loaded("strategy"), send);
  else await verifyAdmission(await loaded("admission-policy"), send);
  await send({ step: "begins", what: LAW });
  const failure = await behindTheBack.failure();
  await send({ step: "law", law: LAW, ...(failure !== undefined && { failure }) });

  async function loaded<Kind extends PolicyKind>(kind: Kind): Promise<() => PolicyOf[Kind]> {
    const { name, from, contract, create } = await loadPolicy(kind, parsed, source);
    behindTheBack.loaded();
    await send({ step: "loaded", name, kind, from, contract });
    return () => create(TEAM);
  }
}

async function verifyStrategy(create: () => PolicyOf["strategy"], send: Send): Promise<void> {
  await keepLaws(
    collectLaws((runner) => strategySuite(runner, create)),
    send,
  );
  await measure("paths", (size) => costOfStrategy(create(), size), send);
}

async function verifyAdmission(create: () => AdmissionPolicy, send: Send): Promise<void> {
  const taken = {
    limits: takes(create(), { limit: { commandsPerSecond: 100 } }),
    guarantees: takes(create(), { guarantee: { commandsPerSecond: 100 } }),
  };
  await keepLaws(
    collectLaws((runner) => admissionSuite(runner, create, taken)),
    send,
  );
  await measure("VMs", (size) => costOfAdmission(create(), size), send);
}

/** A policy may refuse what it does not keep; the suite then holds it to that. */
function takes(policy: AdmissionPolicy, settings: Parameters<AdmissionPolicy["setEntry"]>[1]): boolean {
  try {
    policy.setEntry(1, settings, 0);
    return true;
  } catch (error) {
    return !(error instanceof OptionError); // Whatever else it throws, a law will say so.
  }
}

async function measure(of: "paths" | "VMs", cost: (size: number) => number, send: Send): Promise<void> {
  for (const size of SIZES) {
    const what = `measuring with ${size} ${of}`;
    await send({ step: "begins", what });
    // One that throws now and then may have come through the laws.
    const failure = await failureOf(async () => send({ step: "cost", size, of, ns: cost(size) }));
    if (failure !== undefined) await send({ step: "unmeasured", what, failure });
  }
}

async function keepLaws(laws: readonly Law[], send: Send): Promise<void> {
  for (const { name, run } of laws) {
    await send({ step: "begins", what: name });
    const failure = await failureOf(run);
    await send({ step: "law", law: name, ...(failure !== undefined && { failure }) });
  }
}

async function failureOf(run: Law["run"]): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return sequenceOf(error) ?? thrownText(error, REASON_CHARS_MAX);
  }
}

/** Of a property: what it found, then the sequence of calls that led to it, without the seed and the advice. */
function sequenceOf(error: unknown): string | undefined {
  try {
    if (!(error instanceof Error) || error.cause === undefined) return undefined;
    const [sequence] = /^Counterexample: .*$/m.exec(error.message) ?? [];
    const clause = thrownText(error.cause, CLAUSE_CHARS_MAX);
    return sequence && `${clause}; ${sequence.slice(0, REASON_CHARS_MAX)}`;
  } catch {
    return undefined; // The policy's own error, which refuses to be looked at.
  }
}
