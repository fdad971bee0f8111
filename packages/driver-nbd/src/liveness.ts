import { writeSync } from "node:fs";

const NOTHING = new Uint8Array(0);

/**
 * Whether the client's end of a socket is closed, asked of the kernel without reading what lies unread before the end:
 * an empty write fails with EPIPE. A unix socket tells from the moment on which the client closes or dies, a TCP socket
 * only from its reset on. False where the descriptor is not known.
 */
export function clientGone(fd: number): boolean {
  if (fd < 0) return false;
  try {
    writeSync(fd, NOTHING);
    return false;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "EAGAIN") return false;
    return true;
  }
}
