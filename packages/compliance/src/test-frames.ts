/** EtherType for experiments: whatever else is on the wire is none of the suite's. */
const ETHER_TYPE = 0x88b5;
const VLAN_TYPE = 0x8100;
const ADDRESS_BYTES = 6;
const TAG_BYTES = 4;

export const HEADER_BYTES = 14;
export const BROADCAST = "ff:ff:ff:ff:ff:ff";
/** A VM's address, which no NIC has. */
export const GUEST = "52:54:00:5e:00:01";
/** A shorter frame is padded on its way, by the NIC or by the wire. */
const UNPADDED_BYTES = 60;

export interface TestFrame {
  readonly number: number;
  readonly lengthBytes: number;
  readonly source: string;
  readonly destination: string;
  /** With a VLAN tag, which makes it 4 bytes longer than the MTU and the header allow otherwise. */
  readonly tagged?: boolean;
}

/** A frame of the suite's own type, with its number and bytes that differ from place to place. */
export function encodeFrame(frame: TestFrame): Uint8Array {
  const { number, lengthBytes, tagged = false } = frame;
  const bytes = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; at++) bytes[at] = (at * 31 + number * 7) & 0xff;
  bytes.set(addressBytes(frame.destination), 0);
  bytes.set(addressBytes(frame.source), ADDRESS_BYTES);
  const view = new DataView(bytes.buffer);
  const typeAt = 2 * ADDRESS_BYTES + (tagged ? TAG_BYTES : 0);
  // VLAN 0: a tag that carries a priority only, which every port lets through.
  if (tagged) view.setUint32(2 * ADDRESS_BYTES, VLAN_TYPE << 16);
  view.setUint16(typeAt, ETHER_TYPE);
  view.setUint32(typeAt + 2, number);
  return bytes;
}

/** The number of one of the suite's frames, -1 for any other. */
export function numberOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let typeAt = 2 * ADDRESS_BYTES;
  if (bytes.length >= typeAt + 2 && view.getUint16(typeAt) === VLAN_TYPE) typeAt += TAG_BYTES;
  if (bytes.length < typeAt + 6 || view.getUint16(typeAt) !== ETHER_TYPE) return -1;
  return view.getUint32(typeAt + 2);
}

/** What is wrong with a frame that came over the wire, in words; empty: nothing. */
export function difference(arrived: Uint8Array, sent: Uint8Array): string {
  if (arrived.length < sent.length || arrived.length > Math.max(sent.length, UNPADDED_BYTES)) {
    return `frame ${numberOf(sent)} of ${sent.length} bytes arrived with ${arrived.length}`;
  }
  const at = sent.findIndex((byte, index) => byte !== arrived[index]);
  return at === -1
    ? ""
    : `byte ${at} of frame ${numberOf(sent)} arrived as ${arrived[at]}, but ${sent[at]} was sent`;
}

function addressBytes(address: string): number[] {
  return address.split(":").map((byte) => Number.parseInt(byte, 16));
}
