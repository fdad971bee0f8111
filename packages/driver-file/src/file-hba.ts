import {
  type Clock,
  type DiscoveredPath,
  FairleadError,
  type Hba,
  type LunRange,
  OptionError,
  type ScanResult,
} from "@fairlead/core";
import { FileDevice, type FileSettings } from "./file-device.js";

export interface FileHbaOptions {
  /** Name of the HBA, the first part of its paths' names. */
  name: string;
  /** One device each, numbered in this order. */
  files: readonly FileSettings[];
  clock: Clock;
  /** A file that can't be opened by then is reported as a problem. ms. @default 5000 */
  scanTimeoutMs?: number;
}

/** Local files and block devices as LUNs. Errors: `OPTION_INVALID`. */
export function createFileHba(options: FileHbaOptions): Hba {
  const { name, files, clock, scanTimeoutMs = 5000 } = options;
  check(options, scanTimeoutMs);
  const devices = files.map((settings, index) => new FileDevice(name, index, settings, clock));
  let closed = false;

  async function scan(range: LunRange): Promise<ScanResult> {
    const paths: DiscoveredPath[] = [];
    const problems: { where: string; code: string; message: string }[] = [];
    if (closed || range.first > 0 || range.last < 0) return { paths, problems, settled: true };
    const results = await Promise.all(devices.map((device) => scanDevice(device, clock, scanTimeoutMs)));
    for (const result of results) {
      if ("code" in result) problems.push(result);
      else paths.push(result);
    }
    return { paths, problems, settled: true }; // A file has no sessions.
  }

  async function close(): Promise<void> {
    closed = true;
    await Promise.all(devices.map((device) => device.close()));
  }

  return { name, scan, close };
}

function check(options: FileHbaOptions, scanTimeoutMs: number): void {
  if (!/^[A-Za-z0-9_-]+$/.test(options.name)) {
    throw new OptionError("name", "letters, digits, hyphens and underscores", options.name);
  }
  if (!(scanTimeoutMs > 0)) throw new OptionError("scanTimeoutMs", "greater than 0", scanTimeoutMs);
  for (const [index, { path, sizeBytes }] of options.files.entries()) {
    if (path === "") throw new OptionError(`files[${index}].path`, "a path", path);
    if (sizeBytes !== undefined && !(Number.isSafeInteger(sizeBytes) && sizeBytes >= 512)) {
      throw new OptionError(`files[${index}].sizeBytes`, "a whole number, 512 or more", sizeBytes);
    }
  }
}

/** A file on a medium that hangs must not hold up the others. */
function scanDevice(
  device: FileDevice,
  clock: Clock,
  timeoutMs: number,
): Promise<DiscoveredPath | { where: string; code: string; message: string }> {
  return new Promise((resolve, reject) => {
    const where = `${device.id} (${device.settings.path})`;
    const failed = (error: unknown) => {
      if (error instanceof FairleadError) resolve({ where, code: error.code, message: error.message });
      else reject(error);
    };
    const timer = clock.schedule(() => {
      const message = `${device.settings.path} did not open within ${timeoutMs} ms`;
      failed(new FairleadError("FILE_TIMEOUT", message));
    }, timeoutMs);
    device
      .scan()
      .then(resolve, failed)
      .finally(() => timer.cancel());
  });
}
