/**
 * How are vectors of named fields and sparse vectors sent that come with rows?
 */
import { LynseError } from "../../errors.js";
import type { CheckedSparse } from "../../sparse/sparse-vector.js";
import type { Id } from "../../types.js";
import { vectorsToBase64 } from "../../wire/vector-encoding.js";
import type { RemoteLimits } from "./remote-transport.js";
import type { WriteRequest } from "./write-request.js";

/** What hangs on rows, the last of each id. */
export interface RowAttachments {
  /** Vectors by field and id. */
  readonly named: Map<string, Map<Id, Float32Array>>;
  readonly sparse: Map<Id, CheckedSparse>;
}

/** Rows of a request: enough for the costs of one to vanish. */
const batchRowsMax = 4096;

/** The requests that hang them on their rows. */
export function attachedRequests({ named, sparse }: RowAttachments, { maxBatchVectors }: RemoteLimits): WriteRequest[] {
  const size = maxBatchVectors === 0 ? batchRowsMax : Math.min(batchRowsMax, maxBatchVectors);
  const requests: WriteRequest[] = [];
  for (const [field_name, rows] of named) {
    for (const part of parts([...rows], size)) requests.push(namedRequest(field_name, part));
  }
  for (const part of parts([...sparse], size)) {
    const vectors = part.map(([, { indices, values }]) => ({
      indices: Array.from(indices),
      values: Array.from(values),
    }));
    requests.push({ path: "/add_sparse_vectors", body: { ids: part.map(([id]) => id), vectors } });
  }
  return requests;
}

function namedRequest(field_name: string, rows: readonly (readonly [Id, Float32Array])[]): WriteRequest {
  const dim = rows[0]![1].length;
  const data = new Float32Array(rows.length * dim);
  rows.forEach(([id, vector], row) => {
    if (vector.length !== dim) {
      throw new LynseError(
        "DIMENSION_MISMATCH",
        `the vector of id ${JSON.stringify(id)} in field ${JSON.stringify(field_name)} has ${vector.length} ` +
          `components, expected ${dim}`,
        { expected: dim, got: vector.length },
      );
    }
    data.set(vector, row * dim);
  });
  const ids = rows.map(([id]) => id);
  return { path: "/add_named_vectors", body: { field_name, ids, vectors_b64: vectorsToBase64(data), dim } };
}

function* parts<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size);
}
