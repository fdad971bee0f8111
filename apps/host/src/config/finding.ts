import type { ConfigPath } from "./places.js";

/** Something that no single value shows. */
export interface Finding {
  readonly path: ConfigPath;
  readonly message: string;
  readonly severity: "error" | "warning";
  /** Where it is the key that ends the path. */
  readonly at?: "key";
}
