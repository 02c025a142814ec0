/**
 * How does a batch of rows stand in bytes?
 *
 *     vectors: n × dim components | ids | fields, or nothing
 *
 * The query string says the rest: `dim`, `n_vectors`, `vector_encoding`, and `ids_encoding`: `range` (no bytes; ids
 * from `ids_start`), `raw` (n × u64) or, beyond the original, `strings` (n × (u32 byte length | UTF-8)). Fields are a
 * block of `fields-v1.ts`.
 */
import { LynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";
import type { Id } from "../types.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import { decodeFieldsV1, encodeFieldsV1, type WireFields } from "./fields-v1.js";
import { componentBytes, decodeVectorsInSlices, encodeVectors, type VectorEncoding } from "./vector-encoding.js";

/** How ids are written. */
export type IdsEncoding = "range" | "raw" | "strings";

/** What the query string says of a batch. */
export interface RecordBatchShape {
  readonly dim: number;
  readonly count: number;
  readonly vectorEncoding: VectorEncoding;
  readonly idsEncoding: IdsEncoding;
  /** First id of a range. */
  readonly idsStart?: number | undefined;
}

/** The rows of a batch. */
export interface RecordBatch {
  readonly ids: Id[];
  readonly vectors: { readonly data: Float32Array; readonly dim: number };
  /** Metadata a row, null for a row without; null when the batch has none at all. */
  readonly fields: (WireFields | null)[] | null;
}

/** A batch on its way out. */
export interface EncodedRecordBatch {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly idsEncoding: IdsEncoding;
  /** Given where the ids are a range. */
  readonly idsStart: number | null;
}

/** Bytes that rows of this shape take before their fields; strings count with their lengths only. */
function recordBatchBytesMin({ dim, count, vectorEncoding, idsEncoding }: RecordBatchShape): number {
  const idBytes = idsEncoding === "range" ? 0 : idsEncoding === "raw" ? 8 : 4;
  return count * (dim * componentBytes(vectorEncoding) + idBytes);
}

/** The encoding that ids can have; null for integers and strings together, which a batch cannot hold. */
export function idsEncodingOf(ids: readonly Id[]): IdsEncoding | null {
  if (ids.every((id) => typeof id === "string")) return ids.length === 0 ? "raw" : "strings";
  const first = ids[0];
  let isRange = true;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (typeof id !== "number") return null;
    if (id !== (first as number) + i) isRange = false;
  }
  return isRange ? "range" : "raw";
}

/** The batch's bytes; `fields` null or omitted leaves them out. Ids are integers or strings, not both. */
export function encodeRecordBatch(
  vectors: Float32Array,
  ids: readonly Id[],
  fields: readonly (object | null | undefined)[] | null = null,
  vectorEncoding: VectorEncoding = "float32",
): EncodedRecordBatch {
  const idsEncoding = idsEncodingOf(ids);
  if (idsEncoding === null) {
    throw new LynseError("INVALID_ARGUMENT", "a record batch holds integer ids or string ids, not both; send JSON");
  }
  const encoded = encodeVectors(vectors, vectorEncoding);
  const block = fields === null ? null : encodeFieldsV1(fields);
  const writer = new ByteWriter(encoded.length + ids.length * 8 + (block?.length ?? 0));
  writer.bytes(encoded);
  if (idsEncoding === "raw") for (const id of ids) writer.i64(id as number);
  if (idsEncoding === "strings") for (const id of ids) writer.text(id as string);
  if (block !== null) writer.bytes(block);
  const idsStart = idsEncoding === "range" ? (ids[0] as number) : null;
  return { body: writer.finish(), idsEncoding, idsStart };
}

/**
 * The rows of a body; `INVALID_ARGUMENT` when it is not exactly what its shape says. Works in time slices. Vectors
 * may be a view of `body`.
 */
export async function decodeRecordBatch(body: Uint8Array, shape: RecordBatchShape): Promise<RecordBatch> {
  const { dim, count, vectorEncoding } = shape;
  const bytesMin = recordBatchBytesMin(shape);
  if (body.length < bytesMin) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `Expected at least ${bytesMin} bytes (${count} vectors × ${dim} dim and their ids), got ${body.length}`,
      { expected: bytesMin, got: body.length },
    );
  }
  const slice = new TimeSlice();
  const reader = new ByteReader(body, "record batch");
  const vectors = reader.take(count * dim * componentBytes(vectorEncoding));
  const data = await decodeVectorsInSlices(vectors, vectorEncoding, slice);
  const ids = await readIds(reader, shape, slice);
  const fields = reader.left === 0 ? null : await decodeFieldsV1(reader.take(reader.left), count);
  return { ids, vectors: { data, dim }, fields };
}

async function readIds(reader: ByteReader, shape: RecordBatchShape, slice: TimeSlice): Promise<Id[]> {
  const { count, idsEncoding } = shape;
  const start = idsEncoding === "range" ? rangeStart(shape) : 0;
  const ids: Id[] = [];
  for (let i = 0; i < count; i++) {
    if (idsEncoding === "range") ids.push(start + i);
    else ids.push(idsEncoding === "raw" ? readIntegerId(reader) : reader.text());
    if ((i & 1023) === 1023 && slice.isDue()) await slice.giveWay();
  }
  return ids;
}

function rangeStart({ count, idsStart }: RecordBatchShape): number {
  if (idsStart !== undefined && idsStart >= 0 && Number.isSafeInteger(idsStart + Math.max(count - 1, 0))) {
    return idsStart;
  }
  throw new LynseError(
    "INVALID_ARGUMENT",
    `ids_encoding=range needs ids_start, with room for ${count} ids below 2^53, got ${idsStart ?? "none"}`,
    { ids_start: idsStart ?? null },
  );
}

/** A u64 that is an id: exact as a number. */
export function readIntegerId(reader: ByteReader): number {
  const id = reader.u64();
  return Number.isSafeInteger(id) ? id : reader.refuse(`id ${id} at offset ${reader.offset - 8} is 2^53 or more`);
}
