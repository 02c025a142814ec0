/**
 * What has been written but not committed?
 *
 * The staged rows, replacements and deletions of one transaction. Everything is checked when it is staged, against the
 * committed rows and against what was staged before; a call that fails goes back to its savepoint, so that nothing of it
 * stays.
 */
import { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import type { CheckedSparse } from "../sparse/sparse-vector.js";
import type { MovedRows, Transaction } from "../storage/transaction.js";
import type { Dtype, Fields, Id, Metric } from "../types.js";
import { type AttachedField, AttachedVectors } from "./attached-vectors.js";
import type { CommittedRows } from "./committed-rows.js";
import { movedRows } from "./moved-rows.js";
import { checkRowsMax } from "./row-table.js";
import { StagedFieldNames } from "./staged-field-names.js";
import { replaceText, StagedRows, textAt } from "./staged-rows.js";

/** What a staged row does about an existing row of its id: refuse, or replace it. */
export type StageKind = "add" | "upsert";

/** A row added, one upserted with metadata, one upserted that keeps what its id has. */
const rowOrigins = { added: 0, upserted: 1, upsertedKeeping: 2 } as const;
type RowOrigin = (typeof rowOrigins)[keyof typeof rowOrigins];

/** A staged row that keeps no metadata, and one that keeps what its id has by the time of the commit: nothing so far. */
const inherits = { nothing: -1, whatIsThere: -2 } as const;

/** Rows from which a buffer's parts are taken over whole: every part becomes a frame, and small ones would be many. */
const adoptedRowsMin = 1024;
export interface Savepoint {
  readonly rowCount: number;
  readonly maxIntegerId: number;
  readonly fieldNameCount: number;
}

export class WriteBuffer {
  readonly #committed: CommittedRows;
  /** The staged rows, dead ones too. */
  readonly #rows: StagedRows;
  /** How each staged row came: see `RowOrigin`. */
  readonly #origins: RowOrigin[] = [];
  /** A staged row: the committed row whose metadata it kept, or one of `inherits`. */
  readonly #inheritedFrom: number[] = [];
  /** A staged row: the staged row it replaces, doubled, plus 1 when that was deleted before; -1 for none. */
  readonly #previous: number[] = [];
  /** A staged row: the committed row it replaces; -1 for none. */
  readonly #replaces: number[] = [];
  readonly #stagedById = new Map<Id, number>();
  /** Staged rows that were replaced (true) or deleted (false) by later calls of this transaction. */
  readonly #deadStaged = new Map<number, boolean>();
  /** Committed rows deleted here, and how they were chosen. */
  readonly #deletedRows = new Map<number, { readonly id: Id; readonly isByFilter: boolean }>();
  /** Committed rows that staged rows replace. */
  readonly #supersededRows = new Set<number>();
  /** Version of the committed rows that everything staged was checked against. */
  #checkedVersion: number;
  #checkedNumbering: number;
  #maxIntegerId = -1;
  /** Vectors to hang on rows, by id. */
  readonly #attached = new AttachedVectors();

  /** Names of fields that the staged rows bring. */
  readonly fieldNames: StagedFieldNames;

  constructor(committed: CommittedRows, dim: number, dtype: Dtype, metric: Metric = "ip") {
    this.#committed = committed;
    this.#rows = new StagedRows(dim, dtype, metric);
    this.fieldNames = new StagedFieldNames(() => committed.fieldNames);
    this.#checkedVersion = committed.version;
    this.#checkedNumbering = committed.numbering;
  }

  get dim(): number {
    return this.#rows.dim;
  }

  get rowCount(): number {
    return this.#rows.count;
  }

  get isEmpty(): boolean {
    return this.#rows.count === 0 && this.#deletedRows.size === 0 && this.#attached.isEmpty;
  }

  /** Largest integer id staged, -1 without one. */
  get maxIntegerId(): number {
    return this.#maxIntegerId;
  }

  /** True when this transaction deletes or replaces a committed row: its id is free then, or a staged row's. */
  deletes(row: number): boolean {
    return this.#deletedRows.has(row) || this.#supersededRows.has(row);
  }

  /** A point to go back to when staging a call's rows fails. */
  savepoint(): Savepoint {
    const fieldNameCount = this.fieldNames.names.size;
    return { rowCount: this.#rows.count, maxIntegerId: this.#maxIntegerId, fieldNameCount };
  }

  /** Forgets the rows staged since the savepoint; no deletion may have been staged since. */
  rollback(to: Savepoint): void {
    while (this.#rows.count > to.rowCount) this.#dropLastRow();
    this.#maxIntegerId = to.maxIntegerId;
    this.fieldNames.truncate(to.fieldNameCount);
  }

  #dropLastRow(): void {
    const id = this.#rows.dropLast();
    this.#origins.pop();
    this.#inheritedFrom.pop();
    const previous = this.#previous.pop()!;
    const replaces = this.#replaces.pop()!;
    if (replaces >= 0) this.#supersededRows.delete(replaces);
    if (previous < 0) {
      this.#stagedById.delete(id);
      return;
    }
    this.#stagedById.set(id, previous >> 1);
    if ((previous & 1) === 1) this.#deadStaged.set(previous >> 1, false);
    else this.#deadStaged.delete(previous >> 1);
  }

  /**
   * Stages one row, or throws and stages nothing. `text` null keeps the metadata of the row that is replaced; `field` is
   * what a text that did not come from another buffer was made of.
   */
  stage(kind: StageKind, id: Id, vector: unknown, text: string | null, field?: Fields | null): void {
    this.#renumber();
    const staged = this.#stagedById.get(id);
    const committedRow = staged === undefined ? this.#committed.find(id) : -1;
    if (kind === "add") this.#checkFree(id, staged, committedRow);
    checkRowsMax(this.#committed.rowCount, this.#rows.count + 1, limits.rowsMax);
    let inheritedFrom: number = inherits.nothing;
    let kept = text;
    if (kept === null) {
      if (staged !== undefined) {
        const isDeleted = this.#deadStaged.get(staged) === false;
        kept = isDeleted ? "" : this.#rows.textOf(staged);
        inheritedFrom = isDeleted ? inherits.nothing : this.#inheritedFrom[staged]!;
      } else if (committedRow >= 0 && this.#isCommittedLive(committedRow)) {
        kept = this.#committed.fieldText(committedRow);
        inheritedFrom = committedRow;
      } else {
        kept = "";
        inheritedFrom = this.#deletedRows.has(committedRow) ? inherits.nothing : inherits.whatIsThere;
      }
    }
    const fieldNameCount = this.fieldNames.names.size;
    if (field !== undefined && field !== null) this.fieldNames.take(field, id);
    try {
      this.#rows.append(id, vector, kept);
    } catch (error) {
      this.fieldNames.truncate(fieldNameCount);
      throw error;
    }
    const { added, upserted, upsertedKeeping } = rowOrigins;
    this.#origins.push(kind === "add" ? added : text === null ? upsertedKeeping : upserted);
    this.#inheritedFrom.push(inheritedFrom);
    this.#claim(id, staged, committedRow);
  }

  /** Takes the id for the row just appended, and marks the row it replaces. */
  #claim(id: Id, staged: number | undefined, committedRow: number): void {
    this.#stagedById.set(id, this.#origins.length - 1);
    if (typeof id === "number" && id > this.#maxIntegerId) this.#maxIntegerId = id;
    if (staged !== undefined) {
      this.#previous.push(staged * 2 + (this.#deadStaged.has(staged) ? 1 : 0));
      this.#replaces.push(-1);
      this.#deadStaged.set(staged, true);
      return;
    }
    const replaces = committedRow >= 0 && this.#canSupersede(committedRow);
    if (replaces) this.#supersededRows.add(committedRow);
    this.#previous.push(-1);
    this.#replaces.push(replaces ? committedRow : -1);
  }

  #checkFree(id: Id, staged: number | undefined, committedRow: number): void {
    const isTaken =
      staged === undefined ? committedRow >= 0 && this.#isCommittedLive(committedRow) : !this.#deadStaged.has(staged);
    if (isTaken) throw idExists(id, staged !== undefined);
  }

  #isCommittedLive(row: number): boolean {
    return this.#committed.isLive(row) && !this.#deletedRows.has(row);
  }

  #canSupersede(row: number): boolean {
    return this.#committed.isLive(row) || this.#committed.isDeleted(row);
  }

  /**
   * Stages everything that another buffer holds, in its order; or throws and stages none of its rows. The other buffer is
   * not used afterwards: its parts may have become this one's.
   */
  absorb(other: WriteBuffer): void {
    const isAdopted = other.rowCount >= adoptedRowsMin && !other.#origins.includes(rowOrigins.upsertedKeeping);
    const savepoint = this.savepoint();
    try {
      this.fieldNames.absorb(other.fieldNames);
      if (isAdopted) this.#adopt(other);
      else this.#restage(other);
    } catch (error) {
      this.rollback(savepoint);
      throw error;
    }
    this.#attached.absorb(other.#attached);
  }

  /** Stages the rows of another buffer one by one. */
  #restage(other: WriteBuffer): void {
    let staged = 0;
    for (const part of other.#rows.parts) {
      for (let at = 0; at < part.ids.length; at++, staged++) {
        const origin = other.#origins[staged]!;
        const vector = part.vectors.subarray(at * other.dim, (at + 1) * other.dim);
        const text = origin === rowOrigins.upsertedKeeping ? null : textAt(part, at);
        this.stage(origin === rowOrigins.added ? "add" : "upsert", part.ids[at]!, vector, text);
      }
    }
  }

  /** Takes over the parts of another buffer as they are. All rows are checked before the first is taken. */
  #adopt(other: WriteBuffer): void {
    this.#renumber();
    checkRowsMax(this.#committed.rowCount, this.#rows.count + other.rowCount, limits.rowsMax);
    const committedRows = new Float64Array(other.rowCount).fill(-1);
    let row = 0;
    for (const { ids } of other.#rows.parts) {
      for (let at = 0; at < ids.length; at++, row++) {
        const id = ids[at]!;
        const staged = this.#stagedById.get(id);
        if (staged === undefined) committedRows[row] = this.#committed.find(id);
        if (other.#origins[row] === rowOrigins.added) this.#checkFree(id, staged, committedRows[row]!);
      }
    }
    row = 0;
    for (const part of other.#rows.parts) {
      this.#rows.adopt(part);
      for (let at = 0; at < part.ids.length; at++, row++) {
        const id = part.ids[at]!;
        this.#origins.push(other.#origins[row]!);
        this.#inheritedFrom.push(inherits.nothing);
        this.#claim(id, this.#stagedById.get(id), committedRows[row]!);
      }
    }
  }

  /** Staged rows that are live in this transaction: id and metadata text, for filters. */
  *liveStaged(): Generator<{ readonly staged: number; readonly id: Id; readonly text: string }> {
    let staged = 0;
    for (const part of this.#rows.parts) {
      for (let at = 0; at < part.ids.length; at++, staged++) {
        if (!this.#deadStaged.has(staged)) yield { staged, id: part.ids[at]!, text: textAt(part, at) };
      }
    }
  }

  /** Ids and committed rows that this transaction touches, rows as texts no id can be confused with. */
  *touchedKeys(): Generator<Id> {
    yield* this.#stagedById.keys();
    yield* this.#attached.ids();
    for (const [row, { id }] of this.#deletedRows) {
      yield `\0${row}`;
      yield id;
    }
    for (const row of this.#supersededRows) yield `\0${row}`;
  }

  /** True where the id has a live row, staged or committed. */
  isLiveId(id: Id): boolean {
    this.#renumber();
    const staged = this.#stagedById.get(id);
    if (staged !== undefined) return !this.#deadStaged.has(staged);
    const row = this.#committed.find(id);
    return row >= 0 && this.#isCommittedLive(row);
  }

  /** Hangs a vector of a named field on the live row of an id; replaces the one that it has. */
  attachVector(field: AttachedField, id: Id, vector: Float32Array): void {
    this.#attached.setVector(field, id, vector);
  }

  /** Hangs a sparse vector on the live row of an id; replaces the one that it has. */
  attachSparse(id: Id, vector: CheckedSparse): void {
    this.#attached.setSparse(id, vector);
  }

  /** Deletes the row of an id, staged or committed. False when there is none. */
  deleteId(id: Id): boolean {
    this.#renumber();
    const staged = this.#stagedById.get(id);
    if (staged !== undefined) return this.deleteStaged(staged);
    return this.deleteCommitted(this.#committed.find(id), id, false);
  }

  /** Deletes a staged row. False when it is dead already. */
  deleteStaged(staged: number): boolean {
    if (this.#deadStaged.has(staged)) return false;
    this.#deadStaged.set(staged, false);
    this.#attached.drop(this.#rows.idOf(staged));
    return true;
  }

  /** Deletes a committed row, chosen by its id or by a filter. False when it is dead already. */
  deleteCommitted(row: number, id: Id, isByFilter: boolean): boolean {
    this.#renumber();
    if (row < 0 || !this.#isCommittedLive(row) || this.#supersededRows.has(row)) return false;
    this.#deletedRows.set(row, { id, isByFilter });
    this.#attached.drop(id);
    return true;
  }

  /**
   * The transaction to write, its rows numbered from `firstRow`. Checks everything again when rows were committed since
   * it was staged; `ID_EXISTS` when an id to be added was taken meanwhile.
   */
  toTransaction(firstRow: number): Transaction {
    if (this.#checkedVersion !== this.#committed.version) this.#recheck();
    const superseded = [...this.#supersededRows];
    const deleted = [...this.#deletedRows.keys()].filter((row) => !this.#supersededRows.has(row));
    for (const [staged, isReplaced] of this.#deadStaged) (isReplaced ? superseded : deleted).push(firstRow + staged);
    const ascending = (rows: number[]): Uint32Array => new Uint32Array(rows).sort();
    const moved = this.#supersededRows.size === 0 ? null : this.#movedRows(firstRow);
    return {
      rows: this.#rows.toParts(),
      superseded: ascending(superseded),
      deleted: ascending(deleted),
      restored: [],
      ...(moved === null ? {} : { moved }),
      ...this.#attached.toParts((id) => this.#rowToAttach(id, firstRow)),
    };
  }

  #movedRows(firstRow: number): MovedRows | null {
    return movedRows(this.#rows.parts, this.#previous, firstRow, (id) => this.#handedOver(id));
  }

  /** The committed row whose vectors the first staged row of an id takes over; -1 for none. */
  #handedOver(id: Id): number {
    const row = this.#committed.find(id);
    const isReplaced = row >= 0 && this.#supersededRows.has(row) && this.#isCommittedLive(row);
    return isReplaced && this.#committed.hasAttached(row) ? row : -1;
  }

  /** The live row of an id when this transaction is done, to hang vectors on. */
  #rowToAttach(id: Id, firstRow: number): number {
    const staged = this.#stagedById.get(id);
    if (staged !== undefined && !this.#deadStaged.has(staged)) return firstRow + staged;
    const row = staged === undefined ? this.#committed.find(id) : -1;
    if (row >= 0 && this.#isCommittedLive(row)) return row;
    const message = `id ${JSON.stringify(id)} is not in the collection any more, so no vector can be hung on it`;
    throw new LynseError("ID_NOT_FOUND", message, { id });
  }

  /** After a compaction the rows that this transaction replaces and deletes have other numbers. */
  #renumber(): void {
    if (this.#checkedNumbering !== this.#committed.numbering) this.#recheck();
  }

  /** Checks the staged rows and deletions against the rows committed since they were staged. */
  #recheck(): void {
    const deletions = [...this.#deletedRows];
    this.#deletedRows.clear();
    this.#supersededRows.clear();
    const isSameNumbering = this.#checkedNumbering === this.#committed.numbering;
    for (const [row, choice] of deletions) {
      // Chosen by id: the id's present row is meant. Chosen by filter: that very row, if nobody replaced it.
      const present = this.#committed.find(choice.id);
      if (choice.isByFilter && isSameNumbering && present !== row) continue;
      if (present >= 0 && this.#committed.isLive(present)) this.#deletedRows.set(present, choice);
    }
    const firsts = new Set<Id>();
    let staged = 0;
    for (const part of this.#rows.parts) {
      for (let at = 0; at < part.ids.length; at++, staged++) {
        const id = part.ids[at]!;
        const row = this.#committed.find(id);
        // Only the first staged row of an id meets the committed one; later ones may still have inherited from it.
        if (!firsts.has(id)) this.#recheckFirst(id, row, staged);
        firsts.add(id);
        const inheritedFrom = this.#inheritedFrom[staged]!;
        if (inheritedFrom === inherits.nothing || (isSameNumbering && inheritedFrom === row)) continue;
        const isLive = row >= 0 && this.#isCommittedLive(row);
        replaceText(part, at, isLive ? this.#committed.fieldText(row) : "");
        this.#inheritedFrom[staged] = isLive ? row : inherits.whatIsThere;
      }
    }
    this.#checkedVersion = this.#committed.version;
    this.#checkedNumbering = this.#committed.numbering;
  }

  #recheckFirst(id: Id, row: number, staged: number): void {
    if (row < 0) return;
    if (this.#origins[staged] === rowOrigins.added && this.#isCommittedLive(row)) throw idExists(id, false);
    if (this.#canSupersede(row)) this.#supersededRows.add(row);
  }
}

function idExists(id: Id, isStaged: boolean): LynseError {
  const where = isStaged ? "was already added in this transaction" : "is already in the collection";
  return new LynseError("ID_EXISTS", `id ${JSON.stringify(id)} ${where}; use upsert to replace it, or another id`, {
    id,
  });
}
