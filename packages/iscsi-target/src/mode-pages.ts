import { CACHING_PAGE, setU16 } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";

const READ_WRITE_RECOVERY_PAGE = 0x01;
const CONTROL_PAGE = 0x0a;
const EXCEPTIONS_PAGE = 0x1c;
const ALL_PAGES = 0x3f;
const WRITE_PROTECTED = 0x80;
const DPO_FUA = 0x10;
const WRITE_CACHE_ENABLED = 0x04;
/** PC field of the CDB. */
const CHANGEABLE = 1;

/** Body of MODE SENSE: the pages, or undefined where the page is unknown. */
export function modePages(
  unit: LogicalUnit,
  control: number,
  page: number,
  subpage: number,
): Uint8Array | undefined {
  if (subpage !== 0 && subpage !== 0xff) return undefined;
  const all = page === ALL_PAGES;
  const pages: Uint8Array[] = [];
  for (const build of BUILDERS) {
    const bytes = build(unit);
    if (!all && bytes[0] !== page) continue;
    // Nothing can be changed by MODE SELECT.
    if (control === CHANGEABLE) bytes.fill(0, 2);
    pages.push(bytes);
  }
  return pages.length === 0 ? undefined : Buffer.concat(pages);
}

const BUILDERS: readonly ((unit: LogicalUnit) => Uint8Array)[] = [
  () => page(READ_WRITE_RECOVERY_PAGE, 10),
  (unit) => {
    const bytes = page(CACHING_PAGE, 18);
    if (unit.writeCache) bytes[2] = WRITE_CACHE_ENABLED;
    return bytes;
  },
  () => {
    const bytes = page(CONTROL_PAGE, 10);
    // TST 0, unrestricted reordering; SWP 0.
    bytes[3] = 0x10;
    return bytes;
  },
  () => page(EXCEPTIONS_PAGE, 10),
];

function page(code: number, bodyBytes: number): Uint8Array {
  const bytes = new Uint8Array(2 + bodyBytes);
  bytes[0] = code;
  bytes[1] = bodyBytes;
  return bytes;
}

/** With its header, for the six-byte or the ten-byte command; no block descriptors. */
export function modeSense(unit: LogicalUnit, pages: Uint8Array, ten: boolean): Uint8Array {
  const headerBytes = ten ? 8 : 4;
  const data = new Uint8Array(headerBytes + pages.length);
  const device = (unit.readOnly ? WRITE_PROTECTED : 0) | DPO_FUA;
  if (ten) {
    setU16(data, 0, data.length - 2);
    data[3] = device;
  } else {
    data[0] = data.length - 1;
    data[2] = device;
  }
  data.set(pages, headerBytes);
  return data;
}
