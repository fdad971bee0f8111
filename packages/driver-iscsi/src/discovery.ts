import {
  At,
  BHS_BYTES,
  Flag,
  formatText,
  getOpcode,
  getU32,
  IMMEDIATE,
  NO_TAG,
  Opcode,
  parseNumber,
  setU32,
  startHeader,
} from "@fairlead/iscsi-codec";
import type { Context } from "./context.js";
import { Dial, type Dialled, logOut } from "./dial.js";
import { IscsiError, ProtocolError } from "./errors.js";
import type { Route } from "./groups.js";
import { sessionIsid } from "./isid.js";
import type { ListedTarget } from "./listings.js";
import type { ChapOptions } from "./options.js";
import { answerText } from "./pdu-queue.js";
import { parsePortal } from "./portal.js";

/** Longest list of targets. Bytes. */
const LIST_BYTES_MAX = 256 * 1024;
/** Answers that one list may come in. */
const ANSWERS_MAX = 64;
const TEXT_TAG = 1;
const NAME_BYTES_MAX = 223;

/** The targets that a portal tells of, sorted by name. @throws IscsiError */
export async function discoverTargets(
  context: Context,
  hbaName: string,
  route: Route,
  chap: ChapOptions | undefined,
): Promise<ListedTarget[]> {
  const isids = new Set(context.isids);
  const isid = sessionIsid(isids, ["discovery", hbaName, route.portal.name]);
  const dialled = await new Dial(context, { route, targetName: undefined, isid, chap }).run();
  const { timing, clock } = context;
  const timer = clock.schedule(() => {
    dialled.wire.fail(new IscsiError("ISCSI_LOGIN_TIMEOUT", "unreachable", "no answer to SendTargets"));
  }, timing.loginTimeoutMs);
  try {
    return await sendTargets(dialled);
  } finally {
    timer.cancel();
    await logOut(context, dialled);
  }
}

async function sendTargets({ queue, sequence }: Dialled): Promise<ListedTarget[]> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let text: Buffer = formatText([["SendTargets", "All"]]);
  let targetTag: number = NO_TAG;
  for (let answers = 0; answers < ANSWERS_MAX; answers++) {
    const head = new Uint8Array(BHS_BYTES);
    startHeader(head, 0, Opcode.TextRequest | IMMEDIATE, Flag.Final);
    setU32(head, At.InitiatorTag, TEXT_TAG);
    setU32(head, At.TargetTag, targetTag);
    setU32(head, At.CmdSn, sequence.cmdSn);
    setU32(head, At.ExpStatSn, sequence.expStatSn);
    const answer = await queue.exchange(head, text);
    if (
      getOpcode(answer.head, 0) !== Opcode.TextResponse ||
      getU32(answer.head, At.InitiatorTag) !== TEXT_TAG
    )
      throw new ProtocolError("SendTargets must be answered by a text response");
    sequence.takeStatus(answer.head, 0);
    parts.push(answer.data);
    bytes += answer.data.length;
    if (bytes > LIST_BYTES_MAX) break;
    if ((answer.head[At.Flags]! & Flag.Final) !== 0) return listedTargets(Buffer.concat(parts));
    targetTag = getU32(answer.head, At.TargetTag);
    text = formatText([]);
  }
  throw new ProtocolError(`the list of targets must end within ${LIST_BYTES_MAX} bytes`);
}

/** Each TargetName is followed by the addresses of its portals. RFC 7143, appendix C */
function listedTargets(list: Buffer): ListedTarget[] {
  const targets = new Map<string, Map<string, number>>();
  let tags: Map<string, number> | undefined;
  for (const [key, value] of answerText(list)) {
    if (key === "TargetName") {
      const usable = value !== "" && Buffer.byteLength(value) <= NAME_BYTES_MAX;
      tags = usable ? (targets.get(value) ?? new Map()) : undefined;
      if (tags !== undefined) targets.set(value, tags);
    } else if (key === "TargetAddress" && tags !== undefined) {
      const comma = value.lastIndexOf(",");
      const portal = parsePortal(value.slice(0, Math.max(0, comma)));
      const tag = parseNumber(value.slice(comma + 1), 0, 65535);
      if (portal !== undefined && tag !== undefined) tags.set(portal.name, tag);
    }
  }
  return [...targets].map(([name, tags]) => ({ name, tags })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
