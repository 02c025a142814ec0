/**
 * What is each row of a log that may be damaged: whose, and live, deleted or replaced?
 *
 * As `RowTable`, but rows that a gap swallowed are counted too, changes of state that contradict each other are told, not
 * asserted, and nothing is kept of where metadata lies. A byte and a number a row, and the texts of the ids that are texts.
 */
import type { ReplayedIds } from "../../storage/replay-visitor.js";
import type { Id } from "../../types.js";

/** States of a row; a lost one is of a frame that cannot be read, so that its id is not known. */
export const rowStates = { live: 0, deleted: 1, superseded: 2 } as const;

type RowState = (typeof rowStates)[keyof typeof rowStates];

const stateMask = 3;
const lostFlag = 4;

export class RowLedger {
  #ids = new Float64Array(64);
  readonly #texts: string[] = [];
  #flags = new Uint8Array(64);
  #rowCount = 0;
  #lostCount = 0;

  /** Rows written, lost ones included. */
  get rowCount(): number {
    return this.#rowCount;
  }

  get lostCount(): number {
    return this.#lostCount;
  }

  isLost(row: number): boolean {
    return (this.#flags[row]! & lostFlag) !== 0;
  }

  stateOf(row: number): RowState {
    return (this.#flags[row]! & stateMask) as RowState;
  }

  setState(row: number, state: RowState): void {
    this.#flags[row] = (this.#flags[row]! & ~stateMask) | state;
  }

  /** Id of a row that is not lost. */
  idOf(row: number): Id {
    const id = this.#ids[row]!;
    return Number.isNaN(id) ? this.#texts[row]! : id;
  }

  /** Adds the next rows, live. */
  append(ids: ReplayedIds, count: number): void {
    this.#reserve(this.#rowCount + count);
    const isRange = "start" in ids;
    for (let at = 0; at < count; at++) {
      const id = isRange ? ids.start + at : ids[at]!;
      if (typeof id === "number") this.#ids[this.#rowCount] = id;
      else {
        this.#ids[this.#rowCount] = Number.NaN;
        this.#texts[this.#rowCount] = id;
      }
      this.#rowCount += 1;
    }
  }

  /** Counts rows that are lost. */
  skip(count: number): void {
    this.#reserve(this.#rowCount + count);
    this.#flags.fill(lostFlag, this.#rowCount, this.#rowCount + count);
    this.#rowCount += count;
    this.#lostCount += count;
  }

  /** Says of a lost row whose it was: from a second source. */
  identify(row: number, id: Id): void {
    if (typeof id === "number") this.#ids[row] = id;
    else {
      this.#ids[row] = Number.NaN;
      this.#texts[row] = id;
    }
    this.#flags[row] = this.#flags[row]! & ~lostFlag;
    this.#lostCount -= 1;
  }

  /** Rows in a state. */
  countOf(state: RowState): number {
    let count = 0;
    for (let row = 0; row < this.#rowCount; row++) if (this.#flags[row] === state) count += 1;
    return count;
  }

  /** Ids that more than one live row has. */
  duplicateIds(): Id[] {
    const numbers = new Float64Array(this.countOf(rowStates.live));
    const texts = new Set<string>();
    const doubles = new Set<Id>();
    let used = 0;
    for (let row = 0; row < this.#rowCount; row++) {
      if (this.#flags[row] !== rowStates.live) continue;
      const id = this.idOf(row);
      if (typeof id === "number") numbers[used++] = id;
      else if (texts.has(id)) doubles.add(id);
      else texts.add(id);
    }
    const sorted = numbers.subarray(0, used).sort();
    for (let at = 1; at < used; at++) if (sorted[at] === sorted[at - 1]) doubles.add(sorted[at]!);
    return [...doubles];
  }

  #reserve(count: number): void {
    if (count <= this.#flags.length) return;
    const capacity = Math.max(count, Math.ceil(this.#flags.length * 1.5));
    const ids = new Float64Array(capacity);
    ids.set(this.#ids.subarray(0, this.#rowCount));
    this.#ids = ids;
    const flags = new Uint8Array(capacity);
    flags.set(this.#flags.subarray(0, this.#rowCount));
    this.#flags = flags;
  }
}
