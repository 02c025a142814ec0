/**
 * Which rows of a collection match?
 *
 * Typed columns, one a path, built from the source the first time a filter or an order needs them, kept current by
 * commits, and written to checkpoints. Everything here is derived from the committed rows: a column that is missing,
 * behind or damaged is built again. Rows never change, so a column only ever grows.
 *
 * Top of the metadata layer; the engine supplies the rows.
 */
import { assert, LynseError } from "../errors.js";
import { limits } from "../limits.js";
import { TimeSlice } from "../time-slice.js";
import type { Id } from "../types.js";
import type { Matches } from "./bitset-cache.js";
import { Column } from "./column.js";
import {
  readColumns,
  restoreColumn,
  type StoredColumn,
  storeColumn,
  storedRows,
  writeColumns,
} from "./column-codec.js";
import { estimateMatches } from "./estimator.js";
import { collectFieldNames } from "./field-names.js";
import type { FieldRecord } from "./field-path.js";
import { FilterEvaluator } from "./filter-evaluator.js";
import { nearestName } from "./nearest-name.js";
import { rowOrder } from "./row-order.js";
import type { WhereNode } from "./where-node.js";
import { pathsOf } from "./where-paths.js";

/** Rows read from the source at once: a few milliseconds of parsing. */
const batchRows = 512;

/** Rows between two looks at the clock. */
const clockRows = 64;

/** The committed rows that columns are made of. */
export interface RowSource {
  /** Rows ever committed; row numbers are 0 to rowCount - 1, append-only: a row never changes. */
  readonly rowCount: number;
  idAt(row: number): Id;
  /** Parsed metadata of the rows from `from` to before `to`, in order. */
  readFields(from: number, to: number): Promise<readonly FieldRecord[]>;
}

export class ColumnStore {
  readonly #source: RowSource;
  readonly #columns = new Map<string, Column>();
  /** Columns of a checkpoint that nothing has asked for yet. */
  readonly #stored = new Map<string, StoredColumn>();
  /** The pass that is building a column now. */
  readonly #passes = new Map<string, Promise<void>>();
  readonly #evaluator: FilterEvaluator;
  readonly #names = new Set<string>();
  /** Rows, from the first on, whose names are in `#names`. */
  #namedRows = 0;

  constructor(source: RowSource) {
    this.#source = source;
    this.#evaluator = new FilterEvaluator({
      idAt: (row) => source.idAt(row),
      columnOf: (path) => this.#column(path),
    });
  }

  /**
   * A store from the bytes of `serialize`, or null when they are not that: the columns are then built anew. The bytes
   * are kept and read a column at a time when it is first needed; a column that turns out unsound is built anew.
   */
  static deserialize(source: RowSource, bytes: Uint8Array): ColumnStore | null {
    const parts = readColumns(bytes);
    if (parts === null) return null;
    const store = new ColumnStore(source);
    for (const column of parts.columns) store.#stored.set(column.path, column);
    for (const name of parts.names) store.#names.add(name);
    store.#namedRows = parts.namedRows;
    return store;
  }

  /** Names that rows are known to have: not more than `fieldNamesMax`, but for what one row may bring beyond. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Takes in names of committed rows. They are not all that those rows have: only those that were not known. */
  addNames(names: Iterable<string>): void {
    for (const name of names) this.#names.add(name);
  }

  /** True where `ensure` would have nothing to do. */
  isReady(paths: readonly string[], rowCount: number): boolean {
    return paths.every((path) => this.#isCurrent(path, rowCount));
  }

  /**
   * Builds the columns of `paths` and catches existing ones up to `rowCount` rows, in time slices, reading the source
   * once for all of them. A column that another call is building is waited for. `ABORTED` when the signal says so; what
   * was built until then is kept.
   */
  async ensure(paths: readonly string[], rowCount: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      const behind = [...new Set(paths)].filter((path) => !this.#isCurrent(path, rowCount));
      if (behind.length === 0) return;
      const idle = behind.filter((path) => !this.#passes.has(path));
      if (idle.length > 0) {
        await this.#startPass(idle, rowCount, signal);
      } else {
        // Another call's failure is not this one's: look again, and build if that call gave up.
        await untilSettled([...behind.map((path) => this.#passes.get(path))], signal);
      }
    }
  }

  /**
   * Appends a commit's rows, in order, to the columns that have all rows before them; a text is JSON and parsed only if
   * there is such a column. Stops after a time slice: what is left is read from the source when next needed.
   */
  append(firstRow: number, fields: readonly (FieldRecord | string)[]): void {
    const current = [...this.#columns.values()].filter((column) => column.length === firstRow);
    if (current.length === 0) return;
    const slice = new TimeSlice();
    for (let at = 0; at < fields.length; at += 1) {
      if (at % clockRows === clockRows - 1 && slice.isDue()) return;
      const field = parseField(fields[at]);
      if (field === null) return;
      for (const column of current) column.append(field);
      this.#collectNames(firstRow + at, field);
    }
  }

  /**
   * The rows below `rowCount` for which the filter is TRUE; `ensure` ran before. The set is shared: do not change it.
   */
  evaluate(node: WhereNode, rowCount: number): Matches {
    for (const path of pathsOf(node)) {
      assert(this.#isCurrent(path, rowCount), `the column ${path} has all ${rowCount} rows before it is evaluated`);
    }
    return this.#evaluator.evaluate(node, rowCount);
  }

  /**
   * Rows that `evaluate` would find, from the columns' statistics; exact when they are known. Columns that are not
   * built count as unknown.
   */
  estimate(node: WhereNode, rowCount: number): number {
    const known = this.#evaluator.knownCount(node, rowCount);
    return known ?? estimateMatches(node, (path) => this.#columns.get(path) ?? null, rowCount);
  }

  /** Paths of the filter that no row has, each with the nearest name that rows do have, or null. */
  unknownPaths(node: WhereNode, rowCount: number): { readonly name: string; readonly nearest: string | null }[] {
    return pathsOf(node)
      .filter((path) => !this.#isKnown(path, rowCount))
      .map((name) => ({ name, nearest: nearestName(name, this.#names) }));
  }

  /** A comparator of rows by a path, see `row-order`; `ensure` ran before. */
  compareRows(path: string, direction: "asc" | "desc"): (a: number, b: number) => number {
    return rowOrder(this.#column(path), direction);
  }

  /** The column of a path, to be read only; `ensure` ran before. */
  columnOf(path: string): Column {
    return this.#column(path);
  }

  /** The columns as a section of a checkpoint. */
  serialize(): Uint8Array {
    return writeColumns({
      columns: [...[...this.#columns.values()].map(storeColumn), ...this.#stored.values()],
      names: [...this.#names],
      namedRows: this.#namedRows,
    });
  }

  /** Bytes of the typed arrays and, estimated, of the dictionaries and of the sets kept for repeated filters. */
  memoryBytes(): number {
    let bytes = this.#evaluator.memoryBytes();
    for (const column of this.#columns.values()) bytes += column.memoryBytes();
    for (const { sections } of this.#stored.values()) for (const section of sections) bytes += section.length;
    return bytes;
  }

  #column(path: string): Column {
    const column = this.#columns.get(path);
    assert(column !== undefined, `the column ${path} is built before it is used`);
    return column;
  }

  #isCurrent(path: string, rowCount: number): boolean {
    const column = this.#columns.get(path);
    return column !== undefined && column.length >= rowCount;
  }

  async #startPass(paths: readonly string[], rowCount: number, signal: AbortSignal | undefined): Promise<void> {
    const pass = this.#build(paths, rowCount, signal);
    for (const path of paths) this.#passes.set(path, pass);
    try {
      await pass;
    } finally {
      for (const path of paths) this.#passes.delete(path);
    }
  }

  async #build(paths: readonly string[], rowCount: number, signal: AbortSignal | undefined): Promise<void> {
    assert(rowCount <= this.#source.rowCount, `no column is asked for more rows than are committed (${rowCount})`);
    const slice = new TimeSlice();
    const columns: Column[] = [];
    for (const path of paths) columns.push(await this.#columnToBuild(path, rowCount, slice));
    let from = Math.min(...columns.map((column) => column.length));
    while (from < rowCount) {
      throwIfAborted(signal);
      const to = Math.min(from + batchRows, rowCount);
      const fields = await this.#source.readFields(from, to);
      assert(fields.length === to - from, `${to - from} rows were asked for and as many came`);
      for (let at = 0; at < fields.length; at += 1) {
        const field = fields[at];
        if (field === undefined) continue;
        // Commits may have brought rows in the meantime: take only what comes next.
        for (const column of columns) if (column.length === from + at) column.append(field);
        this.#collectNames(from + at, field);
        if (at % clockRows === clockRows - 1 && slice.isDue()) await slice.giveWay();
      }
      from = to;
      if (slice.isDue()) await slice.giveWay();
    }
  }

  async #columnToBuild(path: string, rowCount: number, slice: TimeSlice): Promise<Column> {
    const known = this.#columns.get(path) ?? (await this.#restore(path, slice));
    const column = known ?? new Column(path);
    this.#columns.set(path, column);
    column.reserve(rowCount);
    return column;
  }

  /** The column of a checkpoint, or null. One of more rows than are committed is not of these rows. */
  async #restore(path: string, slice: TimeSlice): Promise<Column | null> {
    const stored = this.#stored.get(path);
    if (stored === undefined) return null;
    const column = storedRows(stored) <= this.#source.rowCount ? await restoreColumn(stored, slice) : null;
    this.#stored.delete(path);
    return column;
  }

  #collectNames(row: number, field: FieldRecord): void {
    if (row !== this.#namedRows) return;
    this.#namedRows += 1;
    if (this.#names.size < limits.fieldNamesMax) collectFieldNames(field, this.#names);
  }

  #isKnown(path: string, rowCount: number): boolean {
    if (this.#names.has(path)) return true;
    const column = this.#columns.get(path);
    if (column === undefined) return false;
    const { kinds } = column;
    for (let row = 0; row < rowCount; row += 1) if (kinds[row] !== 0) return true;
    return false;
  }
}

function parseField(field: FieldRecord | string | undefined): FieldRecord | null {
  if (typeof field !== "string") return field ?? null;
  try {
    return JSON.parse(field) as FieldRecord;
  } catch {
    // Derived state must not fail a commit; a read of the source will report the damage.
    return null;
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

function abortedError(signal: AbortSignal): LynseError {
  return new LynseError(
    "ABORTED",
    "the filter's columns were not built: the caller's signal ended the call",
    {},
    signal.reason,
  );
}

/** Resolves when all have ended, however; rejects at once when the signal says so. */
async function untilSettled(
  passes: readonly (Promise<void> | undefined)[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const settled = Promise.allSettled(passes);
  if (signal === undefined) {
    await settled;
    return;
  }
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortedError(signal));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    await Promise.race([settled, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
