import assert from "node:assert/strict";
import type { NicDriver } from "@fairlead/core";
import type { NicClient } from "./nic-client.js";
import { BROADCAST, difference, encodeFrame, HEADER_BYTES, numberOf } from "./test-frames.js";

/** The other end of the cable. */
export interface FarEnd {
  /** Set by the suite: called for each frame that arrives there, with its VLAN tag if it has one. */
  onFrame: (bytes: Uint8Array) => void;
  /** Puts a frame on the wire towards the NIC. */
  send(bytes: Uint8Array): Promise<void> | void;
  /** Takes nothing off the wire from now on, so that frames back up to the NIC. */
  hold?(): Promise<void> | void;
  /** Ends what `hold` did. */
  release?(): Promise<void> | void;
}

/** What a driver's author sets up for each law. */
export interface NicFixture {
  /** With a carrier. */
  readonly nic: NicDriver;
  readonly far: FarEnd;
  /** Gives back what the fixture made; the suite has closed the NIC. */
  cleanup(): Promise<void> | void;
  /** Takes the carrier away. */
  pull?(): Promise<void> | void;
  /** Gives the carrier back. */
  plug?(): Promise<void> | void;
}

/** One law's NIC, in use. */
export interface NicBench {
  readonly fixture: NicFixture;
  readonly nic: NicDriver;
  readonly far: FarEnd;
  readonly client: NicClient;
  /** Copies of the suite's frames that arrived at the far end, in order. */
  readonly atFarEnd: Uint8Array[];
}

export type NicLaw = (name: string, body: (bench: NicBench) => Promise<void>) => void;

/** Who sends towards the NIC. */
export const FROM_AFAR = "52:54:00:5e:00:02";

/** From the NIC to everybody, unless it is told otherwise; with a VLAN tag where the MTU allows the length only so. */
export function frameOf(
  nic: NicDriver,
  number: number,
  lengthBytes: number,
  source = nic.address,
  destination = BROADCAST,
): Uint8Array {
  const tagged = lengthBytes > nic.mtuBytes + HEADER_BYTES;
  return encodeFrame({ number, lengthBytes, source, destination, tagged });
}

export function assertArrived(arrived: readonly Uint8Array[], sent: readonly Uint8Array[]): void {
  assert.deepEqual(arrived.map(numberOf), sent.map(numberOf), "numbers of the frames that arrived, in order");
  arrived.forEach((bytes, index) => {
    assert.equal(difference(bytes, sent[index] ?? bytes), "");
  });
}
