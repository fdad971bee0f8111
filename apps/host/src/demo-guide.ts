import { basename } from "node:path";
import type { Demo } from "./demo.js";
import { nbdUri } from "./views.js";

/** What one can do with the demo, line by line, to be pasted into a second terminal. */
export function demoGuide({ host, config, san }: Demo): string {
  const { nbdSocket, apiSocket } = host;
  const disks = Object.entries(config.vms).flatMap(([vm, { disks }]) =>
    Object.keys(disks).map((disk) => ({ vm, name: `${vm}-${disk}` })),
  );
  const shares = (vm: string): string =>
    Object.values(config.vms[vm]?.luns ?? {})
      .map((entry) => `${entry.shares} shares`)
      .join();
  const [first] = disks;
  const uri = nbdUri(nbdSocket, first?.name ?? "");
  const portals = san.portals().map(({ address, processor }) => `${processor} ${address}`);
  const portal = san.portals()[0]?.address ?? "";
  return `Fairlead serves ${disks.length} disks from an embedded SAN: 2 storage processors, 4 portals, 4 paths to each LUN.
  portals  ${portals.join("  ")}

${disks.map(({ vm, name }) => `  ${vm.padEnd(6)} ${shares(vm).padEnd(12)} ${nbdUri(nbdSocket, name)}`).join("\n")}

Use a disk:
  nbdinfo '${uri}'
  nbdcopy disk.img '${uri}'
  qemu-img info '${uri}'
  qemu-system-x86_64 ... \\
    -blockdev driver=nbd,node-name=d0,server.type=unix,server.path=${nbdSocket},export=${first?.name},reconnect-delay=30,cache.direct=on \\
    -device virtio-blk-pci,drive=d0,share-rw=on,werror=stop,rerror=stop

In a second terminal:
${commandLine()}  export FAIRLEAD_SOCKET=${apiSocket}
  fairlead get paths
  fairlead get vms
  fairlead events --follow
Break a path while a disk is in use, and mend it:
  fairlead path disable vmhba0:0:0
  fairlead path enable vmhba0:0:0
  fairlead san stall ${portal}
  fairlead san resume ${portal}
Let shares matter:
  fairlead san limit 50MiB/s
  fairlead set entry batch vmhba0:0:0 shares=4000

Ctrl-C stops it. What was written is gone then.`;
}

/** How \`fairlead\` is called where it is not installed. */
function commandLine(): string {
  const script = process.argv[1] ?? "";
  if (basename(script) === "fairlead") return "";
  return `  alias fairlead='${["node", ...process.execArgv, script].join(" ")}'\n`;
}
