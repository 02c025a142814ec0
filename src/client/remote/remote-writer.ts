/**
 * How do writes get to the server?
 *
 * The writes that remote collections and insert sessions have in common. What callers give is checked and put into bytes
 * here; ids, dimensions and metrics are checked by the server, when a request is staged or stored.
 */
import { checkId, checkIds } from "../../engine/id-input.js";
import {
  asComponents,
  copyVector,
  dimOf,
  matrixComponents,
  matrixRows,
  matrixShape,
} from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { throwIfAborted } from "../../query/exact-search.js";
import { type CheckedSparse, checkSparse, type SparseVector } from "../../sparse/sparse-vector.js";
import { TimeSlice } from "../../time-slice.js";
import type { Fields, Id, Matrix, Vector } from "../../types.js";
import { vectorsToBase64 } from "../../wire/vector-encoding.js";
import { checkFunction, checkInteger, checkOptions, checkSignal, checkText } from "../check-options.js";
import type { AddOptions, BulkAddOptions, Item, Selection, UpsertOptions, Writer } from "../collection.js";
import { bringsDocuments, documentRows } from "../input/add-input.js";
import { distinctIds, sparseLabel, sparseRows } from "../input/attached-input.js";
import type { DocumentVectors } from "../input/document-vectors.js";
import { fieldsReader, inChunks, itemParts } from "../input/items-input.js";
import { whereNode } from "../input/where-input.js";
import { attachedRequests, type RowAttachments } from "./attached-requests.js";
import { autoIdRequests } from "./auto-id-rows.js";
import { CheckedRows, matrixRequests } from "./checked-rows.js";
import { whereMembers } from "./read-body.js";
import type { RemoteState } from "./remote-state.js";
import type { RemoteLimits } from "./remote-transport.js";
import { beginningOf, collected } from "./request-stream.js";
import type { RowKind } from "./row-batches.js";
import { StagedWrites } from "./staged-writes.js";
import { sendWrite, type WriteRequest } from "./write-request.js";

type Answer = Readonly<Record<string, unknown>>;

/** Where writes go. */
export interface WriteTarget {
  /** What waits for a commit. */
  readonly staged: StagedWrites;
  /** True where calls that commit by themselves do so; false in a session. */
  readonly commits: boolean;
  checkOpen(): void;
}

/** Gives the embedder of documents; tells `keep` of one that the collection doesn't know yet. */
export type DocumentsProvider = (
  keep?: (embedder: { readonly name: string; readonly dim: number }) => Promise<void>,
) => Promise<DocumentVectors>;

interface MatrixOptions {
  /** Whether the call commits where no session does. */
  readonly commits: boolean;
  /** Remembered by the collection with the first rows. */
  readonly embedder?: Answer | null;
  readonly onProgress?: BulkAddOptions["onProgress"];
}

const batchSizeDefault = 1000;
const batchSizeMax = 1_000_000;

export class RemoteWriter<F extends Fields> implements Writer<F> {
  readonly #state: RemoteState;
  readonly #target: WriteTarget;
  readonly #documents: DocumentsProvider;

  constructor(state: RemoteState, target: WriteTarget, documents: DocumentsProvider) {
    this.#state = state;
    this.#target = target;
    this.#documents = documents;
  }

  async addItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id> {
    return this.#writeOne("add", "addItem", vector, options);
  }

  async upsertItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id> {
    return this.#writeOne("upsert", "upsertItem", vector, options);
  }

  async #writeOne(kind: RowKind, call: string, vector: Vector, options: { id: Id; field?: F }): Promise<Id> {
    checkOptions(options ?? null, ["id", "field"], call);
    const id = checkId(options.id);
    this.#checkOpen();
    const rows = new CheckedRows(kind, await this.#state.transport.limits());
    rows.add(id, await this.#components(vector), options.field);
    await this.#writeRows(rows, rows.finish(), false);
    return id;
  }

  async bulkAddItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]> {
    return this.#writeItems("add", "bulkAddItems", items, options);
  }

  async upsertItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]> {
    return this.#writeItems("upsert", "upsertItems", items, options);
  }

  async #writeItems(
    kind: RowKind,
    call: string,
    items: Iterable<Item<F>> | AsyncIterable<Item<F>>,
    options: BulkAddOptions = {},
  ): Promise<Id[]> {
    checkOptions(options, ["batchSize", "onProgress", "signal"], call);
    const batchSize = checkInteger(options.batchSize ?? batchSizeDefault, "batchSize", 1, batchSizeMax);
    const onProgress = checkFunction(options.onProgress, "onProgress");
    const signal = checkSignal(options.signal);
    const total = Array.isArray(items) ? { total: items.length } : {};
    this.#checkOpen();
    const limits = await this.#state.transport.limits();
    const rows = new CheckedRows(kind, limits);
    const ids: Id[] = [];
    const source = { items, call, ids, limits, signal, onProgress: (done: number) => onProgress?.({ done, ...total }) };
    const requests = this.#itemRequests(rows, batchSize, source);
    // What a caller's iterator does between two items is not known: it may write to this collection itself.
    await this.#writeRows(rows, Array.isArray(items) ? requests : await collected(requests), false, signal);
    return ids;
  }

  /** The requests of items, made as the items come; their ids are put on a list. */
  async *#itemRequests(
    rows: CheckedRows,
    batchSize: number,
    { items, call, ids, limits, signal, onProgress }: ItemSource<F>,
  ): AsyncGenerator<WriteRequest> {
    const attached: RowAttachments = { named: new Map(), sparse: new Map() };
    const slice = new TimeSlice();
    for await (const chunk of inChunks(items, call, signal)) {
      for (const item of chunk) {
        const { vector, id, field, vectors, sparse } = itemParts(item, ids.length, call);
        const components = vector instanceof Uint8Array ? await this.#components(vector) : vector;
        rows.add(id, components, field);
        if (vectors !== undefined) attachNamed(attached, id, vectors);
        if (sparse !== undefined) {
          const checked = checkSparse(sparse, () => sparseLabel(id));
          attached.sparse.set(id, checked);
        }
        ids.push(id);
        if (ids.length % batchSize === 0) onProgress(ids.length);
      }
      throwIfAborted(signal);
      yield* rows.take();
      if (slice.isDue()) await slice.giveWay();
    }
    if (ids.length % batchSize !== 0) onProgress(ids.length);
    throwIfAborted(signal);
    yield* rows.finish();
    yield* attachedRequests(attached, limits);
  }

  async bulkAddBinary(matrix: Matrix, options: Pick<BulkAddOptions, "onProgress"> = {}): Promise<number> {
    checkOptions(options, ["onProgress"], "bulkAddBinary");
    const onProgress = checkFunction(options.onProgress, "onProgress");
    return (await this.#writeMatrix("add", { vectors: matrix }, { commits: false, onProgress })).length;
  }

  async add(options: AddOptions<F>): Promise<Id[]> {
    return bringsDocuments(options) ? this.#addDocuments(options) : this.#writeMatrix("add", options);
  }

  /** Rows with texts, whose vectors are made of them unless they are given. */
  async #addDocuments(options: AddOptions<F>): Promise<Id[]> {
    this.#checkOpen();
    const { texts, fields, asked } = documentRows(options);
    const { ids } = options;
    let { vectors } = options;
    let embedder: Answer | null = null;
    if (vectors === undefined) {
      const found = await this.#documents(async (unknown) => {
        embedder = unknown;
      });
      const { data, dim } = await found.embedDocuments(texts, asked);
      if (texts.length === 0) return [];
      await found.remember(asked.embed, dim);
      vectors = { data, dim };
    }
    const rows = { ...(ids === undefined ? {} : { ids }), vectors, fields };
    return this.#writeMatrix("add", rows, { commits: true, embedder });
  }

  async upsert(options: UpsertOptions<F>): Promise<Id[]> {
    checkOptions(options ?? null, ["ids", "vectors", "fields"], "upsert");
    if (options.ids === undefined) throw new LynseError("INVALID_ARGUMENT", "upsert needs ids");
    return this.#writeMatrix("upsert", options);
  }

  async #writeMatrix(
    kind: RowKind,
    options: AddOptions<F>,
    { commits, embedder = null, onProgress }: MatrixOptions = { commits: true },
  ): Promise<Id[]> {
    if (options.vectors === undefined) throw new LynseError("INVALID_ARGUMENT", `${kind} needs vectors`);
    this.#checkOpen();
    const vectors = await this.#matrix(options.vectors);
    const { count, dim } = matrixShape(vectors, "vectors");
    const ids = options.ids === undefined ? null : checkIds(options.ids);
    if (ids !== null && ids.length !== count) {
      throw new LynseError("INVALID_ARGUMENT", `${ids.length} ids were given for ${count} vectors; give one each`);
    }
    const fieldOf = fieldsReader(options.fields, count);
    const limits = await this.#state.transport.limits();
    if (dim === null) return [];
    if (ids === null) {
      const requests = autoIdRequests({ vectors, count, dim, fieldOf }, limits, embedder);
      // The callback is told of rows that were looked at, before anything is sent.
      const checked = onProgress === undefined ? requests : [...requests];
      if (count > 0) onProgress?.({ done: count, total: count });
      const answers = await this.#write(checked, commits);
      return answers.flatMap((answer) => answer["ids"] as Id[]);
    }
    const rows = new CheckedRows(kind, limits, embedder);
    await this.#writeRows(rows, matrixRequests(rows, ids, { vectors, dim, fieldOf }), commits);
    return [...ids];
  }

  async addNamedVectors(field: string, vectors: Matrix | Vector, ids: readonly Id[] | Id): Promise<void> {
    this.#checkOpen();
    const wanted = distinctIds(checkIds(ids));
    const name = checkText(field, "the name of the vector field");
    const isPacked = vectors instanceof Uint8Array || (Array.isArray(vectors) && vectors[0] instanceof Uint8Array);
    const shape = isPacked ? await this.#state.fieldShape(name) : ({ metric: "ip", dim: null } as const);
    const components = matrixComponents(vectors, shape.metric, shape.dim);
    const { count, dim } = matrixShape(components, "vectors");
    if (count !== wanted.length) {
      throw new LynseError("INVALID_ARGUMENT", `${wanted.length} ids were given for ${count} vectors; give one each`);
    }
    const label = (row: number): string =>
      `the vector of id ${JSON.stringify(wanted[row])} in field ${JSON.stringify(name)}`;
    const rows = dim === null ? null : matrixRows(components, dim, "float32", label);
    const body = { field_name: name, ids: wanted, vectors_b64: vectorsToBase64(rows?.data ?? new Float32Array(0)) };
    // Without vectors the server still says whether there is such a field.
    await this.#write([{ path: "/add_named_vectors", body: { ...body, dim: dim ?? 1 } }], true);
  }

  async addSparseVectors(vectors: readonly SparseVector[] | SparseVector, ids: readonly Id[] | Id): Promise<void> {
    this.#checkOpen();
    const wanted = distinctIds(checkIds(ids));
    const checked = sparseRows(vectors, wanted, !Array.isArray(ids));
    const sparse = new Map<Id, CheckedSparse>(wanted.map((id, at) => [id, checked[at]!]));
    await this.#write(attachedRequests({ named: new Map(), sparse }, await this.#state.transport.limits()), true);
  }

  async delete(selection: Selection): Promise<number> {
    this.#checkOpen();
    if (typeof selection === "object" && selection !== null && "where" in selection) {
      checkOptions(selection, ["where", "params"], "delete");
      if (whereNode(selection.where, selection.params) === null) {
        throw new LynseError("INVALID_ARGUMENT", "delete needs ids or a where");
      }
      const body = whereMembers(selection.where, selection.params);
      return deletedOf(await this.#write([{ path: "/delete", body }], true));
    }
    const ids = checkIds(selection);
    const { maxBatchVectors } = await this.#state.transport.limits();
    const size = maxBatchVectors === 0 ? Math.max(1, ids.length) : maxBatchVectors;
    const requests: WriteRequest[] = [];
    for (let from = 0; from < ids.length; from += size) {
      requests.push({ path: "/delete", body: { ids: ids.slice(from, from + size) } });
    }
    return deletedOf(await this.#write(requests, true));
  }

  /** Sends the requests of rows. Where their vectors don't fit the collection, the error names the first row. */
  async #writeRows(
    rows: CheckedRows,
    requests: AsyncIterable<WriteRequest> | readonly WriteRequest[],
    commits: boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    try {
      await this.#write(requests, commits, signal);
    } catch (error) {
      throw rows.named(error);
    }
  }

  /**
   * Sends the requests of one call, all or none of them; each is made while the one before it is under way. A call that
   * commits takes along what is staged; alone, and of one request, it needs no session.
   */
  async #write(
    requests: AsyncIterable<WriteRequest> | Iterable<WriteRequest>,
    commits: boolean,
    signal?: AbortSignal,
  ): Promise<Answer[]> {
    this.#target.checkOpen();
    const { staged } = this.#target;
    const { transport, place } = this.#state;
    if (!this.#target.commits || !commits) return staged.write(requests, false, signal);
    const { first, all } = await beginningOf(requests, 2);
    if (!staged.isIdle) return staged.write(all, true, signal);
    const [only] = first;
    if (only === undefined) return [];
    if (first.length === 1) return [await sendWrite(transport, place, only, null, signal)];
    return new StagedWrites(transport, place).write(all, true, signal);
  }

  #checkOpen(): void {
    this.#target.checkOpen();
    this.#state.checkWritable();
  }

  /** A vector as components: bytes may be packed bits, the field says. */
  async #components(vector: unknown): Promise<unknown> {
    if (!(vector instanceof Uint8Array)) return vector;
    const { metric, dim } = await this.#state.fieldShape("default");
    return asComponents(vector, metric, dim);
  }

  async #matrix(matrix: unknown): Promise<unknown> {
    const first = Array.isArray(matrix) ? matrix[0] : matrix;
    if (!(first instanceof Uint8Array)) return matrix;
    const { metric, dim } = await this.#state.fieldShape("default");
    return matrixComponents(matrix, metric, dim);
  }
}

/** What the requests of items are made of. */
interface ItemSource<F extends Fields> {
  readonly items: Iterable<Item<F>> | AsyncIterable<Item<F>>;
  readonly call: string;
  readonly ids: Id[];
  readonly limits: RemoteLimits;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (done: number) => void;
}

/** Keeps the vectors of an item for the requests after its row's. */
function attachNamed({ named }: RowAttachments, id: Id, vectors: unknown): void {
  if (typeof vectors !== "object" || vectors === null || Array.isArray(vectors) || ArrayBuffer.isView(vectors)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `vectors of id ${JSON.stringify(id)} must be an object of vectors by field`,
      {
        id,
      },
    );
  }
  for (const [name, given] of Object.entries(vectors)) {
    const label = `the vector of id ${JSON.stringify(id)} in field ${JSON.stringify(name)}`;
    const vector = new Float32Array(dimOf(given, label));
    copyVector(given, vector, 0, vector.length, "float32", () => label);
    let rows = named.get(name);
    if (rows === undefined) {
      rows = new Map();
      named.set(name, rows);
    }
    rows.set(id, vector);
  }
}

function deletedOf(answers: readonly Answer[]): number {
  return answers.reduce((sum, { deleted }) => sum + (deleted as number), 0);
}
