/**
 * How do rows with ids become requests, as they are asked for?
 *
 * All rows of a call have vectors of one length, that of the first; whether it is the collection's is the server's to say.
 */
import { dimOf, matrixRow } from "../../engine/vector-input.js";
import { isLynseError, LynseError } from "../../errors.js";
import { TimeSlice } from "../../time-slice.js";
import type { Fields, Id } from "../../types.js";
import type { RemoteLimits } from "./remote-transport.js";
import { RowBatches, type RowKind } from "./row-batches.js";
import type { WriteRequest } from "./write-request.js";

/** Rows whose dimension is that of the first one. */
export class CheckedRows {
  readonly #kind: RowKind;
  readonly #limits: RemoteLimits;
  readonly #embedder: Readonly<Record<string, unknown>> | null;
  #batches: RowBatches | null = null;
  #first: { readonly id: Id; readonly dim: number } | null = null;

  constructor(kind: RowKind, limits: RemoteLimits, embedder: Readonly<Record<string, unknown>> | null = null) {
    this.#kind = kind;
    this.#limits = limits;
    this.#embedder = embedder;
  }

  add(id: Id, vector: unknown, field: Fields | null | undefined): void {
    if (this.#batches === null) {
      const dim = dimOf(vector, `the vector of id ${JSON.stringify(id)}`);
      this.#first = { id, dim };
      this.#batches = new RowBatches(this.#kind, dim, this.#limits, this.#embedder);
    }
    this.#batches.add(id, vector, field);
  }

  /** The error of a server that refused a whole batch for its dimension, with the id of a row. */
  named(error: unknown): unknown {
    if (this.#first === null || !isLynseError(error, "DIMENSION_MISMATCH") || "id" in error.details) return error;
    // Vectors of named fields are refused in other words.
    if (!error.message.startsWith("collection ")) return error;
    const { expected } = error.details;
    const { id, dim } = this.#first;
    if (typeof expected !== "number" || expected === dim || error.details["got"] !== dim) return error;
    const message = `the vector of id ${JSON.stringify(id)} has ${dim} components, expected ${expected}`;
    return new LynseError("DIMENSION_MISMATCH", message, { id, expected, got: dim });
  }

  /** The requests that are full. */
  take(): readonly WriteRequest[] {
    return this.#batches?.take() ?? [];
  }

  /** The requests of all rows that were not taken yet. */
  finish(): readonly WriteRequest[] {
    return this.#batches?.finish() ?? [];
  }
}

/** Rows that are looked at between two looks at the clock. */
const rowsStep = 64;

/** The requests of rows with ids, made as they are asked for. */
export async function* matrixRequests(
  rows: CheckedRows,
  ids: readonly Id[],
  {
    vectors,
    dim,
    fieldOf,
  }: { readonly vectors: unknown; readonly dim: number; readonly fieldOf: (row: number) => Fields | null | undefined },
): AsyncGenerator<WriteRequest> {
  const slice = new TimeSlice();
  for (let row = 0; row < ids.length; row++) {
    rows.add(ids[row]!, matrixRow(vectors, row, dim), fieldOf(row));
    if (row % rowsStep !== rowsStep - 1) continue;
    yield* rows.take();
    if (slice.isDue()) await slice.giveWay();
  }
  yield* rows.finish();
}
