import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repair, verify } from "../../src/client/local/local-inspect.js";
import { VectorDBClient } from "../../src/index.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";

const indexes = ["HNSW-COS", "IVF-COS", "FLAT-COS-SQ8", "DISKANN-COS", "SPANN-COS"] as const;
const rowCount = 700;
const dim = 16;
let folder: string;
let data: string;

function vectors(count: number, width: number, seed: number): number[][] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => Array.from({ length: width }, () => random.below(2000) / 1000 - 1));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynsedb-inspect-"));
  data = join(folder, "data");
  const client = new VectorDBClient(data);
  const database = await client.createDatabase("default");
  for (const index of indexes) {
    const collection = await database.requireCollection(index.toLowerCase(), { dim });
    const ids = Array.from({ length: rowCount }, (_, at) => (at % 3 === 0 ? `row ${at}` : at));
    const fields = ids.map((id) => ({ id: String(id), text: `words of ${id}` }));
    await collection.add({ ids, vectors: vectors(rowCount, dim, 7), fields });
    await collection.delete([1, "row 3"]);
    await collection.compact();
    await collection.createVectorField("image", { dim: 8, metric: "l2" });
    await collection.addNamedVectors("image", vectors(3, 8, 3), [2, 4, "row 6"]);
    await collection.addSparseVectors([{ indices: [1, 9], values: [0.5, 2] }], [5]);
    await collection.upsert({ ids: [2, 7], vectors: vectors(2, dim, 9) });
    await collection.delete([8]);
    await collection.bm25Search("words");
    await collection.buildIndex(index);
  }
  await (await database.getCollection("hnsw-cos")).snapshotTo(join(folder, "snapshot"));
  await client.close();
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a directory with every feature and an index of every family verifies clean, and its indexes answer", async () => {
  const report = await verify(data, { depth: "deep" });
  expect(report.collections.flatMap(({ findings }) => findings)).toEqual([]);
  expect(report.isClean).toBe(true);
  expect(report.collections).toHaveLength(indexes.length);
  for (const each of report.collections) {
    expect(each.rows, each.collection).toBe(rowCount - 3);
    expect(each.indexes.length, each.collection).toBe(1);
    expect(each.indexes[0]!.recall, each.collection).toBeGreaterThan(0.8);
  }
});

test("it verifies clean beside a writer, at every moment", async () => {
  const client = new VectorDBClient(data);
  try {
    const collection = await (await client.createDatabase("default")).getCollection("hnsw-cos");
    let isDone = false;
    const writing = (async () => {
      for (let round = 0; round < 40; round++) {
        await collection.upsert({ ids: [round, `new ${round}`], vectors: vectors(2, dim, round) });
        if (round % 15 === 14) await collection.compact();
      }
    })().finally(() => {
      isDone = true;
    });
    let looks = 0;
    while (!isDone) {
      const report = await verify(data, { database: "default", collection: "hnsw-cos", queries: 0 });
      const errors = report.collections
        .flatMap(({ findings }) => findings)
        .filter(({ severity }) => severity === "error");
      expect(errors).toEqual([]);
      looks += 1;
    }
    await writing;
    expect(looks).toBeGreaterThan(0);
    await expect(repair(data)).rejects.toMatchObject({ code: "LOCKED" });
  } finally {
    await client.close();
  }
});

describe("a snapshot", () => {
  test("verifies clean, and damage in it is found", async () => {
    const snapshot = join(folder, "snapshot");
    const report = await verify(snapshot);
    expect(report.findings).toEqual([]);
    expect(report.collections.flatMap(({ findings }) => findings)).toEqual([]);
    expect(report.kind).toBe("collection snapshot");
    expect(report.collections[0]!.rows).toBe(rowCount - 3);
    const copy = join(folder, "copy");
    cpSync(snapshot, copy, { recursive: true });
    const generation = readdirSync(copy).find((name) => /^g\d+$/.test(name))!;
    const file = join(copy, generation, "vectors-default.lynse");
    writeFileSync(file, Buffer.alloc(5000, 1));
    const found = await verify(copy);
    expect(found.isClean).toBe(false);
    const files = [found, ...found.collections].flatMap(({ findings }) => findings.map((each) => each.file));
    expect(files.some((name) => name.endsWith("vectors-default.lynse"))).toBe(true);
  });
});

test("snapshots of databases, and those that are kept beside the data, are verified as such", async () => {
  const kept = mkdtempSync(join(tmpdir(), "lynse-kept-"));
  try {
    const client = new VectorDBClient(join(kept, "data"));
    const database = await client.createDatabase("app");
    const docs = await database.requireCollection("docs", { dim: 2 });
    await docs.add({ vectors: [[1, 2]] });
    await client.snapshotDatabase("app", join(kept, "data", "whole"));
    await docs.snapshotTo(join(kept, "data", "backups", "docs"));
    await client.close();
    const report = await verify(join(kept, "data"));
    expect(report).toMatchObject({ isClean: true, findings: [], databases: ["app"] });
    expect(report.collections.map(({ rows }) => rows)).toEqual([1, 1, 1]);
    const whole = await verify(join(kept, "data", "whole"));
    expect(whole).toMatchObject({ isClean: true, kind: "database snapshot" });
    expect(whole.collections).toHaveLength(1);
    writeFileSync(join(kept, "data", "backups", "docs", "g1", "vectors-default.lynse"), Buffer.alloc(72, 1));
    expect((await verify(join(kept, "data"))).isClean).toBe(false);
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
});

test.each([
  [{ collection: "docs" }, "INVALID_ARGUMENT"],
  [{ depth: "all" }, "INVALID_ARGUMENT"],
  [{ queries: -1 }, "INVALID_ARGUMENT"],
  [{ database: "none" }, "DATABASE_NOT_FOUND"],
  [{ database: "default", collection: "none" }, "COLLECTION_NOT_FOUND"],
  [{ signal: AbortSignal.abort() }, "ABORTED"],
])("verify with %j is refused as %s", async (options, code) => {
  await expect(verify(data, options as never)).rejects.toMatchObject({ code });
});

test("a place that is no directory of ours is refused", async () => {
  await expect(verify(folder)).rejects.toMatchObject({ code: "DATABASE_NOT_FOUND" });
  await expect(verify("http://127.0.0.1:1")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});
