import { once } from "node:events";
import { createServer } from "node:net";

/** A port on which nothing listens at any of 127.0.0.0/8; the kernel does not give it out again soon. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}
