/**
 * How do the rows of an export get into a staged collection?
 *
 * A batch at a time, in order of insertion: where some are soft-deleted, the lines of both files are merged by their
 * numbers. Every id, every row's metadata and every vector is checked; their bytes are written as they are.
 */
import { IdIndex } from "../engine/id-index.js";
import { RowTable } from "../engine/row-table.js";
import { assert, LynseError } from "../errors.js";
import type { RowsPart, Transaction } from "../storage/transaction.js";
import { TimeSlice } from "../time-slice.js";
import type { Dtype, Id, Metric } from "../types.js";
import type { ExportRun } from "./export-rows.js";
import type { RowsSource } from "./exported-rows.js";
import { checkStoredVectors } from "./stored-vector-check.js";
import { refusedVector } from "./transfer-error.js";

/** Rows, and bytes of metadata or vectors, of one batch. */
const batchRowsMax = 4096;
const batchBytes = 8 << 20;
const encoder = new TextEncoder();

export interface StoredShape {
  readonly dim: number;
  readonly dtype: Dtype;
  readonly metric: Metric;
}

/** Rows of one batch. */
interface RowBatch {
  readonly ids: Id[];
  readonly texts: string[];
  /** Whether each is soft-deleted. */
  readonly isDeleted: boolean[];
}

/** Which rows of an import are soft-deleted. */
export interface ImportedRows {
  readonly count: number;
  isDeleted(row: number): boolean;
}

export class RowImport {
  readonly #live: RowsSource;
  readonly #deleted: RowsSource | null;
  readonly #shape: StoredShape;
  readonly #append: (transaction: Transaction) => Promise<void>;
  readonly #rows = new RowTable();
  readonly #ids = new IdIndex(this.#rows);
  readonly #batchRows: number;
  /** Vectors read so far. */
  #liveRead = 0;
  #deletedRead = 0;

  constructor(
    live: RowsSource,
    deleted: RowsSource | null,
    shape: StoredShape,
    append: (transaction: Transaction) => Promise<void>,
  ) {
    this.#live = live;
    this.#deleted = deleted;
    this.#shape = shape;
    this.#append = append;
    this.#batchRows = Math.max(1, Math.min(batchRowsMax, Math.floor(batchBytes / this.#stride)));
  }

  get #stride(): number {
    return this.#shape.dim * (this.#shape.dtype === "float16" ? 2 : 4);
  }

  /** Takes all rows. */
  async run(run: ExportRun): Promise<ImportedRows> {
    const slice = new TimeSlice();
    // The next rows are read and checked while these are written.
    let written: Promise<void> = Promise.resolve();
    try {
      for (;;) {
        run.check();
        const transaction = await this.#nextTransaction();
        if (transaction === null) break;
        await written;
        written = this.#append(transaction);
        // Waited for in its turn; a mistake in the next rows must not leave it unheard.
        written.catch(() => {});
        run.report(this.#rows.rowCount);
        if (slice.isDue()) await slice.giveWay();
      }
      await written;
    } finally {
      await written.catch(() => {});
    }
    this.#live.finish();
    this.#deleted?.finish();
    const { rowCount: count } = this.#rows;
    return { count, isDeleted: (row) => this.#rows.isDeleted(row) };
  }

  async #nextTransaction(): Promise<Transaction | null> {
    const batch = await this.#nextBatch();
    if (batch === null) return null;
    const first = this.#rows.rowCount - batch.ids.length;
    const deleted = batch.isDeleted.flatMap((isDeleted, at) => (isDeleted ? [first + at] : []));
    const part = await this.#partOf(batch, deleted.length);
    for (const row of deleted) this.#rows.markDeleted(row);
    return { rows: [part], superseded: [], deleted, restored: [] };
  }

  async #nextBatch(): Promise<RowBatch | null> {
    const batch: RowBatch = { ids: [], texts: [], isDeleted: [] };
    let bytes = 0;
    const slice = new TimeSlice();
    while (batch.ids.length < this.#batchRows && bytes < batchBytes) {
      const source = await this.#nextSource();
      if (source === null) break;
      const { id, text } = source.peek()!;
      this.#take(id, source);
      source.next();
      batch.ids.push(id);
      batch.texts.push(text);
      batch.isDeleted.push(source === this.#deleted);
      bytes += text.length;
      if ((batch.ids.length & 63) === 0 && slice.isDue()) await slice.giveWay();
    }
    return batch.ids.length === 0 ? null : batch;
  }

  /** The source whose row comes next; null behind the last one of both. */
  async #nextSource(): Promise<RowsSource | null> {
    const live = this.#live;
    const deleted = this.#deleted;
    const hasLive = live.peek() !== null || (await live.advance());
    if (deleted === null) return hasLive ? live : null;
    const hasDeleted = deleted.peek() !== null || (await deleted.advance());
    if (!hasLive && !hasDeleted) return null;
    // The rows of both, by number, are all rows without a gap.
    const wanted = this.#rows.rowCount;
    if (hasLive && live.peek()?.number === wanted) return live;
    if (hasDeleted && deleted.peek()?.number === wanted) return deleted;
    const message = `no line of the export has the number ${wanted}, in the order of numbers`;
    throw (hasLive ? live : deleted).refuse(new LynseError("INVALID_ARGUMENT", message));
  }

  #take(id: Id, source: RowsSource): void {
    if (this.#ids.find(id) !== -1) {
      throw source.refuse(new LynseError("ID_EXISTS", `id ${JSON.stringify(id)} stands twice in the export`, { id }));
    }
    this.#rows.reserve(1);
    this.#rows.append(id, 0, 0, 0);
    this.#ids.ensureNow(this.#rows.rowCount);
  }

  async #partOf({ ids, texts, isDeleted }: RowBatch, deletedCount: number): Promise<RowsPart> {
    const stride = this.#stride;
    const count = ids.length;
    const live = new Uint8Array((count - deletedCount) * stride);
    await this.#live.vectors.read(live);
    const { path } = this.#live.vectors;
    const isLive = (): boolean => true;
    checkStoredVectors(live, this.#shape, isLive, (at, cause) => refusedVector(path, this.#liveRead + at, cause));
    this.#liveRead += count - deletedCount;
    const vectors = deletedCount === 0 ? live : await this.#mixedVectors(live, isDeleted, deletedCount);
    return { rowCount: count, ids, ...joinTexts(texts), vectorBytes: [vectors] };
  }

  /** The vectors of live and soft-deleted rows in the order of the rows. */
  async #mixedVectors(live: Uint8Array, isDeleted: readonly boolean[], deletedCount: number): Promise<Uint8Array> {
    const stride = this.#stride;
    const deleted = new Uint8Array(deletedCount * stride);
    const source = this.#deleted!.vectors;
    await source.read(deleted);
    const isLive = (): boolean => false;
    const refuse = (at: number, cause: unknown): unknown => refusedVector(source.path, this.#deletedRead + at, cause);
    checkStoredVectors(deleted, this.#shape, isLive, refuse);
    this.#deletedRead += deletedCount;
    const mixed = new Uint8Array(isDeleted.length * stride);
    let usedLive = 0;
    let usedDeleted = 0;
    for (let at = 0; at < isDeleted.length; at++) {
      const vector = isDeleted[at]
        ? deleted.subarray(usedDeleted, (usedDeleted += stride))
        : live.subarray(usedLive, (usedLive += stride));
      mixed.set(vector, at * stride);
    }
    return mixed;
  }
}

function joinTexts(texts: readonly string[]): Pick<RowsPart, "fieldBytes" | "fieldEnds"> {
  let length = 0;
  for (const text of texts) length += text.length;
  // UTF-8 takes at most three bytes a UTF-16 unit; most texts are one byte a unit.
  let bytes = new Uint8Array(length + 1024);
  const fieldEnds = new Uint32Array(texts.length);
  let used = 0;
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at]!;
    length -= text.length;
    if (used + text.length * 3 > bytes.length) {
      const larger = new Uint8Array(used + text.length * 3 + length + (bytes.length >>> 1));
      larger.set(bytes.subarray(0, used));
      bytes = larger;
    }
    const { read, written } = encoder.encodeInto(text, bytes.subarray(used));
    assert(read === text.length, "metadata text is encoded whole");
    used += written;
    fieldEnds[at] = used;
  }
  return { fieldBytes: bytes.subarray(0, used), fieldEnds };
}
