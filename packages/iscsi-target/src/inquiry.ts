import { DISK_TYPE, setU16, setU32, setU64, VpdPage } from "@fairlead/iscsi-codec";
import type { LogicalUnit } from "./logical-unit.js";
import { WRITE_SAME_BYTES_MAX } from "./medium-commands.js";
import { UNMAP_BYTES_MAX, UNMAP_DESCRIPTORS_MAX } from "./unmap-list.js";

/** Qualifier 3, type 1Fh: the target can't have a unit here. */
const NO_UNIT = 0x7f;

/** Where the question came in: parts of page 0x83. */
export interface PortIdentity {
  readonly targetName: string;
  readonly groupTag: number;
}

/** Standard INQUIRY data; without a unit, what INQUIRY says of a LUN number that leads nowhere. */
export function standardInquiry(unit: LogicalUnit | null): Uint8Array {
  const data = new Uint8Array(96);
  data[0] = unit === null ? NO_UNIT : DISK_TYPE;
  // SPC-3, the first that says what is used here.
  data[2] = 0x05;
  // HISUP, response data format 2.
  data[3] = 0x12;
  data[4] = data.length - 5;
  // TPGS 0; CMDQUE.
  data[7] = 0x02;
  putAscii(data, 8, 8, unit?.identity.vendor ?? "FAIRLEAD");
  putAscii(data, 16, 16, unit?.identity.product ?? "SAN");
  putAscii(data, 32, 4, "1");
  // Version descriptors: SAM-3, SPC-3, SBC-3, iSCSI.
  setU16(data, 58, 0x0076);
  setU16(data, 60, 0x0307);
  setU16(data, 62, 0x04c0);
  setU16(data, 64, 0x0960);
  return data;
}

/** A vital product data page, or undefined where it is none of ours. */
export function vpdPage(unit: LogicalUnit, port: PortIdentity, page: number): Uint8Array | undefined {
  switch (page) {
    case VpdPage.Supported:
      return framed(page, Uint8Array.from(PAGES));
    case VpdPage.SerialNumber:
      return framed(page, Buffer.from(unit.identity.serial, "latin1"));
    case VpdPage.Identification:
      return framed(page, identification(unit, port));
    case VpdPage.BlockLimits:
      return framed(page, blockLimits(unit));
    case VpdPage.BlockCharacteristics:
      return framed(page, blockCharacteristics());
    case VpdPage.Provisioning:
      return framed(page, Uint8Array.of(0, PROVISIONING_FLAGS, PROVISIONED_THIN, 0));
    default:
      return undefined;
  }
}

const PAGES = [
  VpdPage.Supported,
  VpdPage.SerialNumber,
  VpdPage.Identification,
  VpdPage.BlockLimits,
  VpdPage.BlockCharacteristics,
  VpdPage.Provisioning,
];
/** UNMAP, WRITE SAME (16) and (10) with UNMAP; unmapped blocks read as zeros. */
const PROVISIONING_FLAGS = 0xe4;
const PROVISIONED_THIN = 2;

function framed(page: number, body: Uint8Array): Uint8Array {
  const data = new Uint8Array(4 + body.length);
  data[0] = DISK_TYPE;
  data[1] = page;
  setU16(data, 2, body.length);
  data.set(body, 4);
  return data;
}

function identification(unit: LogicalUnit, port: PortIdentity): Uint8Array {
  const { naa, vendor, product, serial } = unit.identity;
  const t10 = `${vendor.padEnd(8)}${product.padEnd(16)}${serial}`;
  const relativePort = new Uint8Array(4);
  setU16(relativePort, 2, port.groupTag);
  const portName = `${port.targetName},t,0x${port.groupTag.toString(16).padStart(4, "0")}\0`;
  return Buffer.concat([
    // NAA of the unit, binary.
    designator(0x01, 0x03, Buffer.from(naa, "hex")),
    designator(0x02, 0x01, Buffer.from(t10, "latin1")),
    // Relative target port and target port group, binary, of the port, with iSCSI as protocol.
    designator(0x51, 0x94, relativePort),
    designator(0x51, 0x95, relativePort),
    // SCSI name strings of the port and of the target device.
    designator(0x53, 0x98, paddedName(portName)),
    designator(0x53, 0xa8, paddedName(`${port.targetName}\0`)),
  ]);
}

function designator(codeSet: number, kind: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(codeSet, kind, 0, body.length), body]);
}

function paddedName(name: string): Uint8Array {
  const bytes = Buffer.from(name, "utf8");
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function blockLimits(unit: LogicalUnit): Uint8Array {
  const body = new Uint8Array(60);
  const maxBlocks = unit.maxTransferBytes / unit.blockSizeBytes;
  // WSNZ: WRITE SAME says how many blocks.
  body[0] = 1;
  // COMPARE AND WRITE: only where nothing can come between the two.
  body[1] = unit.store.synchronous ? Math.min(255, maxBlocks) : 0;
  setU32(body, 4, maxBlocks);
  setU32(body, 8, maxBlocks);
  setU32(body, 16, UNMAP_BYTES_MAX / unit.blockSizeBytes);
  setU32(body, 20, UNMAP_DESCRIPTORS_MAX);
  setU64(body, 32, WRITE_SAME_BYTES_MAX / unit.blockSizeBytes);
  return body;
}

function blockCharacteristics(): Uint8Array {
  const body = new Uint8Array(60);
  // Does not rotate.
  setU16(body, 0, 1);
  return body;
}

function putAscii(data: Uint8Array, at: number, bytes: number, text: string): void {
  data.set(Buffer.from(text.padEnd(bytes).slice(0, bytes), "latin1"), at);
}
