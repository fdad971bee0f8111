import assert from "node:assert/strict";
import {
  type AdapterListener,
  type Clock,
  Command,
  type Hba,
  type HostEvent,
  type LunRange,
  type Op,
  type Outcome,
  type PathAdapter,
  type PathNotice,
} from "@fairlead/core";
import type { Scope } from "@fairlead/testing";
import { createIscsiDriver, type IscsiDriver, type IscsiDriverOptions } from "../src/index.js";

export const ALL: LunRange = { first: 0, last: 255 };
export const HOST_NAME = "iqn.2026-11.test.fairlead:host-a";

export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A driver whose events are kept, and whose HBAs the scope closes. */
export class Host {
  readonly events: HostEvent[] = [];
  readonly driver: IscsiDriver;
  readonly #scope: Scope;

  constructor(scope: Scope, options: Partial<IscsiDriverOptions> = {}) {
    this.#scope = scope;
    this.driver = createIscsiDriver({
      clock: systemClock,
      initiatorName: HOST_NAME,
      onEvent: (event) => this.events.push(event),
      random: () => 0,
      ...options,
    });
  }

  hba(portals: readonly string[], more: Partial<Parameters<IscsiDriver["hba"]>[0]> = {}): Hba {
    const hba = this.driver.hba({ name: "vmhba0", portals, ...more });
    this.#scope.defer(() => hba.close());
    return hba;
  }

  /** The first path to this LUN number; there have to be no problems. */
  async path(hba: Hba, lunNumber = 1): Promise<Client> {
    const { paths, problems } = await hba.scan(ALL);
    assert.deepEqual(problems, []);
    const path = paths.find(({ adapter }) => adapter.id.endsWith(`:${lunNumber}`));
    assert.ok(path !== undefined, `no path to LUN ${lunNumber}`);
    return new Client(path.adapter);
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }
}

/** The layer above one path. Remembers everything that it is told, in order. */
export class Client implements AdapterListener {
  /** Notices (`path-failed connection-lost`) and outcomes (`write in-doubt`), in the order in which they came. */
  readonly log: string[] = [];
  readonly notices: PathNotice[] = [];
  readonly #pending = new Map<Command, (outcome: Outcome) => void>();
  #waiting: { kind: PathNotice["kind"]; resolve: () => void }[] = [];

  constructor(readonly adapter: PathAdapter) {
    adapter.listener = this;
  }

  completed(command: Command, outcome: Outcome): void {
    this.log.push(`${command.op} ${outcome}`);
    const done = this.#pending.get(command);
    assert.ok(done !== undefined, "a command completed that was not pending");
    this.#pending.delete(command);
    done(outcome);
  }

  notice(notice: PathNotice): void {
    this.notices.push(notice);
    this.log.push(notice.kind === "path-failed" ? `${notice.kind} ${notice.reason}` : notice.kind);
    const woken = this.#waiting.filter(({ kind }) => kind === notice.kind);
    this.#waiting = this.#waiting.filter(({ kind }) => kind !== notice.kind);
    for (const { resolve } of woken) resolve();
  }

  /** The next notice of this kind. */
  next(kind: PathNotice["kind"]): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  submit(command: Command): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#pending.set(command, resolve);
      this.adapter.submit(command);
    });
  }

  run(op: Op, offsetBytes = 0, data: Uint8Array = new Uint8Array(0), fua = false): Promise<Outcome> {
    return this.submit(makeCommand(op, offsetBytes, data, fua));
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const data = new Uint8Array(lengthBytes).fill(0xee);
    assert.equal(await this.run("read", offsetBytes, data), "good");
    return data;
  }

  fence(): Promise<"fenced" | "unfenceable"> {
    return new Promise((resolve) => this.adapter.session.fence(resolve));
  }

  resetLun(): Promise<boolean> {
    return new Promise((resolve) => this.adapter.resetLun(resolve));
  }
}

export function makeCommand(op: Op, offsetBytes: number, data: Uint8Array, fua = false): Command {
  const command = new Command();
  command.op = op;
  command.offsetBytes = offsetBytes;
  command.lengthBytes = data.length;
  command.data = data;
  command.fua = fua;
  return command;
}
