/**
 * Upserts: inserting or replacing, with metadata kept, replaced or cleared.
 */
import { describe, expect, it } from "vitest";
import { idsOf, rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("upserts ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("insert what is missing and replace what is there, the vector always", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    expect(
      await docs.upsert({
        ids: [2, 3],
        vectors: [
          [5, 5],
          [6, 6],
        ],
        fields: [{ n: 5 }, { n: 6 }],
      }),
    ).toEqual([2, 3]);
    expect(await docs.count()).toBe(3);
    expect((await docs.get([1, 2, 3])).fields).toEqual([{ n: 1 }, { n: 5 }, { n: 6 }]);
    expect((await docs.search([1, 1], { k: 10 })).ids).toEqual([3, 2, 1]);
  });

  it("keep metadata that is not given, replace it whole when it is, clear it with {}", async () => {
    const docs = await workspace.collection();
    const field = { lang: "en", nested: { deep: [1, 2] } };
    await docs.add({
      ids: [1, 2, 3, 4],
      vectors: [
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
      ],
      fields: [field, field, field, field],
    });
    await docs.upsert({ ids: 1, vectors: [9, 1] });
    await docs.upsert({
      ids: [2, 3, 4],
      vectors: [
        [9, 2],
        [9, 3],
        [9, 4],
      ],
      fields: [{ lang: "fr" }, {}, undefined],
    });
    expect((await docs.get([1, 2, 3, 4])).fields).toEqual([field, { lang: "fr" }, {}, field]);
    expect((await docs.get([1, 2, 3, 4])).vectors?.map(([first]) => first)).toEqual([9, 9, 9, 9]);
    expect(await docs.count({ where: "lang = 'en'" })).toBe(2);
    expect(await docs.count({ where: "lang = 'fr'" })).toBe(1);
    expect(await docs.count({ where: "lang IS NULL" })).toBe(1);
  });

  it("one item at a time follow the same rules, buffered", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    expect(await docs.upsertItem([5, 5], { id: 1 })).toBe(1);
    expect(await docs.upsertItem([6, 6], { id: 2, field: {} })).toBe(2);
    expect(await docs.upsertItem([7, 7], { id: 3 })).toBe(3);
    expect((await docs.get(1)).vectors?.[0]).toEqual(Float32Array.of(1, 1));
    await docs.commit();
    expect((await docs.get([1, 2, 3])).fields).toEqual([{ n: 1 }, {}, {}]);
    expect((await docs.get([1, 2, 3])).vectors?.map(([first]) => first)).toEqual([5, 6, 7]);
  });

  it("of many items from any iterable follow the same rules", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    async function* items() {
      yield [[5, 5], 1] as const;
      yield { vector: [6, 6], id: 2, field: { n: 6 } };
      yield { vector: [7, 7], id: "new", field: { n: 7 } };
    }
    expect(await docs.upsertItems(items())).toEqual([1, 2, "new"]);
    await docs.commit();
    expect((await docs.get([1, 2, "new"])).fields).toEqual([{ n: 1 }, { n: 6 }, { n: 7 }]);
  });

  it("of one id several times in a call: the last one stands, metadata kept along the way", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    await docs.upsert({
      ids: [1, 1, 2, 2],
      vectors: [
        [2, 2],
        [3, 3],
        [4, 4],
        [5, 5],
      ],
      fields: [{ n: 2 }, undefined, { n: 4 }, {}],
    });
    expect((await docs.get([1, 2])).fields).toEqual([{ n: 2 }, {}]);
    expect((await docs.get([1, 2])).vectors?.map(([first]) => first)).toEqual([3, 5]);
    expect(await docs.count()).toBe(2);
    expect(await idsOf(docs)).toHaveLength(2);
  });

  it("over buffered rows keep their metadata too", async () => {
    const docs = await workspace.collection();
    await docs.insertSession(async (session) => {
      await session.addItem([1, 1], { id: "a", field: { n: 1 } });
      await session.upsertItem([2, 2], { id: "a" });
      await refusal(() => session.addItem([3, 3], { id: "a" }), "ID_EXISTS", /"a"/);
    });
    expect(await rowsOf(docs)).toEqual([{ id: "a", field: { n: 1 }, vector: [2, 2] }]);
  });

  it("over a deleted row make a new row: its metadata does not come back, nor can it be restored", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    await docs.delete(1);
    await docs.upsert({ ids: 1, vectors: [2, 2] });
    expect(await rowsOf(docs)).toEqual([{ id: 1, field: {}, vector: [2, 2] }]);
    expect(await docs.listDeletedIds()).toEqual([]);
    expect(await docs.restore(1)).toBe(0);
    expect(await docs.count()).toBe(1);
  });

  it("that overlap with another session's commit keep the metadata that is there when they commit", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    await docs.insertSession(async (session) => {
      await session.upsertItem([5, 5], { id: 1 });
      await docs.upsert({ ids: 1, vectors: [2, 2], fields: { n: 2 } });
    });
    expect(await rowsOf(docs)).toEqual([{ id: 1, field: { n: 2 }, vector: [5, 5] }]);
  });

  it("keep the metadata of a row that another session inserts before they commit", async () => {
    const docs = await workspace.collection();
    await docs.insertSession(async (session) => {
      await session.upsertItem([5, 5], { id: 1 });
      await session.upsertItem([6, 6], { id: 1 });
      await docs.add({ ids: 1, vectors: [2, 2], fields: { n: 2 } });
    });
    expect(await rowsOf(docs)).toEqual([{ id: 1, field: { n: 2 }, vector: [6, 6] }]);
  });

  it("keep the metadata that is there when they commit, across replacements and compactions meanwhile", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: ["old", 1],
      vectors: [
        [1, 1],
        [1, 1],
      ],
      fields: [{}, { n: 1 }],
    });
    await docs.insertSession(async (session) => {
      await session.upsertItem([5, 5], { id: 1 });
      await docs.upsert({ ids: 1, vectors: [2, 2], fields: { n: 2 } });
      await docs.compact();
      await session.upsertItem([6, 6], { id: 1 });
      await docs.upsert({ ids: 1, vectors: [3, 3], fields: { n: 3 } });
      await docs.compact();
    });
    expect(await rowsOf(docs)).toEqual([
      { id: "old", field: {}, vector: [1, 1] },
      { id: 1, field: { n: 3 }, vector: [6, 6] },
    ]);
  });

  it("after a deletion in the same session keep nothing, whatever others commit meanwhile", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    await docs.insertSession(async (session) => {
      await session.delete(1);
      await session.upsertItem([5, 5], { id: 1 });
      await docs.upsert({ ids: 1, vectors: [2, 2], fields: { n: 2 } });
    });
    expect(await rowsOf(docs)).toEqual([{ id: 1, field: {}, vector: [5, 5] }]);
  });

  it("need ids and as many vectors and fields", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    const bad: [object, RegExp][] = [
      [{ vectors: [1, 2] }, /needs ids/],
      [{ ids: 1 }, /needs vectors/],
      [{ ids: [1, 2], vectors: [[1, 2]] }, /2 ids .* 1 vectors/],
      [{ ids: [1], vectors: [[1, 2]], fields: [{}, {}] }, /2 fields .* 1 vectors/],
      [
        {
          ids: [1, 2],
          vectors: [
            [1, 2],
            [3, 4],
          ],
          fields: {},
        },
        /array of 2/,
      ],
      [{ ids: 1, vectors: [1, 2], field: {} }, /"field"/],
    ];
    for (const [options, pattern] of bad) {
      await refusal(() => docs.upsert(options as never), "INVALID_ARGUMENT", pattern);
    }
    await refusal(() => docs.upsert({ ids: [1, 2], vectors: [[7, 7], [8]] }), "DIMENSION_MISMATCH", /id 2/);
    expect(await rowsOf(docs)).toEqual([{ id: 1, field: { n: 1 }, vector: [1, 1] }]);
  });
});
