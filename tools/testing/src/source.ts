import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Arguments for Node that run a program of this repository from its sources: nothing to build first. */
export function fromSource(file: string): string[] {
  return ["--conditions=@fairlead/source", "--import", "tsx", join(ROOT, file)];
}
