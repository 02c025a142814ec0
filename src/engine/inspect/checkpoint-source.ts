/**
 * What does a checkpoint know of rows whose frames cannot be read any more?
 *
 * Ids, states, where metadata lies and its checksums, the checksums of all vectors, which vectors hang on which rows, and
 * sparse vectors: everything but the bytes of metadata and vectors themselves. It is verified, so that it counts as much as the
 * frames that it was made of.
 */
import { isLynseError } from "../../errors.js";
import { SparseIndex } from "../../sparse/sparse-index.js";
import { encodeSparse } from "../../sparse/sparse-vector.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import { readSectionFile } from "../../storage/section-file.js";
import { VectorRanges } from "../../storage/vector-ranges.js";
import { RowTable } from "../row-table.js";
import { noRow, SlotTable } from "../slot-table.js";
import type { CheckpointMark } from "./derived-check.js";
import type { LogLedger, RangeLedger } from "./log-ledger.js";
import { rowStates } from "./row-ledger.js";

export class CheckpointSource {
  readonly mark: CheckpointMark;
  readonly rows: RowTable;
  readonly #ranges: VectorRanges;
  readonly #fields: readonly { readonly slots: SlotTable; readonly ranges: VectorRanges }[];
  /** Stored forms of the sparse vectors by row. */
  readonly sparse: ReadonlyMap<number, Uint8Array>;

  private constructor(
    mark: CheckpointMark,
    rows: RowTable,
    ranges: VectorRanges,
    fields: readonly { readonly slots: SlotTable; readonly ranges: VectorRanges }[],
    sparse: ReadonlyMap<number, Uint8Array>,
  ) {
    this.mark = mark;
    this.rows = rows;
    this.#ranges = ranges;
    this.#fields = fields;
    this.sparse = sparse;
  }

  /** What the checkpoint says; null where it is not whole or its sections do not fit together. */
  static async read(files: StoredFiles, mark: CheckpointMark): Promise<CheckpointSource | null> {
    let sections: ReadonlyMap<string, Uint8Array>;
    try {
      ({ sections } = await readSectionFile(files.fs, mark.path, "LYNSEDER", () => {}));
    } catch (error) {
      if (isLynseError(error)) return null;
      throw error;
    }
    const rows = RowTable.deserialize(sections, mark.rowCount);
    const ranges = VectorRanges.fromBytes(sections.get("vectors.ranges") ?? new Uint8Array(1));
    if (rows === null || ranges === null || ranges.rowCount !== mark.rowCount) return null;
    const counts = new Uint32Array((sections.get("store.slots") ?? new Uint8Array(0)).slice().buffer);
    const fields: { slots: SlotTable; ranges: VectorRanges }[] = [];
    for (const [number, count] of counts.entries()) {
      const slots = SlotTable.fromBytes(sections.get(`field.${number}.slots`), count, mark.rowCount);
      const own = VectorRanges.fromBytes(sections.get(`field.${number}.ranges`) ?? new Uint8Array(1));
      if (slots === null || own === null || own.rowCount !== count) return null;
      fields.push({ slots, ranges: own });
    }
    const sparse = await sparseOf(sections, mark.rowCount);
    if (fields.length > files.fields.length || sparse === null) return null;
    return new CheckpointSource(mark, rows, ranges, fields, sparse);
  }

  /** Puts all of it into a ledger that is empty. */
  fill(ledger: LogLedger): void {
    const { rows } = this;
    ledger.rows.append(
      Array.from({ length: rows.rowCount }, (_, row) => rows.idAt(row)),
      rows.rowCount,
    );
    for (let row = 0; row < rows.rowCount; row++) {
      if (rows.isDeleted(row)) ledger.rows.setState(row, rowStates.deleted);
      else if (!rows.isLive(row)) ledger.rows.setState(row, rowStates.superseded);
    }
    copyRanges(this.#ranges, ledger.primary);
    for (const [number, { slots, ranges }] of this.#fields.entries()) {
      const field = ledger.fields[number]!;
      copyRanges(ranges, field.vectors);
      for (let slot = 0; slot < slots.count; slot++) {
        const row = slots.rowOf(slot);
        if (row === noRow) field.slots.skip(1);
        else field.slots.attach(Uint32Array.of(row));
      }
    }
  }
}

function copyRanges(from: VectorRanges, to: RangeLedger): void {
  for (let range = 0; range < from.count; range++) {
    const start = range === 0 ? 0 : from.endOf(range - 1);
    to.push(from.endOf(range) - start, from.crcOf(range), 0, 0);
  }
}

/** Null where the sections make no sense. */
async function sparseOf(
  sections: ReadonlyMap<string, Uint8Array>,
  rowCount: number,
): Promise<Map<number, Uint8Array> | null> {
  const own = [...sections].filter(([name]) => name.startsWith("sparse."));
  const found = new Map<number, Uint8Array>();
  if (own.length === 0) return found;
  const index = await SparseIndex.deserialize(
    own.map(([name, bytes]) => ({ name: name.slice("sparse.".length), bytes })),
  );
  if (index === null) return null;
  for (let row = 0; row < rowCount; row++) {
    const vector = index.has(row) ? index.get(row) : null;
    if (vector) found.set(row, encodeSparse(vector));
  }
  index.release();
  return found;
}
