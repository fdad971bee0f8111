// Three HTTP servers, the last four times slower than the others; 8 clients ask without a pause.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createPool } from "./pool.js";

const SERVICE_MS = [20, 20, 80];
const CLIENTS = 8;
const REQUESTS = 300;

const servers = SERVICE_MS.map((serviceMs) =>
  createServer((request, response) => {
    setTimeout(() => response.end(`${request.url} after ${serviceMs} ms`), serviceMs);
  }).listen(0, "127.0.0.1"),
);
await Promise.all(servers.map((server) => once(server, "listening")));
const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);

const { fetchText, upstreams } = createPool(urls);
let left = REQUESTS;
async function client(): Promise<void> {
  while (left > 0) {
    left--;
    await fetchText(`/item/${left}`);
  }
}
await Promise.all(Array.from({ length: CLIENTS }, client));

for (const [index, { completedCommands }] of upstreams.entries()) {
  console.log(`${SERVICE_MS[index]} ms: ${completedCommands} requests`);
}
for (const server of servers) {
  server.close();
  server.closeAllConnections();
}
