/**
 * Sparse vectors: a few weights by feature, searched by inner product.
 */
import { describe, expect, it } from "vitest";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("sparse vectors ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  async function withRows() {
    const docs = await workspace.collection<{ n: number }>();
    const ids = [1, 2, 3, "d"];
    await docs.add({ ids, vectors: ids.map((_, at) => [at, 1]), fields: ids.map((_, at) => ({ n: at })) });
    return docs;
  }

  it("rank the rows that share features with the query, and no others", async () => {
    const docs = await withRows();
    await docs.addSparseVectors(
      [{ 5: 1, 9: 2 }, new Map([[9, 3]]), { indices: [4_294_967_295], values: [1] }],
      [1, 2, "d"],
    );
    const found = await docs.searchSparse({ 9: 1, 7: 4 }, { returnFields: true });
    expect(found.ids).toEqual([2, 1]);
    expect(Array.from(found.distances)).toEqual([3, 2]);
    expect(found.fields).toEqual([{ n: 1 }, { n: 0 }]);
    expect([found.metric, found.index]).toEqual(["ip", "SPARSE-FLAT-IP"]);
    expect((await docs.searchSparse([[4_294_967_295, 0.5]])).ids).toEqual(["d"]);
    expect((await docs.searchSparse({ 9: 1 }, { where: "n = 0" })).ids).toEqual([1]);
    expect((await docs.searchSparse({ 9: 1 }, { k: 1 })).ids).toEqual([2]);
    expect((await docs.searchSparse({ 77: 1 })).ids).toEqual([]);
    expect((await docs.searchSparse({})).ids).toEqual([]);
    expect((await docs.searchSparse({ 9: -1 })).ids).toEqual([1, 2]);
  });

  it("are replaced, taken away, and stay with their row", async () => {
    const docs = await withRows();
    await docs.addSparseVectors([{ 1: 1 }, { 1: 2 }, { 1: 3 }], [1, 2, 3]);
    await docs.addSparseVectors({ 1: 9 }, 1);
    await docs.addSparseVectors([{}], [2]);
    await docs.upsert({ ids: [3], vectors: [[8, 8]] });
    expect((await docs.searchSparse({ 1: 1 })).ids).toEqual([1, 3]);
    await docs.delete(1);
    expect((await docs.searchSparse({ 1: 1 })).ids).toEqual([3]);
    await docs.restore(1);
    await docs.compact();
    expect((await docs.searchSparse({ 1: 1 })).ids).toEqual([1, 3]);
    expect((await docs.stats()).sparseRows).toBe(2);
    if (!mode.isPersistent) return;
    const again = await workspace.reopen();
    expect((await again.searchSparse({ 1: 1 })).ids).toEqual([1, 3]);
  });

  it("come with items, and in sessions", async () => {
    const docs = await withRows();
    await docs.insertSession(async (session) => {
      await session.bulkAddItems([{ vector: [1, 1], id: 50, sparse: { 3: 1 } }]);
      await session.addSparseVectors([{ 3: 2 }, { 3: 3 }], [50, "d"]);
    });
    const found = await docs.searchSparse({ 3: 1 });
    expect(found.ids).toEqual(["d", 50]);
    expect(Array.from(found.distances)).toEqual([3, 2]);
  });

  it("refuse what is none, and store nothing of it", async () => {
    const docs = await withRows();
    const add = (vector: unknown) => () => docs.addSparseVectors([{ 1: 1 }, vector] as never, [1, 2]);
    await refusal(add({ 1: Number.NaN }), "INVALID_VECTOR", /id 2/);
    await refusal(add({ "-1": 1 }), "INVALID_VECTOR");
    await refusal(add({ 1.5: 1 }), "INVALID_VECTOR");
    await refusal(add([[4_294_967_296, 1]]), "INVALID_VECTOR");
    await refusal(add("x"), "INVALID_ARGUMENT");
    await refusal(add({ indices: [1, 2], values: [1] }), "INVALID_ARGUMENT");
    await refusal(() => docs.addSparseVectors([{ 1: 1 }], [1, 2]), "INVALID_ARGUMENT", /2 ids/);
    await refusal(() => docs.addSparseVectors([{ 1: 1 }, { 1: 1 }], [1, 404]), "ID_NOT_FOUND", /404/);
    await refusal(() => docs.searchSparse({ 1: Number.POSITIVE_INFINITY }), "INVALID_VECTOR", /query/);
    await refusal(() => docs.searchSparse({ 1: 1 }, { topK: 1 } as never), "INVALID_ARGUMENT", /topK/);
    expect((await docs.searchSparse({ 1: 1 })).ids).toEqual([]);
  });
});
