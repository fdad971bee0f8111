import { createNbdServer } from "../src/index.js";
import { hostClock } from "../test/host-clock.js";
import { MemoryDisk } from "../test/memory-disk.js";

/** Serves a disk in memory at the socket given, for the bench. Arguments: socket path, size in MiB. */
const [socket = "", sizeMiB = "256"] = process.argv.slice(2);
const disk = new MemoryDisk("", Number(sizeMiB) * 1024 * 1024);
const server = createNbdServer({
  clock: hostClock(),
  exports: { find: (name) => (name === "" ? disk : undefined), list: () => [disk] },
  onEvent: (event) => process.stderr.write(`${JSON.stringify(event)}\n`),
});
await server.listen({ socket });
process.stdout.write("listening\n");
process.once("SIGTERM", () => void server.close());
