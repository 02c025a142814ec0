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
import type { CollectionConfig } from "./manifest.js";
import type { ReplayVisitor } from "./replay-visitor.js";
import type { RowsPart, StoredRows, Transaction } from "./transaction.js";
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
}

/** Everything that a store holds, as the engine would hear it. */
export interface ProbeContent {
  readonly rows: ProbeRow[];
  /** Lists of row numbers, each with the number of rows written before it. */
  readonly lists: { kind: string; after: number; rows: number[] }[];
}

export const probeConfig: CollectionConfig = {
  dim: null,
  dtype: "float32",
  index: null,
  defaultIndex: "FLAT-IP",
  description: null,
  createdAt: "2026-01-01T00:00:00.000Z",
};

const listKinds = ["superseded", "deleted", "restored"] as const;

/** The content after some transactions. */
export function contentAfter(transactions: readonly ProbeTransaction[]): ProbeContent {
  const content: ProbeContent = { rows: [], lists: [] };
  for (const transaction of transactions) {
    transaction.rows?.forEach((row, at) => {
      const id = transaction.rangeStart === undefined ? row.id : transaction.rangeStart + at;
      content.rows.push({ ...row, id });
    });
    for (const kind of listKinds) {
      const rows = transaction[kind] ?? [];
      if (rows.length > 0) content.lists.push({ kind, after: content.rows.length, rows: [...rows] });
    }
  }
  return content;
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
  const { superseded = [], deleted = [], restored = [] } = probe;
  return { rows: parts, superseded: Uint32Array.from(superseded), deleted, restored };
}

interface Heard {
  readonly content: ProbeContent;
  readonly frames: StoredRows[];
  readonly ranges: VectorRanges;
}

/** A visitor that takes everything down; vectors and metadata are read afterwards. */
function listener(heard: Heard): ReplayVisitor {
  const { content, frames, ranges } = heard;
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
    moved() {},
    fieldVectors() {},
    sparse() {},
  };
}

/** Reads everything that an opened, not yet replayed store holds, verified. */
export async function readContent(
  store: CollectionStore,
): Promise<{ content: ProbeContent; position: LogPosition; droppedBytes: number }> {
  const heard: Heard = { content: { rows: [], lists: [] }, frames: [], ranges: new VectorRanges() };
  const { position, rowCount, droppedBytes } = await store.replay(null, listener(heard));
  assert(rowCount === heard.content.rows.length, "as many rows were told as counted");
  await fillRows(store, heard);
  return { content: heard.content, position, droppedBytes };
}

/** Replays what came after `position`; tells only that. */
export async function readTail(store: CollectionStore, position: LogPosition): Promise<ProbeContent> {
  const ranges = new VectorRanges();
  if (position.rowCount > 0) ranges.push(position.rowCount, 0);
  const heard: Heard = { content: { rows: [], lists: [] }, frames: [], ranges };
  await store.replay(position, listener(heard));
  await fillRows(store, heard, position.rowCount);
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
): Promise<CollectionStore> {
  return CollectionStore.create(fs, folder, { ...probeConfig, dim }, options);
}
