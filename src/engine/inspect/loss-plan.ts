/**
 * Which rows of a damaged collection are kept, and what exactly is lost?
 *
 * The rules:
 * - A row is kept when its id is known and its vector is vouched for. Metadata, a vector of a named field or a sparse vector
 *   that is damaged is left out, and its row kept without it.
 * - One checksum covers the vectors of a frame. Where it does not match, none of its rows is kept as it is: damaged bytes are
 *   not served. Their ids and metadata are written beside, so that they can be embedded and added again.
 * - Frames of a commit that lost others are kept: half of a commit is more than none, and what is missing is told.
 * - A row that was replaced by one that is lost comes back: an earlier version is more than none, and its id is told. Where a
 *   lost row was deleted later, nothing says whether it was this one: then it comes back as deleted, and can be restored.
 * - Of several live rows of one id the newest stays: the frame that said which one it replaced was lost.
 * - What was deleted stays deleted, unless the frame that says so is lost.
 */
import type { LogGap } from "../../storage/inspect/log-survey.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import { frameKinds } from "../../storage/log-frame.js";
import type { Id } from "../../types.js";
import { noRow } from "../slot-table.js";
import { rowStates } from "./row-ledger.js";
import type { Salvage } from "./salvage.js";

/** What becomes of a row. */
export const fates = { gone: 0, live: 1, deleted: 2 } as const;

/** What a repair loses, exactly where that is knowable. */
export interface LossReport {
  /** Ids of rows that are lost: their vectors are damaged. Their metadata is written beside where it is whole. */
  readonly lostRows: readonly Id[];
  /** Rows that are lost and of which nothing is known, not even the id; they may be fewer. */
  readonly lostUnknownRows: number;
  /** Ids of rows that are kept without their metadata. */
  readonly lostMetadata: readonly Id[];
  /** Ids of rows that are kept without their vector of a named field. */
  readonly lostVectors: readonly { readonly field: string; readonly ids: readonly Id[] }[];
  /** Ids of rows that are kept without their sparse vector. */
  readonly lostSparse: readonly Id[];
  /** Ids of rows of which an earlier version is kept, since a later one is lost. */
  readonly reverted: readonly Id[];
  /** Ids of rows in whose vectors one bit was turned over, and was turned back: their checksum says which. */
  readonly mended: readonly Id[];
  /** Ids of rows whose vectors were kept though they do not match their checksum, because that was asked for. */
  readonly suspectVectors: readonly Id[];
  /** Commits that lost something, as first and last numbers. */
  readonly commits: readonly (readonly [first: number, last: number])[];
  /** What cannot be known, in words. */
  readonly unknowable: readonly string[];
}

export interface LossPlan {
  readonly report: LossReport;
  /** Fate of each row. */
  readonly fates: Uint8Array;
  /** Rows whose vectors are damaged. */
  readonly badVectors: ReadonlySet<number>;
  /** Slots of named fields whose vectors are damaged, by field number. */
  readonly badSlots: readonly ReadonlySet<number>[];
  readonly badMetadata: ReadonlySet<number>;
  readonly badSparse: ReadonlySet<number>;
  readonly keptRows: number;
  readonly keptDeleted: number;
}

export async function planLosses(
  salvage: Salvage,
  { keepsSuspects }: { readonly keepsSuspects: boolean },
): Promise<LossPlan> {
  const planner = new LossPlanner(salvage, keepsSuspects);
  return planner.plan();
}

class LossPlanner {
  readonly #salvage: Salvage;
  readonly #keepsSuspects: boolean;
  readonly #fates: Uint8Array;
  readonly #badVectors = new Set<number>();
  readonly #badSlots: Set<number>[];
  readonly #badMetadata = new Set<number>();
  readonly #badSparse = new Set<number>();
  readonly #reverted: number[] = [];
  readonly #unknowable: string[] = [];

  constructor(salvage: Salvage, keepsSuspects: boolean) {
    this.#salvage = salvage;
    this.#keepsSuspects = keepsSuspects;
    this.#fates = new Uint8Array(salvage.ledger.rows.rowCount);
    this.#badSlots = salvage.files.fields.map(() => new Set());
  }

  async plan(): Promise<LossPlan> {
    const { rows } = this.#salvage.ledger;
    for (let row = 0; row < rows.rowCount; row++) {
      if (rows.isLost(row)) continue;
      const state = rows.stateOf(row);
      if (state !== rowStates.superseded) this.#fates[row] = state === rowStates.live ? fates.live : fates.deleted;
    }
    this.#collectVectors();
    const hasHoles = rows.lostCount > 0 || this.#salvage.walk.gaps.length > 0;
    if (hasHoles) this.#settleVersions();
    const lostRows = this.#dropDamaged();
    await this.#checkTexts();
    const kept = this.#count();
    return {
      report: this.#report(lostRows),
      fates: this.#fates,
      badVectors: this.#badVectors,
      badSlots: this.#badSlots,
      badMetadata: this.#badMetadata,
      badSparse: this.#badSparse,
      ...kept,
    };
  }

  #collectVectors(): void {
    for (const { field, first, count } of this.#salvage.damage) {
      const bad = field === -1 ? this.#badVectors : this.#badSlots[field]!;
      for (let at = first; at < first + count; at++) bad.add(at);
    }
  }

  /** Among the versions of an id the newest that is known counts. */
  #settleVersions(): void {
    const { rows } = this.#salvage.ledger;
    const newest = new Map<Id, number>();
    for (let row = 0; row < rows.rowCount; row++) if (!rows.isLost(row)) newest.set(rows.idOf(row), row);
    for (let row = 0; row < rows.rowCount; row++) {
      if (this.#fates[row] === fates.gone || rows.isLost(row)) continue;
      if (newest.get(rows.idOf(row)) !== row && this.#fates[row] === fates.live) this.#fates[row] = fates.gone;
    }
    const isDoubtful = this.#lostRowWasDeleted();
    for (const [, row] of newest) {
      if (rows.stateOf(row) !== rowStates.superseded) continue;
      this.#fates[row] = isDoubtful ? fates.deleted : fates.live;
      this.#reverted.push(row);
    }
    if (isDoubtful && this.#reverted.length > 0) {
      this.#unknowable.push(
        "which of the lost rows were deleted later: rows that came back in an earlier version are kept as deleted, restore " +
          "those that are wanted",
      );
    }
  }

  #lostRowWasDeleted(): boolean {
    const { rows } = this.#salvage.ledger;
    for (let row = 0; row < rows.rowCount; row++) {
      if (rows.isLost(row) && rows.stateOf(row) === rowStates.deleted) return true;
    }
    return false;
  }

  /** Rows that have no vector any more; ids of those that could be found. */
  #dropDamaged(): number[] {
    if (this.#keepsSuspects) return this.#dropMissing();
    const lost: number[] = [];
    for (const row of this.#badVectors) {
      if (this.#fates[row] === fates.gone) continue;
      this.#fates[row] = fates.gone;
      lost.push(row);
    }
    return lost;
  }

  /** The same where damaged vectors are kept: only those that the file does not have. */
  #dropMissing(): number[] {
    const lost: number[] = [];
    const { vectors } = this.#salvage.files;
    const there = vectors === null ? 0 : Math.max(0, Math.floor((vectors.bytes - 64) / vectors.stride));
    for (const row of this.#badVectors) {
      if (row < there && vectors?.handle !== null) continue;
      if (this.#fates[row] !== fates.gone) lost.push(row);
      this.#fates[row] = fates.gone;
    }
    return lost;
  }

  /** Metadata and sparse vectors of rows that are kept. */
  async #checkTexts(): Promise<void> {
    for (let row = 0; row < this.#fates.length; row++) {
      if (this.#fates[row] === fates.gone) continue;
      if ((await this.#salvage.metadataOf(row)) === null) this.#badMetadata.add(row);
    }
    const { sparse } = this.#salvage;
    for (let row = 0; sparse.size > 0 && row < this.#fates.length; row++) {
      if (this.#fates[row] === fates.gone) continue;
      const bearer = this.#salvage.bearerOf(row, (other) => sparse.has(other));
      if (bearer !== -1 && (await this.#salvage.sparseOf(bearer)) === null) this.#badSparse.add(row);
    }
  }

  #count(): { readonly keptRows: number; readonly keptDeleted: number } {
    let keptRows = 0;
    let keptDeleted = 0;
    for (const fate of this.#fates) {
      if (fate === fates.live) keptRows += 1;
      else if (fate === fates.deleted) keptDeleted += 1;
    }
    return { keptRows, keptDeleted };
  }

  #report(lostRows: readonly number[]): LossReport {
    const { files, ledger, walk } = this.#salvage;
    const { rows } = ledger;
    const idsOf = (numbers: Iterable<number>): Id[] =>
      Array.from(new Set(Array.from(numbers, (row) => rows.idOf(row))));
    const isKept = (row: number): boolean => this.#fates[row] !== fates.gone;
    const suspects = this.#keepsSuspects ? [...this.#badVectors].filter(isKept) : [];
    return {
      lostRows: idsOf(lostRows),
      lostUnknownRows: this.#unknownRows(),
      lostMetadata: idsOf(this.#badMetadata),
      lostVectors: this.#badSlots.flatMap((bad, field) => {
        const { slots } = ledger.fields[field]!;
        const heirs = new Map(Array.from(ledger.lostHeirs, ([row, heir]) => [heir, row]));
        const owners = Array.from(bad, (slot) => slots.rowOf(slot)).map((row) => heirs.get(row) ?? row);
        const ids = idsOf(owners.filter((row) => row !== noRow && isKept(row)));
        return ids.length === 0 ? [] : [{ field: files.fields[field]!.name, ids }];
      }),
      lostSparse: idsOf(this.#badSparse),
      reverted: idsOf(this.#reverted.filter(isKept)),
      mended: idsOf(this.#mendedRows().filter(isKept)),
      suspectVectors: idsOf(suspects),
      commits: commitsOf(this.#salvage),
      unknowable: [...walk.gaps.flatMap((gap) => doubtsOf(gap)), ...this.#doubtsOfEnd(), ...this.#unknowable],
    };
  }

  #mendedRows(): number[] {
    const { mends, ledger } = this.#salvage;
    return Array.from(mends, ([field, own]) =>
      Array.from(own.keys(), (vector) => (field === -1 ? vector : ledger.fields[field]!.slots.rowOf(vector))),
    )
      .flat()
      .filter((row) => row !== noRow && !ledger.rows.isLost(row));
  }

  /** Lost rows that nothing says were replaced; those behind the end of the log by the size of the vector file. */
  #unknownRows(): number {
    const { rows } = this.#salvage.ledger;
    let count = this.#rowsBehindEnd();
    for (let row = 0; row < rows.rowCount; row++) {
      if (rows.isLost(row) && rows.stateOf(row) !== rowStates.superseded) count += 1;
    }
    return count;
  }

  #rowsBehindEnd(): number {
    const { files, ledger, derived } = this.#salvage;
    const known = derived.position?.rowCount ?? 0;
    return Math.max(0, Math.max(known, rowsIn(files)) - ledger.rows.rowCount);
  }

  #doubtsOfEnd(): string[] {
    const { files, walk } = this.#salvage;
    const doubts: string[] = [];
    if (files.logBytes > walk.endBytes) {
      const bytes = files.logBytes - walk.endBytes;
      doubts.push(
        `what the last ${bytes} bytes of the log were: a commit that was not confirmed, or the last ones that were`,
      );
    }
    if (this.#rowsBehindEnd() === 0) return doubts;
    return [...doubts, "how many rows the end of the log had: the size of the vector file is all that tells"];
  }
}

function rowsIn({ vectors }: StoredFiles): number {
  return vectors === null ? 0 : Math.max(0, Math.floor((vectors.bytes - 64) / vectors.stride));
}

/** Commits with damage of any kind, merged. */
function commitsOf({ walk, damage }: Salvage): [number, number][] {
  const spans: [number, number][] = [
    ...walk.gaps
      .filter((gap) => gap.lastBatch >= gap.firstBatch)
      .map((gap): [number, number] => [gap.firstBatch, gap.lastBatch]),
    ...walk.damagedTexts.map(({ batch }): [number, number] => [batch, batch]),
    ...walk.contradictions.map(({ batch }): [number, number] => [batch, batch]),
    ...damage.filter(({ batch }) => batch > 0).map(({ batch }): [number, number] => [batch, batch]),
  ].sort(([one], [other]) => one - other);
  const merged: [number, number][] = [];
  for (const [first, last] of spans) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

const lostByKind: Readonly<Record<number, string>> = {
  [frameKinds.rows]: "ids, metadata and places of rows that it added",
  [frameKinds.superseded]: "which older rows it replaced: they are told by their ids",
  [frameKinds.deleted]: "which rows it deleted: they are there again",
  [frameKinds.restored]: "which deleted rows it restored: they stay deleted, and can be restored",
  [frameKinds.moved]:
    "which vectors of named fields, and sparse vectors, went to rows that replaced others: those rows have none",
  [frameKinds.fieldVectors]: "vectors of a named field that it wrote: rows have earlier ones, or none",
  [frameKinds.sparse]: "sparse vectors that it wrote: rows have earlier ones, or none",
};

function doubtsOf({ header, firstBatch, lastBatch }: LogGap): string[] {
  const which = firstBatch === lastBatch ? `commit ${firstBatch}` : `commits ${firstBatch} to ${lastBatch}`;
  if (header !== null) return [`${which}: ${lostByKind[header.kind] ?? "what it changed"}`];
  if (lastBatch < firstBatch) return [];
  return [
    `${which}: which rows were added, deleted, restored or changed; rows that were deleted then are there again, rows that ` +
      "were changed then are as they were before",
  ];
}
