/** In the words of the config. */
export interface LevelView {
  readonly shares: number;
  readonly priority: number;
  /** `50MiB/s`, `3000iops` or `none`. */
  readonly guarantee: string;
  readonly limit: string;
  readonly quantum: number | "default";
  readonly latencyCritical: boolean;
}

/** `2000 shares, priority 8, guarantee 50MiB/s`: what differs from nothing set stands there. */
export function levelText({
  shares,
  priority,
  guarantee,
  limit,
  quantum,
  latencyCritical,
}: LevelView): string {
  return [
    `${shares} shares`,
    `priority ${priority}`,
    ...(guarantee === "none" ? [] : [`guarantee ${guarantee}`]),
    ...(limit === "none" ? [] : [`limit ${limit}`]),
    ...(quantum === "default" ? [] : [`quantum ${quantum}`]),
    ...(latencyCritical ? ["latency-critical"] : []),
  ].join(", ");
}
