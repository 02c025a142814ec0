/**
 * How do rows get into chunks?
 *
 * One writer, on the thread that searches: a row counts for searches once its place is written. Chunks come from the host.
 */
import {
  C_BLOCK_BYTES,
  C_DIM,
  C_METRIC,
  C_RECORD_BYTES,
  CHUNK_HEADER,
  COS,
  D_BYTES,
  D_COUNT,
  D_HEAD,
  D_TAIL,
  K_CAPACITY,
  K_COUNT,
  K_FIRST_ROW,
  K_NEXT,
} from "./codec";
import { normaliseRows } from "./nearest";
import { encodeRows, placeRecord } from "./encode";

/** Bytes of a chunk for `rows` rows, a multiple of 32. */
export function chunkBytes(codec: usize, rows: u32): usize {
  return CHUNK_HEADER + <usize>(rows >> 5) * load<u32>(codec, C_BLOCK_BYTES);
}

/** Writes the header of an empty chunk and, unless `entry` is 0, puts it at the end of that list. */
export function addChunk(entry: usize, chunk: usize, rows: u32, firstRow: u32): void {
  store<u32>(chunk, 0, K_NEXT);
  store<u32>(chunk, rows, K_CAPACITY);
  store<u32>(chunk, 0, K_COUNT);
  store<u32>(chunk, firstRow, K_FIRST_ROW);
  if (!entry) return;
  const tail = <usize>load<u32>(entry, D_TAIL);
  if (tail) store<u32>(tail, <u32>chunk, K_NEXT);
  else store<u32>(entry, <u32>chunk, D_HEAD);
  store<u32>(entry, <u32>chunk, D_TAIL);
}

/** Encodes rows into the places from `index` on of a chunk; they count once the host has raised the chunk's count. */
export function encodeInPlace(
  codec: usize,
  rows: usize,
  count: u32,
  chunk: usize,
  index: u32,
  record: usize,
  scratch: usize,
  rowBytes: u32,
): void {
  const blockBytes = <usize>load<u32>(codec, C_BLOCK_BYTES);
  const firstRow = load<u32>(chunk, K_FIRST_ROW);
  if (load<u32>(codec, C_METRIC) == COS) normaliseRows(rows, count, load<u32>(codec, C_DIM));
  for (let i: u32 = 0; i < count; i++) {
    const at = index + i;
    encodeRows(codec, rows, 1, 0, record, scratch);
    placeRecord(codec, record, chunk + CHUNK_HEADER + <usize>(at >> 5) * blockBytes, at & 31, firstRow + at);
    rows += rowBytes;
  }
}

/** Lets the rows up to `count` of a chunk be seen. */
export function publishChunk(chunk: usize, count: u32): void {
  atomic.store<u32>(chunk, count, K_COUNT);
}

/**
 * Appends records to the lists of their clusters, row numbers from `firstRow` on, except where bit i & 31 of word i >> 5 of
 * `skipped` (0: none) is set. Returns the number of the first record whose list is full, or `count`.
 */
export function appendRecords(
  codec: usize,
  directory: usize,
  records: usize,
  clusters: usize,
  from: u32,
  count: u32,
  firstRow: u32,
  skipped: usize,
): u32 {
  const blockBytes = <usize>load<u32>(codec, C_BLOCK_BYTES);
  const recordBytes = <usize>load<u32>(codec, C_RECORD_BYTES);
  for (let i = from; i < count; i++) {
    if (skipped && (load<u32>(skipped + (<usize>(i >> 5) << 2)) >> (i & 31)) & 1) continue;
    const entry = directory + <usize>load<u32>(clusters + (<usize>i << 2)) * D_BYTES;
    const chunk = <usize>load<u32>(entry, D_TAIL);
    if (!chunk) return i;
    const at = load<u32>(chunk, K_COUNT);
    if (at >= load<u32>(chunk, K_CAPACITY)) return i;
    const block = chunk + CHUNK_HEADER + <usize>(at >> 5) * blockBytes;
    placeRecord(codec, records + <usize>i * recordBytes, block, at & 31, firstRow + i);
    atomic.store<u32>(chunk, at + 1, K_COUNT);
    store<u32>(entry, load<u32>(entry, D_COUNT) + 1, D_COUNT);
  }
  return count;
}
