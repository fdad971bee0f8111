import type { HostEvent } from "@fairlead/core";
import { At, Opcode } from "@fairlead/iscsi-codec";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { startTarget } from "./fixture.js";
import { cdb, INITIATOR, RawInitiator, TARGET, write10 } from "./raw-initiator.js";

/** Keeps a mutated PDU's lengths small, so that a case ends. */
const mutation = fc.record({
  opcode: fc.constantFrom(...Object.values(Opcode)),
  bytes: fc.array(fc.tuple(fc.integer({ min: 1, max: 47 }), fc.nat(255)), { minLength: 0, maxLength: 12 }),
  fields: fc.array(fc.constantFrom(0, 1, 0x7fffffff, 0xffffffff, 2), { minLength: 8, maxLength: 8 }),
  op: fc.nat(255),
  dataBytes: fc.constantFrom(0, 1, 6, 48, 512, 1000),
  immediate: fc.boolean(),
});

describe("PDUs of any content", () => {
  async function survives(loggedIn: boolean) {
    const events: HostEvent[] = [];
    const { portals } = await startTarget({ onEvent: (event) => events.push(event) });
    const good = await RawInitiator.login(portals[0], { isid: 200 });
    await good.clearAttention();
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 6, maxLength: 16 }), async (mutations) => {
        const initiator = loggedIn
          ? await RawInitiator.login(portals[1], { isid: 3 })
          : await RawInitiator.connect(portals[1]);
        for (const { opcode, bytes, fields, op, dataBytes, immediate } of mutations) {
          const header = initiator.header(opcode | (immediate ? 0x40 : 0), 0x80);
          for (const [index, field] of fields.entries()) header.writeUInt32BE(field, 16 + 4 * index);
          header.writeUInt32BE(initiator.cmdSn++, At.CmdSn);
          header[At.Lun + 1] = 1;
          if (opcode === Opcode.ScsiCommand) header.set(cdb(op, 0, 0, 0, 0, 0, 0, 0, 1), At.Cdb);
          for (const [at, byte] of bytes) header[at] = byte;
          header[At.AhsLength] = header[At.AhsLength]! & 1;
          initiator.send(header, Buffer.alloc(dataBytes, 0x41));
        }
        initiator.close();
        await good.expectSilence();
      }),
      { numRuns: 150, seed: 11 },
    );
    good.command({ cdb: write10(0, 1), write: 512, data: Buffer.alloc(512, 3) });
    expect((await good.status()).status).toBe(0);
    expect(events.filter(({ kind }) => kind === "internal-error")).toEqual([]);
  }

  test("after a login cost others nothing", () => survives(true));
  test("instead of a login cost others nothing", () => survives(false));
});

test("an error in the target's own code costs one connection", async () => {
  const events: HostEvent[] = [];
  const { portals, target } = await startTarget({ onEvent: (event) => events.push(event) });
  const first = await RawInitiator.login(portals[0]);
  const second = await RawInitiator.login(portals[1], { isid: 2, initiator: INITIATOR, target: TARGET });
  await first.clearAttention();
  target.lun(1).trace = () => {
    throw new Error("on purpose");
  };
  first.command({ cdb: write10(0, 1), write: 512, data: Buffer.alloc(512) });
  await first.expectClose();
  await second.expectSilence();
  expect(events.find(({ kind }) => kind === "internal-error")?.reason).toContain("on purpose");
});
