import { type SuiteRunner, strategySuite } from "@fairlead/compliance";
import { describe, it } from "vitest";
import { type SpeedOptions, speed } from "../src/index.js";

/**
 * The compliance suite, the laws about the heap first: the others show the engine transfers of so many shapes that to
 * set a time in one makes an object afterwards, which would be counted as the strategy's.
 */
export function keepsTheLaws(options: SpeedOptions): void {
  const laws: Parameters<SuiteRunner["it"]>[] = [];
  const runner: SuiteRunner = {
    describe: (name, body) => {
      describe(name, () => {
        body();
        laws.sort(([left], [right]) => aboutTheHeap(right) - aboutTheHeap(left));
        for (const law of laws) it(...law);
      });
    },
    it: (...law) => {
      laws.push(law);
    },
  };
  strategySuite(runner, () => speed(options));
}

function aboutTheHeap(name: string): number {
  return name.startsWith("allocates") ? 1 : 0;
}
