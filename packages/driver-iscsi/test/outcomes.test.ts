import { At, Flag } from "@fairlead/iscsi-codec";
import { Scope } from "@fairlead/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeTarget } from "./fake-target.js";
import { Host, makeCommand } from "./harness.js";

const READ = 0x28;

let scope: Scope;
beforeEach(() => {
  scope = new Scope();
});
afterEach(() => scope.close());

async function start() {
  const target = await FakeTarget.start(scope);
  const host = new Host(scope);
  return { target, host, client: await host.path(host.hba([target.address])) };
}

function fixedSense(code: number): Uint8Array {
  const sense = new Uint8Array(18);
  sense[0] = 0x70;
  sense[2] = code >>> 16;
  sense[7] = 10;
  sense[12] = code >>> 8;
  sense[13] = code;
  return sense;
}

describe("statuses", () => {
  it.each([
    ["BUSY", 0x08, "busy"],
    ["RESERVATION CONFLICT", 0x18, "conflict"],
    ["TASK SET FULL", 0x28, "busy"],
    ["ACA ACTIVE", 0x30, "busy"],
    ["TASK ABORTED", 0x40, "busy"],
    ["CONDITION MET", 0x04, "target-error"],
    ["one that does not exist", 0x77, "target-error"],
    ["CHECK CONDITION without sense", 0x02, "target-error"],
  ])("%s", async (_name, status, expected) => {
    const { target, client } = await start();
    target.onCommand = (connection, request) => {
      connection.respond(request, status);
      return true;
    };
    expect(await client.run("read", 0, new Uint8Array(512))).toBe(expected);
    expect(client.notices).toEqual([]);
  });
});

describe("sense", () => {
  it.each([
    [0x020400, "busy"],
    [0x020401, "busy"],
    [0x02040a, "busy"],
    [0x02040b, "busy"],
    [0x02040c, "busy"],
    [0x023a00, "target-error"],
    [0x031100, "medium-error"],
    [0x030c00, "medium-error"],
    [0x040000, "target-error"],
    [0x044400, "target-error"],
    [0x052000, "invalid"],
    [0x052100, "invalid"],
    [0x052400, "invalid"],
    [0x072700, "write-protected"],
    [0x072707, "no-space"],
    [0x073000, "write-protected"],
    [0x080000, "target-error"],
    [0x0b0000, "target-error"],
    [0x0b4700, "target-error"],
    [0x0d2100, "target-error"],
    [0x0e1d00, "target-error"],
    [0x000000, "target-error"],
  ])("0x%s", async (code, expected) => {
    const { target, client } = await start();
    target.onCommand = (connection, request) => {
      connection.respond(request, 2, fixedSense(code));
      return true;
    };
    const command = makeCommand("write", 0, new Uint8Array(512));
    expect(await client.submit(command)).toBe(expected);
    expect(command.senseCode).toBe(code);
    expect(client.notices).toEqual([]);
    target.onCommand = () => false;
    expect(await client.submit(command)).toBe("good");
    expect(command.senseCode).toBe(0);
  });

  it("is bounded by what came, whatever length it claims", async () => {
    const { target, client } = await start();
    target.onCommand = (connection, request) => {
      const sense = new Uint8Array(8192 - 2);
      sense.set(fixedSense(0x031100));
      sense[7] = 255;
      connection.respond(request, 2, sense);
      return true;
    };
    expect(await client.run("read", 0, new Uint8Array(512))).toBe("medium-error");
  });

  it("of a recovered error is no error, where all data came", async () => {
    const { target, client } = await start();
    target.onCommand = (connection, request) => {
      const data = target.medium.subarray(0, 512);
      if (request.head[At.Cdb] === READ) connection.part(request, 0, 0, data);
      connection.respond(request, 2, fixedSense(0x011701));
      return true;
    };
    expect(await client.run("read", 0, new Uint8Array(512))).toBe("good");
    expect(await client.run("read", 0, new Uint8Array(1024))).toBe("target-error");
  });

  it("that knows no LUN takes the path down, and the command goes elsewhere", async () => {
    const { target, host, client } = await start();
    target.onCommand = (connection, request) => {
      connection.respond(request, 2, fixedSense(0x052500));
      return true;
    };
    expect(await client.run("write", 0, new Uint8Array(512))).toBe("not-sent");
    expect(client.log).toEqual(["path-failed lun-gone", "write not-sent"]);
    expect(client.adapter.up).toBe(false);
    expect(host.kinds()).toEqual(["lun-gone"]);
  });
});

describe("lengths", () => {
  it.each([
    ["too little data", (length: number) => length - 512, 0, 0],
    ["none at all", () => 0, 0, 0],
    ["a residual that says so", (length: number) => length - 512, Flag.Underflow, 512],
    ["an overflow", (length: number) => length, Flag.Overflow, 512],
  ])("GOOD with %s is an error", async (_name, sent, flags, residual) => {
    const { target, client } = await start();
    target.onCommand = (connection, request) => {
      const data = target.medium.subarray(0, sent(4096));
      if (data.length > 0) connection.part(request, 0, 0, data);
      connection.respond(request, 0, undefined, flags, residual);
      return true;
    };
    expect(await client.run("read", 0, new Uint8Array(4096))).toBe("target-error");
    expect(client.notices).toEqual([]);
  });

  it("a write that was not taken whole is an error", async () => {
    const { target, client } = await start();
    target.onCommand = (connection, request) => {
      connection.respond(request, 0, undefined, Flag.Underflow, 512);
      return true;
    };
    expect(await client.run("write", 0, new Uint8Array(4096))).toBe("target-error");
  });
});

describe("UNIT ATTENTION", () => {
  it.each([
    [0x062a09, "capacity-changed"],
    [0x063f0e, "luns-changed"],
  ])("0x%s is told, and the command goes again", async (code, kind) => {
    const { target, host, client } = await start();
    let attentions = 3;
    target.onCommand = (connection, request) => {
      if (attentions-- <= 0) return false;
      connection.respond(request, 2, fixedSense(code));
      return true;
    };
    const data = new Uint8Array(512).fill(5);
    expect(await client.run("write", 1024, data)).toBe("good");
    expect(target.medium.subarray(1024, 1536)).toEqual(data);
    expect(client.log).toEqual(["write good"]);
    expect(host.kinds()).toEqual([kind, kind, kind]);
  });

  it("of a reset is told but for the one that our own login causes", async () => {
    const { target, host, client } = await start();
    const restored = client.next("path-restored");
    let attentions = 1;
    target.onCommand = (connection, request) => {
      if (attentions-- <= 0) return false;
      connection.respond(request, 2, fixedSense(0x062900));
      return true;
    };
    target.last.socket.destroy();
    await restored;
    expect(host.kinds()).not.toContain("lun-reset");
    attentions = 1;
    expect(await client.run("flush")).toBe("good");
    expect(host.kinds().at(-1)).toBe("lun-reset");
  });

  it("without end leaves the command to the layer above", async () => {
    const { target, client } = await start();
    target.commands = [];
    target.onCommand = (connection, request) => {
      connection.respond(request, 2, fixedSense(0x063f0e));
      return true;
    };
    expect(await client.run("flush")).toBe("busy");
    expect(target.commands.length).toBeLessThan(32);
  });
});
