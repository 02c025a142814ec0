/**
 * Adding rows: addItem, add, bulkAddItems, bulkAddBinary.
 */
import { describe, expect, it } from "vitest";
import type { Item, Progress } from "../../src/index.js";
import { idsOf, rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

const threeItems: readonly Item[] = [
  [[1, 2], 1, { lang: "en" }],
  { vector: [3, 4], id: "b" },
  [new Float32Array([5, 6]), 3],
];
const threeRows = [
  { id: 1, field: { lang: "en" }, vector: [1, 2] },
  { id: "b", field: {}, vector: [3, 4] },
  { id: 3, field: {}, vector: [5, 6] },
];

function* generated(): Generator<Item> {
  yield* threeItems;
}

async function* generatedSlowly(): AsyncGenerator<Item> {
  for (const item of threeItems) {
    await new Promise((resolve) => setImmediate(resolve));
    yield item;
  }
}

function streamed(): ReadableStream<Item> {
  return new ReadableStream({
    start: (stream) => {
      for (const item of threeItems) stream.enqueue(item);
      stream.close();
    },
  });
}

describe.each(modes)("adding rows ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("with addItem buffers them until a commit", async () => {
    const docs = await workspace.collection();
    expect(await docs.addItem([1, 2], { id: "a", field: { n: 1 } })).toBe("a");
    expect(await docs.count()).toBe(0);
    await docs.commit();
    expect(await rowsOf(docs)).toEqual([{ id: "a", field: { n: 1 }, vector: [1, 2] }]);
    await docs.commit();
    expect(await docs.count()).toBe(1);
  });

  it("buffered is committed by flush, checkpoint, close and any write-through call", async () => {
    const docs = await workspace.collection();
    await docs.addItem([1, 2], { id: 1 });
    await docs.flush();
    expect(await docs.count()).toBe(1);
    await docs.addItem([1, 2], { id: 2 });
    await docs.checkpoint();
    expect(await docs.count()).toBe(2);
    await docs.addItem([1, 2], { id: 3 });
    await docs.add({ ids: 4, vectors: [1, 2] });
    expect(await idsOf(docs)).toEqual([1, 2, 3, 4]);
    await docs.addItem([1, 2], { id: 5 });
    expect(await docs.delete(1)).toBe(1);
    expect(await idsOf(docs)).toEqual([2, 3, 4, 5]);
    await docs.addItem([1, 2], { id: 6 });
    await docs.restore(1);
    await docs.addItem([1, 2], { id: 7 });
    await docs.compact();
    expect(await docs.count()).toBe(7);
  });

  it("with add writes them through", async () => {
    const docs = await workspace.collection();
    const vectors = [[1, 2], new Float32Array([3, 4])];
    expect(await docs.add({ ids: ["a", 7], vectors, fields: [{ n: 1 }, null] })).toEqual(["a", 7]);
    expect(await rowsOf(docs)).toEqual([
      { id: "a", field: { n: 1 }, vector: [1, 2] },
      { id: 7, field: {}, vector: [3, 4] },
    ]);
  });

  it("with add takes a single vector with a single id and field", async () => {
    const docs = await workspace.collection();
    expect(await docs.add({ ids: "a", vectors: [1, 2], fields: { n: 1 } })).toEqual(["a"]);
    expect(await docs.add({ ids: ["b"], vectors: new Float32Array([3, 4]), fields: [{ n: 2 }] })).toEqual(["b"]);
    expect(await docs.add({ vectors: [[5, 6]], fields: { n: 3 } })).toEqual([0]);
    expect((await docs.get(["a", "b", 0])).fields).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it("with add takes a row-major matrix and subarray views", async () => {
    const docs = await workspace.collection();
    const data = Float32Array.from({ length: 10 }, (_, i) => i);
    expect(await docs.add({ vectors: { data: data.subarray(2, 8), dim: 2 } })).toEqual([0, 1, 2]);
    data.fill(99);
    expect((await docs.get([0, 1, 2])).vectors).toEqual(
      [
        [2, 3],
        [4, 5],
        [6, 7],
      ].map((v) => Float32Array.from(v)),
    );
  });

  it("copies vectors and metadata: what the caller changes later does not show", async () => {
    const docs = await workspace.collection();
    const vector = new Float32Array([1, 2]);
    const field = { tags: ["a"] };
    await docs.addItem(vector, { id: 1, field });
    vector.fill(9);
    field.tags.push("b");
    await docs.commit();
    const view = await docs.get(1);
    view.vectors?.[0]?.fill(7);
    for (const field of view.fields ?? []) (field as { tags: string[] }).tags.push("c");
    expect(await rowsOf(docs)).toEqual([{ id: 1, field: { tags: ["a"] }, vector: [1, 2] }]);
  });

  it("without ids gives out consecutive integers after the largest integer id", async () => {
    const docs = await workspace.collection();
    expect(
      await docs.add({
        vectors: [
          [1, 1],
          [2, 2],
        ],
      }),
    ).toEqual([0, 1]);
    await docs.add({
      ids: [40, "50", "x"],
      vectors: [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    });
    expect(await docs.add({ vectors: [1, 1] })).toEqual([41]);
    await docs.addItem([1, 1], { id: 60 });
    expect(await docs.add({ vectors: [1, 1] })).toEqual([61]);
    expect(
      await docs.bulkAddBinary([
        [1, 1],
        [2, 2],
      ]),
    ).toBe(2);
    await docs.commit();
    expect(await docs.maxId()).toBe(63);
    expect(await docs.isIdExists(63)).toBe(true);
  });

  it("without ids never gives out the id of a row that could be restored", async () => {
    const docs = await workspace.collection();
    await docs.add({
      vectors: [
        [1, 1],
        [2, 2],
      ],
    });
    await docs.delete(1);
    const [id] = await docs.add({ vectors: [3, 3] });
    expect(await docs.restore(1)).toBe(1);
    expect(await idsOf(docs)).toEqual([0, 1, id]);
  });

  it("without ids is refused when no safe integers are left", async () => {
    const docs = await workspace.collection();
    await docs.add({ ids: Number.MAX_SAFE_INTEGER - 1, vectors: [1, 1] });
    await refusal(
      () =>
        docs.add({
          vectors: [
            [1, 1],
            [2, 2],
          ],
        }),
      "LIMIT_EXCEEDED",
      /integer ids/,
    );
    expect(await docs.add({ vectors: [1, 1] })).toEqual([Number.MAX_SAFE_INTEGER]);
    await refusal(() => docs.add({ vectors: [1, 1] }), "LIMIT_EXCEEDED");
    expect(await docs.count()).toBe(2);
  });

  it.each([
    ["an array", () => threeItems],
    ["a set", () => new Set(threeItems)],
    ["a generator", generated],
    ["an async generator", generatedSlowly],
    ["a stream", streamed],
  ])("with bulkAddItems takes %s of tuples and objects", async (_, source) => {
    const docs = await workspace.collection();
    const items = source() as unknown as AsyncIterable<Item>;
    expect(await docs.bulkAddItems(items)).toEqual([1, "b", 3]);
    expect(await docs.count()).toBe(0);
    await docs.commit();
    expect(await rowsOf(docs)).toEqual(threeRows);
  });

  it("with bulkAddItems reports its progress, to the end", async () => {
    const docs = await workspace.collection();
    const items = Array.from({ length: 25 }, (_, id) => [[id, id], id] as const);
    const progress = async (source: Iterable<Item> | AsyncIterable<Item>, batchSize: number): Promise<Progress[]> => {
      const seen: Progress[] = [];
      await docs.insertSession((session) =>
        session.bulkAddItems(source, { batchSize, onProgress: (point) => void seen.push(point) }),
      );
      await docs.delete(items.map(([, id]) => id));
      return seen;
    };
    expect(await progress(items, 10)).toEqual([10, 20, 25].map((done) => ({ done, total: 25 })));
    expect(await progress(items, 5)).toEqual([5, 10, 15, 20, 25].map((done) => ({ done, total: 25 })));
    expect(await progress(new Set(items), 100)).toEqual([{ done: 25 }]);
  });

  it("with bulkAddBinary reports its progress, to the end", async () => {
    const docs = await workspace.collection();
    const seen: Progress[] = [];
    await docs.bulkAddBinary(
      [
        [1, 1],
        [2, 2],
      ],
      { onProgress: (point) => void seen.push(point) },
    );
    expect(seen.at(-1)).toEqual({ done: 2, total: 2 });
  });

  it("of nothing is no error", async () => {
    const docs = await workspace.collection();
    expect(await docs.add({ vectors: [] })).toEqual([]);
    expect(await docs.add({ ids: [], vectors: [], fields: [] })).toEqual([]);
    expect(await docs.bulkAddItems([])).toEqual([]);
    expect(await docs.bulkAddBinary([])).toBe(0);
    expect(await docs.bulkAddBinary({ data: new Float32Array(0), dim: 2 })).toBe(0);
    await docs.commit();
    expect(await docs.shape()).toEqual([0, 2]);
  });

  it("keeps nothing of a bulkAddItems whose source throws in the middle, and throws its error on", async () => {
    const docs = await workspace.collection();
    const broken = new Error("source is broken");
    async function* source(): AsyncGenerator<Item> {
      for (let id = 0; id < 3000; id++) yield [[id, id], id];
      throw broken;
    }
    await expect(docs.bulkAddItems(source())).rejects.toBe(broken);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("closes the source of a bulkAddItems that is refused in the middle", async () => {
    const docs = await workspace.collection();
    let isClosed = false;
    function* source(): Generator<Item> {
      try {
        for (let id = 0; ; id++) yield [id === 100 ? [Number.NaN, 1] : [id, id], id];
      } finally {
        isClosed = true;
      }
    }
    await refusal(() => docs.bulkAddItems(source()), "INVALID_VECTOR", /id 100 /);
    expect(isClosed).toBe(true);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it.each([
    1, 10, 25, 1000,
  ])("keeps nothing of a bulkAddItems whose onProgress throws (batches of %i)", async (batchSize) => {
    const docs = await workspace.collection();
    const items = Array.from({ length: 25 }, (_, id) => [[id, id], id] as const);
    const broken = new Error("progress is broken");
    const onProgress = ({ done }: Progress): void => {
      if (done >= 20) throw broken;
    };
    await expect(docs.bulkAddItems(items, { batchSize, onProgress })).rejects.toBe(broken);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("keeps nothing of a bulkAddBinary whose onProgress throws", async () => {
    const docs = await workspace.collection();
    const broken = new Error("progress is broken");
    const onProgress = (): void => {
      throw broken;
    };
    await expect(
      docs.bulkAddBinary(
        [
          [1, 1],
          [2, 2],
        ],
        { onProgress },
      ),
    ).rejects.toBe(broken);
    await docs.commit();
    expect(await docs.count()).toBe(0);
    expect(await docs.add({ vectors: [1, 1] })).toEqual([0]);
  });

  it("keeps nothing of a call with one bad row, and names that row", async () => {
    const docs = await workspace.collection();
    const good = Array.from({ length: 2000 }, (_, id) => [[id, id], id, { n: id }] as const);
    const bad: [unknown, Parameters<typeof refusal>[1], RegExp][] = [
      [[[1, 2, 3], "bad"], "DIMENSION_MISMATCH", /"bad".* 3 .* 2/],
      [[[1, Number.NaN], "bad"], "INVALID_VECTOR", /"bad".*NaN.*component 1/],
      [[[Number.POSITIVE_INFINITY, 1], "bad"], "INVALID_VECTOR", /"bad".*Infinity.*component 0/],
      [[[1, 2], 1999], "ID_EXISTS", /id 1999/],
      [[[1, 2], -1], "INVALID_ARGUMENT", /-1/],
      [[[1, 2], "bad", { n: Number.NaN }], "INVALID_ARGUMENT", /"bad".*NaN.*n/],
      [[[1, 2]], "INVALID_ARGUMENT", /item 2000/],
      ["row", "INVALID_ARGUMENT", /item 2000/],
      [{ vector: [1, 2], id: "bad", fields: {} }, "INVALID_ARGUMENT", /item 2000.*"fields"/],
    ];
    for (const [item, code, pattern] of bad) {
      await refusal(() => docs.bulkAddItems([...good, item as Item]), code, pattern);
      await docs.commit();
      expect(await docs.count()).toBe(0);
    }
    const vectors = [...good.map(([vector]) => [...vector]), [1, Number.NaN]];
    const ids = vectors.map((_, i) => i);
    await refusal(() => docs.add({ ids, vectors }), "INVALID_VECTOR", /id 2000/);
    await refusal(() => docs.add({ vectors: [...vectors.slice(0, -1), [1]] }), "DIMENSION_MISMATCH");
    expect(await docs.count()).toBe(0);
    expect(await docs.add({ vectors: [1, 1] })).toEqual([0]);
  });
});
