import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Running, run, start } from "./process.js";
import type { Scope } from "./scope.js";
import { until } from "./until.js";

export interface TgtdLun {
  /** From 1 on; 0 is the controller. */
  number: number;
  sizeBytes: number;
  /** Backing file; made where it is missing. @default a file in the target's directory */
  file?: string;
  /** 16 hexadecimal digits, from which the LUN's NAA name is made. @default target id and LUN number */
  serial?: string;
}

export interface TgtdOptions {
  /** `127.0.0.1:13500`; all are one portal group. */
  portals: readonly string[];
  luns: readonly TgtdLun[];
  /** Target id. The NAA name of a LUN is made from it and the LUN number, so targets that differ need ids that differ. @default 1 */
  targetId?: number;
  /** @default "iqn.2026-11.test.fairlead:t<targetId>" */
  iqn?: string;
  /** One-way CHAP. */
  chap?: { user: string; password: string };
  /** Where backing files go. @default a temporary directory */
  directory?: string;
}

export interface TgtdConnection {
  readonly session: number;
  readonly connection: number;
  readonly initiator: string;
}

/** Counts of one LUN over the sessions that stand now; a session takes its counts with it. */
export interface TgtdLunStatistics {
  readonly readBytes: number;
  readonly readCommands: number;
  readonly writeBytes: number;
  readonly writeCommands: number;
  readonly errors: number;
}

/** tgtd in user space, with a control socket of its own, so that any number of them can run. */
export class Tgtd {
  readonly portals: string[];
  readonly luns: TgtdLun[] = [];
  readonly iqn: string;
  readonly #targetId: number;
  #process: Running | undefined;

  private constructor(
    private readonly scope: Scope,
    private readonly directory: string,
    private readonly options: TgtdOptions,
  ) {
    this.portals = [...options.portals];
    this.#targetId = options.targetId ?? 1;
    this.iqn = options.iqn ?? `iqn.2026-11.test.fairlead:t${this.#targetId}`;
  }

  static async start(scope: Scope, options: TgtdOptions): Promise<Tgtd> {
    const target = new Tgtd(scope, options.directory ?? (await scope.directory()), options);
    await target.launch(options.luns);
    return target;
  }

  get pid(): number {
    return this.running.pid;
  }

  /** `naa.…`, as the LUN's VPD page 0x83 has it. */
  lunId(number: number): string {
    const lun = this.luns.find((candidate) => candidate.number === number) ?? { number, sizeBytes: 0 };
    return `naa.6000000fa000ead0${this.serialOf(lun)}`;
  }

  fileOf(number: number): string {
    const lun = this.luns.find((candidate) => candidate.number === number);
    return lun?.file ?? join(this.directory, `lun${this.#targetId}-${number}.img`);
  }

  async addLun(lun: TgtdLun): Promise<void> {
    this.luns.push(lun);
    await this.makeLun(lun);
  }

  async removeLun(number: number): Promise<void> {
    await this.admin("logicalunit", "delete", ["--lun", `${number}`]);
    this.luns.splice(
      this.luns.findIndex((lun) => lun.number === number),
      1,
    );
  }

  async setOnline(number: number, online: boolean): Promise<void> {
    const params = `online=${online ? 1 : 0}`;
    await this.admin("logicalunit", "update", ["--lun", `${number}`, "--params", params]);
  }

  async addPortal(portal: string): Promise<void> {
    await this.portal("new", portal);
    if (!this.portals.includes(portal)) this.portals.push(portal);
  }

  /** Stops listening there; connections that stand go on. */
  async removePortal(portal: string): Promise<void> {
    await this.portal("delete", portal);
    this.portals.splice(this.portals.indexOf(portal), 1);
  }

  async connections(): Promise<TgtdConnection[]> {
    const listing = await this.admin("conn", "show");
    const found: TgtdConnection[] = [];
    const pattern = /^Session: (\d+)\n {4}Connection: (\d+)\n {8}Initiator: (.*)$/gm;
    for (const [, session, connection, initiator = ""] of listing.matchAll(pattern)) {
      found.push({ session: Number(session), connection: Number(connection), initiator });
    }
    return found;
  }

  /** Ends those that `choose` picks, as an administrator would; returns how many. */
  async deleteConnections(choose: (connection: TgtdConnection) => boolean = () => true): Promise<number> {
    const chosen = (await this.connections()).filter(choose);
    for (const { session, connection } of chosen) {
      // One that ended by itself meanwhile is gone all the same.
      await this.admin("conn", "delete", ["--sid", `${session}`, "--cid", `${connection}`], [0, 22]);
    }
    return chosen.length;
  }

  async statistics(number: number): Promise<TgtdLunStatistics> {
    const sum = { readBytes: 0, readCommands: 0, writeBytes: 0, writeCommands: 0, errors: 0 };
    for (const one of (await this.statisticsBySession(number)).values()) {
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += one[key];
    }
    return sum;
  }

  async statisticsBySession(number: number): Promise<Map<number, TgtdLunStatistics>> {
    const sessions = new Map<number, TgtdLunStatistics>();
    const listing = await this.admin("target", "stat");
    for (const line of listing.split("\n").slice(1)) {
      const columns = line.trim().split(/\s+/).map(Number);
      const at = (index: number) => columns[index] ?? Number.NaN;
      if (at(1) !== number) continue;
      sessions.set(at(2), {
        readBytes: at(5),
        readCommands: at(6),
        writeBytes: at(9),
        writeCommands: at(10),
        errors: at(11),
      });
    }
    return sessions;
  }

  /** SIGSTOP: the kernel still takes connections and bytes, nothing answers. */
  pause(): void {
    this.running.signal("SIGSTOP");
  }

  resume(): void {
    this.running.signal("SIGCONT");
  }

  /** SIGKILL; SIGTERM is ignored while a target is configured. */
  async kill(): Promise<void> {
    await this.running.kill();
  }

  /** After `kill`: the same portals, LUNs and files. */
  async restart(): Promise<void> {
    await this.launch(this.luns.splice(0));
  }

  private get running(): Running {
    if (this.#process === undefined) throw new Error("tgtd: not started");
    return this.#process;
  }

  private async launch(luns: readonly TgtdLun[]): Promise<void> {
    const portals = this.portals.map((portal) => `portal=${portal}`).join(",");
    this.#process = await start(this.scope, "tgtd", ["-f", "-C", "0", "--iscsi", portals], {
      env: this.environment,
      ready: async () =>
        (await this.tgtadm(["--mode", "system", "--op", "show"], [0, 107])).includes("iscsi: ready"),
    });
    const listening = await this.tgtadm(["--mode", "portal", "--op", "show"]);
    for (const portal of this.portals) {
      if (!listening.includes(`${portal},`)) throw new Error(`tgtd: does not listen on ${portal}`);
    }
    await this.admin("target", "new", ["--targetname", this.iqn]);
    for (const lun of luns) await this.addLun(lun);
    if (this.options.chap !== undefined) await this.makeAccount(this.options.chap);
    await this.admin("target", "bind", ["--initiator-address", "ALL"]);
  }

  private async makeAccount({ user, password }: { user: string; password: string }): Promise<void> {
    await this.tgtadm(["--mode", "account", "--op", "new", "--user", user, "--password", password]);
    await this.admin("account", "bind", ["--user", user]);
  }

  private async makeLun(lun: TgtdLun): Promise<void> {
    const file = this.fileOf(lun.number);
    const handle = await open(file, "a+");
    const { size } = await handle.stat();
    if (size < lun.sizeBytes) await handle.truncate(lun.sizeBytes);
    await handle.close();
    const number = ["--lun", `${lun.number}`];
    await this.admin("logicalunit", "new", [...number, "--backing-store", file]);
    const serial = this.serialOf(lun);
    const params = `vendor_id=FAIRLEAD,product_id=TESTDISK,scsi_sn=${serial},scsi_id=FAIRLEAD ${serial}`;
    await this.admin("logicalunit", "update", [...number, "--params", params]);
  }

  private serialOf(lun: TgtdLun): string {
    const hex = (value: number) => value.toString(16).padStart(8, "0");
    return lun.serial ?? `${hex(this.#targetId)}${hex(lun.number)}`;
  }

  private portal(op: "new" | "delete", portal: string): Promise<string> {
    return this.tgtadm(["--mode", "portal", "--op", op, "--param", `portal=${portal}`]);
  }

  private admin(
    mode: string,
    op: string,
    more: readonly string[] = [],
    allow: readonly number[] = [0],
  ): Promise<string> {
    return this.tgtadm(["--mode", mode, "--op", op, "--tid", `${this.#targetId}`, ...more], allow);
  }

  private async tgtadm(args: readonly string[], allow: readonly number[] = [0]): Promise<string> {
    const all = ["-C", "0", "--lld", "iscsi", ...args];
    const { stdout } = await run("tgtadm", all, { env: this.environment, timeoutMs: 10_000, allow });
    return stdout;
  }

  /** The control socket lies in the directory of this target instead of /var/run/tgtd. */
  private get environment(): NodeJS.ProcessEnv {
    return { TGT_IPC_SOCKET: join(this.directory, `ipc${this.#targetId}`) };
  }
}

/** Waits until exactly so many sessions stand. */
export async function untilSessions(target: Tgtd, count: number, timeoutMs?: number): Promise<void> {
  await until(
    `${count} sessions at ${target.iqn}`,
    async () => (await target.connections()).length === count,
    timeoutMs,
  );
}
