/**
 * How do rows with their vectors stand in bytes?
 *
 *     u32 n | u32 dim | n × dim f32 | n × u64 id | u32 json_len | json_len bytes of UTF-8 JSON
 *
 * The answer of the binary head and tail; integer ids only.
 */
import { TimeSlice } from "../time-slice.js";
import type { Id } from "../types.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { readIntegerId } from "./record-batch.js";
import { readFieldsJson, writeFieldsJson } from "./search-block.js";
import { decodeVectors, encodeVectors } from "./vector-encoding.js";

/** Rows by position. */
export interface HeadBlock {
  readonly dim: number;
  /** Row-major. */
  readonly vectors: Float32Array;
  /** Integers. */
  readonly ids: readonly Id[];
  readonly fields: readonly object[] | null;
}

/** The rows' bytes. Metadata is written in time slices. */
export async function encodeHeadBlock({ dim, vectors, ids, fields }: HeadBlock): Promise<Uint8Array<ArrayBuffer>> {
  const writer = new ByteWriter(12 + vectors.byteLength + ids.length * 8);
  writer.u32(ids.length);
  writer.u32(dim);
  writer.bytes(encodeVectors(vectors));
  for (let i = 0; i < ids.length; i++) writer.i64(ids[i] as number);
  if (fields === null) writer.u32(0);
  else await writeFieldsJson(writer, fields, new TimeSlice());
  return writer.finish();
}

/** The rows; `INVALID_ARGUMENT` for anything but a whole, well-formed block. */
export function decodeHeadBlock(bytes: Uint8Array): HeadBlock {
  const reader = new ByteReader(bytes, "head block");
  const count = reader.count(8);
  const dim = reader.u32();
  const vectors = decodeVectors(reader.take(count * dim * 4)).slice();
  const ids: number[] = [];
  for (let i = 0; i < count; i++) ids.push(readIntegerId(reader));
  const fields = readFieldsJson(reader, count);
  reader.end();
  return { dim, vectors, ids, fields };
}
