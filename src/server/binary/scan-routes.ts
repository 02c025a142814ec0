/**
 * How are all rows read?
 *
 * As JSON lines from one snapshot: a row a line, then `{"done":true,"rows":n}`. Rows are read as fast as the client
 * takes them, a batch in memory at a time. Where reading fails on the way, the last line is the error in place of
 * `done`.
 */
import { Type } from "typebox";
import type { Row } from "../../client/collection.js";
import type { WhereParams } from "../../types.js";
import { vectorsToBase64 } from "../../wire/vector-encoding.js";
import { errorAnswer, errorBody } from "../error-answer.js";
import { type Route, type RouteContext, route } from "../route.js";
import { openCollection } from "../routes/open-collection.js";
import { checkServerLimit } from "./request-collection.js";

/** Characters of lines that are handed on together: each hand-over costs a turn of the stream. */
const pieceCharacters = 16 * 1024;

type ScanContext = Pick<RouteContext, "requestId" | "log" | "signal">;

/**
 * The lines of a scan that has begun. Ends the scan when the client leaves, also before the first line was asked
 * for.
 */
class ScanLines implements AsyncIterableIterator<string, undefined> {
  readonly #rows: AsyncIterableIterator<Row>;
  readonly #context: ScanContext;
  #next: IteratorResult<Row> | null;
  #count = 0;
  #isEnded = false;
  /** Why the scan was ended before its last row; told in the last line. */
  #failure: unknown = null;

  constructor(rows: AsyncIterableIterator<Row>, first: IteratorResult<Row>, context: ScanContext) {
    this.#rows = rows;
    this.#next = first;
    this.#context = context;
    const { signal, log } = context;
    const leave = (): void => {
      if (!this.#isEnded) this.#failure = signal.reason;
      this.return().catch((error: unknown) => log.error({ err: error }, "the end of a scan failed"));
    };
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Some lines, with line feeds between them. */
  async next(): Promise<IteratorResult<string, undefined>> {
    let piece = "";
    try {
      while (piece.length < pieceCharacters && !this.#isEnded) {
        const row = this.#next ?? (await this.#rows.next());
        this.#next = null;
        const line = row.done === true ? this.#lastLine() : this.#line(row.value);
        piece += piece === "" ? line : `\n${line}`;
      }
    } catch (error) {
      this.#isEnded = true;
      this.#failure = error;
    }
    if (this.#failure !== null) {
      const line = this.#errorLine(this.#failure);
      piece += piece === "" ? line : `\n${line}`;
      this.#failure = null;
    }
    return piece === "" ? { done: true, value: undefined } : { done: false, value: piece };
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    this.#isEnded = true;
    await this.#rows.return?.();
    return { done: true, value: undefined };
  }

  #line({ id, field, vector, vectors, sparse }: Row): string {
    this.#count += 1;
    return JSON.stringify({
      id,
      field,
      ...(vector === undefined ? {} : { vector_b64: vectorsToBase64(vector) }),
      ...(vectors === undefined ? {} : { vectors_b64: textsOf(vectors) }),
      ...(sparse === undefined
        ? {}
        : { sparse: { indices: Array.from(sparse.indices), values: Array.from(sparse.values) } }),
    });
  }

  #errorLine(error: unknown): string {
    const { requestId, log } = this.#context;
    const answer = errorAnswer(error, requestId);
    if (answer.isUnexpected === true) log.error({ err: error }, "a scan failed");
    return errorBody(answer);
  }

  #lastLine(): string {
    this.#isEnded = true;
    return JSON.stringify({ done: true, rows: this.#count });
  }
}

function textsOf(vectors: NonNullable<Row["vectors"]>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, vectorsToBase64(vector)]));
}

const scan = route({
  method: "POST",
  path: "/scan",
  tag: "read",
  summary: "All rows that match, in order of insertion, as JSON lines.",
  access: "read",
  body: Type.Object({
    database_name: Type.String(),
    collection_name: Type.String(),
    where: Type.Optional(Type.String({ description: "Filter." })),
    params: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: "Values of the filter's parameters." }),
    ),
    return_vectors: Type.Optional(
      Type.Boolean({ default: false, description: "Also return vectors, as `vector_b64`." }),
    ),
    return_named_vectors: Type.Optional(
      Type.Boolean({ default: false, description: "Also return vectors of named fields, as `vectors_b64`, by field." }),
    ),
    return_sparse: Type.Optional(
      Type.Boolean({ default: false, description: "Also return sparse vectors, as `sparse`: indices and values." }),
    ),
    batch_size: Type.Optional(Type.Integer({ minimum: 1, default: 1000, description: "Rows read at once." })),
  }),
  response: "ndjson",
  example: {
    body: { database_name: "app", collection_name: "docs", where: "lang = 'en'" },
    response: '{"id":1001,"field":{"title":"intro","lang":"en"}}\n{"done":true,"rows":1}',
  },
  async handler({ body, server, signal, requestId, log }) {
    const { where, params, return_vectors: returnVectors = false, batch_size: batchSize } = body;
    const { return_named_vectors: returnNamedVectors = false, return_sparse: returnSparse = false } = body;
    if (batchSize !== undefined) checkServerLimit("batch_size", batchSize, "max_top_k", server.limits.maxTopK);
    const collection = await openCollection(server, body);
    const rows = collection.scan({
      ...(where === undefined || where === "" ? {} : { where }),
      ...(params === undefined ? {} : { params: params as WhereParams }),
      ...(batchSize === undefined ? {} : { batchSize }),
      ...{ returnVectors, returnNamedVectors, returnSparse },
    });
    // The first row before the first byte: a filter that cannot be read is an error of its own, not a broken stream.
    return new ScanLines(rows, await rows.next(), { signal, requestId, log });
  },
});

/** Streams of rows. */
export const scanRoutes: readonly Route[] = [scan];
