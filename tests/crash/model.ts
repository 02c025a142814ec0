/**
 * What must a collection hold after some changes?
 *
 * The collection as a plain value, and what each change makes of it. Written from the contract of the client alone, so
 * that it can disagree with the engine. States are never changed: a change gives a new one.
 */
import type { Dtype, Id } from "../../src/types.js";

export type Field = Readonly<Record<string, unknown>>;

/** The features that sparse vectors have weights for. */
export const sparseFeatures = [3, 9, 70_000, 4_294_967_295] as const;

/** Weights by feature, integers below `sparseWeights`; 0 for none. */
export type SparseWeights = readonly number[];

/** Weights as digits of one number that float32 holds exactly: a search for powers of this gives it back. */
export const sparseWeights = 64;

/** Named vector fields that a collection may have. */
export const namedFields = {
  image: { dim: 2, metric: "l2", dtype: "float32" },
  sound: { dim: 3, metric: "cos", dtype: "float16" },
} as const;

export type NamedField = keyof typeof namedFields;

/** What hangs on a row. */
export interface Attached {
  /** Vectors of named fields, by field in the order of the alphabet. */
  readonly named: Readonly<Partial<Record<NamedField, readonly number[]>>>;
  /** Null: none. */
  readonly sparse: SparseWeights | null;
}

export interface ModelRow extends Attached {
  readonly id: Id;
  /** Metadata as JSON. */
  readonly field: string;
  readonly vector: readonly number[];
  readonly state: "live" | "deleted" | "superseded";
}

export interface CollectionState {
  readonly dim: number | null;
  readonly dtype: Dtype;
  readonly index: string | null;
  readonly description: string | null;
  /** Named vector fields and their indexes, in the order in which they were created. */
  readonly fields: readonly { readonly name: NamedField; readonly index: string | null }[];
  /** Every row since the last compaction, in the order of insertion. */
  readonly rows: readonly ModelRow[];
  /** Content of blobs by key, in the order of the keys. */
  readonly blobs: Readonly<Record<string, string>>;
}

/** A row as it is given to `add` and `upsert`. */
export interface RowInput {
  readonly id: Id;
  readonly vector: readonly number[];
  /** Undefined: none, or keep what is there. */
  readonly field: Field | undefined;
}

/** Vectors to hang on rows. */
export type Hanging =
  | {
      readonly kind: "named";
      readonly name: NamedField;
      readonly vectors: readonly { readonly id: Id; readonly vector: readonly number[] }[];
    }
  | { readonly kind: "sparse"; readonly vectors: readonly { readonly id: Id; readonly weights: SparseWeights }[] };

export type Staged =
  | Hanging
  | { readonly kind: "add" | "upsert"; readonly row: RowInput }
  | { readonly kind: "delete"; readonly ids: readonly Id[] }
  | { readonly kind: "deleteBelow"; readonly n: number };

/** What is done to one collection. */
export type CollectionChange =
  | { readonly kind: "session"; readonly staged: readonly Staged[] }
  /** `buffered`: upserts that are committed by a call of its own. */
  | { readonly kind: "add" | "upsert" | "buffered"; readonly rows: readonly RowInput[] }
  | { readonly kind: "addNumbered"; readonly rows: readonly Omit<RowInput, "id">[] }
  | { readonly kind: "delete"; readonly ids: readonly Id[] }
  | { readonly kind: "restore"; readonly ids: readonly Id[] }
  | { readonly kind: "deleteBelow"; readonly n: number }
  | { readonly kind: "compact" | "checkpoint" | "reopen" }
  | Hanging
  | { readonly kind: "describe"; readonly text: string }
  | { readonly kind: "createField"; readonly name: NamedField }
  /** Of a named field, or of the vectors that rows come with. */
  | { readonly kind: "index"; readonly name: string | null; readonly field?: NamedField }
  | { readonly kind: "writeBlob"; readonly key: string; readonly content: string }
  | { readonly kind: "deleteBlob"; readonly key: string };

/** What a change makes of a collection: another state and what the call resolves to, or the code that refuses it. */
export type Changed = { readonly state: CollectionState; readonly value: unknown } | { readonly refusal: string };

export function changed(state: CollectionState, change: CollectionChange): Changed {
  switch (change.kind) {
    case "session":
      return staged(state, change.staged, undefined);
    case "add":
    case "buffered":
    case "upsert": {
      const kind = change.kind === "add" ? "add" : "upsert";
      const ids = change.rows.map((row) => row.id);
      return staged(
        state,
        change.rows.map((row) => ({ kind, row })),
        ids,
      );
    }
    case "addNumbered": {
      const first = 1 + state.rows.reduce((max, { id }) => (typeof id === "number" && id > max ? id : max), -1);
      return changed(state, { kind: "add", rows: change.rows.map((row, at) => ({ ...row, id: first + at })) });
    }
    case "delete":
    case "deleteBelow": {
      const rows = [...state.rows];
      const count = change.kind === "delete" ? deleteIds(rows, change.ids) : deleteBelow(rows, change.n);
      return { state: { ...state, rows }, value: count };
    }
    case "restore": {
      const wanted = new Set(change.ids);
      const rows = state.rows.map((row) =>
        row.state === "deleted" && wanted.has(row.id) ? { ...row, state: "live" as const } : row,
      );
      return { state: { ...state, rows }, value: rows.filter((row, at) => row !== state.rows[at]).length };
    }
    case "compact": {
      const rows = state.rows.filter((row) => row.state === "live");
      return { state: { ...state, rows }, value: state.rows.length - rows.length };
    }
    case "checkpoint":
    case "reopen":
      return { state, value: undefined };
    case "describe":
      return { state: { ...state, description: change.text }, value: undefined };
    case "named":
    case "sparse":
      return staged(state, [change], undefined);
    case "createField": {
      const { name } = change;
      if (state.fields.some((field) => field.name === name)) return { state, value: undefined };
      return { state: { ...state, fields: [...state.fields, { name, index: null }] }, value: undefined };
    }
    case "index":
      return indexed(state, change);
    case "writeBlob": {
      const blobs = { ...state.blobs, [change.key]: change.content };
      const ordered = Object.entries(blobs).sort(([a], [b]) => (a < b ? -1 : 1));
      return { state: { ...state, blobs: Object.fromEntries(ordered) }, value: undefined };
    }
    case "deleteBlob":
      return { state: { ...state, blobs: without(state.blobs, change.key) }, value: change.key in state.blobs };
  }
}

function indexed(state: CollectionState, change: Extract<CollectionChange, { kind: "index" }>): Changed {
  const { name, field } = change;
  if (field !== undefined && state.fields.every((known) => known.name !== field))
    return { refusal: "INVALID_ARGUMENT" };
  const isBuilt = name !== null && !/^FLAT-[^-]+$/.test(name);
  const isEmpty =
    state.rows.every((row) => row.state !== "live") ||
    (field !== undefined && state.rows.every((row) => row.named[field] === undefined));
  if (isBuilt && isEmpty) return { refusal: "INDEX_EMPTY" };
  if (field === undefined) return { state: { ...state, index: name }, value: undefined };
  const fields = state.fields.map((known) => (known.name === field ? { ...known, index: name } : known));
  return { state: { ...state, fields }, value: undefined };
}

/** What a transaction hangs on the rows of an id; it goes there when the transaction ends. */
type Given = Map<Id, Partial<Attached>>;

/** The reason to refuse, or null. */
function hang({ rows, fields }: Pick<CollectionState, "rows" | "fields">, step: Hanging, given: Given): string | null {
  if (step.kind === "named" && fields.every(({ name }) => name !== step.name)) return "INVALID_ARGUMENT";
  const isLive = (id: Id): boolean => rows.findLast((row) => row.id === id)?.state === "live";
  if (!step.vectors.every(({ id }) => isLive(id))) return "ID_NOT_FOUND";
  if (step.kind === "named") {
    for (const { id, vector } of step.vectors) {
      const before = given.get(id);
      given.set(id, { ...before, named: { ...before?.named, [step.name]: vector } });
    }
  } else {
    for (const { id, weights } of step.vectors) given.set(id, { ...given.get(id), sparse: weights });
  }
  return null;
}

/** Puts what a transaction gave on the live rows. */
function settle(rows: ModelRow[], given: Given): void {
  for (const [id, { named, sparse }] of given) {
    const at = rows.findLastIndex((row) => row.id === id);
    const row = rows[at]!;
    const merged = { ...row.named, ...named };
    const ordered = Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1));
    const kept = sparse === undefined ? row.sparse : (sparse?.some((weight) => weight > 0) ?? false) ? sparse : null;
    rows[at] = { ...row, named: Object.fromEntries(ordered), sparse: kept };
  }
}

function staged(state: CollectionState, steps: readonly Staged[], value: unknown): Changed {
  const rows = [...state.rows];
  const given: Given = new Map();
  let { dim } = state;
  for (const step of steps) {
    let refusal: string | null = null;
    if (step.kind === "delete" || step.kind === "deleteBelow") {
      const live = rows.filter((row) => row.state === "live");
      if (step.kind === "delete") deleteIds(rows, step.ids);
      else deleteBelow(rows, step.n);
      // What the transaction hung on a row that it deletes goes with the deletion.
      for (const row of live) if (!rows.includes(row)) given.delete(row.id);
    } else if (step.kind === "named" || step.kind === "sparse") {
      refusal = hang({ rows, fields: state.fields }, step, given);
    } else {
      refusal = put(rows, step.kind, step.row);
      dim ??= step.row.vector.length;
    }
    if (refusal !== null) return { refusal };
  }
  settle(rows, given);
  return { state: { ...state, dim, rows }, value };
}

const nothing: Attached = { named: {}, sparse: null };

function put(rows: ModelRow[], kind: "add" | "upsert", { id, vector, field }: RowInput): string | null {
  const present = rows.findLastIndex((row) => row.id === id);
  const before = rows[present];
  if (kind === "add" && before?.state === "live") return "ID_EXISTS";
  // An upsert keeps what hangs on the live row; a deleted one keeps it to its end.
  const kept = kind === "upsert" && before?.state === "live" ? before : { field: "{}", ...nothing };
  if (before !== undefined && before.state !== "superseded") {
    rows[present] = { ...before, ...(kept === before ? nothing : {}), state: "superseded" };
  }
  const { named, sparse } = kept;
  rows.push({
    id,
    vector,
    field: field === undefined ? kept.field : JSON.stringify(field),
    named,
    sparse,
    state: "live",
  });
  return null;
}

function deleteIds(rows: ModelRow[], ids: readonly Id[]): number {
  let count = 0;
  for (const id of ids) {
    const at = rows.findLastIndex((row) => row.id === id);
    if (rows[at]?.state !== "live") continue;
    rows[at] = { ...rows[at], state: "deleted" };
    count += 1;
  }
  return count;
}

function deleteBelow(rows: ModelRow[], bound: number): number {
  let count = 0;
  rows.forEach((row, at) => {
    const n: unknown = JSON.parse(row.field)["n"];
    if (row.state !== "live" || typeof n !== "number" || n >= bound) return;
    rows[at] = { ...row, state: "deleted" };
    count += 1;
  });
  return count;
}

/** The dimension that a write gives its collection where that has none yet. */
export function dimGiven(change: CollectionChange): number | null {
  if ("rows" in change) return change.rows[0]?.vector.length ?? null;
  if (!("staged" in change)) return null;
  for (const step of change.staged) if ("row" in step) return step.row.vector.length;
  return null;
}

/** A record without one of its names. */
export function without<V>(record: Readonly<Record<string, V>>, name: string): Readonly<Record<string, V>> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}
