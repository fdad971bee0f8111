import { Command, type EntrySettings } from "@fairlead/core";
import { type DiskScheduler, diskScheduler } from "@fairlead/disk-scheduler";
import { MinQueue } from "heapify";
import { Heap } from "mnemonist";
import PQueue from "p-queue";
import type { Contender } from "./contender.js";

const LENGTHS_BYTES = [4096, 8192, 12288, 16384];

function shares(vm: number): number {
  return 500 + (vm % 1500);
}

// Decisions in one ms: the LUN's bandwidth, on the clock that the scheduler sees.
const DECISIONS_PER_MS = 64;

function policyWith(vms: number, levelOf: (vm: number) => EntrySettings): DiskScheduler {
  const policy = diskScheduler();
  for (let vm = 0; vm < vms; vm++) {
    policy.setEntry(vm, { shares: shares(vm), ...levelOf(vm) }, 0);
    const command = new Command();
    command.vm = vm;
    command.lengthBytes = LENGTHS_BYTES[vm % LENGTHS_BYTES.length] ?? 0;
    command.offsetBytes = vm * 2 ** 30;
    policy.enqueue(command, 0);
  }
  return policy;
}

/**
 * The scheduler with `vms` backlogged VMs of different shares: a decision is `next` and `enqueue` of a command for the VM
 * whose turn it is to send one. It does all that a decision takes: cost, quantum, minima, FIFO.
 */
export function scheduler(vms: number, decisions: number): Contender {
  return decisionsOf(
    "disk-scheduler",
    policyWith(vms, () => ({})),
    vms,
    decisions,
  );
}

/**
 * The same where each VM is guaranteed half of what it would get if all were equal, and limited to one and a half times
 * that, as bytes or as commands: the guarantee is due for VMs with few shares, those with many reach their limit.
 */
export function schedulerWithRates(vms: number, decisions: number): Contender {
  const commandsPerSecond = (DECISIONS_PER_MS * 1000) / vms;
  const policy = policyWith(vms, (vm) => {
    const lengthBytes = LENGTHS_BYTES[vm % LENGTHS_BYTES.length] ?? 0;
    return vm % 2 === 0
      ? {
          guarantee: { commandsPerSecond: commandsPerSecond / 2 },
          limit: { commandsPerSecond: commandsPerSecond * 1.5 },
        }
      : {
          guarantee: { bytesPerSecond: (commandsPerSecond * lengthBytes) / 2 },
          limit: { bytesPerSecond: commandsPerSecond * lengthBytes * 1.5 },
        };
  });
  return decisionsOf("with guarantees and limits", policy, vms, decisions);
}

function decisionsOf(name: string, policy: DiskScheduler, vms: number, decisions: number): Contender {
  let turn = 0;
  let made = 0;
  return {
    name,
    decisions,
    run(count) {
      for (let left = count; left > 0; left--) {
        // Whole: a fraction would be put on the heap by this loop.
        let nowMs = (made++ / DECISIONS_PER_MS) | 0;
        let command = policy.next(nowMs);
        if (command === undefined) {
          // All that wait have reached their limits.
          nowMs = Math.ceil(policy.nextAt(nowMs));
          made = nowMs * DECISIONS_PER_MS;
          command = policy.next(nowMs);
        }
        if (command === undefined) throw new Error("nothing is queued");
        command.vm = turn;
        turn = turn + 1 < vms ? turn + 1 : 0;
        policy.enqueue(command, nowMs);
      }
    },
  };
}

/** The same order kept by a heap of VM numbers: the lowest out, its virtual time raised, in again; no FIFO, no cost. */
export function heapOfNumbers(vms: number, decisions: number): Contender {
  const queue = new MinQueue(vms + 1);
  // Whole numbers, as heapify's priorities are of 32 bits.
  const virtualTimes = new Uint32Array(vms);
  for (let vm = 0; vm < vms; vm++) queue.push(vm, 0);
  return {
    name: "heapify",
    decisions,
    run(count) {
      for (let left = count; left > 0; left--) {
        const vm = queue.pop() ?? 0;
        const virtualTime = (virtualTimes[vm] ?? 0) + ((1 + (vm & 3)) * 1e5) / shares(vm);
        virtualTimes[vm] = virtualTime;
        queue.push(vm, virtualTime | 0);
      }
    },
  };
}

/** The same with an object per VM and a comparator. */
export function heapOfObjects(vms: number, decisions: number): Contender {
  const heap = new Heap<{ vm: number; virtualTime: number }>(
    (left, right) => left.virtualTime - right.virtualTime,
  );
  for (let vm = 0; vm < vms; vm++) heap.push({ vm, virtualTime: 0 });
  return {
    name: "mnemonist Heap",
    decisions,
    run(count) {
      for (let left = count; left > 0; left--) {
        const entry = heap.pop();
        if (entry === undefined) throw new Error("the heap is empty");
        entry.virtualTime += (1 + (entry.vm & 3)) / shares(entry.vm);
        heap.push(entry);
      }
    },
  };
}

/** p-queue with `vms` tasks waiting: each that runs adds the next one of its VM, by priority. */
export function taskQueue(vms: number, decisions: number): Contender {
  const queue = new PQueue({ concurrency: 1, autoStart: false });
  const virtualTimes = new Float64Array(vms);
  let left = 0;
  let finish: () => void = () => {};
  function add(vm: number): void {
    void queue.add(
      () => {
        virtualTimes[vm] = (virtualTimes[vm] ?? 0) + (1 + (vm & 3)) / shares(vm);
        add(vm);
        if (--left > 0) return;
        queue.pause();
        finish();
      },
      { priority: -(virtualTimes[vm] ?? 0) },
    );
  }
  for (let vm = 0; vm < vms; vm++) add(vm);
  return {
    name: "p-queue",
    decisions,
    run(count) {
      left = count;
      return new Promise((resolve) => {
        finish = resolve;
        queue.start();
      });
    },
  };
}
