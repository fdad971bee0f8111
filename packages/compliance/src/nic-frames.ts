import assert from "node:assert/strict";
import { Frame, type NicDriver } from "@fairlead/core";
import { assertArrived, FROM_AFAR, frameOf, type NicLaw } from "./nic-bench.js";
import { BROADCAST, GUEST, HEADER_BYTES, numberOf } from "./test-frames.js";

/** Laws of what goes out. */
export function sendingLaws(law: NicLaw): void {
  law("says what it is", async ({ nic }) => {
    assert.ok(nic.id.length > 0, "it has an id");
    assert.match(nic.address, /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, "its physical address");
    assert.ok(Number.isInteger(nic.mtuBytes) && nic.mtuBytes >= 68, `mtuBytes is ${nic.mtuBytes}`);
    assert.equal(nic.up, true, "up");
  });

  law(
    "sends frames whole and in order, from the shortest to the longest, and reports each once and not from within transmit",
    async (bench) => {
      const { nic, client, atFarEnd } = bench;
      const frames = lengths(nic).map((lengthBytes, number) => frameOf(nic, number, lengthBytes));
      await client.send(frames);
      await client.until(() => atFarEnd.length >= frames.length, `arrival of ${frames.length} frames`);
      assertArrived(atFarEnd, frames);
    },
  );

  law("takes a frame object again, and the next one from within transmitted", async (bench) => {
    const { nic, client, atFarEnd } = bench;
    const frames = Array.from({ length: 50 }, (_, number) => frameOf(nic, number, 60 + 3 * number));
    let next = 1;
    client.onTransmitted = (frame) => {
      const bytes = frames[next++];
      if (bytes !== undefined && !client.transmit(bytes, frame))
        client.faults.push(`refused frame ${next - 1}`);
    };
    assert.equal(client.transmit(frames[0] ?? new Uint8Array(), new Frame()), true);
    await client.until(() => atFarEnd.length >= frames.length, "arrival of 50 frames");
    assertArrived(atFarEnd, frames);
    client.onTransmitted = () => {};
  });

  law("refuses frames that are too short or too long, and reports none of them", async (bench) => {
    const { nic, client, atFarEnd } = bench;
    for (const lengthBytes of [0, HEADER_BYTES - 1, nic.mtuBytes + 19, 2 * nic.mtuBytes]) {
      const bytes = new Uint8Array(lengthBytes);
      if (lengthBytes > HEADER_BYTES) bytes.set(frameOf(nic, 1, lengthBytes));
      assert.equal(
        client.transmit(bytes),
        false,
        `took a frame of ${lengthBytes} bytes, MTU ${nic.mtuBytes}`,
      );
    }
    const last = frameOf(nic, 2, 60);
    await client.send([last]);
    await client.until(() => atFarEnd.length > 0, "arrival of a frame");
    assertArrived(atFarEnd, [last]);
    assert.equal(nic.up, true, "up");
  });
}

/** Laws of what comes in. */
export function receivingLaws(law: NicLaw): void {
  law("hands over each frame that arrives whole and in order, whomever it is for", async (bench) => {
    const { nic, far, client } = bench;
    const destinations = [BROADCAST, nic.address, GUEST];
    const frames = lengths(nic).map((lengthBytes, number) =>
      frameOf(nic, number, lengthBytes, FROM_AFAR, destinations[number % 3]),
    );
    for (const bytes of frames) await far.send(bytes);
    await client.until(() => client.arrived.length >= frames.length, `${frames.length} frames from the wire`);
    assertArrived(client.arrived, frames);
  });

  law("takes frames from within received", async (bench) => {
    const { nic, far, client, atFarEnd } = bench;
    const count = 40;
    const answers = Array.from({ length: count }, (_, number) =>
      frameOf(nic, 1000 + number, 64 + 5 * number),
    );
    client.onReceived = (bytes) => {
      const answer = answers[numberOf(bytes)] ?? new Uint8Array();
      if (!client.transmit(answer)) client.faults.push(`refused the answer to frame ${numberOf(bytes)}`);
    };
    for (let number = 0; number < count; number++) {
      await far.send(frameOf(nic, number, 500, FROM_AFAR, nic.address));
    }
    await client.until(() => atFarEnd.length >= count, `${count} answers`);
    assertArrived(atFarEnd, answers);
    client.onReceived = () => {};
  });

  law("does not hand over what it sent itself", async (bench) => {
    const { nic, far, client, atFarEnd } = bench;
    await client.send(Array.from({ length: 50 }, (_, number) => frameOf(nic, number, 90)));
    await client.until(() => atFarEnd.length >= 50, "arrival of 50 frames");
    const last = frameOf(nic, 77, 90, FROM_AFAR, BROADCAST);
    await far.send(last);
    await client.until(() => client.arrived.some((bytes) => numberOf(bytes) === 77), "a frame from the wire");
    assertArrived(client.arrived, [last]);
  });
}

/** Frames of very different lengths, more than once; those that the MTU allows with a VLAN tag only have one. */
function lengths(nic: NicDriver): number[] {
  const longest = nic.mtuBytes + HEADER_BYTES;
  const all = [60, longest, 61, 64, 18, 127, longest + 4, 590, 333, 1000, 60, longest - 1].filter(
    (lengthBytes) => lengthBytes <= longest + 4,
  );
  return [...all, ...all.toReversed(), ...all, ...all];
}
