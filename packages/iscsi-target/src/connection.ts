import type { Socket } from "node:net";
import type { Timer } from "@fairlead/core";
import {
  At,
  BHS_BYTES,
  following,
  getOpcode,
  getU32,
  IMMEDIATE,
  LogoutReason,
  NO_TAG,
  Opcode,
  RejectReason,
  setU32,
} from "@fairlead/iscsi-codec";
import type { CommandReceiver } from "./data-out.js";
import { EarlyPdus } from "./early-pdus.js";
import { OUTPUT_BYTES_MAX } from "./executor.js";
import { LoginPhase } from "./login-phase.js";
import { LOGIN_SEGMENT_BYTES_MAX, SEGMENT_BYTES_MAX, type SessionParameters } from "./parameters.js";
import type { Portal } from "./portal.js";
import { type PduHandler, Receiver } from "./receiver.js";
import { sendLogoutResponse, sendNopIn, sendReject } from "./responses.js";
import { Sender } from "./sender.js";
import { type Session, Turn } from "./session.js";
import type { SessionHost } from "./session-host.js";
import type { Task } from "./task.js";
import { manageTasks } from "./task-management.js";
import { TextExchange } from "./text-exchange.js";

const LOGIN_TIMEOUT_MS = 10_000;
/** TCP's own check of a peer that says nothing. */
const KEEP_ALIVE_MS = 60_000;
const PING_BYTES_MAX = 8192;

const REQUESTS: ReadonlySet<number> = new Set([
  Opcode.NopOut,
  Opcode.ScsiCommand,
  Opcode.TaskManagementRequest,
  Opcode.LoginRequest,
  Opcode.TextRequest,
  Opcode.DataOut,
  Opcode.LogoutRequest,
  Opcode.SnackRequest,
]);

const Phase = { Login: 0, Opening: 1, Full: 2, Closing: 3 } as const;

/** One TCP connection of an initiator: login, then PDUs both ways. */
export class Connection implements PduHandler {
  readonly socket: Socket;
  readonly sender: Sender;
  parameters: SessionParameters;
  session: Session | null = null;
  /** Asked of an asynchronous store and not yet in the output. Bytes. */
  readBytes = 0;
  ended = false;
  /** In the target's list of connections that are to be flushed. */
  flushing = false;

  private readonly receiver: Receiver;
  private readonly login: LoginPhase;
  private readonly text: TextExchange;
  private phase: number = Phase.Login;
  private commands: CommandReceiver | null = null;
  private readonly header = new Uint8Array(BHS_BYTES);
  private opcode = 0;
  /** The current PDU is passed over. */
  private ignoring = false;
  private data: Uint8Array = NO_DATA;
  private statSn = 1;
  /** Before there is a session. */
  private cmdSn = 0;
  private readonly early = new EarlyPdus();
  private replayed: Uint8Array | null = null;
  private inBatch = false;
  private readonly parked: Task[] = [];
  private deadline: Timer | null;
  private stalled = false;
  /** Nothing is read until the peer has taken some of what it asked for. */
  private choked = false;
  private heldBytes: Uint8Array[] = [];

  constructor(
    readonly portal: Portal,
    private readonly host: SessionHost,
    makeSocket: (receiver: Receiver, onBytes: (bytes: Uint8Array, lengthBytes: number) => void) => Socket,
  ) {
    const { clock, slabs, scratch } = portal.shared;
    this.login = new LoginPhase(this, host);
    this.text = new TextExchange(this, host);
    this.parameters = this.login.parameters;
    this.receiver = new Receiver(this, scratch);
    this.socket = makeSocket(this.receiver, (bytes, lengthBytes) => this.onBytes(bytes, lengthBytes));
    this.sender = new Sender(this.socket, slabs, clock, () => this.onRoom());
    this.deadline = clock.schedule(() => this.end("the login took too long"), LOGIN_TIMEOUT_MS);
    this.socket.setNoDelay(true);
    this.socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.socket.on("error", (error) => this.end(error.message));
    this.socket.on("close", () => this.end("the initiator closed the connection"));
  }

  // Input

  private onBytes(bytes: Uint8Array, lengthBytes: number): void {
    if (this.ended) return;
    this.inBatch = true;
    const taken = this.consume(bytes, lengthBytes);
    this.inBatch = false;
    if (this.stalled && taken < lengthBytes)
      this.heldBytes.push(Buffer.from(bytes.subarray(taken, lengthBytes)));
    if (this.ended) return;
    this.sender.flush();
    if (this.sender.pendingBytes > OUTPUT_BYTES_MAX) {
      this.choked = true;
      this.socket.pause();
    }
  }

  /** An error of this program's own costs one connection, not the target. */
  private consume(bytes: Uint8Array, lengthBytes: number): number {
    try {
      return this.receiver.consume(bytes, lengthBytes);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.host.report("internal-error", "error", this.portal.address, reason);
      this.end("an error in the target");
      return lengthBytes;
    }
  }

  beginPdu(bytes: Uint8Array, at: number, dataBytes: number): void {
    this.opcode = getOpcode(bytes, at);
    this.ignoring = false;
    this.data = NO_DATA;
    const login = this.phase !== Phase.Full;
    if (dataBytes > (login ? LOGIN_SEGMENT_BYTES_MAX : SEGMENT_BYTES_MAX)) {
      this.end(`a data segment of ${dataBytes} bytes is longer than what was declared`);
    } else if (login !== (this.opcode === Opcode.LoginRequest) || this.phase === Phase.Opening) {
      this.end(`opcode ${this.opcode} has no place in this phase`);
    } else if (!REQUESTS.has(this.opcode)) {
      this.end(`opcode ${this.opcode} is unknown`);
    } else if (this.opcode === Opcode.DataOut) {
      this.commands?.beginData(bytes, at, dataBytes);
    } else if (login || this.isItsTurn(bytes, at, dataBytes)) {
      this.beginRequest(bytes, at, dataBytes);
    } else {
      this.ignoring = true;
    }
  }

  private beginRequest(bytes: Uint8Array, at: number, dataBytes: number): void {
    if (this.opcode === Opcode.ScsiCommand) {
      this.beginCommand(bytes, at, dataBytes);
      return;
    }
    this.header.set(bytes.subarray(at, at + BHS_BYTES));
    const bytesKept = Math.min(dataBytes, LOGIN_SEGMENT_BYTES_MAX);
    if (bytesKept === 0) return;
    this.data = new Uint8Array(bytesKept);
    this.place(this.data, 0, bytesKept);
  }

  private beginCommand(bytes: Uint8Array, at: number, dataBytes: number): void {
    if (this.commands !== null) {
      this.commands.beginCommand(bytes, at, dataBytes);
      return;
    }
    this.ignoring = true;
    sendReject(this, bytes.subarray(at, at + BHS_BYTES), RejectReason.ProtocolError);
  }

  /** Command numbering, RFC 7143, 4.2.2.1. Outside the window: silence. */
  private isItsTurn(bytes: Uint8Array, at: number, dataBytes: number): boolean {
    const { session } = this;
    if (session === null || (bytes[at]! & IMMEDIATE) !== 0) return true;
    if (this.opcode === Opcode.SnackRequest) return true;
    const cmdSn = getU32(bytes, at + At.CmdSn);
    const turn = session.turn(cmdSn);
    if (turn === Turn.Later) {
      const data = this.early.keep(cmdSn, bytes.subarray(at, at + BHS_BYTES), dataBytes);
      if (data !== undefined) this.place(data, 0, dataBytes);
    } else if (turn === Turn.Never) this.portal.counters.outsideWindow++;
    return turn === Turn.Now;
  }

  /** Where the data of the current PDU goes. */
  place(target: Uint8Array, at: number, end: number): void {
    if (this.replayed === null) this.receiver.keep(target, at, end);
    else target.set(this.replayed.subarray(0, end - at), at);
  }

  endPdu(): void {
    this.endRequest();
    const { session, early } = this;
    if (session === null || early.empty) return;
    for (let pdu = early.take(session.expCmdSn); pdu !== undefined; pdu = early.take(session.expCmdSn)) {
      if (this.ended) return;
      this.replayed = pdu.data;
      this.beginPdu(pdu.header, 0, pdu.data.length);
      this.replayed = null;
      this.endRequest();
    }
  }

  private endRequest(): void {
    if (this.ignoring || this.ended) return;
    const { header, session } = this;
    switch (this.opcode) {
      case Opcode.ScsiCommand:
      case Opcode.DataOut:
        this.commands?.endPdu();
        break;
      case Opcode.LoginRequest:
        this.cmdSn = getU32(header, At.CmdSn);
        this.login.take(header, this.data);
        break;
      case Opcode.NopOut:
        if (getU32(header, At.InitiatorTag) !== NO_TAG)
          sendNopIn(this, header, this.data.subarray(0, PING_BYTES_MAX));
        break;
      case Opcode.TextRequest:
        this.text.take(header, this.data);
        break;
      case Opcode.TaskManagementRequest:
        if (session !== null) manageTasks(this.host, this, session, header);
        break;
      case Opcode.LogoutRequest:
        this.takeLogout();
        break;
      case Opcode.SnackRequest:
        sendReject(this, header, RejectReason.SnackReject);
    }
  }

  // Session

  /** The last answer of the login is being waited for: nothing may come before it. */
  opening(): void {
    this.phase = Phase.Opening;
  }

  /** Full feature phase. */
  opened(session: Session, discovery: boolean): void {
    this.phase = Phase.Full;
    this.session = session;
    this.deadline?.cancel();
    this.deadline = null;
    if (!discovery) this.commands = this.host.createCommands(this, session);
  }

  private takeLogout(): void {
    const { header, session } = this;
    const recovery = (header[At.Flags]! & 0x7f) === LogoutReason.RemoveForRecovery;
    if (session !== null && !recovery) {
      this.host.endSession(session);
      this.session = null;
      this.cmdSn = session.expCmdSn;
    }
    // 2: no connection recovery here.
    sendLogoutResponse(this, header, recovery ? 2 : 0);
    if (!recovery) this.finish();
  }

  /** Sends what there is and ends the connection behind it; a peer that leaves it open is cut off after a time. */
  finish(): void {
    this.phase = Phase.Closing;
    this.receiver.stop();
    this.sender.finish();
    this.deadline ??= this.portal.shared.clock.schedule(() => this.end("closed"), LOGIN_TIMEOUT_MS);
  }

  /** Ends the connection and its session at once. */
  end(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.deadline?.cancel();
    this.receiver.stop();
    this.sender.stop();
    this.heldBytes = [];
    if (this.session !== null) this.host.endSession(this.session);
    for (const task of this.parked.splice(0)) this.host.resumeRead(task);
    this.portal.closed(this, reason);
  }

  // Output

  /** StatSN, ExpCmdSN and MaxCmdSN. `counts`: the PDU is a status, which takes a number of its own. */
  putNumbers(bytes: Uint8Array, at: number, counts: boolean): void {
    const { session } = this;
    setU32(bytes, at + At.StatSn, this.statSn);
    if (counts) this.statSn = following(this.statSn);
    setU32(bytes, at + At.ExpCmdSn, session === null ? this.cmdSn : session.expCmdSn);
    setU32(bytes, at + At.MaxCmdSn, session === null ? this.cmdSn : session.maxCmdSn);
  }

  /** Outside a batch of input the output leaves at the end of the loop's turn, together with all other output. */
  flushSoon(): void {
    if (!this.inBatch && !this.ended) this.host.flushSoon(this);
  }

  /** A read whose answer has no room. */
  park(task: Task): void {
    this.parked.push(task);
  }

  private onRoom(): void {
    if (this.ended) return;
    let count = this.parked.length;
    while (count-- > 0 && this.sender.pendingBytes + this.readBytes < OUTPUT_BYTES_MAX) {
      const task = this.parked.shift();
      if (task !== undefined) this.host.resumeRead(task);
    }
    if (this.choked && !this.stalled && this.sender.pendingBytes < OUTPUT_BYTES_MAX) {
      this.choked = false;
      this.socket.resume();
    }
  }

  /** The task is over; true where the socket may still write into its buffer. */
  forsake(task: Task): boolean {
    return this.commands?.forsake(task) === true && this.receiver.drop();
  }

  // Faults

  /** A black hole: nothing is taken and nothing leaves, and the connection stays. */
  stall(): void {
    this.stalled = true;
    this.receiver.stop();
    this.sender.hold();
    this.socket.pause();
  }

  resume(): void {
    this.stalled = false;
    if (this.phase !== Phase.Closing) this.receiver.start();
    this.sender.release();
    for (const bytes of this.heldBytes.splice(0)) this.onBytes(bytes, bytes.length);
    this.choked = false;
    if (!this.ended) this.socket.resume();
  }
}

const NO_DATA = new Uint8Array(0);
