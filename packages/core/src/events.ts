/** A record of a decision or a change, for `fairlead events` and the console: what, of what, and why in words. */
export interface HostEvent {
  /** `path-failed`, `lun-found`, `fence-started`, …: stable, lower case. */
  readonly kind: string;
  readonly severity: "info" | "warning" | "error";
  /** The path, LUN, VM, disk or NIC that it is about. */
  readonly subject: string;
  readonly reason: string;
  /** Inputs of the decision. */
  readonly inputs?: Readonly<Record<string, string | number | boolean>>;
}

export type EventSink = (event: HostEvent) => void;
