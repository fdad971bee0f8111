import { At, Flag, following, getOpcode, getU32, Opcode, ScsiOp } from "@fairlead/iscsi-codec";
import { Scope } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeTarget, type Request } from "./fake-target.js";
import { Host } from "./harness.js";

const RESET_SENSE = Buffer.from("7206290300000000", "hex");

let scope: Scope;
let target: FakeTarget;
beforeEach(async () => {
  scope = new Scope();
  target = await FakeTarget.start(scope);
});
afterEach(() => scope.close());

/** Commands that begin at block 1 get no answer; they are kept here. */
function keepBlockOne(): Request[] {
  const kept: Request[] = [];
  target.onCommand = (_connection, request) => {
    const op = request.head[At.Cdb];
    if ((op !== ScsiOp.Read10 && op !== ScsiOp.Write10) || getU32(request.head, At.Cdb + 2) !== 1)
      return false;
    kept.push(request);
    return true;
  };
  return kept;
}

/** Carries LUN RESETs out, which is all that it says. */
function takeResets(): void {
  target.onPdu = (connection, { head }) => {
    if (getOpcode(head, 0) !== Opcode.TaskManagementRequest) return false;
    connection.send(Opcode.TaskManagementResponse, Flag.Final, {
      [At.InitiatorTag]: getU32(head, At.InitiatorTag),
    });
    connection.statSn = following(connection.statSn);
    return true;
  };
}

describe("a LUN RESET of ours", () => {
  it("ends what the target had whole, at once; answers that come all the same do nothing", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const kept = keepBlockOne();
    takeResets();
    const data = new Uint8Array(4096).fill(0xee);
    const read = client.run("read", 512, data);
    const write = client.run("write", 512, new Uint8Array(4096));
    const answered = client.run("write", 8192, new Uint8Array(512));
    expect(await answered).toBe("good");
    expect(await client.resetLun()).toBe(true);
    expect(await Promise.all([read, write])).toEqual(["busy", "busy"]);
    for (const request of kept) {
      if (request.head[At.Cdb] === ScsiOp.Read10) target.last.answer(request, new Uint8Array(4096).fill(1));
      else target.last.respond(request, 0);
    }
    for (let turns = 0; turns < 3; turns++) expect(await client.run("flush")).toBe("good");
    expect(data.every((byte) => byte === 0xee)).toBe(true);
    expect(client.notices).toEqual([]);
  });

  it("proves nothing of a write whose data was on its way: its session ends, so that it can be fenced", async () => {
    target.operationalKeys = [
      ["InitialR2T", "Yes"],
      ["FirstBurstLength", "512"],
      ["MaxRecvDataSegmentLength", "8192"],
    ];
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    keepBlockOne();
    takeResets();
    const write = client.run("write", 512, new Uint8Array(4096));
    expect(await client.run("flush")).toBe("good");
    const startMs = performance.now();
    expect(await client.resetLun()).toBe(true);
    expect(await write).toBe("in-doubt");
    expect(performance.now() - startMs).toBeGreaterThan(1500);
    expect(performance.now() - startMs).toBeLessThan(4000);
    expect(client.log.slice(1)).toEqual(["path-failed command-timeout", "write in-doubt"]);
  });

  it("that the target refuses ends nothing", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const kept = keepBlockOne();
    const write = client.run("write", 512, new Uint8Array(512));
    target.onPdu = (connection, { head }) => {
      if (getOpcode(head, 0) !== Opcode.TaskManagementRequest) return false;
      const refusal = { [At.InitiatorTag]: getU32(head, At.InitiatorTag), 0: 0x22800500 };
      connection.send(Opcode.TaskManagementResponse, Flag.Final, refusal);
      connection.statSn = following(connection.statSn);
      return true;
    };
    expect(await client.resetLun()).toBe(false);
    for (const request of kept) target.last.respond(request, 0);
    expect(await write).toBe("good");
  });

  it("reaches the other sessions' commands, as their next UNIT ATTENTION proves", async () => {
    const host = new Host(scope);
    const first = await host.path(host.hba([target.address]));
    const second = await host.path(host.hba([target.address], { name: "vmhba1" }));
    const secondConnection = target.last;
    const kept = keepBlockOne();
    takeResets();
    const write = second.run("write", 512, new Uint8Array(512));
    expect(await second.run("flush")).toBe("good");
    const keep = target.onCommand;
    let told = false;
    target.onCommand = (connection, request) => {
      if (connection !== secondConnection || told) return keep(connection, request);
      told = true;
      connection.respond(request, 2, RESET_SENSE);
      return true;
    };
    const startMs = performance.now();
    expect(await first.resetLun()).toBe(true);
    expect(await write).toBe("busy");
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(kept).toHaveLength(1);
    expect([...first.notices, ...second.notices]).toEqual([]);
    expect(host.kinds()).toEqual([]);
  });
});

describe("a LUN RESET of another host", () => {
  it("is no proof: what stays without an answer ends with its session", async () => {
    const host = new Host(scope);
    const client = await host.path(host.hba([target.address]));
    const kept = keepBlockOne();
    const lost = client.run("write", 512, new Uint8Array(512));
    expect(await client.run("flush")).toBe("good");
    expect(kept).toHaveLength(1);
    const keep = target.onCommand;
    target.onCommand = (connection, request) => {
      target.onCommand = keep;
      connection.respond(request, 2, RESET_SENSE);
      return true;
    };
    expect(await client.run("write", 8192, new Uint8Array(512))).toBe("good");
    expect(await lost).toBe("in-doubt");
    expect(client.log).toEqual(["flush good", "write good", "path-failed command-timeout", "write in-doubt"]);
    expect(host.kinds().slice(0, 2)).toEqual(["lun-reset", "session-failed"]);
  });
});
