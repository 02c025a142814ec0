/**
 * How do rows get into the files of an export?
 *
 * A batch at a time, live and soft-deleted rows into files of their own: metadata as the bytes that lie in the log, vectors
 * as they are stored. A batch has as many rows as fit into some MiB, so that memory does not grow with the collection.
 */
import { storedVectors } from "../engine/stored-vectors.js";
import type { VectorField } from "../engine/vector-field.js";
import { TimeSlice } from "../time-slice.js";
import type { CollectionView } from "./collection-view.js";
import type { FileSink } from "./file-sink.js";
import { MetadataLines } from "./metadata-lines.js";

/** Where the rows of one kind go. */
export interface RowSinks {
  readonly metadata: FileSink;
  readonly vectors: FileSink;
}

export interface ExportRun {
  /** Called with rows that are written now, and in all. */
  readonly report: (rows: number) => void;
  /** Throws where the export is to end. */
  readonly check: () => void;
}

const batchRows = 2048;
/** Bytes of metadata, and of vectors, after which a batch ends. */
const batchBytes = 4 << 20;

/** Writes all rows of the view; `deleted` null where none is soft-deleted. */
export async function exportRows(
  view: CollectionView,
  live: RowSinks,
  deleted: RowSinks | null,
  run: ExportRun,
): Promise<void> {
  const { generation, rowCount } = view;
  const { dim } = view.config;
  const liveLines = new MetadataLines(live.metadata);
  const deletedLines = deleted === null ? null : new MetadataLines(deleted.metadata);
  const slice = new TimeSlice();
  const vectorRows = dim === null ? 0 : vectorBatchRows(dim);
  const buffer = new Float32Array(vectorRows * (dim ?? 0));
  for (let from = 0; from < rowCount; ) {
    run.check();
    const to = batchEnd(view, from);
    await exportLines(view, from, to, liveLines, deletedLines);
    await liveLines.flush();
    await deletedLines?.flush();
    for (let first = from; first < to; first += vectorRows) {
      const last = Math.min(to, first + vectorRows);
      const data = await readVectors(generation.primary, first, last, buffer);
      await exportVectors(view, first, last, data, live, deleted);
    }
    run.report(view.rankOf(to - 1) + (view.stateOf(to - 1) === null ? 0 : 1));
    from = to;
    if (slice.isDue()) await slice.giveWay();
  }
}

/** Vectors read at once. */
export function vectorBatchRows(dim: number): number {
  return Math.max(1, Math.min(batchRows, Math.floor(batchBytes / (dim * 4))));
}

/** Row after the last one of a batch. */
function batchEnd({ generation, rowCount }: CollectionView, from: number): number {
  const last = Math.min(rowCount, from + batchRows);
  let bytes = 0;
  let to = from;
  while (to < last && bytes < batchBytes) bytes += generation.rows.fieldAt(to++).length;
  return to;
}

async function exportLines(
  view: CollectionView,
  from: number,
  to: number,
  live: MetadataLines,
  deleted: MetadataLines | null,
): Promise<void> {
  const { rows } = view.generation;
  let row = from;
  let rank = view.rankOf(from);
  await view.generation.readFieldBytes(from, to, (bytes, ends) => {
    for (let at = 0; at < ends.length; at++, row++) {
      const isLive = view.stateOf(row);
      if (isLive === null) continue;
      const lines = isLive ? live : deleted;
      lines?.add(rank, rows.idAt(row), bytes, at === 0 ? 0 : ends[at - 1]!, ends[at]!);
      rank += 1;
    }
  });
}

/** Vectors of the slots `[from, to)` as float32, at the beginning of `buffer`. */
export async function readVectors(
  field: VectorField,
  from: number,
  to: number,
  buffer: Float32Array,
): Promise<Float32Array> {
  // Asked for each time: another commit or index may have moved the vectors meanwhile.
  const held = field.index.hold();
  try {
    const vectors = field.field!;
    const target = buffer.subarray(0, (to - from) * vectors.dim);
    await vectors.rowsFor(to).read(from, to, target);
    return target;
  } finally {
    held?.release();
  }
}

/** Writes the vectors of a stretch of rows, those that follow each other in one file together. */
async function exportVectors(
  view: CollectionView,
  from: number,
  to: number,
  data: Float32Array,
  live: RowSinks,
  deleted: RowSinks | null,
): Promise<void> {
  const { dtype } = view.config;
  const dim = data.length / (to - from);
  for (let row = from; row < to; ) {
    const isLive = view.stateOf(row);
    const first = row;
    while (row < to && view.stateOf(row) === isLive) row += 1;
    if (isLive === null) continue;
    const stretch = data.subarray((first - from) * dim, (row - from) * dim);
    await (isLive ? live : deleted)?.vectors.write(storedVectors(stretch, dtype));
  }
}
