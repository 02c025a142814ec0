/**
 * Full text search: BM25 over the strings of the rows.
 */
import { describe, expect, it } from "vitest";
import type { Id } from "../../src/index.js";
import { modes } from "./modes.js";
import { naiveBm25 } from "./naive-text.js";
import { randomNumbers } from "./random-numbers.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  title: string;
  body?: string;
  lang?: string;
  meta?: unknown;
}

const docs: readonly Doc[] = [
  { title: "The quick brown fox", body: "jumps over the lazy dog", lang: "en" },
  { title: "A brown dog", body: "barks at the quick cat. The dog is brown.", lang: "en" },
  { title: "Le renard brun", body: "Le chien paresseux dort près du café", lang: "fr" },
  { title: "Nothing here", lang: "en", meta: { notes: ["a fox", { deep: "foxes are red" }], n: 7 } },
];

describe.each(modes)("text search ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  async function withDocs(options: Parameters<typeof workspace.collection>[1] = {}) {
    const collection = await workspace.collection<Doc>("docs", options);
    await collection.add({ ids: docs.map((_, id) => id), vectors: docs.map((_, id) => [id, 1]), fields: [...docs] });
    return collection;
  }

  it("ranks by the formula, over every string of a row", async () => {
    const collection = await withDocs();
    const rows = docs.map((field, id) => ({ id, field }));
    for (const query of ["brown dog", "fox", "the quick quick cat", "dort près", "zebra fox"]) {
      const expected = [...naiveBm25(rows, query)].sort(([a, x], [b, y]) => y - x || Number(a) - Number(b));
      const found = await collection.bm25Search(query);
      expect(found.ids).toEqual(expected.map(([id]) => id));
      for (const [at, [, score]] of expected.entries()) expect(found.distances[at]).toBeCloseTo(score, 5);
    }
    const found = await collection.textSearch("fox", { returnFields: true, k: 1 });
    expect([found.metric, found.index, found.length]).toEqual(["bm25", "BM25-INVERTED", 1]);
    expect(found.fields![0]!.title).toMatch(/fox|here/);
  });

  it("finds words of scripts without spaces, and accents in any form", async () => {
    const collection = await workspace.collection<Doc>();
    const titles = ["日本語のテキスト検索", "caf\u00e9 cre\u0301me", "สวัสดีชาวโลก"];
    await collection.add({
      ids: titles,
      vectors: titles.map(() => [1, 1]),
      fields: titles.map((title) => ({ title })),
    });
    expect((await collection.bm25Search("検索")).ids).toEqual([titles[0]]);
    expect((await collection.bm25Search("cr\u00e9me CAFE\u0301")).ids).toEqual([titles[1]]);
    expect((await collection.bm25Search("โลก")).ids).toEqual([titles[2]]);
  });

  it("takes phrases, exclusions, prefixes and both operators", async () => {
    const collection = await withDocs();
    const ids = async (text: string, options = {}): Promise<Id[]> =>
      [...(await collection.bm25Search(text, options)).ids].sort();
    expect(await ids('"brown dog"')).toEqual([1]);
    expect(await ids('"dog brown"')).toEqual([]);
    expect(await ids("brown -fox")).toEqual([1]);
    expect(await ids('brown -"brown dog"')).toEqual([0]);
    expect(await ids("fox*")).toEqual([0, 3]);
    expect(await ids("brown cat", { operator: "and" })).toEqual([1]);
    expect(await ids("brown cat")).toEqual([0, 1]);
    expect(await ids("dog", { textFields: "title" })).toEqual([1]);
    expect(await ids("fox", { textFields: ["meta"] })).toEqual([3]);
    expect(await ids("dog", { where: "title LIKE 'The%'" })).toEqual([0]);
    expect(await ids("dog", { filterIds: [1, 2] })).toEqual([1]);
  });

  it("follows commits, deletes, restores and compactions", async () => {
    const collection = await withDocs();
    expect((await collection.bm25Search("zebra")).ids).toEqual([]);
    await collection.add({ ids: ["z"], vectors: [[1, 1]], fields: [{ title: "zebra fox" }] });
    expect((await collection.bm25Search("zebra")).ids).toEqual(["z"]);
    await collection.upsert({ ids: ["z"], vectors: [[1, 1]], fields: [{ title: "giraffe" }] });
    expect((await collection.bm25Search("zebra")).ids).toEqual([]);
    await collection.delete(1);
    const live = [
      ...docs.map((field, id) => ({ id: id as Id, field: field as object })),
      { id: "z", field: { title: "giraffe" } },
    ];
    const check = async (target = collection): Promise<void> => {
      const rows = live.filter(({ id }) => id !== 1);
      const expected = naiveBm25(rows, "brown fox dog");
      const found = await target.bm25Search("brown fox dog");
      expect(found.length).toBe(expected.size);
      for (const [at, id] of found.ids.entries()) expect(found.distances[at]).toBeCloseTo(expected.get(id)!, 5);
    };
    await check();
    await collection.compact();
    await check();
    if (mode.isPersistent) await check(await workspace.reopen());
  });

  it("marks what it found", async () => {
    const collection = await withDocs();
    const found = await collection.bm25Search("quick dog", {
      highlight: { before: "[", after: "]" },
      where: "title LIKE 'A%'",
    });
    expect(found.highlights).toEqual([
      [
        { field: "title", text: "A brown [dog]" },
        { field: "body", text: "barks at the [quick] cat. The [dog] is brown." },
      ],
    ]);
    expect((await collection.bm25Search("dog")).highlights).toBeNull();
  });

  it("keeps its options with the collection", async () => {
    const text = { fields: ["title"], stopWords: ["the", "a"], foldAccents: true, b: 0 } as const;
    let collection = await withDocs({ text });
    expect((await collection.bm25Search("barks")).ids).toEqual([]);
    await refusal(() => collection.bm25Search("the"), "INVALID_ARGUMENT", /stop word/);
    await refusal(() => collection.bm25Search("x", { textFields: ["body"] }), "INVALID_ARGUMENT", /configureText/);
    if (mode.isPersistent) collection = await workspace.reopen();
    await refusal(() => collection.bm25Search("a the"), "INVALID_ARGUMENT", /stop word/);
    await collection.configureText({ language: "english" });
    expect([...(await collection.bm25Search("barking foxes")).ids].sort()).toEqual([0, 1, 3]);
    expect((await collection.stats()).textRows).toBe(docs.length);
    await refusal(() => collection.configureText({ k1: -1 }), "INVALID_ARGUMENT", /k1/);
    await refusal(() => collection.configureText({ language: "klingon" as never }), "INVALID_ARGUMENT", /klingon/);
    await refusal(() => collection.configureText({ colour: 1 } as never), "INVALID_ARGUMENT", /colour/);
  });

  it("keeps the index through a checkpoint, and tells its options", async () => {
    const collection = await withDocs();
    expect((await collection.stats()).textRows).toBeNull();
    await collection.checkpoint();
    // Made after the last commit, by a search.
    await collection.bm25Search("fox");
    await collection.checkpoint();
    if (mode.isPersistent) {
      const again = await workspace.reopen();
      expect((await again.stats()).textRows).toBe(docs.length);
      expect((await again.bm25Search("renard")).ids).toEqual([2]);
    }
    const { db } = workspace;
    const other = await db.requireCollection("other", { text: { fields: ["title"], k1: 1.5 } });
    expect(await other.textOptions()).toEqual({
      fields: ["title"],
      k1: 1.5,
      b: 0.75,
      language: null,
      stopWords: false,
      foldAccents: false,
    });
  });

  it("refuses what asks for nothing", async () => {
    const collection = await withDocs();
    for (const text of ["", "   ", "-fox", "!!"]) await refusal(() => collection.bm25Search(text), "INVALID_ARGUMENT");
    await refusal(() => collection.bm25Search(7 as never), "INVALID_ARGUMENT");
    await refusal(() => collection.bm25Search("x", { operator: "xor" as never }), "INVALID_ARGUMENT", /operator/);
    await refusal(() => collection.bm25Search("x", { k: 0 }), "INVALID_ARGUMENT", /k must/);
    const empty = await workspace.collection("empty");
    expect((await empty.bm25Search("fox")).ids).toEqual([]);
  });

  it("is right for many rows and any filter, in any state", async () => {
    const collection = await workspace.collection<{ text: string; n: number }>("many");
    const random = randomNumbers(5);
    const word = (): string => `w${Math.floor(random() ** 3 * 300)}`;
    const texts = Array.from({ length: 3000 }, () =>
      Array.from({ length: 1 + Math.floor(random() * 20) }, word).join(" "),
    );
    const rows = texts.map((text, id) => ({ id: id as Id, field: { text, n: id % 10 } }));
    for (let from = 0; from < rows.length; from += 700) {
      const part = rows.slice(from, from + 700);
      await collection.add({
        ids: part.map(({ id }) => id),
        vectors: part.map(() => [1, 1]),
        fields: part.map(({ field }) => field),
      });
      await collection.bm25Search("w1");
    }
    const gone = rows.filter(({ id }) => (id as number) % 7 === 0).map(({ id }) => id);
    await collection.delete(gone);
    const live = rows.filter(({ id }) => !gone.includes(id));
    for (let query = 0; query < 25; query++) {
      const words = `${word()} ${word()} ${word()}`;
      const scores = naiveBm25(live, words);
      const matching = [...scores].filter(([id]) => (id as number) % 10 < 3);
      matching.sort(([a, x], [b, y]) => y - x || Number(a) - Number(b));
      const found = await collection.bm25Search(words, { k: 20, where: "n < 3" });
      expect(found.length).toBe(Math.min(20, matching.length));
      found.ids.forEach((id, at) => {
        expect(found.distances[at]).toBeCloseTo(matching[at]![1], 4);
        expect(scores.get(id)).toBeCloseTo(found.distances[at]!, 4);
      });
    }
  });
});
