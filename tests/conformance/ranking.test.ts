/**
 * What can follow any ranked search: fusion with others, reranking, grouping, counting.
 */
import { describe, expect, it } from "vitest";
import { type Collection, mmrReranker, type RerankPayload, type SearchOptions } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  text: string;
  lang: string;
  tags: string[];
  n: number;
}

describe.each(modes)("ranking ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  /** Ten rows on a line; the nearest to [1, 0] by l2 is 0, then 1, 2… */
  async function withRows(): Promise<Collection<Doc>> {
    const docs = await workspace.collection<Doc>("docs", { defaultIndex: "FLAT-L2" });
    const ids = Array.from({ length: 10 }, (_, id) => id);
    await docs.add({
      ids,
      vectors: ids.map((id) => [id, 0]),
      fields: ids.map((id) => ({
        text: id >= 8 ? "apple pie" : id >= 5 ? "apple" : "pear",
        lang: ["en", "fr", "de"][id % 3]!,
        tags: [id % 2 === 0 ? "even" : "odd", "all"],
        n: id,
      })),
    });
    return docs;
  }
  const origin = [0, 0];

  it("fuses a vector, a text and a sparse vector, and tells each one's part", async () => {
    const docs = await withRows();
    await docs.addSparseVectors([{ 1: 1 }, { 1: 2 }], [3, 9]);
    const found = await docs.hybridSearch(
      { vector: origin, text: "apple pie", sparse: { 1: 1 } },
      { k: 3, candidateLimit: 5 },
    );
    expect([found.metric, found.index]).toEqual(["fusion", "HYBRID-RRF"]);
    // Vector: 0 1 2 3 4; text: 8 9 (two words), then 5 6 7; sparse: 9 3.
    expect(found.ids).toEqual([9, 3, 0]);
    expect(found.distances[0]).toBeCloseTo(1 / 62 + 1 / 61, 6);
    expect(found.distances[1]).toBeCloseTo(1 / 64 + 1 / 62, 6);
    expect(found.parts![0]).toEqual({
      text: { value: expect.any(Number), rank: 2, share: 1 / 62 },
      sparse: { value: 2, rank: 1, share: 1 / 61 },
    });
    expect(found.parts![1]).toEqual({
      vector: { value: 9, rank: 4, share: 1 / 64 },
      sparse: { value: 1, rank: 2, share: 1 / 62 },
    });
    const one = await docs.hybridSearch({ text: "pie" }, { returnFields: true });
    expect(one.ids).toEqual([8, 9]);
    expect(one.fields![0]!.n).toBe(8);
  });

  it("fuses by weight, under one filter", async () => {
    const docs = await withRows();
    const query = { vector: origin, text: "apple" };
    const weighted = await docs.hybridSearch(query, {
      fusion: "weighted",
      textWeight: 2,
      candidateLimit: 10,
      where: "n >= 4",
    });
    expect(weighted.index).toBe("HYBRID-WEIGHTED");
    // Nearest of those that remain: 4 (1), 5 …; all texts with "apple" alone score alike.
    expect(weighted.ids).not.toContain(3);
    expect(weighted.parts![weighted.ids.indexOf(4)]!.vector!.share).toBeCloseTo(1, 6);
    expect(weighted.parts![weighted.ids.indexOf(5)]!.text!.share).toBeCloseTo(2, 6);
    const vectorOnly = await docs.hybridSearch(query, { textWeight: 0, k: 4 });
    expect(vectorOnly.ids).toEqual([0, 1, 2, 3]);
  });

  it("refuses what cannot be fused", async () => {
    const docs = await withRows();
    await refusal(() => docs.hybridSearch({}), "INVALID_ARGUMENT", /at least one/);
    await refusal(() => docs.hybridSearch({ text: "x" }, { fusion: "sum" as never }), "INVALID_ARGUMENT", /rrf/);
    await refusal(() => docs.hybridSearch({ text: "x" }, { rrfK: 0 }), "INVALID_ARGUMENT", /rrfK/);
    await refusal(() => docs.hybridSearch({ text: "x" }, { textWeight: -1 }), "INVALID_ARGUMENT", /textWeight/);
    await refusal(() => docs.hybridSearch({ text: " ", vector: origin }), "INVALID_ARGUMENT", /word/);
    await refusal(() => docs.hybridSearch({ vector: [1] }), "DIMENSION_MISMATCH");
    await refusal(() => docs.hybridSearch({ vector: origin, document: "x" }), "INVALID_ARGUMENT", /not both/);
    await refusal(() => docs.hybridSearch({ words: "x" } as never), "INVALID_ARGUMENT", /words/);
  });

  it("reranks with a callback of any answer", async () => {
    const docs = await withRows();
    const ids = async (reranker: SearchOptions<Doc>["reranker"], rerankK?: number): Promise<unknown[]> => {
      const options = { k: 3, reranker: reranker!, ...(rerankK === undefined ? {} : { rerankK }) };
      return [...(await docs.search(origin, options)).ids];
    };
    expect(await ids(() => undefined)).toEqual([0, 1, 2]);
    expect(await ids(({ items }) => items.map(({ id }) => id).reverse())).toEqual([2, 1, 0]);
    expect(await ids(async ({ items }) => items.map(({ id }) => [id, Number(id)] as const), 6)).toEqual([5, 4, 3]);
    expect(await ids(({ items }) => Float64Array.from(items, ({ field }) => field!.n), 6)).toEqual([5, 4, 3]);
    expect(await ids(() => new Map([[2, 9]]))).toEqual([2, 0, 1]);
    expect(await ids(() => ({ 1: 5, 77: 6 }))).toEqual([1, 0, 2]);
    const found = await docs.search(origin, { k: 2, reranker: () => [{ id: 1, score: 7 }] });
    expect([...found.ids, ...found.distances, ...found.rerankScores!]).toEqual([1, 0, 1, 0, 7, null]);
    let seen: RerankPayload<Doc> | null = null;
    await docs.bm25Search("pie", {
      reranker: (payload) => {
        seen = payload;
        return null;
      },
    });
    expect(seen!).toMatchObject({
      query: { type: "bm25_search", text: "pie" },
      items: [{ id: 8, field: { n: 8 } }, { id: 9 }],
    });
    const batch = await docs.batchSearch([origin, [9, 0]], {
      k: 2,
      reranker: ({ query }) => (query.queryIndex === 1 ? [8, 9] : null),
    });
    expect(batch.map((view) => [...view.ids])).toEqual([
      [0, 1],
      [8, 9],
    ]);
  });

  it("passes on what a reranker throws, and refuses nonsense", async () => {
    const docs = await withRows();
    const thrown = new Error("the model is away");
    const away = (): never => {
      throw thrown;
    };
    await expect(docs.search(origin, { reranker: away })).rejects.toBe(thrown);
    await expect(docs.search(origin, { reranker: async () => away() })).rejects.toBe(thrown);
    for (const answer of [5, "x", [Number.NaN, 1, 2, 3, 4, 5, 6, 7, 8, 9], [[1]]]) {
      await refusal(() => docs.search(origin, { reranker: () => answer as never }), "INVALID_ARGUMENT", /rerank/i);
    }
    await refusal(() => docs.search(origin, { reranker: 5 as never }), "INVALID_ARGUMENT", /reranker/);
    await refusal(() => docs.search(origin, { rerankK: 5 }), "INVALID_ARGUMENT", /without a reranker/);
  });

  it("prefers variety where it is asked to", async () => {
    const docs = await workspace.collection("clusters", { defaultIndex: "FLAT-COS" });
    const vectors = [
      [1, 0],
      [1, 0.01],
      [1, 0.02],
      [0.8, 0.6],
      [0.8, -0.6],
    ];
    await docs.add({ ids: [0, 1, 2, 3, 4], vectors });
    expect((await docs.search([1, 0], { k: 3 })).ids).toEqual([0, 1, 2]);
    const varied = await docs.search([1, 0], { k: 3, reranker: mmrReranker({ lambda: 0.3 }) });
    expect(varied.ids[0]).toBe(0);
    expect(varied.ids.slice(1).sort()).toEqual([3, 4]);
    expect((await docs.search([1, 0], { k: 3, reranker: mmrReranker({ lambda: 1 }) })).ids).toEqual([0, 1, 2]);
  });

  it("recommends rows like some and unlike others", async () => {
    const docs = await workspace.collection("tastes", { defaultIndex: "FLAT-COS" });
    const vectors = [
      [1, 0],
      [0.9, 0.1],
      [0, 1],
      [0.1, 0.9],
      [-1, 0],
    ];
    await docs.add({ ids: [0, 1, 2, 3, "e"], vectors });
    expect((await docs.recommend({ positive: [0] }, { k: 2 })).ids).toEqual([1, 3]);
    expect((await docs.recommend({ positive: [0, 2], negative: ["e"] }, { k: 5 })).ids).toEqual([1, 3]);
    expect((await docs.recommend({ positive: [[0, 1]] }, { k: 1 })).ids).toEqual([2]);
    await refusal(() => docs.recommend({ positive: [] }), "INVALID_ARGUMENT", /positive/);
    await refusal(() => docs.recommend({ positive: [99] }), "ID_NOT_FOUND", /99/);
    await refusal(() => docs.recommend({ positive: [0], negative: [77] }), "ID_NOT_FOUND", /77/);
    await docs.createVectorField("taste", { dim: 2 });
    const both = { positive: [0], negative: [1] };
    await refusal(() => docs.recommend(both, { vectorField: "taste" }), "ID_NOT_FOUND", /no vector in field/);
  });

  it("groups by a field, as deep as it takes", async () => {
    const docs = await withRows();
    const byLang = await docs.search(origin, { k: 2, groupBy: "lang", groupSize: 2, returnFields: true });
    expect(byLang.groups).toEqual([
      { value: "en", positions: [0, 1] },
      { value: "fr", positions: [2, 3] },
    ]);
    expect(byLang.ids).toEqual([0, 3, 1, 4]);
    const byTag = await docs.search(origin, { k: 3, groupBy: "tags" });
    expect(byTag.groups!.map(({ value }) => value)).toEqual(["even", "all", "odd"]);
    expect(byTag.ids).toEqual([0, 1]);
    const byText = await docs.search(origin, { k: 3, groupBy: "text" });
    expect(byText.groups!.map(({ value }) => value)).toEqual(["pear", "apple", "apple pie"]);
    expect(byText.ids).toEqual([0, 5, 8]);
    expect((await docs.search(origin, { groupBy: "nothing" })).ids).toEqual([]);
    expect((await docs.bm25Search("apple", { groupBy: "lang", k: 9 })).length).toBe(3);
    const query = await docs.query({ where: "n > 2", groupBy: "lang", orderBy: { field: "n", direction: "desc" } });
    expect(query.groups!.map(({ value, positions }) => [value, query.ids[positions[0]!]])).toEqual([
      ["en", 9],
      ["de", 8],
      ["fr", 7],
    ]);
    await refusal(() => docs.search(origin, { groupSize: 2 }), "INVALID_ARGUMENT", /without a groupBy/);
    await refusal(() => docs.search(origin, { groupBy: "lang", groupSize: 0 }), "INVALID_ARGUMENT", /groupSize/);
  });

  it("counts values among all rows that could have come back", async () => {
    const docs = await withRows();
    const found = await docs.search(origin, { k: 1, where: "n < 6", facets: ["lang", "tags"] });
    expect(found.facets).toEqual({
      lang: [
        { value: "de", count: 2 },
        { value: "en", count: 2 },
        { value: "fr", count: 2 },
      ],
      tags: [
        { value: "all", count: 6 },
        { value: "even", count: 3 },
        { value: "odd", count: 3 },
      ],
    });
    expect((await docs.bm25Search("pie", { facets: { lang: 1 } })).facets).toEqual({
      lang: [{ value: "de", count: 1 }],
    });
    const fused = await docs.hybridSearch({ text: "pie" }, { facets: ["n"] });
    expect(fused.facets!["n"]).toHaveLength(2);
    expect((await docs.query({ facets: ["text"], where: "n > 6" })).facets).toEqual({
      text: [
        { value: "apple pie", count: 2 },
        { value: "apple", count: 1 },
      ],
    });
    await docs.delete(9);
    expect(await docs.facets(["text"], { where: "n > 6" })).toEqual({
      text: [
        { value: "apple", count: 1 },
        { value: "apple pie", count: 1 },
      ],
    });
    await refusal(() => docs.facets([7 as never]), "INVALID_ARGUMENT", /facets/);
  });
});
