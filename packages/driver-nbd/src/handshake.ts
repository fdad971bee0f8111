import type { VirtualDisk } from "@fairlead/core";
import type { NbdExports } from "./options.js";
import * as nbd from "./protocol.js";

const OPTIONS_MAX = 64;
/** Name, information requests, and what stands around them. Longer data is skipped, and refused. */
const DATA_BYTES_MAX = nbd.NAME_BYTES_MAX + 1024;
/** Data of an option that is worth skipping. Beyond it the client is sent away. */
const SKIPPED_BYTES_MAX = 64 * 1024;
const UTF8 = new TextDecoder("utf-8", { fatal: true });

export type HandshakeEnd =
  | { readonly kind: "serve"; readonly disk: VirtualDisk }
  /** The client said so, or may not go on; what was written before goes out first. */
  | { readonly kind: "close"; readonly reason: string; readonly hostile: boolean };

/** What the client sees of a disk in the handshake. */
function transmissionFlags(disk: VirtualDisk): number {
  const base = nbd.FLAG_HAS_FLAGS | nbd.FLAG_SEND_FLUSH | nbd.FLAG_SEND_FUA | nbd.FLAG_CAN_MULTI_CONN;
  return disk.readOnly ? base | nbd.FLAG_READ_ONLY : base;
}

/** Fixed newstyle negotiation of one connection: fed with bytes, answers with bytes, ends with a disk or a reason. */
export class Handshake {
  #flagsRead = false;
  #noZeroes = false;
  #options = 0;
  #skipBytes = 0;
  #skippedOption = 0;
  readonly #exports: NbdExports;
  readonly #write: (bytes: Buffer) => void;

  constructor(exports: NbdExports, write: (bytes: Buffer) => void) {
    this.#exports = exports;
    this.#write = write;
  }

  greet(): void {
    const greeting = Buffer.alloc(18);
    greeting.writeUInt32BE(nbd.NBD_MAGIC_HIGH, 0);
    greeting.writeUInt32BE(nbd.NBD_MAGIC_LOW, 4);
    greeting.writeUInt32BE(nbd.OPTION_MAGIC_HIGH, 8);
    greeting.writeUInt32BE(nbd.OPTION_MAGIC_LOW, 12);
    greeting.writeUInt16BE(nbd.HANDSHAKE_FIXED_NEWSTYLE | nbd.HANDSHAKE_NO_ZEROES, 16);
    this.#write(greeting);
  }

  /** Handles whole messages of `bytes`; `consumed` says how far it came. */
  feed(bytes: Buffer): { consumed: number; end: HandshakeEnd | undefined } {
    let at = 0;
    for (;;) {
      const step = this.#step(bytes, at);
      if (step === undefined) return { consumed: at, end: undefined };
      at += step.used;
      if (step.end !== undefined) return { consumed: at, end: step.end };
    }
  }

  /** One message at `at`; undefined: it isn't whole. */
  #step(bytes: Buffer, at: number): { used: number; end?: HandshakeEnd | undefined } | undefined {
    const rest = bytes.length - at;
    if (!this.#flagsRead)
      return rest < 4 ? undefined : { used: 4, end: this.#clientFlags(bytes.readUInt32BE(at)) };
    if (this.#skipBytes > 0) return rest === 0 ? undefined : { used: this.#skip(rest) };
    if (rest < nbd.OPTION_HEADER_BYTES) return undefined;
    const magicFits =
      bytes.readUInt32BE(at) === nbd.OPTION_MAGIC_HIGH && bytes.readUInt32BE(at + 4) === nbd.OPTION_MAGIC_LOW;
    if (!magicFits) return { used: rest, end: close("an option does not begin with the magic number") };
    const option = bytes.readUInt32BE(at + 8);
    const lengthBytes = bytes.readUInt32BE(at + 12);
    if (lengthBytes > DATA_BYTES_MAX) {
      if (lengthBytes > SKIPPED_BYTES_MAX || option === nbd.OPT_EXPORT_NAME) {
        return { used: rest, end: close(`an option with ${lengthBytes} bytes of data`) };
      }
      this.#skipBytes = lengthBytes;
      this.#skippedOption = option;
      return { used: nbd.OPTION_HEADER_BYTES };
    }
    if (rest < nbd.OPTION_HEADER_BYTES + lengthBytes) return undefined;
    const data = bytes.subarray(at + nbd.OPTION_HEADER_BYTES, at + nbd.OPTION_HEADER_BYTES + lengthBytes);
    const used = nbd.OPTION_HEADER_BYTES + lengthBytes;
    this.#options++;
    if (this.#options > OPTIONS_MAX) return { used, end: close(`more than ${OPTIONS_MAX} options`) };
    return { used, end: this.#option(option, data) };
  }

  #clientFlags(flags: number): HandshakeEnd | undefined {
    if ((flags & ~(nbd.HANDSHAKE_FIXED_NEWSTYLE | nbd.HANDSHAKE_NO_ZEROES)) !== 0) {
      return close(`unknown client flags 0x${flags.toString(16)}`);
    }
    this.#flagsRead = true;
    this.#noZeroes = (flags & nbd.HANDSHAKE_NO_ZEROES) !== 0;
    return undefined;
  }

  #skip(rest: number): number {
    const used = Math.min(rest, this.#skipBytes);
    this.#skipBytes -= used;
    if (this.#skipBytes === 0) {
      this.#options++;
      this.#reply(this.#skippedOption, nbd.REP_ERR_TOO_BIG);
    }
    return used;
  }

  #option(option: number, data: Buffer): HandshakeEnd | undefined {
    switch (option) {
      case nbd.OPT_EXPORT_NAME:
        return this.#exportName(data);
      case nbd.OPT_ABORT:
        this.#reply(option, nbd.REP_ACK);
        return { kind: "close", reason: "the client gave up", hostile: false };
      case nbd.OPT_LIST:
        return this.#list(data);
      case nbd.OPT_INFO:
      case nbd.OPT_GO:
        return this.#infoOrGo(option, data);
      case nbd.OPT_STARTTLS:
        this.#reply(option, data.length === 0 ? nbd.REP_ERR_POLICY : nbd.REP_ERR_INVALID);
        return undefined;
      case nbd.OPT_LIST_META_CONTEXT:
      case nbd.OPT_SET_META_CONTEXT:
        // Both need structured replies, which are never negotiated here.
        this.#reply(option, nbd.REP_ERR_INVALID);
        return undefined;
      default:
        this.#reply(option, nbd.REP_ERR_UNSUP);
        return undefined;
    }
  }

  /** The old way in: there is no reply that could carry an error. */
  #exportName(data: Buffer): HandshakeEnd {
    const name = decodeName(data);
    const disk = name === undefined ? undefined : this.#exports.find(name);
    if (disk === undefined || !servable(disk)) return close("EXPORT_NAME with a name that is not served");
    const reply = Buffer.alloc(this.#noZeroes ? 10 : 134);
    writeUint64(reply, disk.sizeBytes, 0);
    reply.writeUInt16BE(transmissionFlags(disk), 8);
    this.#write(reply);
    return { kind: "serve", disk };
  }

  #list(data: Buffer): undefined {
    if (data.length !== 0) {
      this.#reply(nbd.OPT_LIST, nbd.REP_ERR_INVALID);
      return undefined;
    }
    for (const disk of this.#exports.list()) {
      const name = Buffer.from(disk.name);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(name.length);
      const description = Buffer.from(this.#exports.describe?.(disk.name) ?? "");
      const entry = Buffer.concat([length, name, description.subarray(0, nbd.NAME_BYTES_MAX)]);
      this.#reply(nbd.OPT_LIST, nbd.REP_SERVER, entry);
    }
    this.#reply(nbd.OPT_LIST, nbd.REP_ACK);
    return undefined;
  }

  #infoOrGo(option: number, data: Buffer): HandshakeEnd | undefined {
    const request = parseInfoRequest(data);
    if (request === undefined) {
      this.#reply(option, nbd.REP_ERR_INVALID);
      return undefined;
    }
    const disk = this.#exports.find(request.name);
    if (disk === undefined || !servable(disk)) {
      this.#reply(option, nbd.REP_ERR_UNKNOWN);
      return undefined;
    }
    this.#infos(option, disk, request.infos);
    this.#reply(option, nbd.REP_ACK);
    return option === nbd.OPT_GO ? { kind: "serve", disk } : undefined;
  }

  #infos(option: number, disk: VirtualDisk, wanted: readonly number[]): void {
    const main = Buffer.alloc(12);
    main.writeUInt16BE(nbd.INFO_EXPORT, 0);
    writeUint64(main, disk.sizeBytes, 2);
    main.writeUInt16BE(transmissionFlags(disk), 10);
    this.#reply(option, nbd.REP_INFO, main);
    if (wanted.includes(nbd.INFO_NAME)) this.#textInfo(option, nbd.INFO_NAME, disk.name);
    if (wanted.includes(nbd.INFO_DESCRIPTION)) {
      const description = this.#exports.describe?.(disk.name);
      if (description !== undefined) this.#textInfo(option, nbd.INFO_DESCRIPTION, description);
    }
    const sizes = Buffer.alloc(14);
    sizes.writeUInt16BE(nbd.INFO_BLOCK_SIZE, 0);
    sizes.writeUInt32BE(disk.blockSizeBytes, 2);
    sizes.writeUInt32BE(Math.max(nbd.PREFERRED_BLOCK_BYTES, disk.blockSizeBytes), 6);
    sizes.writeUInt32BE(nbd.PAYLOAD_BYTES_MAX, 10);
    this.#reply(option, nbd.REP_INFO, sizes);
  }

  #textInfo(option: number, info: number, text: string): void {
    const encoded = Buffer.from(text).subarray(0, nbd.NAME_BYTES_MAX);
    const data = Buffer.alloc(2 + encoded.length);
    data.writeUInt16BE(info, 0);
    encoded.copy(data, 2);
    this.#reply(option, nbd.REP_INFO, data);
  }

  #reply(option: number, type: number, data?: Buffer): void {
    const lengthBytes = data?.length ?? 0;
    const reply = Buffer.alloc(20 + lengthBytes);
    reply.writeUInt32BE(nbd.OPTION_REPLY_MAGIC_HIGH, 0);
    reply.writeUInt32BE(nbd.OPTION_REPLY_MAGIC_LOW, 4);
    reply.writeUInt32BE(option, 8);
    reply.writeUInt32BE(type, 12);
    reply.writeUInt32BE(lengthBytes, 16);
    data?.copy(reply, 20);
    this.#write(reply);
  }
}

function close(reason: string): HandshakeEnd {
  return { kind: "close", reason, hostile: true };
}

/** The protocol wants powers of two as block sizes. */
function servable(disk: VirtualDisk): boolean {
  const bytes = disk.blockSizeBytes;
  return bytes >= 1 && bytes <= 65_536 && (bytes & (bytes - 1)) === 0;
}

function decodeName(bytes: Buffer): string | undefined {
  if (bytes.length > nbd.NAME_BYTES_MAX || bytes.includes(0)) return undefined;
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Length of the name, the name, count, then two bytes for each information that is asked for. */
function parseInfoRequest(data: Buffer): { name: string; infos: number[] } | undefined {
  if (data.length < 6) return undefined;
  const nameBytes = data.readUInt32BE(0);
  if (nameBytes > data.length - 6) return undefined;
  const count = data.readUInt16BE(4 + nameBytes);
  if (data.length !== 6 + nameBytes + 2 * count) return undefined;
  const name = decodeName(data.subarray(4, 4 + nameBytes));
  if (name === undefined) return undefined;
  const infos: number[] = [];
  for (let index = 0; index < count; index++) infos.push(data.readUInt16BE(6 + nameBytes + 2 * index));
  return { name, infos };
}

function writeUint64(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value % 2 ** 32, at + 4);
}
