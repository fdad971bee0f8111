import { setTimeout as pause } from "node:timers/promises";
import { thrownText } from "../plugins/thrown.js";

export const LAW = "does nothing behind the host's back";
/** How long the event loop turns, so that timers and promises have their say. */
const TURNING_MS = 1000;

/** What every module of a process shares. */
const SHARED: Readonly<Record<string, object>> = {
  "Object.prototype": Object.prototype,
  "Array.prototype": Array.prototype,
  "Function.prototype": Function.prototype,
  "Promise.prototype": Promise.prototype,
  Math,
  Date,
  globalThis,
};

type Members = ReadonlyMap<PropertyKey, PropertyDescriptor>;

/**
 * Watches a process in which nothing but a plugin runs, from before it is loaded: what a plugin does outside of the calls
 * of its policy would end the host, or change what the host's own code works with.
 */
export class BehindTheBack {
  readonly #before = new Map(Object.entries(SHARED).map(([name, object]) => [name, membersOf(object)]));
  #globals: Members | undefined;
  #first: string | undefined;
  #count = 0;

  constructor() {
    process.on("uncaughtException", (error) => this.#heard("an error that nobody catches", error));
    process.on("unhandledRejection", (error) => this.#heard("a promise that is rejected unheard", error));
  }

  /** Names that its module made are borne: libraries keep registries there. */
  loaded(): void {
    this.#globals = membersOf(globalThis);
  }

  /** Undefined: nothing was found. */
  async failure(): Promise<string | undefined> {
    await pause(TURNING_MS);
    const changes = [...this.#before].flatMap(([name, before]) => this.#changes(name, before));
    const heard = this.#count > 1 ? `${this.#first} (${this.#count} times)` : this.#first;
    const found = [...(heard === undefined ? [] : [heard]), ...changes];
    return found.length === 0 ? undefined : found.join("; ");
  }

  #heard(what: string, error: unknown): void {
    this.#count++;
    this.#first ??= `${what}: ${thrownText(error)}`;
  }

  #changes(name: string, before: Members): string[] {
    const now = membersOf(SHARED[name] ?? {});
    const known = name === "globalThis" ? (this.#globals ?? before) : before;
    const added = [...now.keys()].filter((key) => !before.has(key) && !known.has(key));
    const changed = [...before].filter(([key, was]) => !same(was, now.get(key)));
    return [
      ...added.map((key) => `${name}.${String(key)} is new`),
      ...changed.map(([key]) => `${name}.${String(key)} is not what it was`),
    ];
  }
}

function membersOf(object: object): Members {
  return new Map(
    Reflect.ownKeys(object).flatMap((key) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
      return descriptor === undefined ? [] : [[key, descriptor]];
    }),
  );
}

function same(was: PropertyDescriptor, now: PropertyDescriptor | undefined): boolean {
  if (now === undefined) return false;
  // Some of Node's globals are getters until they are used first.
  return was.get !== undefined || Object.is(was.value, now.value);
}
