import type { VmId } from "@fairlead/core";

/** Seconds over which use is counted. */
const WINDOW_SECONDS = 10;
/** One more than the seconds between the first and the last. */
const SAMPLES = WINDOW_SECONDS + 1;

/** Units consumed of one LUN by one VM: the last samples, a second apart. */
class Series {
  readonly #units = new Float64Array(SAMPLES);
  readonly #timesMs = new Float64Array(SAMPLES);
  #count = 0;

  add(nowMs: number, units: number): void {
    // The scheduler's entry was made anew: its count begins again at 0.
    if (this.#count > 0 && units < this.#at(this.#units, this.#count - 1)) this.#count = 0;
    this.#units[this.#count % SAMPLES] = units;
    this.#timesMs[this.#count % SAMPLES] = nowMs;
    this.#count++;
  }

  get consumed(): number {
    return this.#count === 0 ? 0 : this.#span(this.#units);
  }

  get spanMs(): number {
    return this.#count === 0 ? 0 : this.#span(this.#timesMs);
  }

  #span(values: Float64Array): number {
    return this.#at(values, this.#count - 1) - this.#at(values, Math.max(0, this.#count - SAMPLES));
  }

  #at(values: Float64Array, index: number): number {
    return values[index % SAMPLES] ?? 0;
  }
}

/** What each VM consumed of each LUN lately. */
export class Usage {
  readonly #byLun = new Map<string, Map<VmId, Series>>();

  /** To be called each second for each VM that has an entry on the LUN. */
  sample(nowMs: number, lun: string, vm: VmId, consumedUnits: number): void {
    const ofLun = this.#byLun.get(lun) ?? new Map<VmId, Series>();
    const series = ofLun.get(vm) ?? new Series();
    series.add(nowMs, consumedUnits);
    this.#byLun.set(lun, ofLun.set(vm, series));
  }

  /** Units in the window. */
  consumed(lun: string, vm: VmId): number {
    return this.#byLun.get(lun)?.get(vm)?.consumed ?? 0;
  }

  unitsPerSecond(lun: string, vm: VmId): number {
    const series = this.#byLun.get(lun)?.get(vm);
    return series === undefined || series.spanMs === 0 ? 0 : (series.consumed * 1000) / series.spanMs;
  }

  /** Part of all that was consumed of the LUN in the window, 0 to 1; 0 where nothing was. */
  received(lun: string, vm: VmId): number {
    let all = 0;
    for (const series of this.#byLun.get(lun)?.values() ?? []) all += series.consumed;
    return all === 0 ? 0 : this.consumed(lun, vm) / all;
  }
}
