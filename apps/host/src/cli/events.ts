import { recordLine } from "../journal-line.js";
import type { EventsView } from "../views.js";
import type { ApiClient } from "./client.js";

const WAIT_SECONDS = 20;

export interface EventsRequest {
  readonly since: number;
  readonly follow: boolean;
  readonly json: boolean;
}

/** Prints what the journal holds, and, if asked, what comes until the host ends or `print` throws. */
export async function printEvents(
  client: ApiClient,
  { since, follow, json }: EventsRequest,
  print: (line: string) => void,
  warn: (line: string) => void,
): Promise<void> {
  let after = since;
  for (let wait = 0; ; wait = follow ? WAIT_SECONDS : 0) {
    const answer: EventsView = await client.get("events", `/v1/events?since=${after}&wait=${wait}`);
    const { events, firstSequence, lastSequence } = answer;
    const first = events[0]?.sequence;
    // A lower number than before: the host was started again.
    if (first !== undefined && after > 0 && first > after + 1 && firstSequence > after + 1) {
      warn(`${first - after - 1} events were dropped`);
    }
    for (const event of events) print(json ? JSON.stringify(event) : recordLine(event));
    after = events.at(-1)?.sequence ?? lastSequence;
    if (!follow && after >= lastSequence) return;
  }
}
