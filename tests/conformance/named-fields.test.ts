/**
 * Named vector fields: vectors of a second kind, which only some rows have.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/index.js";
import { modes } from "./modes.js";
import { randomNumbers } from "./random-numbers.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("named vector fields ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  async function withImages() {
    const docs = await workspace.collection<{ n: number }>();
    await docs.add({
      ids: [1, 2, "c", 4],
      vectors: [
        [1, 0],
        [2, 0],
        [3, 0],
        [4, 0],
      ],
      fields: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }],
    });
    await docs.createVectorField("image", { dim: 3, metric: "l2" });
    return docs;
  }

  it("are listed beside the default one, with their rows", async () => {
    const docs = await withImages();
    await docs.createVectorField("audio", { dim: 8, metric: "cos", dtype: "float16" });
    await docs.addNamedVectors("image", [[1, 2, 3]], ["c"]);
    const flat = { state: "flat", parameters: null, rows: 0, tailRows: 0, progress: null, failure: null };
    expect(await docs.listVectorFields()).toEqual([
      { name: "default", dim: 2, metric: "ip", dtype: "float32", index: "FLAT-IP", rows: 4, indexState: flat },
      { name: "image", dim: 3, metric: "l2", dtype: "float32", index: null, rows: 1, indexState: flat },
      { name: "audio", dim: 8, metric: "cos", dtype: "float16", index: null, rows: 0, indexState: flat },
    ]);
    await docs.buildIndex("HNSW-L2", { fieldName: "image", m: 8 });
    await docs.addNamedVectors("image", [[3, 2, 1]], [1]);
    const [, image] = await docs.listVectorFields();
    expect(image).toMatchObject({ index: "HNSW-L2", indexState: { state: "ready", rows: 1, tailRows: 1 } });
    expect(image?.indexState.parameters).toMatchObject({ m: 8, efConstruction: 200 });
    expect((await docs.stats()).vectorFields[0]).toEqual(image);
  });

  it("find the rows that have a vector, whatever the order in which they got it", async () => {
    const docs = await withImages();
    expect((await docs.search([0, 0, 0], { vectorField: "image" })).ids).toEqual([]);
    await docs.addNamedVectors("image", [[0, 0, 5]], [4]);
    await docs.addNamedVectors(
      "image",
      [
        [0, 0, 1],
        [0, 0, 3],
      ],
      ["c", 1],
    );
    const found = await docs.search([0, 0, 0], { vectorField: "image", returnFields: true, returnVectors: true });
    expect(found.ids).toEqual(["c", 1, 4]);
    expect(Array.from(found.distances)).toEqual([1, 9, 25]);
    expect(found.fields).toEqual([{ n: 3 }, { n: 1 }, { n: 4 }]);
    expect(found.vectors!.map((vector) => Array.from(vector))).toEqual([
      [0, 0, 1],
      [0, 0, 3],
      [0, 0, 5],
    ]);
    expect([found.metric, found.index]).toEqual(["l2", "FLAT-L2"]);
    const filtered = await docs.search([0, 0, 0], { vectorField: "image", where: "n < 4", k: 1 });
    expect(filtered.ids).toEqual(["c"]);
    const range = await docs.searchRange([0, 0, 0], { vectorField: "image", threshold: 9 });
    expect(range.ids).toEqual(["c", 1]);
    const batch = await docs.batchSearch(
      [
        [0, 0, 0],
        [0, 0, 9],
      ],
      { vectorField: "image", k: 1 },
    );
    expect(batch.map((view) => view.ids)).toEqual([["c"], [4]]);
    const { items, profile } = await docs.searchProfile([0, 0, 0], { vectorField: "image", where: "n <> 1" });
    expect(items.ids).toEqual(["c", 4]);
    expect(profile).toMatchObject({ matches: 2, metric: "l2", index: "FLAT-L2", plan: "exact-filtered" });
    // The vectors that rows came with are searched as before.
    expect((await docs.search([1, 0], { k: 2 })).ids).toEqual([4, "c"]);
  });

  it("take another vector for the same id", async () => {
    const docs = await withImages();
    await docs.addNamedVectors("image", [[1, 1, 1]], [2]);
    await docs.addNamedVectors("image", [[7, 7, 7]], [2]);
    const found = await docs.search([7, 7, 7], { vectorField: "image" });
    expect(found.ids).toEqual([2]);
    expect(Array.from(found.distances)).toEqual([0]);
  });

  it("stay with their row through upserts, deletes, restores and compactions", async () => {
    const docs = await withImages();
    const image = async (): Promise<unknown[]> => {
      const found = await docs.search([0, 0, 0], { vectorField: "image", returnVectors: true });
      return found.ids.map((id, at) => [id, found.vectors![at]![2]]);
    };
    const vectors = [1, 2, 3, 4].map((z) => [0, 0, z]);
    await docs.addNamedVectors("image", vectors, [1, 2, "c", 4]);
    await docs.upsert({ ids: [2], vectors: [[9, 9]] });
    expect(await image()).toEqual([
      [1, 1],
      [2, 2],
      ["c", 3],
      [4, 4],
    ]);
    await docs.delete([1, "c"]);
    expect(await image()).toEqual([
      [2, 2],
      [4, 4],
    ]);
    await docs.restore("c");
    expect(await docs.compact()).toBe(2);
    expect(await image()).toEqual([
      [2, 2],
      ["c", 3],
      [4, 4],
    ]);
    // A row added again under a deleted id has nothing of the old one.
    await docs.delete(4);
    await docs.add({ ids: [4], vectors: [[1, 1]] });
    expect((await image()).map((pair) => (pair as [unknown])[0])).toEqual([2, "c"]);
  });

  it("are written in sessions, beside rows that are new in them", async () => {
    const docs = await withImages();
    await docs.insertSession(async (session) => {
      await session.bulkAddItems([
        { vector: [5, 0], id: 5, vectors: { image: [0, 0, 50] } },
        { vector: [6, 0], id: 6 },
      ]);
      await session.addNamedVectors(
        "image",
        [
          [0, 0, 60],
          [0, 0, 10],
        ],
        [6, 1],
      );
      await session.upsertItem([7, 7], { id: 6 });
      expect((await docs.search([0, 0, 0], { vectorField: "image" })).ids).toEqual([]);
    });
    expect((await docs.search([0, 0, 0], { vectorField: "image" })).ids).toEqual([1, 5, 6]);
    await expect(
      docs.insertSession(async (session) => {
        await session.addNamedVectors("image", [[0, 0, 0]], [2]);
        throw new Error("given up");
      }),
    ).rejects.toThrow("given up");
    await docs.insertSession(async (session) => {
      await session.addNamedVectors("image", [[0, 0, 0]], [2]);
      await session.delete(2);
    });
    expect((await docs.search([0, 0, 0], { vectorField: "image" })).ids).toEqual([1, 5, 6]);
  });

  it("refuse what does not fit, and store nothing of it", async () => {
    const docs = await withImages();
    const add = (vectors: unknown, ids: unknown) => () => docs.addNamedVectors("image", vectors as never, ids as never);
    await refusal(
      add(
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
        [1, 77],
      ),
      "ID_NOT_FOUND",
      /77/,
    );
    await refusal(add([[1, 2]], [1]), "DIMENSION_MISMATCH", /expected 3/);
    await refusal(add([[1, 2, Number.NaN]], [1]), "INVALID_VECTOR", /component 2/);
    await refusal(add([[1, 2, 3]], [1, 2]), "INVALID_ARGUMENT", /2 ids were given for 1 vectors/);
    await refusal(
      add(
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
        [1, 1],
      ),
      "INVALID_ARGUMENT",
      /twice/,
    );
    await refusal(() => docs.addNamedVectors("nope", [[1]], [1]), "INVALID_ARGUMENT", /"default", "image"/);
    await refusal(() => docs.addNamedVectors("default", [[1, 2]], [1]), "INVALID_ARGUMENT", /add or upsert/);
    await docs.delete(4);
    await refusal(add([[1, 2, 3]], [4]), "ID_NOT_FOUND");
    expect((await docs.search([0, 0, 0], { vectorField: "image" })).ids).toEqual([]);
    await refusal(() => docs.search([1, 2], { vectorField: "image" }), "DIMENSION_MISMATCH");
    await refusal(() => docs.search([1, 2], { vectorField: "nope" }), "INVALID_ARGUMENT", /"nope"/);
    await refusal(() => docs.buildIndex("HNSW-L2", { fieldName: "image" }), "INDEX_EMPTY", /image/);
    for (const name of ["", "default", "a b", "../x", "x".repeat(limits.nameLengthMax + 1), 7]) {
      await refusal(() => docs.createVectorField(name as string, { dim: 2 }), "INVALID_ARGUMENT", /name of a vector/);
    }
    await refusal(() => docs.createVectorField("x", { dim: 0 }), "INVALID_ARGUMENT", /dim/);
    await refusal(() => docs.createVectorField("x", { dim: 2, metric: "far" as never }), "UNSUPPORTED_INDEX");
    await refusal(() => docs.createVectorField("x", { dim: 2, metric: "ip", index: "FLAT-L2" }), "INVALID_ARGUMENT");
    await docs.createVectorField("image", { dim: 3, metric: "l2" });
    await refusal(() => docs.createVectorField("image", { dim: 4, metric: "l2" }), "INVALID_ARGUMENT", /dim 3/);
    await refusal(() => docs.createVectorField("Image", { dim: 3, metric: "l2" }), "INVALID_ARGUMENT", /exists/);
  });

  it("have indexes of their own", async () => {
    const docs = await workspace.collection();
    const random = randomNumbers(7);
    const rows = 12_000;
    const vectors = Array.from({ length: rows }, () => Float32Array.from({ length: 8 }, () => random() - 0.5));
    const ids = vectors.map((_, id) => id);
    await docs.add({ ids, vectors: ids.map((id) => [id, 1]) });
    await docs.createVectorField("other", { dim: 8, index: "HNSW-L2" });
    const odd = ids.filter((id) => id % 2 === 1);
    await docs.addNamedVectors(
      "other",
      odd.map((id) => vectors[id]!),
      odd,
    );
    await docs.buildIndex("HNSW-L2", { fieldName: "other", efConstruction: 60 });
    expect(await docs.indexMode({ fieldName: "other" })).toBe("HNSW-L2");
    expect(await docs.indexMode()).toBe("FLAT-IP");
    const check = async (target = docs): Promise<void> => {
      let hits = 0;
      for (let query = 1; query < 2000; query += 101) {
        const { items, profile } = await target.searchProfile(vectors[query]!, {
          vectorField: "other",
          k: 10,
          nprobe: 100,
        });
        const exact = await target.search(vectors[query]!, { vectorField: "other", k: 10, exact: true });
        expect(profile.plan).toBe("index");
        hits += items.ids.filter((id) => exact.ids.includes(id)).length;
      }
      expect(hits).toBeGreaterThan(190);
    };
    await check();
    if (mode.isPersistent) await check(await workspace.reopen());
    const docsNow = mode.isPersistent ? await workspace.db.getCollection("docs") : docs;
    await docsNow.removeIndex({ fieldName: "other" });
    expect(await docsNow.indexMode({ fieldName: "other" })).toBeNull();
  });
});
