import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  At,
  BHS_BYTES,
  Flag,
  following,
  formatText,
  getDataLength,
  getOpcode,
  getPduBytes,
  getU32,
  Opcode,
  padded,
  parseText,
  ScsiOp,
  Stage,
  setDataLength,
  setU16,
  setU32,
  startHeader,
} from "@fairlead/iscsi-codec";
import type { Scope } from "@fairlead/testing";

const TARGET_NAME = "iqn.2026-11.test.fairlead:fake";
const BLOCK_BYTES = 512;
const CAPACITY_BLOCKS = 2048;

export interface Request {
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

/** Values of header fields by their offset, four bytes each. */
type Fields = Readonly<Record<number, number>>;

/** One connection of the initiator, as a target that may say anything sees it. */
export class FakeConnection {
  statSn = 100;
  expCmdSn = 1;
  /** Commands that the target has room for. */
  window: number;
  /** Last command that it has ever said to have room for. */
  maxCmdSn = 0;

  constructor(
    readonly target: FakeTarget,
    readonly socket: Socket,
  ) {
    this.window = target.window;
  }

  /** A PDU with right serial numbers, but for what `fields` overrides. */
  send(opcode: number, flags: number, fields: Fields = {}, data: Uint8Array = new Uint8Array(0)): void {
    const pdu = new Uint8Array(BHS_BYTES + padded(data.length));
    startHeader(pdu, 0, opcode, flags);
    setDataLength(pdu, 0, data.length);
    setU32(pdu, At.StatSn, this.statSn);
    setU32(pdu, At.ExpCmdSn, this.expCmdSn);
    setU32(pdu, At.MaxCmdSn, this.announce());
    for (const [at, value] of Object.entries(fields)) setU32(pdu, Number(at), value);
    pdu.set(data, BHS_BYTES);
    this.socket.write(pdu);
  }

  /** Ends a command. `sense` goes with CHECK CONDITION. */
  respond(
    request: Request,
    status: number,
    sense: Uint8Array = new Uint8Array(0),
    flags = 0,
    residual = 0,
  ): void {
    const data = new Uint8Array(sense.length === 0 ? 0 : sense.length + 2);
    if (sense.length > 0) {
      setU16(data, 0, sense.length);
      data.set(sense, 2);
    }
    const tag = getU32(request.head, At.InitiatorTag);
    const pdu = { [At.InitiatorTag]: tag, [At.Residual]: residual };
    const head = this.header(Opcode.ScsiResponse, Flag.Final | flags, pdu, data.length);
    head[At.Status] = status;
    this.socket.write(Buffer.concat([head, data, new Uint8Array(padded(data.length) - data.length)]));
    this.statSn = following(this.statSn);
  }

  /** Data-In with GOOD status. */
  answer(request: Request, data: Uint8Array) {
    const expected = getU32(request.head, At.ExpectedBytes);
    const sent = data.subarray(0, expected);
    const tag = getU32(request.head, At.InitiatorTag);
    const residual = expected - sent.length;
    const flags = Flag.Final | Flag.Status | (residual > 0 ? Flag.Underflow : 0);
    if (sent.length === 0)
      return this.respond(request, 0, undefined, residual > 0 ? Flag.Underflow : 0, residual);
    this.send(Opcode.DataIn, flags, { [At.InitiatorTag]: tag, [At.Residual]: residual }, sent);
    this.statSn = following(this.statSn);
  }

  /** Part of a read's data, without status. */
  part(request: Request, dataSn: number, offset: number, data: Uint8Array, tag?: number): void {
    this.send(
      Opcode.DataIn,
      0,
      {
        [At.InitiatorTag]: tag ?? getU32(request.head, At.InitiatorTag),
        [At.StatSn]: 0,
        [At.DataSn]: dataSn,
        [At.BufferOffset]: offset,
      },
      data,
    );
  }

  readyToTransfer(request: Request, r2tSn: number, offset: number, bytes: number): void {
    this.send(Opcode.ReadyToTransfer, Flag.Final, {
      [At.InitiatorTag]: getU32(request.head, At.InitiatorTag),
      [At.TargetTag]: 0x77 + r2tSn,
      [At.R2tSn]: r2tSn,
      [At.BufferOffset]: offset,
      [At.DesiredBytes]: bytes,
    });
  }

  private announce(): number {
    const maxCmdSn = this.expCmdSn + this.window - 1;
    this.maxCmdSn = Math.max(this.maxCmdSn, maxCmdSn);
    return maxCmdSn;
  }

  private header(opcode: number, flags: number, fields: Fields, dataBytes: number): Uint8Array {
    const head = new Uint8Array(BHS_BYTES);
    startHeader(head, 0, opcode, flags);
    setDataLength(head, 0, dataBytes);
    setU32(head, At.StatSn, this.statSn);
    setU32(head, At.ExpCmdSn, this.expCmdSn);
    setU32(head, At.MaxCmdSn, this.announce());
    for (const [at, value] of Object.entries(fields)) setU32(head, Number(at), value);
    return head;
  }
}

type Hook = (connection: FakeConnection, request: Request) => boolean | undefined;

/** A target with one small LUN 1 that answers as it should, unless a test says otherwise. */
export class FakeTarget {
  /** Answers a login request itself where it gives true. */
  onLogin: Hook = () => false;
  /** Answers a SCSI command itself where it gives true. */
  onCommand: Hook = () => false;
  /** Sees all other PDUs, and deals with them where it gives true. */
  onPdu: Hook = () => false;
  /** Login text beside what was asked. */
  operationalKeys: [string, string][] = [["MaxRecvDataSegmentLength", "8192"]];
  logins = 0;
  /** Commands that a new connection has room for. */
  window = 64;
  commands: Request[] = [];
  readonly connections: FakeConnection[] = [];
  /** What hooks threw; thrown again when the test ends. */
  readonly faults: unknown[] = [];
  readonly medium = new Uint8Array(CAPACITY_BLOCKS * BLOCK_BYTES);
  capacityBlocks = CAPACITY_BLOCKS;
  /** EUI-64 of the LUN. */
  eui = "0011223344556677";

  private constructor(readonly address: string) {}

  static async start(scope: Scope): Promise<FakeTarget> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const target = new FakeTarget(`127.0.0.1:${port}`);
    server.on("connection", (socket) => target.accept(socket));
    scope.defer(() => {
      server.close();
      for (const { socket } of target.connections) socket.destroy();
      if (target.faults.length > 0) throw target.faults[0];
    });
    return target;
  }

  get last(): FakeConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("nobody has connected");
    return connection;
  }

  private accept(socket: Socket): void {
    const connection = new FakeConnection(this, socket);
    this.connections.push(connection);
    let buffered = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= BHS_BYTES && buffered.length >= getPduBytes(buffered, 0)) {
        const head = buffered.subarray(0, BHS_BYTES);
        const data = buffered.subarray(BHS_BYTES, BHS_BYTES + getDataLength(buffered, 0));
        buffered = buffered.subarray(getPduBytes(buffered, 0));
        try {
          this.take(connection, { head, data });
        } catch (error) {
          this.faults.push(error);
          socket.destroy();
        }
      }
    });
  }

  private take(connection: FakeConnection, request: Request) {
    const { head } = request;
    const tag = { [At.InitiatorTag]: getU32(head, At.InitiatorTag) };
    const count = () => {
      connection.statSn = following(connection.statSn);
    };
    switch (getOpcode(head, 0)) {
      case Opcode.LoginRequest:
        if (!this.onLogin(connection, request)) this.logIn(connection, request);
        return;
      case Opcode.ScsiCommand:
        connection.expCmdSn = following(getU32(head, At.CmdSn));
        this.commands.push(request);
        if (!this.onCommand(connection, request)) this.execute(connection, request);
        return;
      case Opcode.NopOut:
        if (this.onPdu(connection, request) || getU32(head, At.InitiatorTag) === 0xffffffff) return;
        connection.send(Opcode.NopIn, Flag.Final, { ...tag, [At.TargetTag]: 0xffffffff });
        return count();
      case Opcode.TextRequest: {
        if (this.onPdu(connection, request)) return;
        const text = formatText([
          ["TargetName", TARGET_NAME],
          ["TargetAddress", `${this.address},1`],
        ]);
        connection.send(Opcode.TextResponse, Flag.Final, { ...tag, [At.TargetTag]: 0xffffffff }, text);
        return count();
      }
      case Opcode.LogoutRequest:
        if (this.onPdu(connection, request)) return;
        connection.send(Opcode.LogoutResponse, Flag.Final, tag);
        return count();
      default:
        this.onPdu(connection, request);
    }
  }

  private logIn(connection: FakeConnection, { head, data }: Request): void {
    const flags = head[At.Flags]!;
    const stage = (flags >>> 2) & 3;
    const asked = new Map(parseText(data, 0, data.length));
    const pairs: [string, string][] = [];
    if (stage === Stage.Security) pairs.push(["TargetPortalGroupTag", "1"], ["AuthMethod", "None"]);
    else
      for (const key of ["MaxBurstLength", "FirstBurstLength", "InitialR2T", "ImmediateData"]) {
        const offered = asked.get(key);
        if (offered !== undefined && !this.operationalKeys.some(([own]) => own === key))
          pairs.push([key, offered]);
      }
    if (stage === Stage.Operational) pairs.push(...this.operationalKeys);
    const fields = { [At.InitiatorTag]: 0, [At.StatusClass]: 0 };
    connection.send(Opcode.LoginResponse, flags, fields, formatText(pairs));
    connection.statSn = following(connection.statSn);
    if ((flags & 3) === Stage.FullFeature) this.logins++;
  }

  private execute(connection: FakeConnection, request: Request) {
    const { head, data } = request;
    const op = head[At.Cdb]!;
    const page = (head[At.Cdb + 1]! & 1) !== 0 ? head[At.Cdb + 2]! : -1;
    const offset = getU32(head, At.Cdb + 2) * BLOCK_BYTES;
    switch (op) {
      case ScsiOp.ReportLuns:
        return connection.answer(request, Buffer.from("00000008000000000001000000000000", "hex"));
      case ScsiOp.Inquiry:
        if (page === -1) return connection.answer(request, Buffer.alloc(36));
        if (page === 0x83)
          return connection.answer(request, Buffer.from(`0083000c01020008${this.eui}`, "hex"));
        return connection.respond(request, 2, Buffer.from("7205240000000000", "hex"));
      case ScsiOp.ServiceActionIn16: {
        const capacity = new Uint8Array(32);
        setU32(capacity, 4, this.capacityBlocks - 1);
        setU32(capacity, 8, BLOCK_BYTES);
        return connection.answer(request, capacity);
      }
      case ScsiOp.ModeSense6:
        return connection.answer(request, Buffer.from("03001000", "hex"));
      case ScsiOp.Read10:
        return connection.answer(
          request,
          this.medium.subarray(offset, offset + getU32(head, At.ExpectedBytes)),
        );
      case ScsiOp.Write10:
        this.medium.set(data.subarray(0, getU32(head, At.ExpectedBytes)), offset);
        return connection.respond(request, 0);
      default:
        return connection.respond(request, 0);
    }
  }
}
