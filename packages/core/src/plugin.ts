import type { AdmissionPolicy } from "./admission.js";
import type { LoadDistributionStrategy } from "./path.js";

/** Grows when a contract that plugins implement changes in a way that old plugins do not bear. */
export const CONTRACT_VERSION = 1;

/** The part of Standard Schema (standardschema.dev, version 1) that a host needs; zod, valibot and arktype have it. */
export interface OptionsSchema<Options> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Options> | Promise<SchemaResult<Options>>;
  };
}

export type SchemaResult<Options> =
  | { readonly value: Options; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** What a policy is made for; each team has an instance of its own. */
export interface TeamContext {
  /** The LUN's id, or the name of a team of NICs. */
  readonly team: string;
  /** Which of the teams it is, from 0 on in the order in which they were found: to spread teams over paths. */
  readonly ordinal: number;
}

/** What a module exports by default, so that a host can load it by package or file. [0113] [0115] */
export interface PolicyPlugin<Policy, Options = undefined> {
  /** `CONTRACT_VERSION` of the core that it was written for. */
  readonly contract: number;
  readonly kind: "strategy" | "admission-policy";
  /** As in `fairlead plugins list`: lower case, digits and dashes. */
  readonly name: string;
  /** Checks what the config says; absent: it takes no options. */
  readonly options?: OptionsSchema<Options>;
  /** Once per team. Throws OptionError where options are wrong in a way that the schema does not show. */
  create(options: Options, context: TeamContext): Policy;
}

export type StrategyPlugin<Options = undefined> = PolicyPlugin<LoadDistributionStrategy, Options>;
export type AdmissionPlugin<Options = undefined> = PolicyPlugin<AdmissionPolicy, Options>;

type Declaration<Plugin> = Omit<Plugin, "contract" | "kind">;

/** `export default defineStrategy({ … })` in a plugin's module. */
export function defineStrategy<Options = undefined>(
  plugin: Declaration<StrategyPlugin<Options>>,
): StrategyPlugin<Options> {
  return { ...plugin, contract: CONTRACT_VERSION, kind: "strategy" };
}

/** `export default defineAdmissionPolicy({ … })` in a plugin's module. */
export function defineAdmissionPolicy<Options = undefined>(
  plugin: Declaration<AdmissionPlugin<Options>>,
): AdmissionPlugin<Options> {
  return { ...plugin, contract: CONTRACT_VERSION, kind: "admission-policy" };
}
