import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fairlead, NbdClient, peers, San, Scope, seededBytes, Tgtd, until } from "@fairlead/testing";
import { describe, expect, it, onTestFinished } from "vitest";

const MIB = 1024 * 1024;

function scoped(): Scope {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope;
}

/** Of a backing file, past everything that could hide what the target did. */
async function onMedium(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await file.close();
  }
}

describe.skipIf(!peers("tgtd", "tgtadm", "nbdinfo"))("virtual disks", () => {
  it("reach the bytes that were allocated to them and no others", { timeout: 60_000 }, async () => {
    const scope = scoped();
    const luns = [1, 2].map((number) => ({ number, sizeBytes: 8 * MIB }));
    const target = await Tgtd.start(scope, { portals: ["127.0.0.1:13685"], luns });
    const [one, two] = [target.lunId(1), target.lunId(2)];
    const host = await Fairlead.start(scope, {
      hbas: { vmhba0: { driver: "iscsi", portals: target.portals } },
      vms: {
        joined: {
          disks: {
            root: {
              extents: [
                { lun: two, range: "6-8MiB" },
                { lun: one, range: "1-3MiB" },
              ],
            },
          },
        },
        part: { disks: { root: { extents: [{ lun: one, range: "3-8MiB" }] } } },
      },
    });
    await host.untilServed("joined-root");
    await host.untilServed("part-root");
    const joined = await NbdClient.open(scope, host.nbdSocket, "joined-root");
    const part = await NbdClient.open(scope, host.nbdSocket, "part-root");
    expect([joined.sizeBytes, part.sizeBytes]).toEqual([4 * MIB, 5 * MIB]);

    const [ours, theirs] = [seededBytes(1, 4 * MIB), seededBytes(2, 5 * MIB)];
    await joined.write(0, ours.subarray(0, 3 * MIB)); // Across the border between the extents.
    await joined.write(3 * MIB, ours.subarray(3 * MIB));
    await part.write(0, theirs);
    expect((await joined.read(MIB + 512, 2 * MIB)).equals(ours.subarray(MIB + 512, 3 * MIB + 512))).toBe(
      true,
    );

    const first = await onMedium(target.fileOf(1), 0, 8 * MIB);
    const second = await onMedium(target.fileOf(2), 0, 8 * MIB);
    const untouched = Buffer.alloc(6 * MIB);
    expect(second.equals(Buffer.concat([untouched, ours.subarray(0, 2 * MIB)]))).toBe(true);
    expect(first.equals(Buffer.concat([untouched.subarray(0, MIB), ours.subarray(2 * MIB), theirs]))).toBe(
      true,
    );
  });
});

describe.skipIf(!peers("nbdinfo"))("a target with a volatile cache that loses power", () => {
  it("has what was flushed, over whichever path and connection it was written", {
    timeout: 60_000,
  }, async () => {
    const scope = scoped();
    const portals = ["127.0.0.1:13686", "127.0.0.2:13686"];
    const medium = join(await scope.directory(), "lun.img");
    const lun = `1=8MiB,file=${medium},volatile`;
    const san = await San.start(scope, ["--portal-group", `1=${portals.join()}`, "--lun", lun]);
    const host = await Fairlead.start(scope, {
      hbas: { vmhba0: { driver: "iscsi", portals } },
      vms: { db: { disks: { root: { extents: [{ lun: "vmhba0:0:1" }] } } } },
    });
    await host.untilServed("db-root");
    const writer = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const other = await NbdClient.open(scope, host.nbdSocket, "db-root");
    const data = seededBytes(1, MIB);
    const size = 64 * 1024;
    for (let at = 0; at < data.length; at += size) await writer.write(at, data.subarray(at, at + size));
    await until("both paths used", async () => {
      const counters = (await san.command({ query: "counters" })) as { writes: number }[];
      return counters.filter(({ writes }) => writes > 0).length === portals.length;
    });
    expect((await onMedium(medium, 0, data.length)).equals(data)).toBe(false); // It stands in the cache.
    await other.flush();
    await writer.write(4 * MIB, seededBytes(2, size), { fua: true });
    await san.kill();
    expect((await onMedium(medium, 0, data.length)).equals(data)).toBe(true);
    expect((await onMedium(medium, 4 * MIB, size)).equals(seededBytes(2, size))).toBe(true);
  });
});
