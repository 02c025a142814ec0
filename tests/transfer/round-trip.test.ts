import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Collection, type Dtype, type Id, VectorDBClient } from "../../src/index.js";
import { db, newPath, useTransferDatabase } from "./transfer-database.js";
import { wholeCollection, wholeWithDeleted } from "./whole-collection.js";

useTransferDatabase();

/** A collection with everything that a collection can have. */
async function richCollection(dtype: Dtype = "float32"): Promise<Collection> {
  const docs = await db.requireCollection("docs", {
    ...{ dim: 3, dtype, description: 'every kind of thing: "ü"', defaultIndex: "FLAT-COS" },
    text: { fields: ["title"], k1: 1.5, language: "english" },
  });
  await docs.createVectorField("image", { dim: 2, metric: "l2" });
  await docs.createVectorField("half", { dim: 2, dtype: "float16", metric: "cos" });
  await docs.createVectorField("empty", { dim: 5 });
  const fields = [
    { title: "zero", nested: { list: [1, null, { deep: true }], empty: {} }, when: new Date(0) },
    {},
    { title: 'line\nbreak, "quotes", tab\t, 日本語 🎉, \u2028', nothing: null, empty: "" },
    { number: -1.5e-7, large: 2 ** 53 - 1, yes: true },
    { title: "4", ["__proto__"]: "own", "a.b": 1 },
    { title: "five" },
  ];
  const ids: Id[] = [1, "1", 0, Number.MAX_SAFE_INTEGER, 'id "quoted" ü', "five"];
  await docs.add({ ids, fields, vectors: ids.map((_, at) => [at + 0.5, -at, 0.25]) });
  await docs.addNamedVectors(
    "image",
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    [1, "1", "five"],
  );
  await docs.addNamedVectors("image", [[7, 8]], [1]);
  await docs.addNamedVectors("half", [[0.1, 0.2]], [0]);
  await docs.addSparseVectors([{ 1: 0.5, 30: 2 }, { 2: -1 }, { 3: 4 }], ["1", 0, "five"]);
  await docs.upsert({
    ids: ["1", 0],
    vectors: [
      [9, 9, 9],
      [8, 8, 8],
    ],
    fields: [{ title: "again" }, undefined],
  });
  await docs.delete(["five", 1]);
  return docs;
}

describe("everything comes back", () => {
  test.each(["float32", "float16"] as const)("a collection of %s with all there can be", async (dtype) => {
    const docs = await richCollection(dtype);
    const path = newPath();
    const written = await docs.exportTo(path);
    expect(written.rows).toBe(4);
    expect(await db.importCollection("copy", path)).toEqual(written);
    const before = await wholeCollection(db, "docs");
    expect(await wholeCollection(db, "copy")).toEqual(before);
    expect(before.deleted).toEqual([1, "five"]);
    expect(await wholeWithDeleted(db, "copy")).toEqual(await wholeWithDeleted(db, "docs"));
  });

  test("the bytes of all files are counted, and checksums of all are in the manifest", async () => {
    const path = newPath();
    const { bytes } = await (await richCollection()).exportTo(path);
    const names = await readdir(path);
    let sum = 0;
    for (const name of names) sum += (await readFile(join(path, name))).length;
    expect(bytes).toBe(sum);
    const manifest = JSON.parse(await readFile(join(path, "export_manifest.json"), "utf8"));
    const listed = manifest.lynsedb_typescript.files.map((file: { name: string }) => file.name);
    expect([...listed, "export_manifest.json"].sort()).toEqual(names.sort());
  });

  test("collections without a dimension, without rows, with deleted rows only", async () => {
    await db.requireCollection("none", { defaultIndex: null });
    await db.requireCollection("empty", { dim: 4 });
    const gone = await db.requireCollection("gone", { dim: 1 });
    await gone.add({ ids: ["a"], vectors: [[1]] });
    await gone.delete("a");
    for (const name of ["none", "empty", "gone"]) {
      const path = newPath();
      expect((await db.exportCollection(name, path)).rows).toBe(0);
      await db.importCollection(`${name}-copy`, path);
      expect(await wholeCollection(db, `${name}-copy`)).toEqual(await wholeCollection(db, name));
    }
    expect(await (await db.getCollection("gone-copy")).restore("a")).toBe(1);
  });

  test("an index is built again with its parameters", async () => {
    const docs = await db.requireCollection("docs", { dim: 2 });
    const vectors = Array.from({ length: 400 }, (_, at) => [Math.sin(at), Math.cos(at * 3)]);
    await docs.add({ vectors });
    await docs.buildIndex("HNSW-L2", { m: 5, efConstruction: 33 });
    const path = newPath();
    await docs.exportTo(path);
    await db.importCollection("copy", path);
    const copy = await db.getCollection("copy");
    await expect.poll(async () => (await copy.stats()).indexState.state, { timeout: 5000 }).toBe("ready");
    const { index, indexState } = await copy.stats();
    expect([index, indexState.parameters]).toMatchObject(["HNSW-L2", { m: 5, efConstruction: 33 }]);
    expect((await copy.search(vectors[7]!, { k: 1 })).ids).toEqual([7]);
  });

  test("what is buffered is exported as well; progress tells rows", async () => {
    const docs = await db.requireCollection("docs", { dim: 1 });
    await docs.bulkAddItems([
      [[1], "a"],
      [[2], "b"],
    ]);
    const seen: unknown[] = [];
    const path = newPath();
    expect((await docs.exportTo(path, { onProgress: (progress) => seen.push(progress) })).rows).toBe(2);
    expect(seen.at(-1)).toEqual({ done: 2, total: 2 });
    seen.length = 0;
    await db.importCollection("copy", path, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ done: 2, total: 2 });
  });

  test("an import survives the client that made it", async () => {
    const root = newPath();
    const path = newPath();
    await (await richCollection()).exportTo(path);
    const before = await wholeCollection(db, "docs");
    const first = new VectorDBClient(root);
    await (await first.createDatabase("app")).importCollection("copy", path);
    await first.close();
    const second = new VectorDBClient(root);
    expect(await wholeCollection(await second.getDatabase("app"), "copy")).toEqual(before);
    await second.close();
  });

  test("a read-only client can export", async () => {
    const root = newPath();
    const writer = new VectorDBClient(root);
    const docs = await (await writer.createDatabase("app")).requireCollection("docs", { dim: 1 });
    await docs.add({ ids: ["a"], vectors: [[1]] });
    const reader = new VectorDBClient(root, { readOnly: true });
    expect((await (await reader.getDatabase("app")).exportCollection("docs", newPath())).rows).toBe(1);
    await expect((await reader.getDatabase("app")).importCollection("x", newPath())).rejects.toMatchObject({
      code: "READ_ONLY",
    });
    await reader.close();
    await writer.close();
  });
});

describe("one moment", () => {
  test("an export is of the rows that were there when it began", async () => {
    const docs = await db.requireCollection("docs", { dim: 2 });
    await docs.createVectorField("image", { dim: 1 });
    const ids = Array.from({ length: 5000 }, (_, at) => at);
    await docs.add({ ids, vectors: ids.map((id) => [id, 1]), fields: ids.map((id) => ({ id })) });
    await docs.addNamedVectors(
      "image",
      ids.slice(0, 50).map((id) => [id]),
      ids.slice(0, 50),
    );
    await docs.addSparseVectors(
      ids.slice(0, 50).map((id) => ({ 1: id + 1 })),
      ids.slice(0, 50),
    );
    const before = await wholeCollection(db, "docs");
    const path = newPath();
    const changes: Promise<unknown>[] = [];
    await docs.exportTo(path, {
      onProgress: () => {
        if (changes.length > 0) return;
        changes.push(
          docs.delete([3, 4999]).then(() =>
            docs.upsert({
              ids: [5, 40],
              vectors: [
                [0, 0],
                [0, 0],
              ],
            }),
          ),
        );
        changes.push(docs.add({ ids: ["new"], vectors: [[1, 1]] }));
        changes.push(docs.addSparseVectors([{ 1: 1000 }, { 2: 2 }], [6, 4000]));
        changes.push(docs.addNamedVectors("image", [[-1], [-2]], [7, 4000]));
      },
    });
    await Promise.all(changes);
    expect(changes.length).toBe(4);
    await db.importCollection("copy", path);
    expect(await wholeCollection(db, "copy")).toEqual(before);
    expect(await wholeCollection(db, "docs")).not.toEqual(before);
  });
});

describe("any collection", () => {
  const id = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom("a", "b", "1", "ü", "\u0000", '"'));
  const number = fc.double({ min: -1000, max: 1000, noNaN: true });
  const field = fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("upsert" as const), id, vector: fc.tuple(number, number), field }),
    fc.record({ kind: fc.constant("delete" as const), id }),
    fc.record({ kind: fc.constant("named" as const), id, vector: fc.tuple(number) }),
    fc.record({ kind: fc.constant("sparse" as const), id, feature: fc.integer({ min: 0, max: 39 }) }),
    fc.record({ kind: fc.constant("compact" as const) }),
  );

  test("is the same after its export and import", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 25 }),
        fc.constantFrom("float32", "float16"),
        async (all, dtype) => {
          const name = `c${run++}`;
          const docs = await db.requireCollection(name, { dim: 2, dtype: dtype as Dtype });
          await docs.createVectorField("image", { dim: 1 });
          for (const each of all) {
            if (each.kind === "upsert") await docs.upsert({ ids: each.id, vectors: [each.vector], fields: each.field });
            else if (each.kind === "compact") await docs.compact();
            else if (each.kind === "delete") await docs.delete(each.id);
            else if (!(await docs.isIdExists(each.id))) continue;
            else if (each.kind === "named") await docs.addNamedVectors("image", [each.vector], each.id);
            else await docs.addSparseVectors({ [each.feature]: 1.5 }, each.id);
          }
          const path = newPath();
          await docs.exportTo(path);
          await db.importCollection(`${name}-copy`, path);
          expect(await wholeCollection(db, `${name}-copy`)).toEqual(await wholeCollection(db, name));
          expect(await wholeWithDeleted(db, `${name}-copy`)).toEqual(await wholeWithDeleted(db, name));
        },
      ),
      { numRuns: 40 },
    );
  });
});
