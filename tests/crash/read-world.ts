/**
 * What does a root hold, as its users would find it?
 *
 * Everything that the client tells about every database, as text that can be compared with the text of a model's world;
 * and whether the answers of searches, filters and lookups agree with the rows.
 */
import { strict as assert } from "node:assert";
import type { Collection } from "../../src/client/collection.js";
import type { CollectionDescription, Database } from "../../src/client/database.js";
import type { ResultView } from "../../src/client/result-view.js";
import { isLynseError } from "../../src/errors.js";
import type { SeededRandom } from "../../src/storage/seeded-random.js";
import type { Id, Metric } from "../../src/types.js";
import { naiveBm25 } from "../conformance/naive-text.js";
import {
  type CollectionState,
  type ModelRow,
  type NamedField,
  namedFields,
  type SparseWeights,
  sparseFeatures,
  sparseWeights,
} from "./model.js";
import type { Copy, World } from "./world.js";

/** An open root, as far as reading it needs. */
export interface OpenRoot {
  databaseNames(): Promise<readonly string[]>;
  database(name: string): Database;
}

/** Text of a collection: settings, rows and blobs apart, because each can be in doubt alone. */
export interface CollectionText {
  readonly settings: string;
  readonly rows: string;
  readonly blobs: string;
}

export type DatabaseText = Readonly<Record<string, CollectionText>>;

export interface WorldText {
  readonly databases: Readonly<Record<string, DatabaseText>>;
  /** Text of each copy. */
  readonly copies: Readonly<Record<string, string>>;
}

const statesTold = new WeakMap<CollectionState, CollectionText>();

export function textOfState(state: CollectionState): CollectionText {
  const told = statesTold.get(state) ?? tellState(state);
  statesTold.set(state, told);
  return told;
}

function tellState({ dim, dtype, index, description, fields, rows, blobs }: CollectionState): CollectionText {
  const live = rows
    .filter((row) => row.state === "live")
    .map(({ id, field, vector, named, sparse }) => [id, field, vector, named, asDigits(sparse)]);
  const deleted = rows.filter((row) => row.state === "deleted").map((row) => row.id);
  const superseded = rows.length - live.length - deleted.length;
  const sparseRows = rows.filter(({ sparse }) => sparse !== null).length;
  return {
    settings: JSON.stringify({ dim, dtype, index, description, fields }),
    rows: JSON.stringify({ live, deleted, superseded, sparseRows }),
    blobs: JSON.stringify(Object.entries(blobs)),
  };
}

function asDigits(weights: SparseWeights | null): number {
  return (weights ?? []).reduce((sum, weight, at) => sum + weight * sparseWeights ** at, 0);
}

export function textOfWorld({ databases, copies }: World): WorldText {
  return {
    databases: mapValues(databases, (content) => mapValues(content, textOfState)),
    copies: mapValues(copies, textOfCopy),
  };
}

export function textOfCopy(copy: Copy): string {
  const content = copy.kind === "database" ? copy.content : { "": copy.state };
  return copyText(copy.kind, mapValues(content, textOfState));
}

/** Text of a copy; the one collection of a copy that is not of a database has no name. */
export function copyText(kind: Copy["kind"], content: DatabaseText): string {
  return JSON.stringify([kind, content]);
}

/** Reads all databases of a root through the client. */
export async function readDatabases(root: OpenRoot): Promise<WorldText["databases"]> {
  const found: Record<string, DatabaseText> = {};
  for (const name of await root.databaseNames()) found[name] = await readDatabase(root.database(name));
  return mapValues(found, (content) => content);
}

/** Reads all collections of a database. */
export async function readDatabase(database: Database): Promise<DatabaseText> {
  const content: Record<string, CollectionText> = {};
  for (const { name, error, ...settings } of await database.describeCollections()) {
    if (error !== null) throw error;
    const handle = await database.getCollection(name);
    content[name] = {
      settings: await settingsOf(settings, handle),
      rows: await readRows(handle),
      blobs: await readBlobs(handle),
    };
  }
  return mapValues(content, (text) => text);
}

/** Reads one collection of a database. */
export async function readCollection(database: Database, name: string): Promise<CollectionText> {
  const handle = await database.getCollection(name);
  return { settings: await readSettings(database, name), rows: await readRows(handle), blobs: await readBlobs(handle) };
}

/** Text of the settings of a collection. */
export async function readSettings(database: Database, collection: string): Promise<string> {
  const all = await database.describeCollections();
  return settingsOf(all.find(({ name }) => name === collection)!, await database.getCollection(collection));
}

async function settingsOf(
  { dim, dtype, index, description }: Omit<CollectionDescription, "name" | "error">,
  handle: Collection,
): Promise<string> {
  const [, ...named] = await handle.listVectorFields();
  const fields = named.map((field) => {
    assert.deepEqual(
      { dim: field.dim, metric: field.metric, dtype: field.dtype },
      namedFields[field.name as NamedField],
      `field ${field.name} is as it was created`,
    );
    return { name: field.name, index: field.index };
  });
  return JSON.stringify({ dim, dtype, index, description, fields });
}

/** Text of the rows of a collection, in the order of insertion. */
export async function readRows(collection: Collection): Promise<string> {
  const live: [Id, string, number[], Record<string, number[]>, number][] = [];
  for await (const { id, field, vector } of collection.scan({ returnVectors: true })) {
    live.push([id, JSON.stringify(field), Array.from(vector!), {}, 0]);
  }
  const byId = new Map(live.map((row) => [row[0], row]));
  const { rows, superseded, deleted: deletedCount, sparseRows, vectorFields } = await collection.stats();
  for (const { name, dim, rows: count } of [...vectorFields].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const query = new Float32Array(dim!).fill(1);
    const found = await collection.search(query, { vectorField: name, k: 1000, exact: true, returnVectors: true });
    assert.equal(count, found.length, "stats and searches agree");
    found.ids.forEach((id, at) => {
      byId.get(id)![3][name] = Array.from(found.vectors![at]!);
    });
  }
  const powers = sparseFeatures.map((feature, at) => [feature, sparseWeights ** at] as const);
  const weighted = await collection.searchSparse(powers, { k: 1000 });
  weighted.ids.forEach((id, at) => {
    byId.get(id)![4] = weighted.distances[at]!;
  });
  const deleted = await collection.listDeletedIds();
  assert.equal(rows, live.length, "stats and scan agree");
  assert.equal(deletedCount, deleted.length, "stats and listDeletedIds agree");
  return JSON.stringify({ live, deleted, superseded, sparseRows });
}

/** Text of the blobs of a collection. */
async function readBlobs(collection: Collection): Promise<string> {
  const found: [string, string][] = [];
  for (const { key, bytes } of await collection.listBlobs()) {
    const content = await collection.readBlob(key);
    assert.equal(content?.length, bytes, `bytes of blob ${key}`);
    found.push([key, new TextDecoder().decode(content!)]);
  }
  return JSON.stringify(found);
}

/** Asks a collection in other ways, and compares the answers with the rows of the model; for words, if it is told to. */
export async function checkAnswers(
  collection: Collection,
  state: CollectionState,
  random: SeededRandom,
  { withText = true } = {},
): Promise<void> {
  const live = state.rows.filter((row) => row.state === "live");
  assert.deepEqual(await collection.shape(), [live.length, state.dim ?? 0]);
  const bound = random.below(20);
  const below = live.filter((row) => typeof fieldOf(row)["n"] === "number" && (fieldOf(row)["n"] as number) < bound);
  const where = "n < :bound AND tag <> 'blue'";
  const wanted = below.filter((row) => fieldOf(row)["tag"] !== "blue").map((row) => row.id);
  const found = await collection.query({ where, params: { bound }, returnIdsOnly: true });
  assert.deepEqual(found.ids, wanted, `query ${where} with ${bound}`);
  assert.equal(await collection.count({ where, params: { bound } }), wanted.length, `count ${where}`);
  await checkIds(collection, state.rows, live);
  if (state.dim !== null) await checkSearch(collection, state, live, random);
  for (const { name } of state.fields) await checkNamedSearch(collection, name, live, random);
  await checkSparseSearch(collection, live, random);
  if (withText) await checkTextSearch(collection, live, random);
}

async function checkIds(collection: Collection, rows: readonly ModelRow[], live: readonly ModelRow[]): Promise<void> {
  const liveIds = new Set(live.map((row) => row.id));
  for (const { id } of rows) assert.equal(await collection.isIdExists(id), liveIds.has(id), `isIdExists ${id}`);
  const dead = rows.find((row) => !liveIds.has(row.id));
  if (dead !== undefined) {
    await assert.rejects(collection.get(dead.id), (error) => isLynseError(error, "ID_NOT_FOUND"), `get ${dead.id}`);
  }
  const view = await collection.get(live.map((row) => row.id).reverse());
  const got = view.ids.map((id, at) => [id, JSON.stringify(view.fields?.[at]), Array.from(view.vectors![at]!)]);
  const expected = live.map(({ id, field, vector }) => [id, field, vector]).reverse();
  assert.deepEqual(got, expected, "get");
}

async function checkSearch(
  collection: Collection,
  state: CollectionState,
  live: readonly ModelRow[],
  random: SeededRandom,
): Promise<void> {
  const query = Array.from({ length: state.dim! }, () => (random.below(65) - 32) / 8);
  const metric = (state.index ?? "FLAT-IP").split("-")[1]!.toLowerCase() as Metric;
  const scores = new Map(live.map((row) => [row.id, score(metric, query, row.vector)]));
  const k = 1 + random.below(8);
  assertBest(await collection.search(query, { k }), scores, k, metric === "l2");
}

async function checkNamedSearch(
  collection: Collection,
  name: NamedField,
  live: readonly ModelRow[],
  random: SeededRandom,
): Promise<void> {
  const { dim, metric } = namedFields[name];
  const query = Array.from({ length: dim }, () => (random.below(65) - 32) / 8);
  const bound = random.below(20);
  const where = { where: "n >= :bound", params: { bound } };
  const rows = live.filter((row) => row.named[name] !== undefined);
  const scores = new Map(rows.map((row) => [row.id, score(metric, query, row.named[name]!)]));
  const k = 1 + random.below(8);
  assertBest(await collection.search(query, { k, vectorField: name }), scores, k, metric === "l2");
  for (const row of rows) if (!((fieldOf(row)["n"] as number) >= bound)) scores.delete(row.id);
  assertBest(await collection.search(query, { k, vectorField: name, ...where }), scores, k, metric === "l2");
}

async function checkSparseSearch(
  collection: Collection,
  live: readonly ModelRow[],
  random: SeededRandom,
): Promise<void> {
  const query = sparseFeatures.map((feature) => [feature, random.below(9) / 4] as const);
  const scores = new Map<Id, number>();
  for (const { id, sparse } of live) {
    const product = (sparse ?? []).reduce((sum, weight, at) => sum + weight * query[at]![1], 0);
    if (product > 0) scores.set(id, product);
  }
  const k = 1 + random.below(8);
  assertBest(await collection.searchSparse(query, { k }), scores, k, false);
}

/** By the formula over all strings of all rows. */
async function checkTextSearch(collection: Collection, live: readonly ModelRow[], random: SeededRandom): Promise<void> {
  const words = ["red", "green", "blue a", "a zebra"];
  const query = words[random.below(words.length)]!;
  const scores = naiveBm25(
    live.map((row) => ({ id: row.id, field: fieldOf(row) })),
    query,
  );
  const k = 1 + random.below(8);
  assertBest(await collection.bm25Search(query, { k }), scores, k, false);
}

/** Exactly the best of the scored rows, each with its own score; equal ones in any order. */
function assertBest(view: ResultView, scores: ReadonlyMap<Id, number>, k: number, isLeast: boolean): void {
  const ordered = [...scores.values()].sort((a, b) => (isLeast ? a - b : b - a));
  assert.equal(view.length, Math.min(k, scores.size), "a search gives as many rows as there are");
  assert.equal(new Set(view.ids).size, view.length, "a search gives each row once");
  view.ids.forEach((id, at) => {
    const own = scores.get(id);
    assert(own !== undefined, `a search found ${JSON.stringify(id)}, which does not match`);
    const distance = view.distances[at]!;
    assert(Math.abs(distance - own) <= 1e-5, `distance of ${JSON.stringify(id)} is ${distance}, expected ${own}`);
    assert(Math.abs(distance - ordered[at]!) <= 1e-5, `result ${at} has ${distance}, the best has ${ordered[at]}`);
  });
}

function score(metric: Metric, query: readonly number[], vector: readonly number[]): number {
  let dot = 0;
  let squares = 0;
  let queryNorm = 0;
  let vectorNorm = 0;
  query.forEach((component, at) => {
    const other = vector[at]!;
    dot += component * other;
    squares += (component - other) ** 2;
    queryNorm += component ** 2;
    vectorNorm += other ** 2;
  });
  if (metric === "ip") return dot;
  if (metric === "l2") return squares;
  return queryNorm === 0 || vectorNorm === 0 ? 0 : dot / Math.sqrt(queryNorm * vectorNorm);
}

function fieldOf(row: ModelRow): Readonly<Record<string, unknown>> {
  return JSON.parse(row.field) as Readonly<Record<string, unknown>>;
}

/** A record with its keys in order, so that its JSON can be compared. */
function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Readonly<Record<string, B>> {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, map(value)]));
}
