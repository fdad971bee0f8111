import { BHS_BYTES, getOpcode, Opcode, padded, setDataLength, startHeader } from "@fairlead/iscsi-codec";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../src/errors.js";
import { COLLECTED_BYTES_MAX, PduReader, type PduSink, RECEIVE_DATA_BYTES_MAX } from "../src/pdu-reader.js";

function pdu(opcode: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(BHS_BYTES + padded(data.length)).fill(0xdd);
  startHeader(bytes, 0, opcode, 0x80);
  setDataLength(bytes, 0, data.length);
  bytes.set(data, BHS_BYTES);
  return bytes;
}

/** Data-In goes to buffers of its own, one PDU behind the other; discards what an AsyncMessage brings. */
class Recorder implements PduSink {
  readonly reader = new PduReader(this);
  readonly seen: string[] = [];
  #target = new Uint8Array(0);

  header(bytes: Uint8Array, at: number): void {
    const length = (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!;
    if (getOpcode(bytes, at) === Opcode.AsyncMessage) this.reader.discard();
    if (getOpcode(bytes, at) !== Opcode.DataIn) return;
    this.#target = new Uint8Array(length + 2).fill(0xee);
    this.reader.receiveInto(this.#target, 1);
  }

  pdu(bytes: Uint8Array, at: number, data: Uint8Array, dataBytes: number): void {
    const opcode = getOpcode(bytes, at);
    const kept = opcode === Opcode.DataIn ? this.#target : data.subarray(0, dataBytes);
    this.seen.push(`${opcode} ${Buffer.from(kept).toString("hex")}`);
    this.#target = new Uint8Array(0);
  }
}

const opcodes = fc.constantFrom(Opcode.DataIn, Opcode.ScsiResponse, Opcode.AsyncMessage, Opcode.NopIn);
const pdus = fc.array(fc.tuple(opcodes, fc.uint8Array({ maxLength: 200 })), { minLength: 1, maxLength: 12 });

function expected(sent: readonly (readonly [number, Uint8Array])[]): string[] {
  return sent.map(([opcode, data]) => {
    const hex = Buffer.from(data).toString("hex");
    if (opcode === Opcode.AsyncMessage) return `${opcode} `;
    return opcode === Opcode.DataIn && data.length > 0 ? `${opcode} ee${hex}ee` : `${opcode} ${hex}`;
  });
}

describe("PDU reader", () => {
  it("cuts a stream into the same PDUs, wherever its chunks end", () => {
    fc.assert(
      fc.property(pdus, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sent, sizes) => {
        const stream = Buffer.concat(sent.map(([opcode, data]) => pdu(opcode, data)));
        const recorder = new Recorder();
        // One buffer for all chunks, as the sockets have it.
        const chunk = new Uint8Array(300);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const bytes = Math.min(sizes[turn % sizes.length]!, stream.length - at);
          chunk.fill(0xcc);
          chunk.set(stream.subarray(at, at + bytes));
          recorder.reader.consume(chunk, bytes);
          at += bytes;
        }
        expect(recorder.seen).toEqual(expected(sent));
        expect(recorder.reader.idle).toBe(true);
      }),
    );
  });

  it("lets the socket read straight into a read's data", () => {
    fc.assert(
      fc.property(
        pdus,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 64 }),
        (sent, size, least) => {
          const stream = Buffer.concat(sent.map(([opcode, data]) => pdu(opcode, data)));
          const recorder = new Recorder();
          for (let at = 0; at < stream.length; ) {
            const target = recorder.reader.directTarget(least, 2 * least);
            const bytes = Math.min(target?.length ?? size, size, stream.length - at);
            if (target === undefined) recorder.reader.consume(stream.subarray(at, at + bytes), bytes);
            else {
              target.set(stream.subarray(at, at + bytes));
              recorder.reader.landed(bytes);
            }
            at += bytes;
          }
          expect(recorder.seen).toEqual(expected(sent));
        },
      ),
    );
  });

  it("offers no place for what is collected, dropped or short", () => {
    const recorder = new Recorder();
    for (const opcode of [Opcode.ScsiResponse, Opcode.AsyncMessage]) {
      const bytes = pdu(opcode, new Uint8Array(400));
      recorder.reader.consume(bytes, 100);
      expect(recorder.reader.directTarget(1, 1000)).toBeUndefined();
      recorder.reader.consume(bytes.subarray(100), bytes.length - 100);
    }
    recorder.reader.consume(pdu(Opcode.DataIn, new Uint8Array(400)), BHS_BYTES);
    expect(recorder.reader.directTarget(401, 1000)).toBeUndefined();
    expect(recorder.reader.directTarget(400, 1000)?.length).toBe(400);
    expect(recorder.reader.directTarget(100, 200)?.length).toBe(200);
  });

  it("keeps only so much of what is not a read's data", () => {
    const recorder = new Recorder();
    const bytes = pdu(Opcode.ScsiResponse, new Uint8Array(COLLECTED_BYTES_MAX + 500).fill(7));
    recorder.reader.consume(bytes, bytes.length);
    expect(recorder.seen).toEqual([`${Opcode.ScsiResponse} ${"07".repeat(COLLECTED_BYTES_MAX)}`]);
  });

  it("refuses what is longer than it said it takes", () => {
    const recorder = new Recorder();
    const bytes = pdu(Opcode.DataIn, new Uint8Array(0));
    setDataLength(bytes, 0, RECEIVE_DATA_BYTES_MAX + 1);
    expect(() => recorder.reader.consume(bytes, BHS_BYTES)).toThrow(ProtocolError);
  });

  it("delivers nothing more once it is stopped", () => {
    const recorder = new Recorder();
    const twice = Buffer.concat([pdu(Opcode.NopIn, new Uint8Array(0)), pdu(Opcode.NopIn, new Uint8Array(0))]);
    recorder.pdu = () => {
      recorder.seen.push("one");
      recorder.reader.stopped = true;
    };
    recorder.reader.consume(twice, twice.length);
    expect(recorder.seen).toEqual(["one"]);
  });
});
