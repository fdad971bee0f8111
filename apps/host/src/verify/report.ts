/** What the verifying process tells of itself, in order. */
export type VerifyReport =
  | {
      readonly step: "loaded";
      readonly name: string;
      readonly kind: "strategy" | "admission-policy";
      readonly from: string;
      readonly contract: number;
    }
  /** The law, or whatever else, that begins now: what it was busy with if nothing follows. */
  | { readonly step: "begins"; readonly what: string }
  | { readonly step: "law"; readonly law: string; readonly failure?: string }
  /** ns per decision. */
  | { readonly step: "cost"; readonly size: number; readonly of: "paths" | "VMs"; readonly ns: number }
  | { readonly step: "unmeasured"; readonly what: string; readonly failure: string }
  | { readonly step: "refused"; readonly code: string; readonly message: string }
  | { readonly step: "done" };

/** What is to be verified; given to the process as JSON. */
export interface VerifyRequest {
  readonly entry: Readonly<Record<string, unknown>>;
  readonly directory: string;
}
