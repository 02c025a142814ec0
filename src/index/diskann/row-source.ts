/**
 * How do the rows of a field get into an index, those that are dead left out?
 *
 * Rows are read in order, some MiB at a time, into memory that the kernel works on; node i is the i-th row that lives.
 */
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { TimeSlice } from "../../time-slice.js";
import type { IndexRows } from "../vector-index.js";
import { throwIfAborted } from "./block-file.js";

const chunkBytes = 1 << 20;
/** Rows that the middle of the vectors is taken from. */
const sampleRows = 4096;

/** Rows of a stretch at most. */
export function stretchRows(dim: number): number {
  return Math.max(1, Math.floor(chunkBytes / (4 * dim)));
}

/** Rows of [from, to) that are not dead. */
export function liveRows(dead: Uint32Array | null, from: number, to: number): Uint32Array {
  const rows = new Uint32Array(to - from);
  let count = 0;
  for (let row = from; row < to; row++) {
    if (dead !== null && ((dead[row >>> 5] ?? 0) >>> (row & 31)) & 1) continue;
    rows[count++] = row;
  }
  return rows.subarray(0, count);
}

/** A stretch of rows in memory: the first is the `first`-th of the rows asked for. */
export interface RowStretch {
  readonly first: number;
  readonly count: number;
  /** Their vectors, row-major, and where they lie in `memory`. */
  readonly vectors: Float32Array;
  readonly address: number;
}

/** Reads `wanted` rows (ascending) in order and hands them over a stretch at a time. */
export async function forEachStretch(
  source: IndexRows,
  wanted: Uint32Array,
  memory: KernelMemory,
  signal: AbortSignal | undefined,
  visit: (stretch: RowStretch) => void | Promise<void>,
): Promise<void> {
  const { dim } = source;
  const rowsMax = stretchRows(dim);
  const scratch = memory.acquireScratch(4 * dim * rowsMax);
  const slice = new TimeSlice();
  try {
    for (let first = 0; first < wanted.length; ) {
      const from = wanted[first]!;
      let next = first;
      while (next < wanted.length && wanted[next]! < from + rowsMax) next++;
      const to = wanted[next - 1]! + 1;
      const vectors = new Float32Array(memory.buffer, scratch.address, (to - from) * dim);
      await source.read(from, to, vectors);
      const count = next - first;
      if (count < to - from) closeGaps(vectors, dim, wanted, first, count);
      await visit({ first, count, vectors: vectors.subarray(0, count * dim), address: scratch.address });
      first = next;
      throwIfAborted(signal);
      if (slice.isDue()) await slice.giveWay();
    }
  } finally {
    memory.releaseScratch(scratch);
  }
}

/** Moves the wanted rows of a stretch together. */
function closeGaps(vectors: Float32Array, dim: number, wanted: Uint32Array, first: number, count: number): void {
  const from = wanted[first]!;
  for (let i = 0; i < count; i++) {
    const at = wanted[first + i]! - from;
    if (at !== i) vectors.copyWithin(i * dim, at * dim, (at + 1) * dim);
  }
}

/** Mean of a sample of the rows, each divided by its norm where `isUnit`. */
export async function meanOfRows(source: IndexRows, wanted: Uint32Array, isUnit: boolean): Promise<Float32Array> {
  const { dim } = source;
  const sums = new Float64Array(dim);
  const row = new Float32Array(dim);
  const step = Math.max(1, Math.floor(wanted.length / sampleRows));
  const slice = new TimeSlice();
  let count = 0;
  for (let i = 0; i < wanted.length; i += step) {
    if (slice.isDue()) await slice.giveWay();
    await source.read(wanted[i]!, wanted[i]! + 1, row);
    let square = 0;
    for (let j = 0; j < dim; j++) square += row[j]! * row[j]!;
    const unit = isUnit && square > 0 ? 1 / Math.sqrt(square) : 1;
    for (let j = 0; j < dim; j++) sums[j]! += row[j]! * unit;
    count++;
  }
  // Beyond float32 the mean is of no use as a centre.
  return Float32Array.from(sums, (sum) => (Math.abs(sum / count) < 1e30 ? sum / count : 0));
}
