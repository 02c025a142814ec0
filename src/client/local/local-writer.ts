/**
 * How do writes get into a transaction?
 *
 * The writes that collections and insert sessions have in common. Every call stages all of its rows or none. Rows of an
 * iterable are collected in a buffer of their own first, so that nothing of a call that fails, or has not ended, can be
 * committed by another.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { fieldToText, textToField } from "../../engine/field-text.js";
import { checkId, checkIds } from "../../engine/id-input.js";
import { asComponents, dimOf, matrixComponents, matrixRow, matrixShape } from "../../engine/vector-input.js";
import type { StageKind, WriteBuffer } from "../../engine/write-buffer.js";
import { LynseError } from "../../errors.js";
import { evaluateRow } from "../../metadata/row-evaluator.js";
import type { WhereNode } from "../../metadata/where-node.js";
import { throwIfAborted } from "../../query/exact-search.js";
import { resolveFilter, rowsOf } from "../../query/row-filter.js";
import { checkSparse, type SparseVector } from "../../sparse/sparse-vector.js";
import { TimeSlice } from "../../time-slice.js";
import type { Fields, Id, Matrix, Vector } from "../../types.js";
import { checkFunction, checkInteger, checkOptions, checkSignal, checkText } from "../check-options.js";
import type { AddOptions, BulkAddOptions, Item, Selection, UpsertOptions, Writer } from "../collection.js";
import { bringsDocuments, documentRows } from "../input/add-input.js";
import { distinctIds, namedField, namedRows, namedVectors, sparseLabel, sparseRows } from "../input/attached-input.js";
import type { DocumentVectors } from "../input/document-vectors.js";
import { fieldsReader, inChunks, itemParts } from "../input/items-input.js";
import { whereNode } from "../input/where-input.js";

/** Where staged rows go. */
export interface BufferHolder {
  buffer: WriteBuffer | null;
  /** Commits the buffer at once, for calls that commit by themselves; null where a session commits. */
  readonly commit: (() => Promise<void>) | null;
}

interface StageOptions {
  readonly onProgress?: BulkAddOptions["onProgress"];
  /** Whether the call commits where no session does. */
  readonly commits: boolean;
}

const batchSizeDefault = 1000;
const batchSizeMax = 1_000_000;

export class LocalWriter<F extends Fields> implements Writer<F> {
  readonly #engine: CollectionEngine;
  readonly #holder: BufferHolder;
  readonly #checkOpen: () => void;
  readonly #documents: DocumentVectors;

  constructor(engine: CollectionEngine, holder: BufferHolder, checkOpen: () => void, documents: DocumentVectors) {
    this.#engine = engine;
    this.#holder = holder;
    this.#checkOpen = checkOpen;
    this.#documents = documents;
  }

  async addItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id> {
    return this.#stageOne("add", "addItem", vector, options);
  }

  async upsertItem(vector: Vector, options: { readonly id: Id; readonly field?: F }): Promise<Id> {
    return this.#stageOne("upsert", "upsertItem", vector, options);
  }

  async #stageOne(kind: StageKind, call: string, vector: Vector, options: { id: Id; field?: F }): Promise<Id> {
    checkOptions(options ?? null, ["id", "field"], call);
    const id = checkId(options.id);
    const text = textFor(kind, options.field, id);
    const components = this.#components(vector);
    const dim = this.#dimOf(components, id);
    await this.#prepare();
    this.#bufferFor(dim).stage(kind, id, components, text, options.field);
    return id;
  }

  async bulkAddItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]> {
    return this.#stageItems("add", "bulkAddItems", items, options);
  }

  async upsertItems(items: Iterable<Item<F>> | AsyncIterable<Item<F>>, options?: BulkAddOptions): Promise<Id[]> {
    return this.#stageItems("upsert", "upsertItems", items, options);
  }

  async #stageItems(
    kind: StageKind,
    call: string,
    items: Iterable<Item<F>> | AsyncIterable<Item<F>>,
    options: BulkAddOptions = {},
  ): Promise<Id[]> {
    checkOptions(options, ["batchSize", "onProgress", "signal"], call);
    const batchSize = checkInteger(options.batchSize ?? batchSizeDefault, "batchSize", 1, batchSizeMax);
    const onProgress = checkFunction(options.onProgress, "onProgress");
    const signal = checkSignal(options.signal);
    throwIfAborted(signal);
    const total = Array.isArray(items) ? { total: items.length } : {};
    const ids: Id[] = [];
    const slice = new TimeSlice();
    let own: WriteBuffer | null = null;
    await this.#prepare();
    for await (const chunk of inChunks(items, call, signal)) {
      for (const item of chunk) {
        const { vector: given, id, field, vectors, sparse } = itemParts(item, ids.length, call);
        const vector = this.#components(given);
        own ??= this.#engine.newBuffer(this.#dimOf(vector, id), this.#holder.buffer);
        const named = vectors === undefined ? [] : namedVectors(this.#engine.config, vectors, id);
        const features = sparse === undefined ? null : checkSparse(sparse, () => sparseLabel(id));
        own.stage(kind, id, vector, textFor(kind, field, id), field);
        for (const each of named) own.attachVector(each.field, id, each.vector);
        if (features !== null) own.attachSparse(id, features);
        ids.push(id);
        if (ids.length % batchSize === 0) onProgress?.({ done: ids.length, ...total });
      }
      throwIfAborted(signal);
      if (slice.isDue()) await slice.giveWay();
    }
    if (ids.length % batchSize !== 0) onProgress?.({ done: ids.length, ...total });
    // Last of all: a callback that throws, or ends the call by its signal, must leave nothing behind.
    throwIfAborted(signal);
    if (own !== null) this.#take(own);
    return ids;
  }

  async bulkAddBinary(matrix: Matrix, options: Pick<BulkAddOptions, "onProgress"> = {}): Promise<number> {
    checkOptions(options, ["onProgress"], "bulkAddBinary");
    const onProgress = checkFunction(options.onProgress, "onProgress");
    return (await this.#stageMatrix("add", { vectors: matrix }, { onProgress, commits: false })).length;
  }

  async add(options: AddOptions<F>): Promise<Id[]> {
    return bringsDocuments(options) ? this.#addDocuments(options) : this.#stageMatrix("add", options);
  }

  /** Rows with texts, whose vectors are made of them unless they are given. */
  async #addDocuments(options: AddOptions<F>): Promise<Id[]> {
    this.#checkOpen();
    this.#engine.checkWritable();
    const { texts, fields, asked } = documentRows(options);
    const { ids } = options;
    let { vectors } = options;
    if (vectors === undefined) {
      const { data, dim } = await this.#documents.embedDocuments(texts, asked);
      if (texts.length === 0) return [];
      await this.#documents.remember(asked.embed, dim);
      vectors = { data, dim };
    }
    return this.#stageMatrix("add", { ...(ids === undefined ? {} : { ids }), vectors, fields });
  }

  async addNamedVectors(field: string, vectors: Matrix | Vector, ids: readonly Id[] | Id): Promise<void> {
    this.#checkOpen();
    this.#engine.checkWritable();
    const wanted = distinctIds(checkIds(ids));
    const found = namedField(this.#engine.config, checkText(field, "the name of the vector field"));
    const rows = namedRows(found, vectors, wanted);
    await this.#prepare();
    const buffer = this.#bufferFor(null);
    this.#checkLive(buffer, wanted);
    wanted.forEach((id, at) => void buffer.attachVector(found, id, rows.slice(at * found.dim, (at + 1) * found.dim)));
    await this.#commitNow();
  }

  async addSparseVectors(vectors: readonly SparseVector[] | SparseVector, ids: readonly Id[] | Id): Promise<void> {
    this.#checkOpen();
    this.#engine.checkWritable();
    const wanted = distinctIds(checkIds(ids));
    const checked = sparseRows(vectors, wanted, !Array.isArray(ids));
    await this.#prepare();
    const buffer = this.#bufferFor(null);
    this.#checkLive(buffer, wanted);
    wanted.forEach((id, at) => void buffer.attachSparse(id, checked[at]!));
    await this.#commitNow();
  }

  /** Vectors can be hung on rows only that are there. */
  #checkLive(buffer: WriteBuffer, ids: readonly Id[]): void {
    const missing = ids.find((id) => !buffer.isLiveId(id));
    if (missing === undefined) return;
    const collection = JSON.stringify(this.#engine.name);
    const message = `id ${JSON.stringify(missing)} is not in collection ${collection}; add the row first`;
    throw new LynseError("ID_NOT_FOUND", message, { id: missing });
  }

  async upsert(options: UpsertOptions<F>): Promise<Id[]> {
    checkOptions(options ?? null, ["ids", "vectors", "fields"], "upsert");
    if (options.ids === undefined) throw new LynseError("INVALID_ARGUMENT", "upsert needs ids");
    return this.#stageMatrix("upsert", options);
  }

  async #stageMatrix(
    kind: StageKind,
    options: AddOptions<F>,
    { onProgress, commits }: StageOptions = { commits: true },
  ): Promise<Id[]> {
    if (options.vectors === undefined) throw new LynseError("INVALID_ARGUMENT", `${kind} needs vectors`);
    const vectors = matrixComponents(options.vectors, this.#engine.metric, this.#engine.config.dim);
    const { count, dim } = matrixShape(vectors, "vectors");
    const ids = options.ids === undefined ? null : checkIds(options.ids);
    if (ids !== null && ids.length !== count) {
      throw new LynseError("INVALID_ARGUMENT", `${ids.length} ids were given for ${count} vectors; give one each`);
    }
    const fieldOf = fieldsReader(options.fields, count);
    await this.#prepare();
    if (dim === null) return [];
    const own = this.#engine.newBuffer(dim, this.#holder.buffer);
    const start = ids === null ? this.#engine.reserveIds(own, count, this.#holder.buffer) : 0;
    const slice = new TimeSlice();
    const used: Id[] = [];
    let committed: Promise<void> | null = null;
    let isTaken = false;
    try {
      for (let row = 0; row < count; row++) {
        const id = ids === null ? start + row : ids[row]!;
        const field = fieldOf(row);
        own.stage(kind, id, matrixRow(vectors, row, dim), textFor(kind, field, id), field);
        used.push(id);
        if ((row & 63) === 63 && slice.isDue()) {
          onProgress?.({ done: row + 1, total: count });
          await slice.giveWay();
        }
      }
      onProgress?.({ done: count, total: count });
      this.#take(own);
      isTaken = true;
      if (commits) committed = this.#commitNow();
    } finally {
      if (!isTaken) this.#engine.discard(own);
    }
    await committed;
    return used;
  }

  /** Called in the turn that staged, so that no other call's writes come into the transaction. */
  #commitNow(): Promise<void> | null {
    return this.#holder.commit?.() ?? null;
  }

  async delete(selection: Selection): Promise<number> {
    this.#checkOpen();
    this.#engine.checkWritable();
    if (typeof selection === "object" && selection !== null && "where" in selection) {
      return this.#deleteWhere(selection);
    }
    const ids = checkIds(selection);
    await this.#prepare();
    const buffer = this.#bufferFor(null);
    let count = 0;
    for (const id of ids) if (buffer.deleteId(id)) count += 1;
    await this.#commitNow();
    return count;
  }

  async #deleteWhere(selection: Extract<Selection, { where: unknown }>): Promise<number> {
    checkOptions(selection, ["where", "params"], "delete");
    const where = whereNode(selection.where, selection.params);
    if (where === null) throw new LynseError("INVALID_ARGUMENT", "delete needs ids or a where");
    await this.#prepare();
    for (;;) {
      const count = await this.#deleteMatches(where);
      if (count !== null) return count;
    }
  }

  /** Null when a compaction gave the rows other numbers while the filter ran: nothing was staged. */
  async #deleteMatches(where: WhereNode): Promise<number | null> {
    return this.#engine.read(async (generation) => {
      const filter = await resolveFilter(generation, { where, filterIds: null, signal: undefined });
      this.#checkOpen();
      if (this.#engine.generation !== generation) return null;
      const buffer = this.#bufferFor(null);
      let count = 0;
      const staged = [...buffer.liveStaged()];
      for (const row of rowsOf(filter)) {
        if (buffer.deleteCommitted(row, generation.rows.idAt(row), true)) count += 1;
      }
      for (const row of staged) {
        if (evaluateRow(where, row.id, textToField(row.text)) === true && buffer.deleteStaged(row.staged)) count += 1;
      }
      await this.#commitNow();
      return count;
    });
  }

  /** A vector as components: packed bits of a binary metric are unpacked. */
  #components(vector: unknown): unknown {
    return asComponents(vector, this.#engine.metric, this.#engine.config.dim);
  }

  /** Components of a row's vector; where the collection has fixed another number of them, the error names the row. */
  #dimOf(vector: unknown, id: Id): number {
    const label = `the vector of id ${JSON.stringify(id)}`;
    const dim = dimOf(vector, label);
    const expected = this.#engine.config.dim;
    if (expected === null || expected === dim) return dim;
    throw new LynseError("DIMENSION_MISMATCH", `${label} has ${dim} components, expected ${expected}`, {
      id,
      expected,
      got: dim,
    });
  }

  /** Everything that staging must wait for; what follows it stages without waiting, so that no commit comes between. */
  async #prepare(): Promise<void> {
    this.#checkOpen();
    await this.#engine.prepareStaging();
    this.#checkOpen();
  }

  /** The transaction's buffer, begun where there is none. `dim` null: of whatever dimension the collection has. */
  #bufferFor(dim: number | null): WriteBuffer {
    const present = this.#holder.buffer;
    if (present !== null && (dim === null || present.dim === dim)) return present;
    if (present !== null && !present.isEmpty) throw dimensionMismatch(present.dim, dim ?? 0);
    const fresh = this.#engine.newBuffer(dim ?? this.#engine.config.dim ?? 1);
    this.#holder.buffer = fresh;
    return fresh;
  }

  /** Moves the rows of a call's own buffer into the transaction, all or none. */
  #take(own: WriteBuffer): void {
    this.#checkOpen();
    const present = this.#holder.buffer;
    if (present === null || present.isEmpty) {
      this.#holder.buffer = own;
      return;
    }
    if (present.dim !== own.dim) throw dimensionMismatch(present.dim, own.dim);
    present.absorb(own);
    this.#engine.discard(own, present);
  }
}

function dimensionMismatch(expected: number, got: number): LynseError {
  return new LynseError("DIMENSION_MISMATCH", `a vector has ${got} components, expected ${expected}`, {
    expected,
    got,
  });
}

/** Metadata text to stage: null keeps what the id has. */
function textFor(kind: StageKind, field: Fields | null | undefined, id: Id): string | null {
  return kind === "upsert" && field === undefined ? null : fieldToText(field, id);
}
