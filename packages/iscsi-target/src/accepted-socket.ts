import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";

/**
 * Reads an accepted socket into buffers of our own. Node offers that for outgoing connections only, so the handle moves
 * to a new socket; where there is no handle to move, reads come as events and `nextBuffer` isn't asked.
 * The server must accept with `pauseOnConnect`.
 */
export function readInto(
  accepted: Socket,
  nextBuffer: () => Uint8Array,
  onBytes: (bytes: Uint8Array, lengthBytes: number) => void,
): Socket {
  const handle: unknown = Reflect.get(accepted, "_handle");
  if (typeof handle !== "object" || handle === null) {
    accepted.on("data", (bytes: Buffer) => onBytes(bytes, bytes.length));
    accepted.resume();
    return accepted;
  }
  const options: SocketConstructorOpts & { handle: object; onread: OnReadOpts } = {
    handle,
    onread: {
      buffer: nextBuffer,
      callback(lengthBytes, bytes) {
        onBytes(bytes, lengthBytes);
        return true;
      },
    },
  };
  // The old socket goes without its handle: that keeps the server's count of connections right.
  Reflect.set(accepted, "_handle", null);
  accepted.destroy();
  return new Socket(options);
}
