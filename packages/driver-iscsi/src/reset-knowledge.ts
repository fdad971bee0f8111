/**
 * A LUN RESET ends the commands of every session, and each session hears of it by a UNIT
 * ATTENTION at the first command that the target takes up afterwards. That may come before the answer to the request.
 */
export class ResetKnowledge {
  #state: "none" | "asked" | "carried-out" = "none";
  #attentionCmdSn: number | undefined;

  /** This host asks for a reset. */
  asked(): void {
    this.#state = "asked";
    this.#attentionCmdSn = undefined;
  }

  /** The target has carried it out. Gives the CmdSN that met it already, if one did. */
  carriedOut(): number | undefined {
    const cmdSn = this.#attentionCmdSn;
    this.#attentionCmdSn = undefined;
    this.#state = cmdSn === undefined ? "carried-out" : "none";
    return cmdSn;
  }

  /** It was refused, or its answer is missing; or the session is gone. */
  forget(): void {
    this.#state = "none";
    this.#attentionCmdSn = undefined;
  }

  /**
   * A command met the UNIT ATTENTION. `foreign`: nobody here asked for a reset. `proof`: it is the reset that the target has
   * carried out, so all that came before this command has ended.
   */
  met(cmdSn: number): "foreign" | "expected" | "proof" {
    if (this.#state === "none") return "foreign";
    if (this.#state === "asked") {
      this.#attentionCmdSn ??= cmdSn;
      return "expected";
    }
    this.#state = "none";
    return "proof";
  }
}
