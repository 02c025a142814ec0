/**
 * What does a random program do next?
 *
 * Operations that follow from a seed and from what is there, so that most of them hit something: few names, few ids, much
 * overlap. Vector components are multiples of 1/8, exact in float16 and in every sum that a search makes.
 */
import type { SeededRandom } from "../../src/storage/seeded-random.js";
import type { Id } from "../../src/types.js";
import {
  type CollectionChange,
  type CollectionState,
  type Field,
  type Hanging,
  type NamedField,
  namedFields,
  type RowInput,
  type Staged,
  sparseFeatures,
  sparseWeights,
} from "./model.js";
import type { CopyOperation, Operation, RestoreOperation, World } from "./world.js";

const databases = ["alpha", "beta"] as const;
const collections = ["one", "two", "three"] as const;
const copies = ["copy-1", "copy-2", "copy-3", "copy-4"] as const;
const blobKeys = ["a", "b", "c"] as const;
const tags = ["red", "green", "blue"] as const;
const indexNames = [
  "FLAT-L2",
  "FLAT-COS",
  "FLAT-IP",
  null,
  "HNSW-L2",
  "HNSW-IP",
  "DISKANN-COS",
  "DISKANN-L2-SQ8",
  "FLAT-IP-RABITQ",
  "FLAT-L2-PQ",
  "IVF-L2-SQ8",
  "SPANN-COS",
  "DISKANN-IP-PQ",
] as const;
/** Of a named field, by its metric. */
const namedIndexNames = { l2: ["HNSW-L2", "DISKANN-L2", null], cos: ["HNSW-COS", "FLAT-COS", null] } as const;
const dims = [1, 3, 8] as const;
/** Of the first write where none was given; always the same, so that calls at one time agree. */
const dimOfFirstWrite = 3;

/** A collection that is there. */
interface Place {
  readonly database: string;
  readonly collection: string;
}

/** Calls that are made at the same time; usually one. */
export function nextOperations(world: World, random: SeededRandom): Operation[] {
  const choice = random.below(100);
  const places = Object.entries(world.databases).flatMap(([database, content]) =>
    Object.keys(content).map((collection) => ({ database, collection })),
  );
  if (places.length === 0 || choice < 8) return [rootOperation(world, random)];
  const place = pick(places, random);
  if (choice < 13) return [copying(world, place, random)];
  if (choice < 18) return [restoring(world, place, random)];
  const stateOf = (at: Place): CollectionState => world.databases[at.database]![at.collection]!;
  if (choice < 76) return [{ ...place, change: anyChange(stateOf(place), random) }];
  if (choice < 80) return random.oneIn(2) ? duringCompaction(place, random) : duringCompaction(place, random).reverse();
  const operations: Operation[] = [];
  for (let count = 2 + random.below(2); count > 0; count--) {
    const at = random.oneIn(4) ? pick(places, random) : place;
    operations.push({ ...at, change: concurrentChange(stateOf(at), random) });
  }
  if (random.oneIn(3)) operations.splice(random.below(operations.length), 0, copying(world, place, random));
  return operations;
}

/** A copy under a name that is not taken, most times. */
function copying(world: World, { database, collection }: Place, random: SeededRandom): CopyOperation {
  const free = copies.filter((copy) => !(copy in world.copies));
  const copy = pick(free.length === 0 || random.oneIn(10) ? copies : free, random);
  const choice = random.below(9);
  const bytes = random.oneIn(3);
  if (choice < 2) return { kind: "snapshot", database, collection: null, copy, bytes };
  return { kind: choice < 4 ? "export" : "snapshot", database, collection, copy, bytes };
}

/** Mostly from a copy that is there, to a name that is mostly taken. */
function restoring(world: World, place: Place, random: SeededRandom): RestoreOperation {
  const present = Object.keys(world.copies);
  const copy = present.length === 0 || random.oneIn(20) ? pick(copies, random) : pick(present, random);
  const overwrite = !random.oneIn(5);
  const made = world.copies[copy];
  if (made?.kind === "database" || random.oneIn(20)) {
    return { kind: "restoreFrom", database: pick(databases, random), collection: null, copy, overwrite };
  }
  const collection = random.oneIn(2) ? place.collection : pick(collections, random);
  const kind = (made?.kind === "export") !== random.oneIn(20) ? "import" : "restoreFrom";
  return { kind, database: place.database, collection, copy, overwrite };
}

/** A compaction gives rows other numbers while a filter's matches wait to be deleted. */
function duringCompaction(place: Place, random: SeededRandom): Operation[] {
  return [
    { ...place, change: { kind: "compact" } },
    { ...place, change: { kind: "deleteBelow", n: random.below(12) } },
  ];
}

function rootOperation(world: World, random: SeededRandom): Operation {
  const names = Object.keys(world.databases);
  const database = pick(databases, random);
  if (names.length === 0) return { kind: "createDatabase", database };
  const collection = pick(collections, random);
  const inside = names[random.below(names.length)]!;
  const choice = random.below(12);
  if (choice === 0) return { kind: "dropDatabase", database };
  if (choice === 1) return { kind: "createDatabase", database };
  if (choice < 5) return { kind: "drop", database: inside, collection };
  const dim = random.oneIn(3) ? null : pick(dims, random);
  return { kind: "require", database: inside, collection, dim, dtype: random.oneIn(4) ? "float16" : "float32" };
}

function anyChange(state: CollectionState, random: SeededRandom): CollectionChange {
  const choice = random.below(53);
  if (choice >= 50) return blobChange(random);
  if (choice >= 40) return attachedChange(state, random);
  if (choice < 8) return { kind: "session", staged: stagedSteps(state, random) };
  if (choice < 10) return { kind: "buffered", rows: rowsOf(state, 1 + random.below(4), random) };
  if (choice < 13) return { kind: "addNumbered", rows: rowsOf(state, 1 + random.below(4), random) };
  if (choice < 15) return { kind: "deleteBelow", n: random.below(12) };
  if (choice < 18) return { kind: "checkpoint" };
  if (choice < 20) return { kind: "reopen" };
  if (choice < 22) return { kind: "describe", text: `text ${random.below(100)}` };
  if (choice < 25) return { kind: "index", name: pick(indexNames, random) };
  if (choice < 26) return { kind: "delete", ids: idsOf(random) };
  if (choice < 28) return { kind: "upsert", rows: rowsOf(state, 1 + random.below(3), random) };
  return concurrentChange(state, random);
}

/**
 * A change that can run beside others. What it looks at before its turn to commit comes (which of several ids are there,
 * metadata that an upsert keeps) may be older than what it then meets, so none of that is in it.
 */
function concurrentChange(state: CollectionState, random: SeededRandom): CollectionChange {
  const choice = random.below(20);
  if (choice >= 16) return hanging(state, random);
  if (choice < 5) return { kind: "add", rows: rowsOf(state, 1 + random.below(5), random) };
  if (choice < 10) return { kind: "upsert", rows: withFields(rowsOf(state, 1 + random.below(3), random), random) };
  if (choice < 12) return { kind: "delete", ids: [anyId(random)] };
  if (choice < 14) return { kind: "restore", ids: idsOf(random) };
  if (choice < 15) return { kind: "compact" };
  const rows = withFields(rowsOf(state, 1 + random.below(6), random), random);
  return { kind: "session", staged: rows.map((row) => ({ kind: random.oneIn(3) ? "add" : "upsert", row })) };
}

function blobChange(random: SeededRandom): CollectionChange {
  const key = pick(blobKeys, random);
  if (random.oneIn(4)) return { kind: "deleteBlob", key };
  const content = pick(tags, random).repeat(random.below(random.oneIn(8) ? 3000 : 20));
  return { kind: "writeBlob", key, content };
}

/** A change of what hangs on rows, or of where it can. */
function attachedChange(state: CollectionState, random: SeededRandom): CollectionChange {
  const isWanting = state.fields.length < Object.keys(namedFields).length;
  const choice = random.below(isWanting ? 12 : 8);
  if (choice >= 8) return { kind: "createField", name: anyFieldName(random) };
  if (choice > 0) return hanging(state, random);
  const field = anyFieldName(random);
  return { kind: "index", field, name: pick(namedIndexNames[namedFields[field].metric], random) };
}

function anyFieldName(random: SeededRandom): NamedField {
  return pick(Object.keys(namedFields) as NamedField[], random);
}

/** Vectors for rows that are there, now and then for one that is not. */
function hanging(state: CollectionState, random: SeededRandom): Hanging {
  const live = state.rows.filter((row) => row.state === "live").map(({ id }) => id);
  const someId = (): Id => (live.length === 0 || random.oneIn(25) ? anyId(random) : pick(live, random));
  const ids = [...new Set(Array.from({ length: 1 + random.below(3) }, someId))];
  if (random.oneIn(2) || (state.fields.length === 0 && !random.oneIn(6))) {
    const isEmpty = random.oneIn(6);
    const weights = (): number[] =>
      sparseFeatures.map(() => (isEmpty || random.oneIn(2) ? 0 : random.below(sparseWeights)));
    return { kind: "sparse", vectors: ids.map((id) => ({ id, weights: weights() })) };
  }
  const known = state.fields.map((field) => field.name);
  const name = known.length === 0 || random.oneIn(10) ? anyFieldName(random) : pick(known, random);
  const vector = (): number[] => Array.from({ length: namedFields[name].dim }, () => (random.below(65) - 32) / 8);
  return { kind: "named", name, vectors: ids.map((id) => ({ id, vector: vector() })) };
}

function withFields(rows: readonly RowInput[], random: SeededRandom): RowInput[] {
  return rows.map((row) => ({ ...row, field: row.field ?? anyField(random) }));
}

function stagedSteps(state: CollectionState, random: SeededRandom): Staged[] {
  const steps: Staged[] = [];
  const vectors = rowsOf(state, 1 + random.below(6), random);
  for (const row of vectors) {
    const choice = random.below(13);
    if (choice >= 10) steps.push(hanging(state, random));
    else if (choice < 7) steps.push({ kind: random.oneIn(3) ? "add" : "upsert", row });
    else if (choice < 9) steps.push({ kind: "delete", ids: idsOf(random) });
    else steps.push({ kind: "deleteBelow", n: random.below(10) });
  }
  return steps;
}

/** Rows of one dimension, ids unlike within the list. */
function rowsOf(state: CollectionState, count: number, random: SeededRandom): RowInput[] {
  const dim = state.dim ?? dimOfFirstWrite;
  const rows: RowInput[] = [];
  const ids = new Set<Id>();
  while (rows.length < count) {
    const id = anyId(random);
    if (ids.has(id)) continue;
    ids.add(id);
    const vector = Array.from({ length: dim }, () => (random.below(65) - 32) / 8);
    rows.push({ id, vector, field: random.oneIn(4) ? undefined : anyField(random) });
  }
  return rows;
}

function idsOf(random: SeededRandom): Id[] {
  return Array.from({ length: 1 + random.below(4) }, () => anyId(random));
}

function anyId(random: SeededRandom): Id {
  return random.oneIn(3) ? `s${random.below(10)}` : random.below(20);
}

function anyField(random: SeededRandom): Field {
  const field: Record<string, unknown> = { n: random.below(20), tag: pick(tags, random) };
  if (random.oneIn(4)) field["text"] = "é".repeat(random.below(40));
  if (random.oneIn(20)) field["long"] = "x".repeat(random.below(9000));
  if (random.oneIn(5)) field["deep"] = { list: [random.below(5), null, "a"], isSet: random.oneIn(2) };
  return field;
}

function pick<T>(values: readonly T[], random: SeededRandom): T {
  return values[random.below(values.length)]!;
}
