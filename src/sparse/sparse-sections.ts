/**
 * How is a sparse index kept between two opens?
 *
 * As its vectors alone, little-endian: postings are made from them faster than they could be verified. Sections: `header`
 * (u32 version, u32 vectors), `rows` (u32 each), `lengths` (u32 weights of each), `indices` (u32) and `values` (f32), vector
 * after vector. Bytes read are trusted in nothing.
 */
import { limits } from "../limits.js";
import { TimeSlice } from "../time-slice.js";
import { noRow } from "./sparse-kernel.js";
import type { CheckedSparse } from "./sparse-vector.js";
import type { VectorStore } from "./vector-store.js";

/** A named part of what an index keeps on disk. */
export interface SparseSection {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const version = 1;
/** Vectors read between two looks at the clock. */
const stepVectors = 256;

/** The sections of an index. */
export function writeSparse(store: VectorStore): SparseSection[] {
  const { count, weights } = store;
  const header = Uint32Array.of(version, count);
  const rows = new Uint32Array(count);
  const lengths = new Uint32Array(count);
  const indices = new Uint32Array(weights);
  const values = new Float32Array(weights);
  store.copyTo({ rows, lengths, indices, values });
  return Object.entries({ header, rows, lengths, indices, values }).map(([name, { buffer }]) => ({
    name,
    bytes: new Uint8Array(buffer),
  }));
}

/** Where the vectors read go. */
interface VectorTarget {
  has(row: number): boolean;
  set(row: number, sparse: CheckedSparse): void;
}

/** Reads sections into an empty target, giving way in between; false where they are none. */
export async function readSparse(sections: readonly SparseSection[], target: VectorTarget): Promise<boolean> {
  const [header, rows, lengths, indices, bits] = ["header", "rows", "lengths", "indices", "values"].map((name) =>
    wordsOf(sections.find((section) => section.name === name)),
  );
  if (!header || !rows || !lengths || !indices || !bits) return false;
  const count = header[1];
  if (header.length !== 2 || header[0] !== version || rows.length !== count || lengths.length !== count) return false;
  if (indices.length !== bits.length) return false;
  const values = new Float32Array(bits.buffer, bits.byteOffset, bits.length);
  const slice = new TimeSlice();
  let start = 0;
  for (let i = 0; i < count; i++) {
    const row = rows[i]!;
    const end = start + lengths[i]!;
    if (row === noRow || target.has(row) || end > indices.length) return false;
    const sparse = { indices: indices.subarray(start, end), values: values.subarray(start, end) };
    if (!isSound(sparse)) return false;
    target.set(row, sparse);
    start = end;
    if (i % stepVectors === 0 && slice.isDue()) await slice.giveWay();
  }
  return start === indices.length;
}

function wordsOf(section: SparseSection | undefined): Uint32Array | null {
  if (section === undefined || section.bytes.length % 4 !== 0) return null;
  const { buffer, byteOffset, length } = section.bytes;
  if (byteOffset % 4 === 0) return new Uint32Array(buffer, byteOffset, length / 4);
  return new Uint32Array(section.bytes.slice().buffer);
}

/** True where a vector is what the door lets in, and not empty. */
function isSound({ indices, values }: CheckedSparse): boolean {
  const count = indices.length;
  if (count === 0 || count > limits.sparseValuesMax) return false;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value === 0 || !Number.isFinite(value) || (i > 0 && indices[i]! <= indices[i - 1]!)) return false;
  }
  return true;
}
