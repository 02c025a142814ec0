/**
 * Vectors and metadata as callers bring them: what is taken, what it becomes, what is refused.
 */
import { describe, expect, it } from "vitest";
import type { Fields, Vector } from "../../src/index.js";
import { limits } from "../../src/index.js";
import { rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

class Money {
  readonly amount = 5;
}

function cyclic(): object {
  const field: { self?: unknown; n: number } = { n: 1 };
  field.self = { deeper: [field] };
  return field;
}

function nested(depth: number): object {
  let value: object = {};
  for (let i = 1; i < depth; i++) value = { a: value };
  return value;
}

describe.each(modes)("inputs ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it.each([
    ["number[]", [1, 2]],
    ["a frozen array", Object.freeze([1, 2])],
    ["Float32Array", Float32Array.of(1, 2)],
    ["Float64Array", Float64Array.of(1, 2)],
    ["Int8Array", Int8Array.of(1, 2)],
    ["Uint8Array", Uint8Array.of(1, 2)],
    ["Int32Array", Int32Array.of(1, 2)],
    ["a subarray", Float32Array.of(0, 1, 2, 3).subarray(1, 3)],
    ["a view at an odd offset of a Buffer", Buffer.from([9, 1, 2]).subarray(1)],
  ])("take %s as a vector, in every call", async (_, vector) => {
    const docs = await workspace.collection();
    const vectors = vector as Vector;
    await docs.addItem(vectors, { id: 1 });
    await docs.upsertItem(vectors, { id: 2 });
    await docs.bulkAddItems([[vectors, 3], { vector: vectors, id: 4 }]);
    await docs.upsertItems([[vectors, 5]]);
    await docs.add({ ids: 6, vectors });
    await docs.add({ ids: [7], vectors: [vectors] });
    await docs.upsert({ ids: 8, vectors });
    await docs.bulkAddBinary([vectors]);
    await docs.commit();
    const rows = await rowsOf(docs);
    expect(rows.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const { vector: stored } of rows) expect(stored).toEqual([1, 2]);
    expect((await docs.search(vectors, { k: 9 })).distances).toEqual(new Float32Array(9).fill(5));
  });

  it("round float64 components to the nearest float32, down to denormals and zeros", async () => {
    const docs = await workspace.collection("docs", { dim: 5 });
    const vector = [0.1, 1e-45, -0, 3.4028234e38, 1e-60];
    await docs.add({ ids: 1, vectors: vector });
    expect((await docs.get(1)).vectors?.[0]).toEqual(Float32Array.from(vector));
  });

  it.each([
    ["too short", [1], "DIMENSION_MISMATCH", /1 components, expected 2/],
    ["too long", [1, 2, 3], "DIMENSION_MISMATCH", /3/],
    ["empty", [], "INVALID_VECTOR", /empty/],
    ["empty and typed", new Float32Array(0), "INVALID_VECTOR", /empty/],
    ["with NaN", [Number.NaN, 1], "INVALID_VECTOR", /NaN at component 0/],
    ["with Infinity", Float32Array.of(1, Number.POSITIVE_INFINITY), "INVALID_VECTOR", /Infinity at component 1/],
    ["beyond float32", [1e39, 1], "INVALID_VECTOR", /1e\+39 at component 0/],
    ["with null", [1, null], "INVALID_VECTOR", /null at component 1/],
    ["with undefined", [1, undefined], "INVALID_VECTOR", /undefined at component 1/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    ["with a hole", [1, ,], "INVALID_VECTOR", /undefined at component 1/],
    ["with a text", [1, "2"], "INVALID_VECTOR", /"2".* at component 1/],
    ["with a boolean", [1, true], "INVALID_VECTOR", /true at component 1/],
    ["with a bigint", [1, 2n], "INVALID_VECTOR", /component 1/],
    ["nested", [1, [2]], "INVALID_VECTOR", /array at component 1/],
    ["nested from the start", [[1, 2]], "INVALID_ARGUMENT", /got an array/],
    ["of bigints", BigInt64Array.of(1n, 2n), "INVALID_ARGUMENT", /BigInt64Array/],
    ["a DataView", new DataView(new ArrayBuffer(2)), "INVALID_ARGUMENT", /DataView/],
    ["an ArrayBuffer", new ArrayBuffer(8), "INVALID_ARGUMENT", /ArrayBuffer/],
    ["a Set", new Set([1, 2]), "INVALID_ARGUMENT", /Set/],
    ["a text", "12", "INVALID_ARGUMENT", /the text "12"/],
    ["a number", 12, "INVALID_ARGUMENT", /the number 12/],
    ["null", null, "INVALID_ARGUMENT", /null/],
    ["undefined", undefined, "INVALID_ARGUMENT", /undefined/],
    ["a function", () => [1, 2], "INVALID_ARGUMENT", /function/],
  ] as const)("refuse a vector that is %s, in every call, and keep nothing", async (_, vector, code, pattern) => {
    const docs = await workspace.collection();
    const bad = vector as unknown as Vector;
    await refusal(() => docs.addItem(bad, { id: "bad" }), code, pattern, /"bad"/);
    await refusal(() => docs.upsertItem(bad, { id: "bad" }), code, pattern, /"bad"/);
    await refusal(
      () =>
        docs.bulkAddItems([
          { vector: [1, 2], id: 1 },
          { vector: bad, id: "bad" },
        ]),
      code,
      pattern,
    );
    await refusal(() => docs.insertSession((session) => session.upsertItems([{ vector: bad, id: 1 }])), code, pattern);
    await docs.commit();
    expect(await docs.count()).toBe(0);
    await docs.add({ ids: "x".repeat(3), vectors: [1, 2] });
    expect(await docs.shape()).toEqual([1, 2]);
  });

  it.each([
    [{ vectors: [[1, 2], [1]] }, "DIMENSION_MISMATCH", /1 components, expected 2/],
    [{ vectors: [[1, 2], null] }, "INVALID_ARGUMENT", /null/],
    [{ vectors: [[1, 2], "x"] }, "INVALID_ARGUMENT", /the text "x"/],
    [{ vectors: [[1, 2], []] }, "INVALID_VECTOR", /empty/],
    [{ vectors: { data: new Float32Array(5), dim: 2 } }, "DIMENSION_MISMATCH", /5 numbers.*dim 2/],
    [{ vectors: { data: new Float32Array(6), dim: 3 } }, "DIMENSION_MISMATCH", /3/],
    [{ vectors: { data: [1, 2], dim: 2 } }, "INVALID_ARGUMENT", /Float32Array/],
    [{ vectors: { data: new Float32Array(4), dim: 0 } }, "INVALID_ARGUMENT", /dim/],
    [{ vectors: { data: new Float32Array(4), dim: "2" } }, "INVALID_ARGUMENT", /dim/],
    [{ vectors: 5 }, "INVALID_ARGUMENT", /the number 5/],
    [{ vectors: null }, "INVALID_ARGUMENT", /null/],
    [{}, "INVALID_ARGUMENT", /add needs vectors/],
    [undefined, "INVALID_ARGUMENT", /undefined|null/],
    [{ vectors: [1, 2], ids: [1, 2] }, "INVALID_ARGUMENT", /2 ids .* 1 vectors/],
    [
      {
        vectors: [
          [1, 2],
          [3, 4],
        ],
        ids: 1,
      },
      "INVALID_ARGUMENT",
      /1 ids .* 2 vectors/,
    ],
    [
      {
        vectors: [
          [1, 2],
          [3, 4],
        ],
        fields: [{}],
      },
      "INVALID_ARGUMENT",
      /1 fields .* 2 vectors/,
    ],
    [
      {
        vectors: [
          [1, 2],
          [3, 4],
        ],
        fields: {},
      },
      "INVALID_ARGUMENT",
      /array of 2/,
    ],
    [{ vectors: [1, 2], fields: "x" }, "INVALID_ARGUMENT", /the text "x"/],
    [{ vectors: [1, 2], metadata: {} }, "INVALID_ARGUMENT", /add has no option "metadata"; it takes ids, vectors/],
  ] as const)("refuse add(%j), and keep nothing", async (options, code, pattern) => {
    const docs = await workspace.collection();
    await refusal(() => docs.add(options as never), code, pattern);
    await docs.commit();
    expect(await docs.count()).toBe(0);
    expect(await docs.add({ vectors: [1, 2] })).toEqual([0]);
  });

  it("refuse what is no item, with its position", async () => {
    const docs = await workspace.collection();
    const good = [[1, 2], "good"] as const;
    for (const item of [null, 5, "row", [], [[1, 2]], [[1, 2], 1, {}, 4], { id: 1 }, new Map()]) {
      await refusal(() => docs.bulkAddItems([good, item as never]), "INVALID_ARGUMENT", /item 1 of bulkAddItems/);
      await refusal(() => docs.upsertItems([good, item as never]), "INVALID_ARGUMENT", /item 1 of upsertItems/);
    }
    for (const items of [null, undefined, 5, {}, { length: 1 }]) {
      await refusal(() => docs.bulkAddItems(items as never), "INVALID_ARGUMENT", /iterable/);
    }
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("refuse options of writes by name", async () => {
    const docs = await workspace.collection();
    const bad: [() => Promise<unknown>, RegExp][] = [
      [() => docs.addItem([1, 2], { id: 1, fields: {} } as never), /addItem has no option "fields"/],
      [() => docs.addItem([1, 2], undefined as never), /options object/],
      [() => docs.addItem([1, 2], 5 as never), /options object/],
      [() => docs.addItem([1, 2], {} as never), /id/],
      [() => docs.bulkAddItems([], { batch_size: 5 } as never), /"batch_size"; did you mean batchSize/],
      [() => docs.bulkAddItems([], { batchSize: 0 }), /batchSize must be an integer from 1/],
      [() => docs.bulkAddItems([], { onProgress: "yes" } as never), /onProgress must be a function/],
      [() => docs.bulkAddItems([], { signal: true } as never), /AbortSignal/],
      [() => docs.bulkAddBinary([], { batchSize: 5 } as never), /"batchSize"/],
      [() => docs.buildIndex("FLAT", { nClusters: 5 } as never), /"nClusters"; it takes none/],
      [() => docs.buildIndex("FLAT", { fieldName: "title" }), /"title"/],
      [() => docs.removeIndex({ field: "x" } as never), /"field"/],
      [() => docs.indexMode({ field: "x" } as never), /"field"/],
    ];
    for (const [call, pattern] of bad) await refusal(call, "INVALID_ARGUMENT", pattern);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("keep metadata as JSON does, through a commit, a compaction and closing", async () => {
    const docs = await workspace.collection();
    const when = new Date(Date.UTC(2026, 5, 5, 12));
    const inputs: [Fields, unknown][] = [
      [{}, {}],
      [{ a: undefined }, {}],
      [{ a: undefined, b: { c: undefined } }, { b: {} }],
      [
        { a: null, b: true, c: "", d: -0, e: 1e308, f: 5e-324 },
        { a: null, b: true, c: "", d: 0, e: 1e308, f: 5e-324 },
      ],
      [
        { when, list: [when] },
        { when: when.toISOString(), list: [when.toISOString()] },
      ],
      [{ deep: { list: [{ x: [[], {}, [null]] }] } }, { deep: { list: [{ x: [[], {}, [null]] }] } }],
      [
        { "": 1, " ": 2, "a.b": 3, "'": 4, '"': 5, "\n": 6, "\u0000": 7 },
        { "": 1, " ": 2, "a.b": 3, "'": 4, '"': 5, "\n": 6, "\u0000": 7 },
      ],
      [
        { emoji: "😀e\u0301", lone: "a\ud800", "\udc00": 1 },
        { emoji: "😀e\u0301", lone: "a\ud800", "\udc00": 1 },
      ],
      [Object.assign(Object.create(null), { bare: 1 }), { bare: 1 }],
      [
        { id: "other", distance: 5, vector: [1], field: { x: 1 } },
        { id: "other", distance: 5, vector: [1], field: { x: 1 } },
      ],
      [
        { constructor: 1, toString: 2, hasOwnProperty: 3 },
        { constructor: 1, toString: 2, hasOwnProperty: 3 },
      ],
      [nested(limits.fieldDepthMax), nested(limits.fieldDepthMax)],
    ];
    const ids = inputs.map((_, n) => n);
    await docs.add({ ids, vectors: ids.map((n) => [n, 1]), fields: inputs.map(([field]) => field) });
    const expected = inputs.map(([, field]) => field);
    expect((await docs.get(ids)).fields).toEqual(expected);
    await docs.add({ ids: "gone", vectors: [1, 1] });
    await docs.delete("gone");
    await docs.compact();
    expect((await docs.get(ids)).fields).toEqual(expected);
    if (!mode.isPersistent) return;
    expect((await (await workspace.reopen()).get(ids)).fields).toEqual(expected);
  });

  it("keep a key called __proto__ as a key, and never as a prototype", async () => {
    const docs = await workspace.collection();
    const field = JSON.parse('{"__proto__": {"polluted": true}, "n": 1, "nested": {"__proto__": 5}, "id": "clash"}');
    await docs.add({ ids: 1, vectors: [1, 1], fields: field });
    const view = await docs.get(1);
    const stored = view.fields![0]!;
    expect(Object.keys(stored).sort()).toEqual(["__proto__", "id", "n", "nested"]);
    expect(Object.getPrototypeOf(stored)).toBe(Object.prototype);
    for (const row of [...view.toList(), stored]) {
      expect((row as { polluted?: boolean }).polluted).toBe(undefined);
      expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
      expect(Object.keys(row)).toContain("__proto__");
    }
    expect(Object.keys(view.toColumns())).toContain("__proto__");
    expect(({} as { polluted?: boolean }).polluted).toBe(undefined);
    expect(await docs.count({ where: '"__proto__".polluted = TRUE' })).toBe(1);
    expect(await docs.count({ where: "n = 1" })).toBe(1);
    expect(await docs.count({ where: "constructor IS NULL AND toString IS NULL" })).toBe(1);
  });

  it("filter by texts that are no well-formed Unicode, also after closing", async () => {
    let docs = await workspace.collection();
    const texts = ["\ud800", "\ud801", "\udc00", "\ufffd", "a\ud800b"];
    await docs.add({ vectors: texts.map((_, n) => [n, 1]), fields: texts.map((text) => ({ text })) });
    const check = async (): Promise<void> => {
      for (const [n, text] of texts.entries()) {
        expect((await docs.query({ where: "text = :text", params: { text } })).ids).toEqual([n]);
      }
    };
    await check();
    await docs.checkpoint();
    await check();
    if (!mode.isPersistent) return;
    docs = await workspace.reopen();
    await check();
  });

  it.each([
    ["NaN", { n: Number.NaN }, /NaN at field\.n/],
    ["Infinity", { a: { b: [1, Number.POSITIVE_INFINITY] } }, /Infinity at field\.a\.b\[1\]/],
    ["a bigint", { n: 5n }, /bigint 5 at field\.n/],
    ["a function", { f: () => 1 }, /at field\.f/],
    ["a symbol", { s: Symbol("x") }, /at field\.s/],
    ["a cycle", cyclic(), /cycle/],
    ["a Map", { m: new Map([["a", 1]]) }, /class Map at field\.m/],
    ["a Set", { m: new Set([1]) }, /class Set/],
    ["a RegExp", { m: /x/ }, /class RegExp/],
    ["a class instance", { price: new Money() }, /class Money at field\.price/],
    ["a typed array", { v: new Float32Array(2) }, /class Float32Array/],
    ["a boxed number", { n: new Number(5) }, /class Number/],
    ["an invalid Date", { d: new Date(Number.NaN) }, /Date is invalid/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    ["a sparse array", { list: [1, , 3] }, /undefined at field\.list\[1\]/],
    ["undefined in an array", { list: [undefined] }, /undefined at field\.list\[0\]/],
    ["a promise", { p: Promise.resolve(1) }, /class Promise/],
    ["an object with toJSON", { o: { toJSON: () => 1 } }, /at field\.o\.toJSON/],
  ] as [
    string,
    object,
    RegExp,
  ][])("refuse metadata with %s, naming id and path, and keep nothing", async (_, field, pattern) => {
    const docs = await workspace.collection();
    const named = [/"bad"/, pattern] as const;
    await refusal(() => docs.addItem([1, 2], { id: "bad", field }), "INVALID_ARGUMENT", ...named);
    await refusal(() => docs.upsertItem([1, 2], { id: "bad", field }), "INVALID_ARGUMENT", ...named);
    await refusal(
      () =>
        docs.bulkAddItems([
          [[1, 2], 1],
          [[1, 2], "bad", field],
        ]),
      "INVALID_ARGUMENT",
      ...named,
    );
    const many = {
      ids: [1, "bad"],
      vectors: [
        [1, 2],
        [3, 4],
      ],
      fields: [{}, field],
    };
    await refusal(() => docs.add(many), "INVALID_ARGUMENT", ...named);
    await refusal(() => docs.upsert(many), "INVALID_ARGUMENT", ...named);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it.each([
    [[1]],
    ["x"],
    [5],
    [true],
    [new Map()],
    [new Money()],
    [new Date()],
    [5n],
  ])("refuse metadata that is no plain object: %s", async (field) => {
    const docs = await workspace.collection();
    const call = () => docs.addItem([1, 2], { id: "bad", field: field as never });
    await refusal(call, "INVALID_ARGUMENT", /"bad"/, /plain object/);
    await docs.commit();
    expect(await docs.count()).toBe(0);
  });

  it("refuse metadata beyond its limits, and keep nothing", async () => {
    const docs = await workspace.collection();
    const deep = nested(limits.fieldDepthMax + 1);
    await refusal(() => docs.add({ vectors: [1, 2], fields: deep }), "LIMIT_EXCEEDED", /fieldDepthMax = 64/);
    const hopeless = nested(100_000);
    await refusal(() => docs.add({ vectors: [1, 2], fields: hopeless }), "LIMIT_EXCEEDED", /fieldDepthMax/);
    const long = { text: "x".repeat(limits.fieldBytesMax) };
    await refusal(() => docs.add({ vectors: [1, 2], fields: long }), "LIMIT_EXCEEDED", /fieldBytesMax/);
    expect(await docs.count()).toBe(0);
  });

  it("take as many names of fields as the limit allows, and refuse a write with one more", async () => {
    const docs = await workspace.collection();
    const fieldOf = (from: number, to: number): Record<string, number> =>
      Object.fromEntries(Array.from({ length: to - from }, (_, at) => [`user${from + at}`, 1]));
    const max = limits.fieldNamesMax;
    await docs.add({ ids: 1, vectors: [1, 2], fields: fieldOf(0, max - 1) });
    const tooMany = [{ user3: 1 }, { deep: { one: 1 } }, { deep: { two: 2 } }];
    const add = (): Promise<unknown> =>
      docs.add({
        ids: [2, 3, 4],
        vectors: [
          [1, 2],
          [1, 3],
          [1, 4],
        ],
        fields: tooMany,
      });
    await refusal(add, "LIMIT_EXCEEDED", /"deep.two".*fieldNamesMax = 10000/);
    expect(await docs.count()).toBe(1);
    await docs.add({ ids: 2, vectors: [1, 2], fields: { user3: 1, deep: { one: 1 } } });
    await refusal(
      () => docs.upsert({ ids: 2, vectors: [1, 3], fields: { other: 1 } }),
      "LIMIT_EXCEEDED",
      /fieldNamesMax/,
    );
    const session = docs.insertSession((into) => into.addItem([1, 5], { id: 5, field: { other: 1 } }));
    await refusal(() => session, "LIMIT_EXCEEDED", /fieldNamesMax/);
    await docs.upsert({ ids: 3, vectors: [1, 3], fields: { user7: 1 } });
    expect((await rowsOf(docs)).map(({ id }) => id)).toEqual([1, 2, 3]);
    if (mode.isPersistent) {
      const again = await workspace.reopen();
      await refusal(
        () => again.add({ ids: 6, vectors: [1, 6], fields: { other: 1 } }),
        "LIMIT_EXCEEDED",
        /fieldNamesMax/,
      );
      await again.add({ ids: 6, vectors: [1, 6], fields: { user8: 1 } });
      await again.delete(1);
      await again.compact();
      await again.add({ ids: 7, vectors: [1, 7], fields: { other: 1 } });
    }
  });

  it("take the longest vectors, and no longer ones", async () => {
    const docs = await workspace.db.requireCollection("long");
    const longest = new Float32Array(limits.dimMax).fill(0.5);
    const tooLong = new Float32Array(limits.dimMax + 1);
    await refusal(() => docs.add({ vectors: tooLong }), "LIMIT_EXCEEDED", /dimMax = 16384/);
    await docs.add({ vectors: longest });
    expect((await docs.search(longest)).distances[0]).toBe(limits.dimMax / 4);
  });

  it("refuse components beyond float16 in a float16 collection", async () => {
    const docs = await workspace.collection("docs", { dtype: "float16" });
    await refusal(() => docs.add({ ids: 1, vectors: [65520, 1] }), "INVALID_VECTOR", /65520 at component 0.*float16/);
    await docs.add({ ids: 1, vectors: [65519, -65504] });
    expect((await docs.get(1)).vectors).toEqual([Float32Array.of(65504, -65504)]);
    expect((await docs.search([1e6, 0])).ids).toEqual([1]);
  });
});
