// Writes the files of the present format version, with everything that they can hold, and what they answer.
// Usage: node scripts/make-format-fixture.mjs. Once for each version, never again for one that was released: the files under
// fixtures/format are what later versions must read.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { VectorDBClient } from "../dist/index.js";
import { formatVersion } from "../dist/storage/file-header.js";
import { answersOf } from "../tests/format/answers.mjs";

const target = fileURLToPath(new URL(`../fixtures/format/${formatVersion}`, import.meta.url));
const dim = 8;
/** Indexes by the field that has them; vectors in files where the family keeps them there. */
const families = [
  ["flat-sq8", "FLAT-L2-SQ8"],
  ["flat-pq", "FLAT-IP-PQ4"],
  ["flat-rabitq", "FLAT-COS-RABITQ"],
  ["flat-polarvec", "FLAT-IP-POLARVEC4"],
  ["hnsw", "HNSW-COS", { m: 4, efConstruction: 20 }],
  ["hnsw-sq8", "HNSW-L2-SQ8", { m: 4, efConstruction: 20 }],
  ["ivf", "IVF-L2", { nClusters: 3 }],
  ["ivf-pq", "IVF-IP-PQ4", { nClusters: 3 }],
  ["spann", "SPANN-L2", { nClusters: 3 }],
  ["diskann", "DISKANN-L2", { maxDegree: 4, searchListSize: 10 }],
];
const bitMetrics = [
  ["bits", "FLAT-HAMMING", "hamming"],
  ["places", "FLAT-HAVERSINE", "haversine"],
];

/** A component in quarters, which float16 holds exactly. */
function vectorOf(seed, length = dim) {
  return Array.from({ length }, (_, at) => (((seed + 3) * (at + 5) * 7) % 31) / 4);
}

async function makeEverything(database) {
  const docs = await database.requireCollection("everything", {
    dim,
    description: "ids of all kinds, text, sparse and named vectors, deletions",
    defaultIndex: "FLAT-L2",
    text: { fields: ["text"], k1: 1.5, b: 0.5, foldAccents: true },
  });
  const texts = ["The quick brown fox", "jumps over the lazy dog", "Füchse sind schnell, 狐狸 auch", "foxes are quick"];
  const field = (n) => ({
    n,
    text: texts[n % 4],
    tags: n % 2 === 0 ? ["even", "all"] : ["all"],
    deep: { er: [{ x: n / 4 }] },
  });
  const add = (ids, from) =>
    docs.add({
      ids,
      vectors: ids.map((_, at) => vectorOf(from + at)),
      fields: ids.map((_, at) => (at === 1 ? null : field(from + at))),
    });
  await add([0, 1, 2, 3, 4, 5], 0);
  await add(["a", "b", "ü-狐", "d".repeat(40)], 6);
  await add([7, "mixed", 2 ** 40, 9000, "0"], 10);
  await docs.createVectorField("title", { dim: 3, metric: "cosine" });
  await docs.createVectorField("half", { dim: 2, metric: "l2", dtype: "float16" });
  await docs.addNamedVectors(
    "title",
    [1, 2, "a", "mixed"].map((_, at) => vectorOf(at, 3)),
    [1, 2, "a", "mixed"],
  );
  await docs.addNamedVectors(
    "half",
    [3, "b"].map((_, at) => vectorOf(at, 2)),
    [3, "b"],
  );
  await docs.addSparseVectors([{ 3: 0.5, 70000: 1.5 }, { 3: 2 }, { 0: 1, 70000: 0.25 }], [1, "a", 4]);
  await docs.checkpoint();
  // A tail behind the checkpoint: rows that move what hangs on them, replaced vectors, deletions that stay and that do not.
  await docs.upsert({
    ids: [1, "a"],
    vectors: [vectorOf(50), vectorOf(51)],
    fields: [undefined, { n: 51, text: "a quick fox" }],
  });
  await docs.addNamedVectors("title", [vectorOf(9, 3)], [2]);
  await docs.delete([2, "b", 5]);
  await docs.restore(5);
  await docs.addSparseVectors([{}], [4]);
  await docs.writeBlob("small", Uint8Array.from([1, 2, 3]));
  await docs.writeBlob(
    "dir/larger ü",
    Uint8Array.from({ length: 3000 }, (_, at) => (at * 7) % 251),
  );
  return docs;
}

async function makeHalf(database) {
  const half = await database.requireCollection("half", { dim: 4, dtype: "float16", defaultIndex: "FLAT-COS" });
  for (let from = 0; from < 20; from += 5) {
    const ids = Array.from({ length: 5 }, (_, at) => from + at);
    await half.add({ ids, vectors: ids.map((id) => vectorOf(id, 4)), fields: ids.map((n) => ({ n, tags: ["even"] })) });
  }
  await half.delete([1, 2, 3]);
  await half.compact();
  await half.upsert({ ids: [4], vectors: [vectorOf(99, 4)] });
  return half;
}

async function makeIndexed(database) {
  const indexed = await database.requireCollection("indexed", { dim, defaultIndex: null });
  const ids = Array.from({ length: 24 }, (_, at) => at);
  await indexed.add({ ids, vectors: ids.map((id) => vectorOf(id)), fields: ids.map((n) => ({ n })) });
  await indexed.buildIndex("HNSW-IP", { m: 4, efConstruction: 20, threads: 1 });
  for (const [name, mode, parameters = {}] of families) {
    const metric = { L2: "l2", IP: "ip", COS: "cosine" }[mode.split("-")[1]];
    await indexed.createVectorField(name, { dim, metric });
    await indexed.addNamedVectors(
      name,
      ids.map((id) => vectorOf(id + 40)),
      ids,
    );
    await indexed.buildIndex(mode, { fieldName: name, ...parameters });
  }
  for (const [name, mode, metric] of bitMetrics) {
    const length = metric === "haversine" ? 2 : 16;
    await indexed.createVectorField(name, { dim: length, metric });
    const vectors = ids.map((id) =>
      vectorOf(id, length).map((value) => (metric === "haversine" ? value : Number(value > 3))),
    );
    await indexed.addNamedVectors(name, vectors, ids);
    await indexed.buildIndex(mode, { fieldName: name });
  }
  await indexed.checkpoint();
}

if (existsSync(target)) {
  process.stderr.write(
    `${target} is there: the files of a version are made once. Remove it only while the version is not released.\n`,
  );
  process.exit(1);
}
mkdirSync(target, { recursive: true });
const client = new VectorDBClient(`${target}/root`);
const database = await client.createDatabase("main");
const everything = await makeEverything(database);
await makeHalf(database);
await makeIndexed(database);
const empty = await client.createDatabase("empty");
await empty.requireCollection("no-rows", { description: "no dimension yet" });
await everything.snapshotTo(`${target}/collection-snapshot`, { copy: true });
await everything.exportTo(`${target}/export`);
await empty.snapshot(`${target}/database-snapshot`, { copy: true });
writeFileSync(`${target}/expected.json`, `${JSON.stringify(await answersOf(client), null, 1)}\n`);
await client.close();
for (const name of readdirSync(`${target}/root`)) if (name.endsWith(".lock")) rmSync(`${target}/root/${name}`);
