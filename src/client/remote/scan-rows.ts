/**
 * How are all rows of a remote collection read?
 *
 * As a stream of JSON lines, taken as fast as the caller takes rows. It begins with the first row that is asked for; leaving
 * it ends the request. A stream that breaks off is an error, never a short result.
 */
import { LynseError } from "../../errors.js";
import type { Fields, Id } from "../../types.js";
import { decodeBase64 } from "../../wire/base64.js";
import { readNdjson } from "../../wire/ndjson.js";
import { decodeVectors } from "../../wire/vector-encoding.js";
import type { Row } from "../collection.js";
import { answerError } from "./answer-error.js";
import type { RemoteState } from "./remote-state.js";

interface Line {
  readonly id?: Id;
  readonly field?: object;
  readonly vector_b64?: string;
  /** By named field. */
  readonly vectors_b64?: Readonly<Record<string, string>>;
  readonly sparse?: { readonly indices: readonly number[]; readonly values: readonly number[] };
  readonly done?: boolean;
  readonly rows?: number;
  readonly error?: string;
}

/** Rows that a server reads at once at most. */
const batchSizeMax = 10_000;

export async function* scanRows<F extends Fields>(
  state: RemoteState,
  body: Readonly<Record<string, unknown>>,
  batchSize: number,
): AsyncGenerator<Row<F>, undefined> {
  state.checkOpen();
  const leaving = new AbortController();
  try {
    const { maxTopK } = await state.transport.limits();
    const batch_size = Math.min(batchSize, maxTopK === 0 ? batchSizeMax : maxTopK);
    const sent = { ...state.place, ...body, batch_size };
    const stream = await state.transport.stream("/scan", sent, leaving.signal);
    let rows = 0;
    for await (const value of lines(state, stream)) {
      const line = value as Line;
      if (line.done === true && line.id === undefined) {
        if (line.rows === rows) return;
        break;
      }
      if (line.id === undefined) throw answerError(500, JSON.stringify(line));
      rows += 1;
      state.checkOpen();
      yield rowOf<F>(line, line.id);
      state.checkOpen();
    }
    throw brokenOff(state.transport.url);
  } finally {
    leaving.abort();
  }
}

function rowOf<F extends Fields>({ field, vector_b64, vectors_b64, sparse }: Line, id: Id): Row<F> {
  return {
    id,
    field: (field ?? {}) as F,
    ...(vector_b64 === undefined ? {} : { vector: vectorOf(vector_b64) }),
    ...(vectors_b64 === undefined
      ? {}
      : { vectors: Object.fromEntries(Object.entries(vectors_b64).map(([name, text]) => [name, vectorOf(text)])) }),
    ...(sparse === undefined
      ? {}
      : { sparse: { indices: Uint32Array.from(sparse.indices), values: Float32Array.from(sparse.values) } }),
  };
}

function vectorOf(text: string): Float32Array {
  return decodeVectors(decodeBase64(text, "vector_b64"));
}

/** The lines of a stream; a connection that breaks is told as such. */
async function* lines(state: RemoteState, stream: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  try {
    yield* readNdjson(stream);
  } catch (error) {
    state.checkOpen();
    throw brokenOff(state.transport.url, error);
  }
}

function brokenOff(url: string, cause?: unknown): LynseError {
  return new LynseError("UNAVAILABLE", `the answer of ${url} to a scan broke off; scan again`, { url }, cause);
}
