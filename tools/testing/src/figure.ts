/** True under `npm run soak`, where tests take the sizes of acceptance. */
export const SOAK = process.env.FAIRLEAD_SOAK === "1";

/** A measured value for the report of `npm run soak`; silent in ordinary runs. */
export function figure(name: string, value: string): void {
  if (SOAK) process.stderr.write(`figure: ${name}: ${value}\n`);
}
