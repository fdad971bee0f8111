import { loadConfig } from "../config/load.js";
import type { LoadingHook } from "../plugins/choose.js";
import type { PluginView } from "../plugins/list.js";
import { Policies } from "../policies.js";

/** Errors: as `loadConfig`, `POLICY_NONE_USABLE`. */
export async function pluginsOfConfigHere(file: string, hook: LoadingHook): Promise<readonly PluginView[]> {
  const { config, directory } = await loadConfig(file, hook);
  const policies = await Policies.load(config.luns, directory, () => {}, hook);
  return policies.plugins([]);
}
