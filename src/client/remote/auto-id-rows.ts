/**
 * How are rows sent whose ids the server is to choose?
 *
 * Bare vectors as bytes, rows with metadata as JSON. Sent again, they have the ids that the first answer named.
 */
import { fieldToText } from "../../engine/field-text.js";
import { copyVector, matrixRow } from "../../engine/vector-input.js";
import type { Fields, Id } from "../../types.js";
import { encodeVectors, vectorsToBase64 } from "../../wire/vector-encoding.js";
import type { RemoteLimits } from "./remote-transport.js";
import { RowBatches } from "./row-batches.js";
import type { WriteRequest } from "./write-request.js";

const batchBytes = 4 * 1024 * 1024;
const batchRowsMax = 16_384;

/** What rows without ids are made of. */
export interface AutoIdRows {
  readonly vectors: unknown;
  readonly count: number;
  readonly dim: number;
  readonly fieldOf: (row: number) => Fields | null | undefined;
}

/** The requests that add the rows. */
export function* autoIdRequests(
  rows: AutoIdRows,
  limits: RemoteLimits,
  embedder: Readonly<Record<string, unknown>> | null = null,
): Generator<WriteRequest> {
  const { count, dim } = rows;
  const fitting = Math.max(1, Math.floor(batchBytes / (dim * 4)));
  const allowed = limits.maxBatchVectors === 0 ? batchRowsMax : Math.min(batchRowsMax, limits.maxBatchVectors);
  const size = Math.min(fitting, allowed);
  for (let from = 0; from < count; from += size) {
    const sent = request(rows, from, Math.min(size, count - from), limits);
    // Remembered by the collection with its first rows; texts have metadata, so that they go as JSON.
    yield embedder === null || from > 0 ? sent : { ...sent, body: { ...sent.body, embedder } };
  }
}

function request(
  { vectors, dim, fieldOf }: AutoIdRows,
  from: number,
  count: number,
  limits: RemoteLimits,
): WriteRequest {
  const data = new Float32Array(count * dim);
  const texts: string[] = [];
  for (let row = 0; row < count; row++) {
    const label = (): string => `vector ${from + row}`;
    copyVector(matrixRow(vectors, from + row, dim), data, row * dim, dim, "float32", label);
    texts.push(fieldToText(fieldOf(from + row), from + row));
  }
  const fields = texts.map((text) => (text === "" ? null : (JSON.parse(text) as Fields)));
  const again = (params: Readonly<Record<string, unknown>>): readonly WriteRequest[] => {
    const batches = new RowBatches("add", dim, limits);
    (params["ids"] as Id[]).forEach((id, row) => {
      batches.add(id, data.subarray(row * dim, (row + 1) * dim), fields[row]);
    });
    return batches.finish();
  };
  if (fields.some((field) => field !== null)) {
    return { path: "/add", body: { vectors_b64: vectorsToBase64(data), dim, fields }, again };
  }
  const body = encodeVectors(data) as Uint8Array<ArrayBuffer>;
  return { path: "/bulk_add_binary", query: { dim, n_vectors: count, return_ids: true }, body, again };
}
