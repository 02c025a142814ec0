import { mkdtempSync, rmSync } from "node:fs";
import { appendFile, cp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FollowingCollection } from "../../src/client/local/following-collection.js";
import { LocalCollection } from "../../src/client/local/local-collection.js";
import { GenerationRefresh } from "../../src/engine/generation-refresh.js";
import { beginReplacement } from "../../src/engine/replace-database.js";
import { type Collection, type Database, isLynseError, VectorDBClient } from "../../src/index.js";
import { NodeFileSystem } from "../../src/storage/node-file-system.js";

let folder = "";
let writer: VectorDBClient;
let database: Database;
let docs: Collection;
const readers: VectorDBClient[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynsedb-follow-"));
  writer = new VectorDBClient(`${folder}/root`, { durability: "os" });
  database = await writer.createDatabase("app");
  docs = await database.requireCollection("docs", { dim: 2 });
  await docs.add({
    ids: [1, 2],
    vectors: [
      [1, 1],
      [2, 2],
    ],
    fields: [{ n: 1 }, { n: 2 }],
  });
});

afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close();
  await writer.close();
  rmSync(folder, { recursive: true, force: true });
});

async function follow(options: { readonly followIntervalMs?: number } = {}): Promise<Collection> {
  const reader = new VectorDBClient(`${folder}/root`, { readOnly: true, follow: true, ...options });
  readers.push(reader);
  return (await reader.getDatabase("app")).getCollection("docs");
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.catch((reason: unknown) => reason);
  return isLynseError(error) ? error.code : `no error of the package, but ${String(error)}`;
}

describe("a client that follows", () => {
  test("finds in each read what was committed before it, of every kind", async () => {
    const seen = await follow();
    expect(await seen.count()).toBe(2);
    await docs.add({ ids: 3, vectors: [3, 3], fields: { n: 3, text: "red fox" } });
    expect((await seen.search([1, 1], { k: 9 })).ids).toEqual([3, 2, 1]);
    await docs.delete(2);
    expect(await seen.listDeletedIds()).toEqual([2]);
    await docs.upsert({ ids: 1, vectors: [9, 9] });
    expect([...(await seen.get(1)).vectors![0]!]).toEqual([9, 9]);
    await docs.createVectorField("place", { dim: 1, metric: "l2" });
    await docs.addNamedVectors("place", [[7]], [3]);
    expect((await seen.search([7], { vectorField: "place" })).ids).toEqual([3]);
    await docs.addSparseVectors([{ 5: 1 }], [1]);
    expect((await seen.searchSparse([[5, 1]])).ids).toEqual([1]);
    await docs.writeBlob("b", Uint8Array.of(1));
    expect(await seen.readBlob("b")).toEqual(Uint8Array.of(1));
    expect((await seen.bm25Search("fox")).ids).toEqual([3]);
    await docs.updateDescription("changed");
    expect((await seen.stats()).description).toBe("changed");
    await docs.compact();
    await docs.add({ ids: 4, vectors: [4, 4] });
    const ids: unknown[] = [];
    for await (const { id } of seen.scan()) ids.push(id);
    expect(ids).toEqual([3, 1, 4]);
  });

  test("goes through drops: reads of what is not there are refused, and find what comes back under the name", async () => {
    const seen = await follow();
    await database.dropCollection("docs");
    expect(await codeOf(seen.count())).toBe("CLOSED");
    expect(await seen.exists()).toBe(false);
    const next = await database.requireCollection("docs", { dim: 3 });
    await next.add({ ids: "x", vectors: [1, 2, 3] });
    expect(await seen.exists()).toBe(true);
    expect((await seen.search([1, 2, 3])).ids).toEqual(["x"]);
  });

  test("goes through a restore over the collection, with another shape and other blobs", async () => {
    const other = await database.requireCollection("other", { dim: 3, dtype: "float16" });
    await other.add({ ids: "y", vectors: [1, 2, 3] });
    await other.createVectorField("place", { dim: 1, metric: "l2" });
    await other.addNamedVectors("place", [[7]], ["y"]);
    await other.writeBlob("b", Uint8Array.of(2));
    await other.snapshotTo(`${folder}/snapshot`);
    await docs.writeBlob("b", Uint8Array.of(1));
    const seen = await follow();
    expect(await seen.readBlob("b")).toEqual(Uint8Array.of(1));
    await database.restoreCollection("docs", `${folder}/snapshot`, { overwrite: true });
    expect(await seen.readBlob("b")).toEqual(Uint8Array.of(2));
    expect(await seen.shape()).toEqual([1, 3]);
    expect((await seen.search([7], { vectorField: "place" })).ids).toEqual(["y"]);
  });

  test("goes through a restore over its database", async () => {
    await database.snapshot(`${folder}/snapshot`);
    await docs.add({ ids: 3, vectors: [3, 3] });
    const seen = await follow();
    expect(await seen.count()).toBe(3);
    await writer.restoreDatabase("app", `${folder}/snapshot`, { overwrite: true });
    expect(await seen.count()).toBe(2);
    const again = await (await writer.getDatabase("app")).getCollection("docs");
    await again.add({ ids: 9, vectors: [3, 3] });
    expect(await seen.isIdExists(9)).toBe(true);
  });

  test("waits while its database is being replaced, and says so when that was interrupted", async () => {
    const fs = new NodeFileSystem();
    const root = `${folder}/root`;
    const seen = await follow();
    await docs.add({ ids: 3, vectors: [3, 3] });
    expect(await seen.count()).toBe(3);
    await writer.close();
    await cp(`${root}/app`, `${root}/~0123`, { recursive: true });
    await beginReplacement(fs, `${root}/~0123`, "app");
    // What the writer does next: for a moment no folder has the name.
    await rename(`${root}/app`, `${root}/~4567`);
    const waiting = seen.count();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await rename(`${root}/~0123`, `${root}/app`);
    expect(await waiting).toBe(3);
    await rename(`${root}/app`, `${root}/~0123`);
    expect(await codeOf(seen.count())).toBe("DATABASE_NOT_FOUND");
    expect(await readers[0]!.listDatabases()).toEqual(["app"]);
    writer = new VectorDBClient(root);
    expect(await writer.listDatabases()).toEqual(["app"]);
    expect(await seen.count()).toBe(3);
  });

  test("reads again from the start where the log no longer holds what it had read", async () => {
    const files = `${folder}/root/app/docs/g1`;
    const log = `${files}/log-000001.lynse`;
    const before = (await readFile(log)).length;
    const seen = await follow();
    await docs.add({
      ids: [3, 4],
      vectors: [
        [3, 3],
        [4, 4],
      ],
    });
    expect(await seen.count()).toBe(4);
    await writer.close();
    await truncate(log, before);
    await truncate(`${files}/vectors-default.lynse`, 64 + 2 * 8);
    for (const name of await readdir(files)) if (name.startsWith("derived-")) await rm(`${files}/${name}`);
    expect(await seen.count()).toBe(4);
    writer = new VectorDBClient(`${folder}/root`);
    docs = await (await writer.getDatabase("app")).getCollection("docs");
    for (let id = 5; id < 9; id++) await docs.add({ ids: id, vectors: [id, id], fields: { n: id } });
    expect((await seen.query({ limit: 9 })).ids).toEqual([1, 2, 5, 6, 7, 8]);
  });

  test("ends a scan on the rows that it began with, whatever happens meanwhile", async () => {
    await docs.add({
      ids: [3, 4, 5],
      vectors: [
        [1, 1],
        [1, 2],
        [1, 3],
      ],
    });
    const seen = await follow();
    const scan = seen.scan({ batchSize: 1, returnVectors: true });
    const ids = [(await scan.next()).value.id];
    await docs.delete([2, 4]);
    await docs.compact();
    expect(await seen.count()).toBe(3);
    await database.dropCollection("docs");
    for await (const { id, vector } of scan) {
      expect(vector).toHaveLength(2);
      ids.push(id);
    }
    expect(ids).toEqual([1, 2, 3, 4, 5]);
  });

  test("takes up nothing within the interval of a look", async () => {
    const seen = await follow({ followIntervalMs: 3_600_000 });
    expect(await seen.count()).toBe(2);
    await docs.add({ ids: 3, vectors: [3, 3] });
    expect(await seen.count()).toBe(2);
    await seen.refresh();
    expect(await seen.count()).toBe(3);
  });

  test("finds commits behind what a killed writer left, and does little for that meanwhile", async () => {
    const seen = await follow();
    await writer.close();
    const log = `${folder}/root/app/docs/g1/log-000001.lynse`;
    await appendFile(log, new Uint8Array(500));
    expect(await seen.count()).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await seen.count()).toBe(2);
    const { run } = GenerationRefresh.prototype;
    let updates = 0;
    GenerationRefresh.prototype.run = function (): Promise<void> {
      updates += 1;
      return run.call(this);
    };
    for (let read = 0; read < 50; read++) await seen.count();
    GenerationRefresh.prototype.run = run;
    expect(updates).toBeLessThan(10);
    writer = new VectorDBClient(`${folder}/root`);
    docs = await (await writer.getDatabase("app")).getCollection("docs");
    await docs.add({ ids: 3, vectors: [3, 3] });
    expect(await seen.count()).toBe(3);
  });

  test("tells of damage in each read, and goes on when it is mended", async () => {
    const seen = await follow();
    const manifest = `${folder}/root/app/docs/manifest.json`;
    const before = await readFile(manifest);
    await docs.add({ ids: 3, vectors: [3, 3] });
    await writeFile(manifest, "{}");
    expect(await codeOf(seen.count())).toBe("CORRUPT");
    expect(await codeOf(seen.count())).toBe("CORRUPT");
    await writeFile(manifest, before);
    expect(await seen.count()).toBe(3);
    await rm(manifest);
    expect(await codeOf(seen.count())).toBe("CLOSED");
    await writeFile(manifest, before);
    expect(await seen.count()).toBe(3);
  });

  test("describes collections as they are", async () => {
    const seen = await follow();
    expect(await seen.count()).toBe(2);
    await docs.add({ ids: 3, vectors: [3, 3] });
    const there = await readers[0]!.getDatabase("app");
    expect(await there.describeCollections()).toMatchObject([{ name: "docs", rows: 3, error: null }]);
    await database.dropCollection("docs");
    expect(await there.describeCollections()).toEqual([]);
  });

  test("reads that ask at the same time share what is taken up", async () => {
    const seen = await follow();
    const counts: number[] = [];
    for (let id = 10; id < 40; id++) {
      const commit = docs.add({ ids: id, vectors: [1, 1] });
      const beside = [seen.count(), seen.count()];
      await commit;
      counts.push(...(await Promise.all(beside)));
      expect(await Promise.all([seen.count(), seen.count(), seen.count()])).toEqual([id - 7, id - 7, id - 7]);
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
  });

  test("follows in every read: each call of a collection is one, or is named here", () => {
    const others =
      "constructor name databaseName insertSession addItem bulkAddItems bulkAddBinary upsertItem upsertItems add upsert " +
      "addNamedVectors addSparseVectors delete restore compact commit flush checkpoint close refresh buildIndex " +
      "removeIndex createVectorField configureText updateDescription writeBlob deleteBlob";
    const all = Object.getOwnPropertyNames(LocalCollection.prototype);
    const own = Object.getOwnPropertyNames(FollowingCollection.prototype);
    expect(all.filter((name) => !own.includes(name)).sort()).toEqual(
      others
        .split(" ")
        .filter((name) => name !== "constructor")
        .sort(),
    );
  });
});

test("follow is refused where it would do nothing", async () => {
  const refused = (options: object, uri = folder): string => {
    try {
      new VectorDBClient(uri, options);
      return "nothing";
    } catch (error) {
      return isLynseError(error, "INVALID_ARGUMENT") ? error.message : String(error);
    }
  };
  expect(refused({ follow: true })).toContain("readOnly: true");
  expect(refused({ readOnly: true, followIntervalMs: 5 })).toContain("follow: true");
  expect(refused({ readOnly: true, follow: 1 })).toContain("follow");
  expect(refused({ readOnly: true, follow: true, followIntervalMs: -1 })).toContain("followIntervalMs");
  expect(refused({ readOnly: true, follow: true }, "http://localhost:1")).toContain("follow");
});
