/**
 * How do the results of searches stand in bytes?
 *
 *     SearchBlock := u32 n | n × u64 id | n × f32 score or distance | u32 json_len | json_len bytes of UTF-8 JSON
 *     batch       := u32 blocks | blocks × SearchBlock
 *
 * The JSON is an array of the rows' metadata; json_len is 0 where it was not asked for. Integer ids only.
 */
import { TimeSlice } from "../time-slice.js";
import type { Id } from "../types.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { readIntegerId } from "./record-batch.js";
import { decodeVectors, encodeVectors } from "./vector-encoding.js";

/** The result of one search. */
export interface SearchBlock {
  /** Integers. */
  readonly ids: readonly Id[];
  readonly distances: Float32Array;
  /** Metadata a row; null where it was not asked for. */
  readonly fields: readonly object[] | null;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
/** Bytes of a block without rows. */
const blockBytesMin = 8;

/** The bytes of one result. Metadata is written in time slices. */
export async function encodeSearchBlock(block: SearchBlock): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new ByteWriter(blockBytesMin + block.ids.length * 12);
  await writeBlock(writer, block, new TimeSlice());
  return writer.finish();
}

/** The bytes of the results of a batch, written in time slices. */
export async function encodeSearchBlocks(blocks: readonly SearchBlock[]): Promise<Uint8Array<ArrayBuffer>> {
  const rows = blocks.reduce((sum, block) => sum + block.ids.length, 0);
  const writer = new ByteWriter(4 + blocks.length * blockBytesMin + rows * 12);
  const slice = new TimeSlice();
  writer.u32(blocks.length);
  for (const block of blocks) {
    await writeBlock(writer, block, slice);
    if (slice.isDue()) await slice.giveWay();
  }
  return writer.finish();
}

async function writeBlock(
  writer: ByteWriter,
  { ids, distances, fields }: SearchBlock,
  slice: TimeSlice,
): Promise<void> {
  writer.u32(ids.length);
  for (let i = 0; i < ids.length; i++) writer.i64(ids[i] as number);
  writer.bytes(encodeVectors(distances));
  if (fields === null) writer.u32(0);
  else await writeFieldsJson(writer, fields, slice);
}

/** `u32 byte length | UTF-8 JSON` of the metadata of rows. */
export async function writeFieldsJson(writer: ByteWriter, rows: readonly object[], slice: TimeSlice): Promise<void> {
  const lengthAt = writer.length;
  writer.u32(0);
  writer.u8(openBracket);
  for (let i = 0; i < rows.length; i++) {
    if (i > 0) writer.u8(comma);
    writer.bytes(encoder.encode(JSON.stringify(rows[i])));
    if ((i & 15) === 15 && slice.isDue()) await slice.giveWay();
  }
  writer.u8(closeBracket);
  writer.setU32(lengthAt, writer.length - lengthAt - 4);
}

/** One result; `INVALID_ARGUMENT` for anything but a whole, well-formed block. */
export function decodeSearchBlock(bytes: Uint8Array): SearchBlock {
  const reader = new ByteReader(bytes, "search block");
  const block = readBlock(reader);
  reader.end();
  return block;
}

/** The results of a batch; `INVALID_ARGUMENT` also where there are not as many as `expected`. */
export function decodeSearchBlocks(bytes: Uint8Array, expected: number): SearchBlock[] {
  const reader = new ByteReader(bytes, "search blocks");
  const count = reader.count(blockBytesMin);
  if (count !== expected) reader.refuse(`there are ${count} results, expected ${expected}`);
  const blocks: SearchBlock[] = [];
  for (let i = 0; i < count; i++) blocks.push(readBlock(reader));
  reader.end();
  return blocks;
}

function readBlock(reader: ByteReader): SearchBlock {
  const count = reader.count(12);
  const ids: number[] = [];
  for (let i = 0; i < count; i++) ids.push(readIntegerId(reader));
  // A copy: a view would keep the whole answer in memory.
  const distances = decodeVectors(reader.take(count * 4)).slice();
  return { ids, distances, fields: readFieldsJson(reader, count) };
}

/** The metadata of `count` rows behind a u32 length; null where there is none. */
export function readFieldsJson(reader: ByteReader, count: number): object[] | null {
  const bytes = reader.take(reader.count(1));
  if (bytes.length === 0) return null;
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    reader.refuse("its metadata is no JSON");
  }
  const isObject = (row: unknown): boolean => typeof row === "object" && row !== null && !Array.isArray(row);
  if (!Array.isArray(value) || value.length !== count || !value.every(isObject)) {
    reader.refuse(`its metadata is no array of ${count} objects`);
  }
  return value;
}
