import { FairleadError } from "@fairlead/core";
import type { PolicyEntry } from "../config/policy-schema.js";
import { entryName, type LoadingHook } from "../plugins/choose.js";
import { inOwnProcess } from "../verify/own-process.js";
import { checkConfigHere } from "./check-config.js";
import { pluginsOfConfigHere } from "./plugins-of-config.js";
import { reporter } from "./reporter.js";

/** What is asked about a config; the plugins that it names have to be loaded for it. */
const ANSWERS = { check: checkConfigHere, plugins: pluginsOfConfigHere } as const;

type Question = keyof typeof ANSWERS;
type Answer<Q extends Question> = Awaited<ReturnType<(typeof ANSWERS)[Q]>>;

interface Request {
  readonly question: Question;
  readonly file: string;
  /** Entries that must not be loaded again, and why. */
  readonly refused: Readonly<Record<string, string>>;
}

type Report =
  | { readonly step: "loading"; readonly entry: PolicyEntry }
  | { readonly step: "answer"; readonly answer: unknown }
  | { readonly step: "failed"; readonly code?: string; readonly message: string };

const HIDDEN_COMMAND = ["plugins", "config-in-this-process"] as const;
const FOREIGN = new Error("the config names a plugin");

/**
 * Answers here where the config names built-in policies only, else in a process of its own: code of a plugin could end
 * this one, hold it up for ever or leave something that runs on. A plugin that does not load within `timeoutMs` is refused
 * like one that throws. Errors: as `loadConfig`, `POLICY_NONE_USABLE`, `PLUGIN_VERIFY_ENDED`.
 */
export async function askConfig<Q extends Question>(
  question: Q,
  file: string,
  timeoutMs: number,
): Promise<Answer<Q>> {
  try {
    return (await ANSWERS[question](file, { beforeLoading: () => Promise.reject(FOREIGN) })) as Answer<Q>;
  } catch (error) {
    if (error !== FOREIGN) throw error;
  }
  const refused: Record<string, string> = {};
  for (;;) {
    const outcome = await askOnce({ question, file, refused }, timeoutMs);
    if ("answer" in outcome) return outcome.answer as Answer<Q>;
    refused[keyOf(outcome.entry)] = outcome.reason; // Each time another one: it is not loaded again.
  }
}

type Outcome = { readonly answer: unknown } | { readonly entry: PolicyEntry; readonly reason: string };

function askOnce(request: Request, timeoutMs: number): Promise<Outcome> {
  let entry: PolicyEntry | undefined;
  const blame = (reason: string): Outcome => {
    if (entry === undefined) throw new FairleadError("PLUGIN_VERIFY_ENDED", `${request.file}: ${reason}`);
    return { entry, reason };
  };
  return inOwnProcess<Report, Outcome>({
    args: [...HIDDEN_COMMAND, JSON.stringify(request)],
    timeoutMs,
    onReport(report, restart) {
      if (report.step === "answer") return { answer: report.answer };
      if (report.step === "failed") {
        throw report.code === undefined
          ? new Error(report.message)
          : new FairleadError(report.code, report.message);
      }
      entry = report.entry;
      restart();
      return undefined;
    },
    onTimeout: () => blame(`it was not loaded within ${timeoutMs / 1000} s`),
    onExit: (how) => blame(`the process that loaded it ended with ${how}`),
  });
}

/** The other side: answers to the process that asks. */
export async function answerConfig(text: string): Promise<void> {
  const { question, file, refused }: Request = JSON.parse(text);
  const send = reporter<Report>();
  const hook: LoadingHook = {
    async beforeLoading(entry) {
      const reason = refused[keyOf(entry)];
      if (reason === undefined) return send({ step: "loading", entry });
      const message = `plugin ${entryName(entry)} can't be loaded: ${reason}`;
      throw new FairleadError("PLUGIN_LOAD_FAILED", message);
    },
  };
  try {
    await send({ step: "answer", answer: await ANSWERS[question](file, hook) });
  } catch (error) {
    const { code } = error instanceof FairleadError ? error : {};
    const message = error instanceof Error ? error.message : String(error);
    await send({ step: "failed", message, ...(code !== undefined && { code }) });
  }
}

function keyOf(entry: PolicyEntry): string {
  return JSON.stringify(entry);
}
