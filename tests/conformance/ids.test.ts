/**
 * Ids: which there are, when two are the same, and where they clash.
 */
import { describe, expect, it } from "vitest";
import type { Id } from "../../src/index.js";
import { idsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

/** Texts that a careless store would confuse with one another, with numbers or with properties of objects. */
const oddIds: readonly Id[] = [
  0,
  "0",
  "00",
  "-0",
  1,
  "1",
  "1.0",
  " 1",
  Number.MAX_SAFE_INTEGER,
  String(Number.MAX_SAFE_INTEGER),
  2 ** 32,
  2 ** 31,
  "__proto__",
  "constructor",
  "null",
  "undefined",
  " ",
  "\u0000",
  "\u00000",
  "a\nb",
  "é",
  "e\u0301",
  "😀",
  "'; DROP",
  "/../x",
  "x".repeat(1024),
  "😀".repeat(256),
];

describe.each(modes)("ids ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("are told apart by type and by every character, in every call", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: oddIds, vectors: oddIds.map((_, i) => [i, 1]), fields: oddIds.map((_, i) => ({ i })) });
    expect(await idsOf(docs)).toEqual(oddIds);
    for (const [i, id] of oddIds.entries()) {
      expect(await docs.isIdExists(id)).toBe(true);
      expect((await docs.get(id)).fields).toEqual([{ i }]);
      expect(await docs.count({ where: "id = :id", params: { id } })).toBe(1);
      expect((await docs.search([1, 0], { filterIds: [id] })).ids).toEqual([id]);
    }
    expect(await docs.delete(["1", 2 ** 32])).toBe(2);
    expect(await docs.isIdExists(1)).toBe(true);
    expect(await docs.isIdExists(0)).toBe(true);
    expect(await docs.listDeletedIds()).toEqual(["1", 2 ** 32]);
  });

  it("survive a compaction and closing", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: [...oddIds, "gone"], vectors: [...oddIds, "gone"].map((_, i) => [i, 1]) });
    await docs.delete("gone");
    await docs.compact();
    expect(await idsOf(docs)).toEqual(oddIds);
    if (!mode.isPersistent) return;
    const again = await workspace.reopen();
    expect(await idsOf(again)).toEqual(oddIds);
    for (const id of oddIds) expect(await again.isIdExists(id)).toBe(true);
  });

  it("take -0 for 0", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: -0, vectors: [1, 1] });
    expect(Object.is((await docs.head()).ids[0], 0)).toBe(true);
    await refusal(() => docs.add({ ids: 0, vectors: [1, 1] }), "ID_EXISTS");
  });

  it.each([
    ["empty text", "", /non-empty string/],
    ["a negative number", -1, /-1/],
    ["a fraction", 1.5, /1\.5/],
    ["an unsafe integer", 2 ** 53, /9007199254740992/],
    ["NaN", Number.NaN, /NaN/],
    ["Infinity", Number.POSITIVE_INFINITY, /Infinity/],
    ["null", null, /null/],
    ["a boolean", true, /true/],
    ["a bigint", 5n, /bigint/],
    ["an object", {}, /object/],
    ["a lone surrogate", "a\ud800b", /Unicode/],
  ])("are not: %s", async (_, id, pattern) => {
    const docs = await workspace.collection();
    const wrong = id as Id;
    const calls: (() => Promise<unknown>)[] = [
      () => docs.addItem([1, 1], { id: wrong }),
      () => docs.add({ ids: [wrong], vectors: [[1, 1]] }),
      () => docs.upsert({ ids: [wrong], vectors: [[1, 1]] }),
      () => docs.bulkAddItems([[[1, 1], wrong]]),
      () => docs.delete([wrong]),
      () => docs.restore([wrong]),
      () => docs.get([wrong]),
      () => docs.isIdExists(wrong),
      () => docs.search([1, 1], { filterIds: [wrong] }),
      () => docs.query({ filterIds: [wrong] }),
    ];
    for (const call of calls) await refusal(call, "INVALID_ARGUMENT", pattern);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("are at most 1024 bytes long, in UTF-8", async () => {
    const docs = await workspace.collection();
    for (const id of ["x".repeat(1025), "é".repeat(513), "😀".repeat(257)]) {
      const error = await refusal(() => docs.add({ ids: id, vectors: [1, 1] }), "LIMIT_EXCEEDED", /idBytesMax = 1024/);
      expect(error.details).toMatchObject({ limit: "idBytesMax", max: 1024 });
    }
    expect(await docs.count()).toBe(0);
  });

  it("cannot be missing from a list", async () => {
    const docs = await workspace.collection();
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    const holes = [1, , 3] as Id[];
    await refusal(
      () =>
        docs.add({
          ids: holes,
          vectors: [
            [1, 1],
            [2, 2],
            [3, 3],
          ],
        }),
      "INVALID_ARGUMENT",
      /undefined/,
    );
    await refusal(() => docs.get(holes), "INVALID_ARGUMENT", /undefined/);
    await refusal(() => docs.delete(holes), "INVALID_ARGUMENT", /undefined/);
    expect(await docs.count()).toBe(0);
  });

  it("may be given as a typed array", async () => {
    const docs = await workspace.collection();
    const ids = Uint32Array.of(5, 6) as never;
    expect(
      await docs.add({
        ids,
        vectors: [
          [1, 1],
          [2, 2],
        ],
      }),
    ).toEqual([5, 6]);
    expect((await docs.get(ids)).ids).toEqual([5, 6]);
  });

  it("that exist are refused and named, whichever call added them first", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: ["committed"], vectors: [[1, 1]] });
    await docs.addItem([1, 1], { id: "buffered" });
    for (const id of ["committed", "buffered"]) {
      const pattern = new RegExp(`"${id}"`);
      const calls = [
        () => docs.addItem([2, 2], { id }),
        () =>
          docs.bulkAddItems([
            [[3, 3], "other"],
            [[2, 2], id],
          ]),
        () =>
          docs.add({
            ids: ["other", id],
            vectors: [
              [3, 3],
              [2, 2],
            ],
          }),
      ];
      for (const call of calls) {
        const error = await refusal(call, "ID_EXISTS", pattern, /upsert/);
        expect(error.details).toMatchObject({ id });
      }
    }
    await docs.commit();
    expect(await idsOf(docs)).toEqual(["committed", "buffered"]);
  });

  it("that stand twice in one call are refused and named", async () => {
    const docs = await workspace.collection();
    await refusal(
      () =>
        docs.add({
          ids: [1, "1", 1],
          vectors: [
            [1, 1],
            [2, 2],
            [3, 3],
          ],
        }),
      "ID_EXISTS",
      /id 1 /,
    );
    await refusal(
      () =>
        docs.bulkAddItems([
          [[1, 1], "a"],
          [[2, 2], "a"],
        ]),
      "ID_EXISTS",
      /"a"/,
    );
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("of deleted rows can be added again, as new rows", async () => {
    const docs = await workspace.collection();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    await docs.delete(1);
    await docs.add({ ids: 1, vectors: [5, 5] });
    expect(await idsOf(docs)).toEqual([2, 1]);
    expect((await docs.get(1)).fields).toEqual([{}]);
    expect(await docs.listDeletedIds()).toEqual([]);
    expect(await docs.restore(1)).toBe(0);
  });
});
