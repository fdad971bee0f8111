import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  At,
  BHS_BYTES,
  Flag,
  following,
  formatText,
  getDataLength,
  getPduBytes,
  IMMEDIATE,
  NO_TAG,
  Opcode,
  padded,
  parseText,
  readResponseSense,
  Stage,
  setDataLength,
  setLun,
  setU16,
  setU32,
  startHeader,
  type TextPair,
} from "@fairlead/iscsi-codec";

export interface Pdu {
  readonly header: Buffer;
  readonly data: Buffer;
}

export interface LoginFields {
  initiator?: string;
  /** Six bytes, as a small number in the last. */
  isid?: number;
  target?: string;
  discovery?: boolean;
  pairs?: readonly TextPair[];
}

export interface CommandFields {
  lun?: number;
  cdb: Uint8Array;
  read?: number;
  write?: number;
  /** Immediate data. */
  data?: Uint8Array;
  final?: boolean;
  cmdSn?: number;
  immediate?: boolean;
}

export const TARGET = "iqn.2026-01.net.fairlead:san";
export const INITIATOR = "iqn.2026-01.net.fairlead:test";

/** An initiator that sends whatever a test wants, PDU by PDU. */
export class RawInitiator {
  cmdSn = 1;
  private nextTag = 1;
  private input = Buffer.alloc(0);
  private readonly arrived: Pdu[] = [];
  private waiting: ((pdu: Pdu | null) => void) | null = null;
  closed = false;

  private constructor(readonly socket: Socket) {
    socket.on("data", (bytes) => this.take(bytes));
    socket.on("error", () => this.end());
    socket.on("close", () => this.end());
  }

  static async connect(address: string): Promise<RawInitiator> {
    const [host = "", port] = address.split(":");
    const socket = connect({ host, port: Number(port) });
    await once(socket, "connect");
    socket.setNoDelay(true);
    return new RawInitiator(socket);
  }

  static async login(address: string, fields: LoginFields = {}): Promise<RawInitiator> {
    const initiator = await RawInitiator.connect(address);
    const answer = await initiator.login(fields);
    if (answer.header.readUInt16BE(At.StatusClass) !== 0) throw new Error("the login was refused");
    return initiator;
  }

  private take(bytes: Buffer): void {
    this.input = Buffer.concat([this.input, bytes]);
    while (this.input.length >= BHS_BYTES && this.input.length >= getPduBytes(this.input, 0)) {
      const end = BHS_BYTES + getDataLength(this.input, 0);
      const pdu = { header: this.input.subarray(0, BHS_BYTES), data: this.input.subarray(BHS_BYTES, end) };
      this.input = this.input.subarray(getPduBytes(this.input, 0));
      this.arrived.push(pdu);
    }
    this.hand();
  }

  private end(): void {
    this.closed = true;
    this.hand();
  }

  private hand(): void {
    const { waiting } = this;
    if (waiting === null || (this.arrived.length === 0 && !this.closed)) return;
    this.waiting = null;
    waiting(this.arrived.shift() ?? null);
  }

  /** Next PDU, in order; null: the target closed. */
  next(): Promise<Pdu | null> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.hand();
    });
  }

  async expect(opcode: number): Promise<Pdu> {
    const pdu = await this.next();
    if (pdu === null) throw new Error("the target closed the connection");
    const received = pdu.header[0]! & 0x3f;
    if (received !== opcode) throw new Error(`expected opcode ${opcode}, received ${received}`);
    return pdu;
  }

  /** The target closes without another PDU. */
  async expectClose(): Promise<void> {
    const pdu = await this.next();
    if (pdu !== null) throw new Error(`expected the end, received opcode ${pdu.header[0]}`);
  }

  header(opcode: number, flags: number): Buffer {
    const header = Buffer.alloc(BHS_BYTES);
    startHeader(header, 0, opcode, flags);
    return header;
  }

  send(header: Uint8Array, data: Uint8Array = Buffer.alloc(0)): void {
    setDataLength(header, 0, data.length);
    this.socket.write(Buffer.concat([header, data, Buffer.alloc(padded(data.length) - data.length)]));
  }

  loginHeader(flags: number, isid = 1): Buffer {
    const header = this.header(Opcode.LoginRequest | IMMEDIATE, flags);
    header[At.Isid] = 0x80;
    header[At.Isid + 5] = isid;
    setU32(header, At.InitiatorTag, 1);
    setU32(header, At.CmdSn, this.cmdSn);
    return header;
  }

  sendLogin(fields: LoginFields = {}): void {
    const { initiator = INITIATOR, isid = 1, target = TARGET, discovery = false, pairs = [] } = fields;
    const names: TextPair[] = [
      ["InitiatorName", initiator],
      ["SessionType", discovery ? "Discovery" : "Normal"],
    ];
    if (!discovery) names.push(["TargetName", target]);
    const flags = Flag.Transit | (Stage.Operational << 2) | Stage.FullFeature;
    this.send(this.loginHeader(flags, isid), formatText([...names, ...pairs]));
  }

  async login(fields: LoginFields = {}): Promise<Pdu> {
    this.sendLogin(fields);
    return this.expect(Opcode.LoginResponse);
  }

  /** Answers the initiator task tag. */
  command(fields: CommandFields): number {
    const { lun = 1, cdb, read = 0, write = 0, data, final = true, immediate = false } = fields;
    const flags =
      (final ? Flag.Final : 0) | (read > 0 ? Flag.Read : 0) | (write > 0 ? Flag.Write : 0) | Flag.Simple;
    const header = this.header(Opcode.ScsiCommand | (immediate ? IMMEDIATE : 0), flags);
    setLun(header, At.Lun, lun);
    const tag = this.nextTag++;
    setU32(header, At.InitiatorTag, tag);
    setU32(header, At.ExpectedBytes, read + write);
    setU32(header, At.CmdSn, fields.cmdSn ?? this.cmdSn);
    if (fields.cmdSn === undefined && !immediate) this.cmdSn = following(this.cmdSn);
    header.set(cdb, At.Cdb);
    this.send(header, data);
    return tag;
  }

  dataOut(r2t: Pdu, bytes: Uint8Array, fields: { offset: number; dataSn: number; final: boolean }): void {
    const header = this.header(Opcode.DataOut, fields.final ? Flag.Final : 0);
    header.set(r2t.header.subarray(At.Lun, At.TargetTag + 4), At.Lun);
    setU32(header, At.DataSn, fields.dataSn);
    setU32(header, At.BufferOffset, fields.offset);
    this.send(header, bytes);
  }

  manage(taskFunction: number, fields: { lun?: number; tag?: number } = {}): void {
    const header = this.header(Opcode.TaskManagementRequest | IMMEDIATE, Flag.Final | taskFunction);
    setLun(header, At.Lun, fields.lun ?? 1);
    setU32(header, At.InitiatorTag, this.nextTag++);
    setU32(header, At.ReferencedTag, fields.tag ?? NO_TAG);
    setU32(header, At.CmdSn, this.cmdSn);
    this.send(header);
  }

  sendPing(data: Uint8Array = Buffer.from("ping")): void {
    const header = this.header(Opcode.NopOut | IMMEDIATE, Flag.Final);
    setU32(header, At.InitiatorTag, 0x7000_0000);
    setU32(header, At.TargetTag, NO_TAG);
    setU32(header, At.CmdSn, this.cmdSn);
    this.send(header, data);
  }

  /** The next thing that comes is the answer to a ping: whatever was sent before it got none. */
  async expectSilence(): Promise<void> {
    this.sendPing();
    await this.expect(Opcode.NopIn);
  }

  async targets(): Promise<string> {
    const header = this.header(Opcode.TextRequest | IMMEDIATE, Flag.Final);
    setU32(header, At.InitiatorTag, 9);
    setU32(header, At.TargetTag, NO_TAG);
    setU32(header, At.CmdSn, this.cmdSn);
    this.send(header, formatText([["SendTargets", "All"]]));
    const { data } = await this.expect(Opcode.TextResponse);
    return parseText(data, 0, data.length)
      .map(([key, value]) => `${key}=${value}`)
      .join(" ");
  }

  /** Status and sense of a command without data. */
  async status(): Promise<{ status: number; sense: number; pdu: Pdu }> {
    const pdu = await this.expect(Opcode.ScsiResponse);
    return { status: pdu.header[At.Status]!, sense: readResponseSense(pdu.data, 0, pdu.data.length), pdu };
  }

  /** Takes the unit attention that follows a login. */
  async clearAttention(lun = 1): Promise<number> {
    this.command({ lun, cdb: new Uint8Array(16) });
    return (await this.status()).sense;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Bytes of all Data-In up to the one with the status. */
export async function readData(initiator: RawInitiator): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const { header, data } = await initiator.expect(Opcode.DataIn);
    parts.push(data);
    if ((header[At.Flags]! & Flag.Status) !== 0) return Buffer.concat(parts);
  }
}

export function cdb(...bytes: number[]): Uint8Array {
  const full = new Uint8Array(16);
  full.set(bytes);
  return full;
}

export function read16(lba: bigint, blocks: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes[0] = 0x88;
  bytes.writeBigUInt64BE(lba, 2);
  setU32(bytes, 10, blocks);
  return bytes;
}

export function write10(lba: number, blocks: number): Uint8Array {
  const bytes = cdb(0x2a);
  setU32(bytes, 2, lba);
  setU16(bytes, 7, blocks);
  return bytes;
}

export function read10(lba: number, blocks: number): Uint8Array {
  const bytes = write10(lba, blocks);
  bytes[0] = 0x28;
  return bytes;
}
