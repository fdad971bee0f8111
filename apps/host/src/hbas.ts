import { resolve } from "node:path";
import type { Clock, EventSink, Hba } from "@fairlead/core";
import { createFileHba } from "@fairlead/driver-file";
import { createIscsiDriver } from "@fairlead/driver-iscsi";
import type { HbaConfig, HostConfig } from "./config/schema.js";
import { readSecret } from "./config/secret-file.js";

export interface HbaParts {
  readonly clock: Clock;
  readonly onEvent: EventSink;
  readonly initiatorName: string;
  /** What file names of the config are relative to. */
  readonly directory: string;
}

/** In config order, which is that of their devices. Errors: `OPTION_INVALID`, `SECRET_UNREADABLE`, `SECRET_EXPOSED`. */
export function createHbas(configs: HostConfig["hbas"], parts: HbaParts): Hba[] {
  const { clock, onEvent, initiatorName, directory } = parts;
  // One driver: a session is fenced through any portal of its group, also one of another HBA.
  const iscsi = createIscsiDriver({ clock, initiatorName, onEvent });
  return Object.entries(configs).map(([name, config]) => {
    if (config.driver === "iscsi") return iscsi.hba({ name, ...iscsiOptions(config, directory) });
    const files = config.files.map(({ path, readOnly, size }) => ({
      path: resolve(directory, path),
      readOnly,
      ...(size !== undefined && { sizeBytes: size }),
    }));
    return createFileHba({ name, files, clock });
  });
}

function iscsiOptions(config: Extract<HbaConfig, { driver: "iscsi" }>, directory: string) {
  const { portals, localAddress, targets, chap } = config;
  return {
    portals,
    ...(localAddress !== undefined && { localAddress }),
    ...(targets !== undefined && { targets }),
    ...(chap !== undefined && {
      chap: { user: chap.user, secret: readSecret(resolve(directory, chap.secretFile)) },
    }),
  };
}
