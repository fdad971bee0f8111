import type { LunDescription, Outcome } from "@fairlead/core";
import {
  Asc,
  CACHING_PAGE,
  type CachingData,
  type CapacityData,
  CDB_BYTES,
  DISK_TYPE,
  inquiry,
  modeSense6,
  modeSense10,
  parseCachingMode6,
  parseCachingMode10,
  parseCapacity10,
  parseCapacity16,
  parseIdentification,
  parseInquiry,
  parseMaxTransferBlocks,
  parseSerialNumber,
  readCapacity10,
  readCapacity16,
  senseAsc,
  VpdPage,
} from "@fairlead/iscsi-codec";
import type { Connection } from "./connection.js";
import { IscsiError } from "./errors.js";

const INQUIRY_BYTES = 255;
const VPD_BYTES = 1024;
const MODE_BYTES = 192;
/** Longest transfer where the LUN tells no limit, and where it tells a larger one. Bytes. */
const TRANSFER_BYTES_DEFAULT = 1024 * 1024;
const TRANSFER_BYTES_MAX = 4 * 1024 * 1024;

export interface Answer {
  readonly outcome: Outcome;
  readonly senseCode: number;
  readonly data: Uint8Array;
}

/** Runs one command on a LUN; `build` writes its CDB. */
export function ask(
  connection: Connection,
  lunNumber: number,
  answerBytes: number,
  build: (cdb: Uint8Array) => void,
): Promise<Answer> {
  const cdb = new Uint8Array(CDB_BYTES);
  build(cdb);
  const data = new Uint8Array(answerBytes);
  return new Promise((resolve) => {
    connection.execute(lunNumber, {
      cdb,
      data,
      done: (outcome, senseCode, receivedBytes) =>
        resolve({ outcome, senseCode, data: data.subarray(0, receivedBytes) }),
    });
  });
}

/** What a LUN says about itself; undefined where there is no disk. @throws IscsiError where it can't be read */
export async function describeLun(
  connection: Connection,
  lunNumber: number,
): Promise<LunDescription | undefined> {
  const answer = await ask(connection, lunNumber, INQUIRY_BYTES, (cdb) => inquiry(cdb, 0, INQUIRY_BYTES));
  if (senseAsc(answer.senseCode) === Asc.LunNotSupported) return undefined;
  const standard = parseInquiry(whole(answer, "INQUIRY"));
  if (standard === undefined || standard.qualifier !== 0 || standard.deviceType !== DISK_TYPE)
    return undefined;
  const [ids, { blocks, blockSizeBytes }, caching, maxTransferBlocks] = await Promise.all([
    readNames(connection, lunNumber),
    readCapacity(connection, lunNumber),
    readCaching(connection, lunNumber),
    readMaxTransferBlocks(connection, lunNumber),
  ]);
  const id = ids[0];
  if (id === undefined)
    throw new IscsiError(
      "ISCSI_LUN_UNNAMED",
      "protocol-error",
      "the LUN has neither an identifier nor a serial number",
    );
  return {
    id,
    ids,
    capacityBytes: blocks * blockSizeBytes,
    blockSizeBytes,
    maxTransferBytes: maxTransferBytes(maxTransferBlocks, blockSizeBytes),
    readOnly: caching.readOnly,
    writeCache: caching.writeCache,
    fua: caching.fua,
    vendor: standard.vendor,
    product: standard.product,
  };
}

function maxTransferBytes(blocks: number, blockSizeBytes: number): number {
  const bytes = blocks === 0 ? TRANSFER_BYTES_DEFAULT : Math.min(blocks * blockSizeBytes, TRANSFER_BYTES_MAX);
  return Math.max(blockSizeBytes, bytes - (bytes % blockSizeBytes));
}

/** The answer's data. @throws IscsiError unless the target said GOOD */
function whole({ outcome, senseCode, data }: Answer, what: string): Uint8Array {
  if (outcome === "good") return data;
  const sense = `0x${senseCode.toString(16).padStart(6, "0")}`;
  const transient = outcome === "busy" || outcome === "in-doubt" || outcome === "not-sent";
  throw new IscsiError(
    transient ? "ISCSI_LUN_NOT_READY" : "ISCSI_LUN_UNREADABLE",
    "protocol-error",
    `${what} must succeed, but ended with ${outcome}, sense ${sense}`,
  );
}

/** The answer's data; empty where the target does not know the command or page. */
function optional(answer: Answer, what: string): Uint8Array {
  return answer.outcome === "invalid" ? answer.data.subarray(0, 0) : whole(answer, what);
}

async function vpd(connection: Connection, lunNumber: number, page: number): Promise<Uint8Array> {
  const answer = await ask(connection, lunNumber, VPD_BYTES, (cdb) => inquiry(cdb, 0, VPD_BYTES, page));
  return optional(answer, `VPD page 0x${page.toString(16)}`);
}

async function readNames(connection: Connection, lunNumber: number): Promise<string[]> {
  const names = parseIdentification(await vpd(connection, lunNumber, VpdPage.Identification));
  if (names.length > 0) return names;
  const serial = parseSerialNumber(await vpd(connection, lunNumber, VpdPage.SerialNumber));
  return serial === undefined ? [] : [serial];
}

async function readMaxTransferBlocks(connection: Connection, lunNumber: number): Promise<number> {
  return parseMaxTransferBlocks(await vpd(connection, lunNumber, VpdPage.BlockLimits));
}

async function readCapacity(connection: Connection, lunNumber: number): Promise<CapacityData> {
  const long = await ask(connection, lunNumber, 32, (cdb) => readCapacity16(cdb, 0));
  const capacity =
    long.outcome === "invalid"
      ? parseCapacity10(
          whole(await ask(connection, lunNumber, 8, (cdb) => readCapacity10(cdb, 0)), "READ CAPACITY"),
        )
      : parseCapacity16(whole(long, "READ CAPACITY"));
  const blockSizeBytes = capacity?.blockSizeBytes ?? 0;
  const usable =
    blockSizeBytes >= 512 && blockSizeBytes <= 65536 && Number.isInteger(Math.log2(blockSizeBytes));
  if (capacity === undefined || !usable || !Number.isSafeInteger(capacity.blocks * blockSizeBytes))
    throw new IscsiError(
      "ISCSI_LUN_UNREADABLE",
      "protocol-error",
      `a LUN must have blocks of 512 to 65536 bytes and less than 2^53 bytes, but has ${capacity?.blocks} blocks of ${blockSizeBytes}`,
    );
  return capacity;
}

const NO_CACHING: CachingData = { writeCache: false, fua: false, readOnly: false };

async function readCaching(connection: Connection, lunNumber: number): Promise<CachingData> {
  const short = await ask(connection, lunNumber, MODE_BYTES, (cdb) =>
    modeSense6(cdb, 0, CACHING_PAGE, MODE_BYTES),
  );
  if (short.outcome !== "invalid") return parseCachingMode6(whole(short, "MODE SENSE")) ?? NO_CACHING;
  const long = await ask(connection, lunNumber, MODE_BYTES, (cdb) =>
    modeSense10(cdb, 0, CACHING_PAGE, MODE_BYTES),
  );
  return parseCachingMode10(optional(long, "MODE SENSE")) ?? NO_CACHING;
}
