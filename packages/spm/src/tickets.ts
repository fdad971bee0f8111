import { type AdmissionPolicy, Command } from "@fairlead/core";
import { refusePromise, stranger, WrongAnswer } from "./policy-answers.js";

interface Queued {
  readonly command: Command;
  /** Lower goes first where the order of the policy is not known. */
  readonly place: number;
}

/**
 * A record of its own of what a guarded policy has been given. The policy sees a ticket instead of each command: a copy,
 * so that whatever it does to one reaches no command, and made anew at each `enqueue`, so that one that it gives twice is
 * known even where the command is queued again by then.
 */
export class Tickets {
  /** Tickets by command: queued, and given but not completed. */
  readonly #tickets = new Map<Command, Command>();
  /** By ticket; anything may be asked for. */
  readonly #queued = new Map<unknown, Queued>();
  #head = 0;
  #tail = 0;

  get queuedCommands(): number {
    return this.#queued.size;
  }

  /** Given, and neither completed nor queued again. */
  get outstandingCommands(): number {
    return this.#tickets.size - this.#queued.size;
  }

  /** Behind all others. Answers with its ticket. */
  enqueue(command: Command): Command {
    const ticket = ticketFor(command);
    this.#tickets.set(command, ticket);
    this.#queued.set(ticket, { command, place: this.#tail++ });
    return ticket;
  }

  /** Before all others, with the ticket that it was given by. */
  requeue(command: Command): Command {
    const ticket = this.#tickets.get(command) ?? ticketFor(command);
    this.#tickets.set(command, ticket);
    this.#queued.set(ticket, { command, place: --this.#head });
    return ticket;
  }

  /** Whose ticket it is, where that is queued. */
  commandOf(ticket: unknown): Command | undefined {
    return this.#queued.get(ticket)?.command;
  }

  /** The policy gave it. */
  give(ticket: unknown): void {
    this.#queued.delete(ticket);
  }

  /** Its ticket; a new one where another policy gave it. */
  complete(command: Command): Command {
    const ticket = this.#tickets.get(command) ?? ticketFor(command);
    this.#tickets.delete(command);
    this.#queued.delete(ticket);
    return ticket;
  }

  /** Takes it out where it is queued, and answers with its ticket. */
  cancel(command: Command): Command | undefined {
    const ticket = this.#tickets.get(command);
    if (ticket === undefined || !this.#queued.delete(ticket)) return undefined;
    this.#tickets.delete(command);
    return ticket;
  }

  /** Everything that is queued, oldest first; nothing is, afterwards. */
  takeQueued(): Command[] {
    const queued = [...this.#queued.values()].sort((a, b) => a.place - b.place);
    this.#queued.clear();
    for (const { command } of queued) this.#tickets.delete(command);
    return queued.map(({ command }) => command);
  }
}

/**
 * What the policy hands over, in its order; the record still has it. Throws what `drain` throws, and WrongAnswer where
 * that is not everything that is queued, each once.
 */
export function drained(policy: AdmissionPolicy, tickets: Tickets): Iterable<Command> {
  const commands = new Set<Command>();
  let wrong: WrongAnswer | undefined;
  // Called later than that, it finds no ticket that is queued, and nobody looks at what it notes.
  const answer: unknown = policy.drain((ticket) => {
    const command = tickets.commandOf(ticket);
    if (command === undefined || commands.has(command)) wrong ??= stranger("gave", ticket);
    else commands.add(command);
  });
  refusePromise(answer);
  if (wrong !== undefined) throw wrong;
  const { queuedCommands } = tickets;
  const lost = queuedCommands - commands.size;
  if (lost > 0) throw new WrongAnswer(`kept ${lost} of ${queuedCommands} queued commands`);
  return commands;
}

/** Without the guest's bytes. */
function ticketFor(command: Command): Command {
  const ticket = new Command();
  ticket.vm = command.vm;
  ticket.op = command.op;
  ticket.offsetBytes = command.offsetBytes;
  ticket.lengthBytes = command.lengthBytes;
  ticket.fua = command.fua;
  ticket.priority = command.priority;
  ticket.enqueuedAtMs = command.enqueuedAtMs;
  return ticket;
}
