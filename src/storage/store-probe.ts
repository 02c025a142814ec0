/**
 * What is in a store, told in plain values that a test can compare?
 *
 * Builds transactions from plain descriptions, says what a store must hold after them, and reads a store back by every
 * way there is: replay, vectors, single fields, spans of fields, checkpoint. For tests of this layer and of those
 * above.
 */
import { assert } from "../errors.js";
import type { Id } from "../types.js";
import { CollectionStore, type OpenOptions, type StoreOptions } from "./collection-store.js";
import type { FileSystem } from "./file-system.js";
import type { LogPosition } from "./log-position.js";
import type { CollectionConfig, VectorFieldConfig } from "./manifest.js";
import type { ReplayVisitor } from "./replay-visitor.js";
import type {
  FieldVectorsPart,
  MovedRows,
  RowsPart,
  SparsePart,
  StoredRows,
  StoredSparse,
  Transaction,
} from "./transaction.js";
import { VectorRanges } from "./vector-ranges.js";

export interface ProbeRow {
  readonly id: Id;
  /** JSON text; "" for none. */
  readonly json: string;
  readonly vector: readonly number[];
}

export interface ProbeTransaction {
  readonly rows?: readonly ProbeRow[] | undefined;
  /** Rows are given as consecutive integer ids from here on. */
  readonly rangeStart?: number;
  readonly superseded?: readonly number[];
  readonly deleted?: readonly number[];
  readonly restored?: readonly number[];
  /** Pairs of row numbers, from and to. */
  readonly moved?: readonly (readonly [number, number])[];
  readonly fieldVectors?: readonly ProbeFieldVectors[];
  readonly sparse?: readonly ProbeSparse[];
}

export interface ProbeFieldVectors {
  readonly field: number;
  readonly rows: readonly number[];
  /** One vector a row, in bytes. */
  readonly vectors: readonly (readonly number[])[];
}

export interface ProbeSparse {
  readonly rows: readonly number[];
  /** One stored form a row, in bytes. */
  readonly bytes: readonly (readonly number[])[];
}

/** What hangs on a row: one moved pair, one vector of a field, one sparse vector. */
export interface ProbeAttachment {
  /** `"moved"`, `"field <number>"` or `"sparse"`. */
  readonly kind: string;
  /** Number of rows written before. */
  readonly after: number;
  readonly row: number;
  /** The row it was moved from, or the bytes. */
  readonly value: readonly number[];
}

/** Everything that a store holds, as the engine would hear it. */
export interface ProbeContent {
  readonly rows: ProbeRow[];
  /** Lists of row numbers, each with the number of rows written before it. */
  readonly lists: { kind: string; after: number; rows: number[] }[];
  readonly attached: ProbeAttachment[];
}

/** Nothing at all. */
export function emptyContent(): ProbeContent {
  return { rows: [], lists: [], attached: [] };
}

export const probeConfig: CollectionConfig = {
  dim: null,
  dtype: "float32",
  index: null,
  defaultIndex: "FLAT-IP",
  description: null,
  createdAt: "2026-01-01T00:00:00.000Z",
};

/** Two fields of vectors of 8 and of 6 bytes. */
export const probeFields: readonly VectorFieldConfig[] = [
  { name: "title", dim: 2, dtype: "float32", metric: "cos", index: null },
  { name: "image-1", dim: 3, dtype: "float16", metric: "l2", index: "FLAT-L2", indexParameters: { nList: 3 } },
];

const listKinds = ["superseded", "deleted", "restored"] as const;

/** The content after some transactions. */
export function contentAfter(transactions: readonly ProbeTransaction[]): ProbeContent {
  const content = emptyContent();
  for (const transaction of transactions) {
    transaction.rows?.forEach((row, at) => {
      const id = transaction.rangeStart === undefined ? row.id : transaction.rangeStart + at;
      content.rows.push({ ...row, id });
    });
    for (const kind of listKinds) {
      const rows = transaction[kind] ?? [];
      if (rows.length > 0) content.lists.push({ kind, after: content.rows.length, rows: [...rows] });
    }
    content.attached.push(...attachmentsOf(transaction, content.rows.length));
  }
  return content;
}

function attachmentsOf(transaction: ProbeTransaction, after: number): ProbeAttachment[] {
  const { moved = [], fieldVectors = [], sparse = [] } = transaction;
  return [
    ...moved.map(([from, row]) => ({ kind: "moved", after, row, value: [from] })),
    ...fieldVectors.flatMap(({ field, rows, vectors }) =>
      rows.map((row, at) => ({ kind: `field ${field}`, after, row, value: vectors[at]! })),
    ),
    ...sparse.flatMap(({ rows, bytes }) => rows.map((row, at) => ({ kind: "sparse", after, row, value: bytes[at]! }))),
  ];
}

/** The store's form of a description; vectors go in as one piece a row, or as one for all. */
export function transactionOf(probe: ProbeTransaction, piecesOfOneRow = false): Transaction {
  const rows = probe.rows ?? [];
  const parts: RowsPart[] = [];
  if (rows.length > 0) {
    const texts = rows.map((row) => new TextEncoder().encode(row.json));
    const fieldEnds = new Uint32Array(rows.length);
    let end = 0;
    texts.forEach((text, at) => {
      end += text.length;
      fieldEnds[at] = end;
    });
    const fieldBytes = new Uint8Array(end);
    texts.forEach((text, at) => void fieldBytes.set(text, fieldEnds[at]! - text.length));
    const vectors = rows.map((row) => new Uint8Array(Float32Array.from(row.vector).buffer));
    parts.push({
      rowCount: rows.length,
      ids: probe.rangeStart === undefined ? rows.map((row) => row.id) : { start: probe.rangeStart },
      fieldBytes,
      fieldEnds,
      vectorBytes: piecesOfOneRow ? vectors : [Uint8Array.from(vectors.flatMap((bytes) => [...bytes]))],
    });
  }
  const { superseded = [], deleted = [], restored = [], moved, fieldVectors, sparse } = probe;
  return {
    ...{ rows: parts, superseded: Uint32Array.from(superseded), deleted, restored },
    ...(moved === undefined ? {} : { moved: movedPart(moved) }),
    ...(fieldVectors === undefined
      ? {}
      : { fieldVectors: fieldVectors.map((part) => fieldPart(part, piecesOfOneRow)) }),
    ...(sparse === undefined ? {} : { sparse: sparse.map(sparsePart) }),
  };
}

function movedPart(pairs: readonly (readonly [number, number])[]): MovedRows {
  return { from: Uint32Array.from(pairs, ([from]) => from), to: Uint32Array.from(pairs, ([, to]) => to) };
}

function fieldPart({ field, rows, vectors }: ProbeFieldVectors, piecesOfOneRow: boolean): FieldVectorsPart {
  const pieces = vectors.map((bytes) => Uint8Array.from(bytes));
  const vectorBytes = piecesOfOneRow ? pieces : [Uint8Array.from(vectors.flat())];
  return { fieldNumber: field, rows: Uint32Array.from(rows), vectorBytes };
}

function sparsePart({ rows, bytes }: ProbeSparse): SparsePart {
  let end = 0;
  const ends = Uint32Array.from(bytes, (each) => {
    end += each.length;
    return end;
  });
  return { rows: Uint32Array.from(rows), bytes: Uint8Array.from(bytes.flat()), ends };
}

interface Heard {
  readonly content: ProbeContent;
  readonly frames: StoredRows[];
  readonly ranges: VectorRanges;
  /** Of each field. */
  readonly fieldRanges: VectorRanges[];
  readonly sparse: StoredSparse[];
}

/** What is heard from a position on. */
function heardFrom(position: LogPosition | null): Heard {
  const { rowCount, slotCounts } = position ?? { rowCount: 0, slotCounts: [] };
  const covering = (count: number): VectorRanges => {
    const ranges = new VectorRanges();
    if (count > 0) ranges.push(count, 0);
    return ranges;
  };
  const fieldRanges = probeFields.map((_, field) => covering(slotCounts[field] ?? 0));
  return { content: emptyContent(), frames: [], ranges: covering(rowCount), fieldRanges, sparse: [] };
}

/** A visitor that takes everything down; vectors and metadata are read afterwards. */
function listener(heard: Heard): ReplayVisitor {
  const { content, frames, ranges } = heard;
  const attach = (kind: string, row: number, value: readonly number[]): void => {
    content.attached.push({ kind, after: content.rows.length, row, value });
  };
  const hear = (kind: string) => (rows: Uint32Array) => {
    const last = content.lists.at(-1);
    // Long lists come in several frames.
    if (last?.kind === kind && last.after === content.rows.length) last.rows.push(...rows);
    else content.lists.push({ kind, after: content.rows.length, rows: [...rows] });
  };
  return {
    rows: (part) => {
      for (let at = 0; at < part.rowCount; at++) {
        const id = "start" in part.ids ? part.ids.start + at : part.ids[at]!;
        content.rows.push({ id, json: "", vector: [] });
      }
      frames.push(part);
      ranges.push(part.rowCount, part.vectorsCrc);
    },
    superseded: hear("superseded"),
    deleted: hear("deleted"),
    restored: hear("restored"),
    moved: (from, to) => {
      for (const [at, row] of from.entries()) attach("moved", to[at]!, [row]);
    },
    fieldVectors: ({ fieldNumber, firstSlot, count, vectorsCrc, rows }) => {
      const fieldRanges = heard.fieldRanges[fieldNumber]!;
      assert(firstSlot === fieldRanges.rowCount && rows.length === count, "slots are told in order");
      fieldRanges.push(count, vectorsCrc);
      for (const row of rows) attach(`field ${fieldNumber}`, row, []);
    },
    sparse: (part) => {
      heard.sparse.push(part);
      for (const row of part.rows) attach("sparse", row, []);
    },
  };
}

/** Reads everything that an opened, not yet replayed store holds, verified. */
export async function readContent(
  store: CollectionStore,
): Promise<{ content: ProbeContent; position: LogPosition; droppedBytes: number }> {
  const heard = heardFrom(null);
  const { position, rowCount, droppedBytes } = await store.replay(null, listener(heard));
  assert(rowCount === heard.content.rows.length, "as many rows were told as counted");
  await fillRows(store, heard);
  await fillAttached(store, heard, null);
  return { content: heard.content, position, droppedBytes };
}

/** Replays what came after `position`; tells only that. */
export async function readTail(store: CollectionStore, position: LogPosition): Promise<ProbeContent> {
  const heard = heardFrom(position);
  await store.replay(position, listener(heard));
  await fillRows(store, heard, position.rowCount);
  await fillAttached(store, heard, position);
  return heard.content;
}

async function fillRows(store: CollectionStore, heard: Heard, firstRow = 0): Promise<void> {
  const { rows } = heard.content;
  const fill = (at: number, values: Partial<ProbeRow>): void => {
    rows[at] = { ...rows[at]!, ...values };
  };
  for (const { firstRow: first, fieldOffset, fieldLengths, fieldCrcs } of heard.frames) {
    let offset = fieldOffset;
    for (let at = 0; at < fieldLengths.length; at++) {
      fill(first - firstRow + at, { json: store.readField(offset, fieldLengths[at]!, fieldCrcs[at]!) });
      offset += fieldLengths[at]!;
    }
    await store.readFieldSpan(fieldOffset, fieldLengths, fieldCrcs, (index, json) => {
      assert(json === rows[first - firstRow + index]!.json, "both ways to read metadata agree");
    });
  }
  const dim = store.config.dim ?? 0;
  // Targets of an odd number of rows, so that they end inside of ranges; two of them in turn, so that one can be ahead.
  const targets = [new Uint8Array(3 * dim * 4), new Uint8Array(3 * dim * 4)];
  let given = 0;
  let at = 0;
  const next = (left: number): { target: Uint8Array; rows: number } => ({
    target: targets[given++ & 1]!,
    rows: Math.min(3, left),
  });
  let taken = 0;
  await store.loadVectors(firstRow, firstRow + rows.length, heard.ranges, {
    next,
    // Not always: a caller may have no memory ahead.
    ahead: (left) => (given % 5 === 4 ? null : next(left)),
    done: (count) => {
      const values = new Float32Array(targets[taken++ & 1]!.buffer);
      for (let row = 0; row < count; row++) {
        fill(at + row, { vector: [...values.subarray(row * dim, (row + 1) * dim)] });
      }
      at += count;
    },
  });
}

/** Reads the bytes of everything that hangs on rows. */
async function fillAttached(store: CollectionStore, heard: Heard, from: LogPosition | null): Promise<void> {
  const { attached } = heard.content;
  const values = new Map<string, number[][]>();
  for (const [field, { dim, dtype }] of (store.config.vectorFields ?? []).entries()) {
    const stride = dim * (dtype === "float32" ? 4 : 2);
    const target = new Uint8Array(2 * stride);
    const vectors: number[][] = [];
    const ranges = heard.fieldRanges[field]!;
    await store.loadFieldVectors(field, from?.slotCounts[field] ?? 0, ranges.rowCount, ranges, {
      next: (left) => ({ target, rows: Math.min(2, left) }),
      done: (count) => {
        for (let at = 0; at < count; at++) vectors.push([...target.subarray(at * stride, (at + 1) * stride)]);
      },
    });
    values.set(`field ${field}`, vectors);
  }
  const sparse: number[][] = [];
  for (const { offset, lengths, crcs } of heard.sparse) {
    const first = sparse.length;
    await store.readSparseSpan(offset, lengths, crcs, (_, bytes) => void sparse.push([...bytes]));
    let at = offset;
    for (const [index, length] of lengths.entries()) {
      const alone = store.readSparse(at, length, crcs[index]!);
      assert(String([...alone]) === String(sparse[first + index]), "both ways to read sparse vectors agree");
      at += length;
    }
  }
  values.set("sparse", sparse);
  const used = new Map<string, number>();
  for (const [at, { kind }] of attached.entries()) {
    const list = values.get(kind);
    if (list === undefined) continue;
    const index = used.get(kind) ?? 0;
    used.set(kind, index + 1);
    attached[at] = { ...attached[at]!, value: list[index]! };
  }
}

/** Opens a store, reads everything and closes it; with a checkpoint, also what came after it. */
export async function probe(
  fs: FileSystem,
  folder: string,
  options: OpenOptions,
): Promise<{ content: ProbeContent; droppedBytes: number; config: CollectionConfig }> {
  const store = await CollectionStore.open(fs, folder, options);
  try {
    const { content, droppedBytes } = await readContent(store);
    return { content, droppedBytes, config: store.config };
  } finally {
    await store.close();
  }
}

/** A store of three-component vectors, ready to be appended to. */
export async function createProbeStore(
  fs: FileSystem,
  folder: string,
  options: StoreOptions = {},
  dim: number | null = 3,
  vectorFields?: readonly VectorFieldConfig[],
): Promise<CollectionStore> {
  const config = { ...probeConfig, dim, ...(vectorFields === undefined ? {} : { vectorFields }) };
  return CollectionStore.create(fs, folder, config, options);
}
