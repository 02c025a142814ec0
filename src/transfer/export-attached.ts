/**
 * How do the vectors that hang on rows get into the files of an export?
 *
 * Named fields in the order of their slots, each vector with the rank of its row; sparse vectors in the order of rows.
 * Vectors of replaced rows, and those that a later one replaced, are left out.
 */
import { storedVectors } from "../engine/stored-vectors.js";
import { encodeSparse } from "../sparse/sparse-vector.js";
import { TimeSlice } from "../time-slice.js";
import type { CollectionView, FieldView } from "./collection-view.js";
import { type ExportRun, readVectors, vectorBatchRows } from "./export-rows.js";
import type { FileSink } from "./file-sink.js";

/** Writes the vectors of a named field; resolves to their number. */
export async function exportField(
  view: CollectionView,
  fieldView: FieldView,
  sinks: { readonly vectors: FileSink; readonly rows: FileSink },
  run: ExportRun,
): Promise<number> {
  const { field } = fieldView.field;
  const { dim, dtype } = field.definition;
  if (dim === null) return 0;
  const batch = vectorBatchRows(dim);
  const buffer = new Float32Array(batch * dim);
  const slice = new TimeSlice();
  let count = 0;
  for (let from = 0; from < fieldView.slots.count; from += batch) {
    run.check();
    const to = Math.min(fieldView.slots.count, from + batch);
    const data = await readVectors(field, from, to, buffer);
    const ranks = new Uint32Array(to - from);
    let kept = 0;
    for (let slot = from; slot < to; slot++) {
      const rank = view.rankOfSlot(fieldView, slot);
      if (rank === -1) continue;
      ranks[kept] = rank;
      if (kept !== slot - from) data.copyWithin(kept * dim, (slot - from) * dim, (slot - from + 1) * dim);
      kept += 1;
    }
    await sinks.vectors.write(storedVectors(data.subarray(0, kept * dim), dtype));
    await sinks.rows.write(new Uint8Array(ranks.buffer, 0, kept * 4));
    count += kept;
    if (slice.isDue()) await slice.giveWay();
  }
  return count;
}

/** Rows between two looks at the clock. */
const sparseRows = 256;

/** Writes the sparse vectors; resolves to their number. */
export async function exportSparse(view: CollectionView, sink: FileSink, run: ExportRun): Promise<number> {
  const { sparse } = view;
  if (sparse === null) return 0;
  const slice = new TimeSlice();
  let count = 0;
  for (let row = 0; row < view.rowCount; row++) {
    if (row % sparseRows === 0) {
      run.check();
      if (slice.isDue()) await slice.giveWay();
    }
    const vector = view.stateOf(row) === null ? null : sparse.get(row);
    if (vector === null || vector.indices.length === 0) continue;
    await sink.write(new Uint8Array(Uint32Array.of(view.rankOf(row)).buffer));
    await sink.write(encodeSparse(vector));
    count += 1;
  }
  return count;
}
