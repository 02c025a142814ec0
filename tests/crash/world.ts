/**
 * What must a root, and the copies beside it, hold after some operations?
 *
 * Databases, snapshots and exports as plain values, and what each operation makes of them. Worlds are never changed: an
 * operation gives a new one, which is what lets a test keep several that are possible after a crash.
 */
import type { Dtype } from "../../src/types.js";
import { type CollectionChange, type CollectionState, changed, dimGiven, without } from "./model.js";

/** Collections by name. */
export type DatabaseContent = Readonly<Record<string, CollectionState>>;

/** What a snapshot or an export holds. */
export type Copy =
  | { readonly kind: "snapshot" | "export"; readonly state: CollectionState }
  | { readonly kind: "database"; readonly content: DatabaseContent };

export interface World {
  /** By name. */
  readonly databases: Readonly<Record<string, DatabaseContent>>;
  /** By the name of their folder. */
  readonly copies: Readonly<Record<string, Copy>>;
}

export interface CollectionOperation {
  readonly database: string;
  readonly collection: string;
  readonly change: CollectionChange;
}

export type RootOperation =
  | { readonly kind: "createDatabase"; readonly database: string }
  | { readonly kind: "dropDatabase"; readonly database: string }
  | {
      readonly kind: "require";
      readonly database: string;
      readonly collection: string;
      readonly dim: number | null;
      readonly dtype: Dtype;
    }
  | { readonly kind: "drop"; readonly database: string; readonly collection: string };

/** Makes a copy. `bytes`: copied, though second names for the files would do. */
export interface CopyOperation {
  readonly kind: "snapshot" | "export";
  readonly database: string;
  /** Null: of the whole database. */
  readonly collection: string | null;
  readonly copy: string;
  readonly bytes: boolean;
}

/** Makes a collection, or a database, of a copy. */
export interface RestoreOperation {
  readonly kind: "restoreFrom" | "import";
  readonly database: string;
  readonly collection: string | null;
  readonly copy: string;
  readonly overwrite: boolean;
}

export type Operation = CollectionOperation | RootOperation | CopyOperation | RestoreOperation;

/** What an operation makes of a world: another world and what the call resolves to, or the code that refuses it. */
export type Effect =
  | { readonly world: World; readonly value: unknown; readonly refusal?: undefined }
  | { readonly refusal: string };

export const emptyWorld: World = { databases: {}, copies: {} };

const indexOfNew = "FLAT-IP";

export function applyOperation(world: World, operation: Operation): Effect {
  if ("change" in operation) return applyToCollection(world, operation);
  switch (operation.kind) {
    case "snapshot":
    case "export":
      return copied(world, operation);
    case "restoreFrom":
    case "import":
      return restored(world, operation);
    default:
      return applyToRoot(world, operation);
  }
}

const stateTexts = new WeakMap<CollectionState, string>();

/** Text that two collections share when they are alike; told once for each, because worlds have most of them in common. */
export function stateText(state: CollectionState): string {
  const known = stateTexts.get(state) ?? JSON.stringify(state);
  stateTexts.set(state, known);
  return known;
}

/** As `stateText`, of a database. */
export function contentText(content: DatabaseContent | undefined): string {
  let text = "";
  for (const [name, state] of Object.entries(content ?? {})) text += `${name}: ${stateText(state)}\n`;
  return text;
}

/** As `stateText`, of a world. */
export function worldText({ databases, copies }: World): string {
  const parts = Object.entries(databases).map(([name, content]) => `${name}: ${contentText(content)}`);
  for (const [name, copy] of Object.entries(copies)) {
    const content = copy.kind === "database" ? copy.content : { "": copy.state };
    parts.push(`${copy.kind} ${name}: ${contentText(content)}`);
  }
  return parts.join("\n");
}

/** Worlds that an operation may leave behind when it ends half-way, itself and its effect left out. */
export function halfWay(world: World, operation: Operation): World[] {
  if (!("change" in operation)) return [];
  const { database, collection, change } = operation;
  const state = world.databases[database]?.[collection];
  const dim = dimGiven(change);
  if (state === undefined || state.dim !== null || dim === null) return [];
  return [withCollection(world, database, collection, { ...state, dim })];
}

/** The collection that an operation is about; undefined where there is none. */
export function stateOf(world: World, operation: Operation): CollectionState | undefined {
  if (!("collection" in operation) || operation.collection === null) return undefined;
  return world.databases[operation.database]?.[operation.collection];
}

function applyToRoot(world: World, operation: RootOperation): Effect {
  const { database } = operation;
  const content = world.databases[database];
  if (operation.kind === "createDatabase") {
    return { world: content === undefined ? withDatabase(world, database, {}) : world, value: undefined };
  }
  if (operation.kind === "dropDatabase") {
    return { world: { ...world, databases: without(world.databases, database) }, value: undefined };
  }
  if (content === undefined) return { refusal: "DATABASE_NOT_FOUND" };
  if (operation.kind === "drop") {
    return { world: withDatabase(world, database, without(content, operation.collection)), value: undefined };
  }
  const { collection, dim, dtype } = operation;
  const present = content[collection];
  if (present === undefined) {
    const settings = { dim, dtype, index: indexOfNew, description: null };
    const fresh: CollectionState = { ...settings, fields: [], rows: [], blobs: {} };
    return { world: withCollection(world, database, collection, fresh), value: undefined };
  }
  const isOther = present.dtype !== dtype || (present.dim !== null && dim !== null && present.dim !== dim);
  if (isOther) return { refusal: "COLLECTION_EXISTS" };
  // A dimension that is asked for later is fixed then.
  const fixed = withCollection(world, database, collection, { ...present, dim: present.dim ?? dim });
  return { world: fixed, value: undefined };
}

function applyToCollection(world: World, operation: CollectionOperation): Effect {
  const { database, collection, change } = operation;
  const content = world.databases[database];
  if (content === undefined) return { refusal: "DATABASE_NOT_FOUND" };
  const state = content[collection];
  if (state === undefined) return { refusal: "COLLECTION_NOT_FOUND" };
  const effect = changed(state, change);
  if ("refusal" in effect) return effect;
  return { world: withCollection(world, database, collection, effect.state), value: effect.value };
}

function copied(world: World, operation: CopyOperation): Effect {
  const { kind, database, collection, copy } = operation;
  const content = world.databases[database];
  if (content === undefined) return { refusal: "DATABASE_NOT_FOUND" };
  const state = collection === null ? null : content[collection];
  if (state === undefined) return { refusal: "COLLECTION_NOT_FOUND" };
  if (copy in world.copies) return { refusal: "TARGET_EXISTS" };
  const made: Copy =
    state === null ? { kind: "database", content } : { kind, state: kind === "export" ? exported(state) : state };
  const next = { ...world, copies: { ...world.copies, [copy]: made } };
  return { world: next, value: liveRows(made) };
}

/** What an export keeps: no row that was replaced. */
function exported(state: CollectionState): CollectionState {
  return { ...state, rows: state.rows.filter((row) => row.state !== "superseded") };
}

function restored(world: World, operation: RestoreOperation): Effect {
  const { kind, database, collection, copy, overwrite } = operation;
  const content = world.databases[database];
  const made = world.copies[copy];
  if (collection === null) {
    if (content !== undefined && !overwrite) return { refusal: "TARGET_EXISTS" };
    if (made?.kind !== "database") return { refusal: "INVALID_ARGUMENT" };
    return { world: withDatabase(world, database, made.content), value: liveRows(made) };
  }
  if (content === undefined) return { refusal: "DATABASE_NOT_FOUND" };
  if (content[collection] !== undefined && !overwrite) return { refusal: "TARGET_EXISTS" };
  // Where an export should be there is none: what is missing is said as files say it.
  const refusal = kind === "import" ? "IO_ERROR" : "INVALID_ARGUMENT";
  if (made?.kind !== (kind === "import" ? "export" : "snapshot")) return { refusal };
  return { world: withCollection(world, database, collection, made.state), value: liveRows(made) };
}

function liveRows(copy: Copy): number {
  const states = copy.kind === "database" ? Object.values(copy.content) : [copy.state];
  return states.reduce((sum, { rows }) => sum + rows.filter((row) => row.state === "live").length, 0);
}

function withCollection(world: World, database: string, collection: string, state: CollectionState): World {
  return withDatabase(world, database, { ...world.databases[database], [collection]: state });
}

function withDatabase(world: World, database: string, content: DatabaseContent): World {
  return { ...world, databases: { ...world.databases, [database]: content } };
}
