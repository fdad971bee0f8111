import {
  type AdmissionPolicy,
  type EventSink,
  FairleadError,
  type LoadDistributionStrategy,
  OptionError,
  type TeamContext,
} from "@fairlead/core";
import { type AdmissionRecipe, configure, extended, makeAdmission } from "./admission.js";
import { GuardedAdmission } from "./guarded-admission.js";
import type { Lun } from "./lun.js";
import { faultOf, isRefusal } from "./policy-answers.js";
import type { CreateAdmissionPolicy, CreateStrategies } from "./types.js";

/** LUNs that a change is for. */
export interface Scope {
  readonly luns: readonly Lun[];
  /** The LUNs to come take it too. */
  readonly all: boolean;
}

/**
 * Who makes the policies of the LUNs to come, and the changes to those of the present ones. A change is made ready for
 * all LUNs before it is in force for the first, so that one that is refused has changed nothing.
 */
export class Policies {
  #createStrategies: CreateStrategies;
  #admission: AdmissionRecipe;
  readonly #onEvent: EventSink;

  constructor(
    createStrategies: CreateStrategies,
    createAdmissionPolicy: CreateAdmissionPolicy,
    onEvent: EventSink,
  ) {
    this.#createStrategies = createStrategies;
    this.#admission = { create: createAdmissionPolicy, options: {} };
    this.#onEvent = onEvent;
  }

  /** How a new LUN's admission policy is made. */
  get admission(): AdmissionRecipe {
    return this.#admission;
  }

  strategies(context: TeamContext): readonly LoadDistributionStrategy[] {
    return made(this.#createStrategies, context);
  }

  setStrategies(create: CreateStrategies, { luns, all }: Scope): void {
    const lists = contexts(luns).map((context) => made(create, context));
    if (all) this.#createStrategies = create;
    luns.forEach((lun, index) => {
      const list = lists[index] as readonly LoadDistributionStrategy[];
      const before = lun.team.strategyName;
      lun.team.setStrategies(list);
      this.#changed("strategies-changed", lun, before, lun.team.strategyName);
    });
  }

  setAdmission(create: CreateAdmissionPolicy, { luns, all }: Scope): void {
    const recipe = { create, options: {} };
    if (luns.length === 0) makeAdmission(recipe, TRIAL);
    const successors = luns.map((lun) => lun.successor(recipe));
    if (all) this.#admission = recipe;
    luns.forEach((lun, index) => {
      const before = lun.admission.name;
      lun.setAdmission(successors[index] as AdmissionPolicy, recipe);
      this.#changed("admission-changed", lun, before, lun.admission.name);
    });
  }

  configureAdmission(options: object, { luns, all }: Scope): void {
    if (all) tryOut("the admission policy", () => configure(this.#trial(), options, TRIAL));
    for (const lun of luns) {
      tryOut(lun.admission.name, () => configure(lun.twin(), options, lun.context));
    }
    if (all) this.#admission = extended(this.#admission, options);
    const failures: unknown[] = [];
    for (const lun of luns) {
      try {
        lun.configure(options);
      } catch (error) {
        failures.push(error); // It took them a moment ago: the others still do.
        continue;
      }
      const reason = `${lun.admission.name} takes ${Object.keys(options).join(", ") || "nothing"} from now on`;
      this.#event("admission-configured", lun, reason, primitives(options));
    }
    if (failures.length > 0) throw failures[0];
  }

  #trial(): AdmissionPolicy {
    const policy = makeAdmission(this.#admission, TRIAL);
    return GuardedAdmission.trial(policy, policy);
  }

  #changed(kind: string, lun: Lun, from: string, to: string): void {
    this.#event(kind, lun, `${to} in place of ${from}`, { from, to });
  }

  #event(kind: string, lun: Lun, reason: string, inputs: Record<string, string | number | boolean>): void {
    this.#onEvent({ kind, severity: "info", subject: lun.description.id, reason, inputs });
  }
}

/** Where no LUN is there for which a change could be made ready. */
const TRIAL: TeamContext = { team: "", ordinal: 0 };

function contexts(luns: readonly Lun[]): readonly TeamContext[] {
  return luns.length === 0 ? [TRIAL] : luns.map(({ context }) => context);
}

function made(create: CreateStrategies, context: TeamContext): readonly LoadDistributionStrategy[] {
  const list = create(context);
  if (list.length === 0) throw new OptionError("strategies", "a list of at least one strategy", list);
  return list;
}

/** Throws `POLICY_FAILED` where a policy fails at what it should take or refuse. */
function tryOut(name: string, change: () => void): void {
  try {
    change();
  } catch (error) {
    if (isRefusal(error)) throw error;
    throw new FairleadError("POLICY_FAILED", `configure of ${name} ${faultOf(error)}; nothing has changed`);
  }
}

function primitives(options: object): Record<string, string | number | boolean> {
  const small = Object.entries(options).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value),
  );
  return Object.fromEntries(small) as Record<string, string | number | boolean>;
}
