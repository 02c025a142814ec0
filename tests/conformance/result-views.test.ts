/**
 * Result views: columns that iterate as rows.
 */
import { describe, expect, it } from "vitest";
import { ResultView } from "../../src/index.js";
import { modes } from "./modes.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("result views ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("iterate over rows that hold what was asked for, and nothing else", async () => {
    const docs = await workspace.collection<{ n: number }>();
    await docs.add({
      ids: [1, "b"],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    expect([...(await docs.search([1, 1]))]).toEqual([
      { id: "b", distance: 4 },
      { id: 1, distance: 2 },
    ]);
    const full = await docs.search([1, 1], { returnFields: true, returnVectors: true });
    expect([...full]).toEqual([
      { id: "b", distance: 4, field: { n: 2 }, vector: Float32Array.of(2, 2) },
      { id: 1, distance: 2, field: { n: 1 }, vector: Float32Array.of(1, 1) },
    ]);
    expect([full.at(0)?.id, full.at(-1)?.id, full.at(2), full.at(-3)]).toEqual(["b", 1, undefined, undefined]);
    expect([...(await docs.query({ limit: 1 }))]).toEqual([{ id: 1, field: { n: 1 } }]);
    expect(full).toBeInstanceOf(ResultView);
  });

  it("become lists of flat rows; metadata never overwrites id, distance or vector", async () => {
    const docs = await workspace.collection();
    const clash = { id: "mine", distance: -1, vector: "v", n: 1 };
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [0, 0],
      ],
      fields: [clash, { n: 2, field: { x: 1 } }],
    });
    const view = await docs.search([1, 1], { returnFields: true });
    expect(view.toList()).toEqual([
      { id: 1, distance: 2, n: 1, field: { id: "mine", distance: -1, vector: "v" } },
      { id: 2, distance: 0, n: 2, field: { x: 1 } },
    ]);
    expect((await docs.search([1, 1])).toList()).toEqual([
      { id: 1, distance: 2 },
      { id: 2, distance: 0 },
    ]);
    expect((await docs.query({ filterIds: [1] })).toList()).toEqual([
      { id: 1, n: 1, field: { id: "mine", distance: -1, vector: "v" } },
    ]);
  });

  it("become columns, null where a row lacks a field", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2, 3],
      vectors: [
        [3, 1],
        [2, 2],
        [1, 1],
      ],
      fields: [{ a: 1 }, {}, { b: [2], id: "x" }],
    });
    const columns = (await docs.search([1, 0], { returnFields: true, returnVectors: true })).toColumns();
    expect({ ...columns }).toEqual({
      id: [1, 2, 3],
      distance: [3, 2, 1],
      vector: [Float32Array.of(3, 1), Float32Array.of(2, 2), Float32Array.of(1, 1)],
      a: [1, null, null],
      b: [null, null, [2]],
      "field.id": [null, null, "x"],
    });
    expect({ ...(await docs.query({ filterIds: [2] })).toColumns() }).toEqual({ id: [2] });
  });

  it("become JSON with their labels and rows", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    const view = await docs.search([1, 0], { k: 1, returnFields: true, returnVectors: true });
    expect(JSON.parse(JSON.stringify(view))).toEqual({
      type: "search",
      metric: "ip",
      index: "FLAT-IP",
      k: 1,
      cursor: null,
      rows: [{ id: 2, distance: 2, field: { n: 2 }, vector: [2, 2] }],
    });
    const page = await docs.query({ limit: 1 });
    expect(JSON.parse(JSON.stringify(page))).toMatchObject({ type: "query", cursor: page.cursor, rows: [{ id: 1 }] });
  });

  it("without rows are valid", async () => {
    const docs = await workspace.collection();
    for (const view of [await docs.search([1, 1]), await docs.query(), await docs.head(), await docs.get([])]) {
      expect([view.length, [...view], view.toList(), view.at(0)]).toEqual([0, [], [], undefined]);
      expect(Object.values(view.toColumns()).flat()).toEqual([]);
      expect(JSON.parse(JSON.stringify(view)).rows).toEqual([]);
    }
  });

  it("stay what they are when their rows change, and after closing", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    const view = await docs.search([1, 1], { returnFields: true, returnVectors: true });
    const before = JSON.stringify(view);
    await docs.upsert({ ids: 1, vectors: [7, 7], fields: { n: 7 } });
    await docs.delete(2);
    await docs.compact();
    await docs.add({ ids: 9, vectors: [9, 9] });
    await workspace.client.close();
    expect(JSON.stringify(view)).toBe(before);
  });

  it("say what is missing when toArrow has no apache-arrow", async () => {
    const docs = await workspace.collection();
    const view = await docs.head();
    await expect(view.toArrow()).rejects.toMatchObject({ code: "UNSUPPORTED", message: /apache-arrow/ });
  });
});
