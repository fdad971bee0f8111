import { createManualClock } from "@fairlead/compliance";
import { At, Opcode, TaskFunction, TaskResponse } from "@fairlead/iscsi-codec";
import { describe, expect, test } from "vitest";
import { memoryStore } from "../src/index.js";
import { peek, startTarget } from "./fixture.js";
import { cdb, RawInitiator, read10, readData, write10 } from "./raw-initiator.js";

const OLD = Buffer.alloc(512, 1);

/** A session with its unit attention taken. */
async function ready(address: string, isid = 1): Promise<RawInitiator> {
  const initiator = await RawInitiator.login(address, { isid });
  expect(await initiator.clearAttention()).toBe(0x062900);
  return initiator;
}

async function settled(initiator: RawInitiator): Promise<void> {
  await initiator.expectSilence();
}

describe("reinstatement", () => {
  test("through another portal of the group the old connection closes and what waited never happens", async () => {
    const clock = createManualClock();
    const { portals, store, target } = await startTarget({ clock, service: { serviceTimeMs: 100 } });
    const first = await ready(portals[0]);
    first.command({ cdb: write10(0, 1), write: 512, data: OLD });
    first.command({ cdb: write10(1, 1), write: 512, data: OLD });
    await settled(first);
    const second = await RawInitiator.login(portals[1]);
    await first.expectClose();
    expect(target.sessions().map((session) => session.portal)).toEqual([portals[1]]);
    clock.advance(1000);
    await settled(second);
    expect(peek(store, 0, 1024).every((byte) => byte === 0)).toBe(true);
  });

  test("the login is answered once the medium has let go of the old session's write", async () => {
    const { portals, store, target } = await startTarget();
    const first = await ready(portals[0]);
    target.lun(1).holdWrites(1);
    first.command({ cdb: write10(0, 1), write: 512, data: OLD });
    await settled(first);
    expect(target.lun(1).heldWrites).toBe(1);
    const second = await RawInitiator.connect(portals[1]);
    second.sendLogin();
    await first.expectClose();
    // A session of someone else is opened meanwhile: the target isn't waiting for a turn of its loop only.
    await ready(portals[1], 2);
    const answer = second.next();
    expect(await Promise.race([answer, Promise.resolve("not yet")])).toBe("not yet");
    expect(target.lun(1).releaseWrites()).toBe(1);
    expect((await answer)?.header[0]).toBe(Opcode.LoginResponse);
    expect(peek(store, 0, 512).equals(OLD)).toBe(true);
  });

  test("also where the old connection was lost before", async () => {
    const { portals, target } = await startTarget();
    const first = await ready(portals[0]);
    target.lun(1).holdWrites(1);
    first.command({ cdb: write10(0, 1), write: 512, data: OLD });
    await settled(first);
    target.portal(portals[0]).close();
    expect(target.sessions()).toEqual([]);
    const second = await RawInitiator.connect(portals[1]);
    second.sendLogin();
    await ready(portals[1], 2);
    const answer = second.next();
    expect(await Promise.race([answer, Promise.resolve("not yet")])).toBe("not yet");
    target.lun(1).releaseWrites();
    expect((await answer)?.header[0]).toBe(Opcode.LoginResponse);
  });

  test("early: the login is answered and the old write lands afterwards; LUN RESET waits for it", async () => {
    const { portals, store, target } = await startTarget();
    target.setReinstateEarly(true);
    const first = await ready(portals[0]);
    target.lun(1).holdWrites(1);
    first.command({ cdb: write10(0, 1), write: 512, data: OLD });
    await settled(first);
    const second = await ready(portals[1]);
    second.manage(TaskFunction.LunReset);
    await settled(second);
    expect(peek(store, 0, 1)[0]).toBe(0);
    target.lun(1).releaseWrites();
    const { header } = await second.expect(Opcode.TaskManagementResponse);
    expect(header[At.Response]).toBe(TaskResponse.Complete);
    expect(peek(store, 0, 512).equals(OLD)).toBe(true);
  });

  test("another ISID, another initiator and another group are other sessions", async () => {
    const { portals, target } = await startTarget();
    const all = [
      await ready(portals[0]),
      await ready(portals[1], 2),
      await ready(portals[2]),
      await RawInitiator.login(portals[0], { initiator: "iqn.2026-01.net.fairlead:other" }),
    ];
    for (const initiator of all) await settled(initiator);
    expect(target.sessions().map((session) => session.groupTag)).toEqual([1, 1, 2, 1]);
  });
});

describe("task management", () => {
  test("LUN RESET takes back what every session has sent, silently, and every session hears of it", async () => {
    const clock = createManualClock();
    const { portals, store, target } = await startTarget({ clock, service: { serviceTimeMs: 100 } });
    const first = await ready(portals[0]);
    const second = await ready(portals[2]);
    // One in service, one behind it, one whose data has not come.
    first.command({ cdb: write10(0, 1), write: 512, data: OLD });
    second.command({ cdb: write10(1, 1), write: 512, data: OLD });
    second.command({ cdb: write10(2, 1), write: 512 });
    const r2t = await second.expect(Opcode.ReadyToTransfer);
    await settled(first);
    first.manage(TaskFunction.LunReset);
    await first.expect(Opcode.TaskManagementResponse);
    second.dataOut(r2t, OLD, { offset: 0, dataSn: 0, final: true });
    clock.advance(1000);
    await settled(first);
    await settled(second);
    expect(peek(store, 0, 1536).every((byte) => byte === 0)).toBe(true);
    expect(target.counters().map(({ aborted }) => aborted)).toEqual([1, 2]);
    expect([await first.clearAttention(), await second.clearAttention()]).toEqual([0x062903, 0x062903]);
    expect(await second.clearAttention()).toBe(0);
  });

  test("ABORT TASK takes one back, ABORT TASK SET those of its session", async () => {
    const clock = createManualClock();
    const { portals, store } = await startTarget({ clock, service: { serviceTimeMs: 100, parallel: 9 } });
    const first = await ready(portals[0]);
    const second = await ready(portals[2]);
    const tag = first.command({ cdb: write10(0, 1), write: 512, data: OLD });
    first.command({ cdb: write10(1, 1), write: 512, data: OLD });
    second.command({ cdb: write10(2, 1), write: 512, data: OLD });
    second.command({ cdb: write10(3, 1), write: 512, data: OLD });
    await settled(second);
    first.manage(TaskFunction.AbortTask, { tag });
    await first.expect(Opcode.TaskManagementResponse);
    second.manage(TaskFunction.AbortTaskSet);
    await second.expect(Opcode.TaskManagementResponse);
    clock.advance(100);
    expect((await first.status()).status).toBe(0);
    await settled(second);
    expect([0, 1, 2, 3].map((sector) => peek(store, sector * 512, 1)[0])).toEqual([0, 1, 0, 0]);
  });

  test("CLEAR TASK SET tells the sessions whose commands it took", async () => {
    const clock = createManualClock();
    const { portals } = await startTarget({ clock, service: { serviceTimeMs: 100 } });
    const first = await ready(portals[0]);
    const second = await ready(portals[1], 2);
    const third = await ready(portals[2]);
    second.command({ cdb: write10(0, 1), write: 512, data: OLD });
    await settled(second);
    first.manage(TaskFunction.ClearTaskSet);
    await first.expect(Opcode.TaskManagementResponse);
    clock.advance(100);
    expect(await second.clearAttention()).toBe(0x062f00);
    expect([await first.clearAttention(), await third.clearAttention()]).toEqual([0, 0]);
  });

  test.each([
    ["ABORT TASK of none", TaskFunction.AbortTask, 1, TaskResponse.NoTask],
    ["LUN RESET of no LUN", TaskFunction.LunReset, 9, TaskResponse.NoLun],
    ["TARGET WARM RESET", TaskFunction.TargetWarmReset, 1, TaskResponse.Complete],
    ["TARGET COLD RESET", TaskFunction.TargetColdReset, 1, TaskResponse.Unsupported],
    ["TASK REASSIGN", TaskFunction.TaskReassign, 1, TaskResponse.ReassignUnsupported],
  ])("%s", async (_name, taskFunction, lun, response) => {
    const { portals } = await startTarget();
    const initiator = await ready(portals[0]);
    initiator.manage(taskFunction, { lun, tag: 99 });
    const { header } = await initiator.expect(Opcode.TaskManagementResponse);
    expect(header[At.Response]).toBe(response);
  });
});

describe("LUNs that change", () => {
  test("a session hears of growth once, and of a changed map", async () => {
    const { portals, target } = await startTarget();
    const initiator = await ready(portals[0]);
    await target.resizeLun(1, 32 << 20);
    expect(await initiator.clearAttention()).toBe(0x062a09);
    initiator.command({ cdb: read10(65535, 1), read: 512 });
    expect((await readData(initiator)).length).toBe(512);
    target.addLun({ number: 2, store: memoryStore({ sizeBytes: 1 << 20 }) });
    expect(await initiator.clearAttention(2)).toBe(0x062900);
    expect(await initiator.clearAttention()).toBe(0x063f0e);
    await target.removeLun(2);
    expect(await initiator.clearAttention(2)).toBe(0x052500);
    expect(() => target.lun(2)).toThrow("has no LUN 2");
  });

  test("a portal group shows its own numbers, and the same name", async () => {
    const { target, portals } = await startTarget({
      portalGroups: [
        { tag: 1, portals: ["127.0.0.1:0"] },
        { tag: 2, portals: ["127.0.0.1:0"], lunNumbers: { 1: 300 } },
      ],
    });
    const first = await ready(portals[0]);
    const second = await RawInitiator.login(portals[1]);
    expect(await second.clearAttention(300)).toBe(0x062900);
    expect(await second.clearAttention(1)).toBe(0x052500);
    const pages: string[] = [];
    for (const [initiator, lun] of [
      [first, 1],
      [second, 300],
    ] as const) {
      initiator.command({ lun, cdb: cdb(0x12, 1, 0x83, 0, 255), read: 255 });
      pages.push((await readData(initiator)).subarray(8, 24).toString("hex"));
    }
    expect(pages[0]).toBe(pages[1]);
    expect(pages[0]).toBe(target.lun(1).identity.naa);
    second.command({ lun: 0, cdb: cdb(0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0), read: 256 });
    expect((await readData(second)).toString("hex")).toBe("0000000800000000412c000000000000");
  });

  test("portals come and go while sessions are open", async () => {
    const { target, portals } = await startTarget();
    const first = await ready(portals[0]);
    const added = await target.addPortal(2, "127.0.0.1:0");
    const discovery = await RawInitiator.login(portals[0], { discovery: true, isid: 9 });
    expect(await discovery.targets()).toContain(`TargetAddress=${added},2`);
    const second = await ready(added, 5);
    target.removePortal(added);
    await second.expectClose();
    expect(await discovery.targets()).not.toContain(added);
    await settled(first);
    await expect(target.addPortal(7, "127.0.0.1:0")).rejects.toMatchObject({ code: "TARGET_GROUP_UNKNOWN" });
    expect(() => target.portal(added)).toThrow(expect.objectContaining({ code: "TARGET_PORTAL_UNKNOWN" }));
  });
});

test("a target that can't listen says where, and listens nowhere", async () => {
  const { portals } = await startTarget();
  const taken = startTarget({ portalGroups: [{ tag: 1, portals: ["127.0.0.1:0", portals[0]] }] });
  await expect(taken).rejects.toMatchObject({ code: "TARGET_LISTEN_FAILED" });
});
