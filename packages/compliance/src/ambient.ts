/** Refuses the clocks and the random numbers of the process while `body` runs: what time it is comes in with the calls. */
export function withoutAmbient<Result>(body: () => Result): Result {
  const { now } = Date;
  const { random } = Math;
  const { hrtime } = process;
  const { now: monotonic } = performance;
  const refuse = (what: string) => () => {
    throw new Error(`called ${what}`);
  };
  Date.now = refuse("Date.now");
  Math.random = refuse("Math.random");
  performance.now = refuse("performance.now");
  process.hrtime = Object.assign(refuse("process.hrtime"), { bigint: refuse("process.hrtime.bigint") });
  try {
    return body();
  } finally {
    Date.now = now;
    Math.random = random;
    performance.now = monotonic;
    process.hrtime = hrtime;
  }
}
