/**
 * Searching: the k nearest rows, exactly, whatever stands around them.
 */
import { describe, expect, it } from "vitest";
import { type Collection, type Metric, type SearchOptions, where } from "../../src/index.js";
import { modes } from "./modes.js";
import { randomNumbers } from "./random-numbers.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  readonly n: number;
}

const indexOf = { ip: "FLAT-IP", l2: "FLAT-L2", cos: "FLAT-COS" } as const;

/** The value that a metric gives, in float64, as the definition says. */
function scoreOf(metric: Metric, a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  let squares = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
    squares += (a[i]! - b[i]!) ** 2;
  }
  if (metric === "ip") return dot;
  if (metric === "l2") return squares;
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/** Row numbers in the order that the metric puts them, older rows first among equals. */
function ranking(metric: Metric, rows: readonly ArrayLike<number>[], query: ArrayLike<number>): number[] {
  const values = rows.map((row) => scoreOf(metric, row, query));
  const sign = metric === "l2" ? 1 : -1;
  return values.map((_, row) => row).sort((a, b) => (values[a]! - values[b]!) * sign || a - b);
}

async function filled(docs: Collection<Doc>, rows: readonly Float32Array[]): Promise<void> {
  await docs.add({ ids: rows.map((_, n) => n), vectors: rows, fields: rows.map((_, n) => ({ n })) });
}

describe.each(modes)("searching ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it.each([
    "ip",
    "l2",
    "cos",
  ] as const)("by %s ranks as the definition says, in float32 and float16", async (metric) => {
    for (const dtype of ["float32", "float16"] as const) {
      for (const dim of [1, 3, 16, 33]) {
        const next = randomNumbers(dim);
        // Eighths are exact in both types, so that the reference sees the stored values.
        const vector = (): Float32Array => Float32Array.from({ length: dim }, () => Math.round(next() * 16 - 8) / 8);
        const rows = Array.from({ length: 300 }, vector);
        rows[7]!.fill(0);
        const name = `${dtype}-${dim}`;
        const docs = await workspace.collection<Doc>(name, { dim, dtype, defaultIndex: indexOf[metric] });
        await filled(docs, rows);
        for (const query of [vector(), vector(), rows[11]!, rows[7]!]) {
          const view = await docs.search(query, { k: 25, returnVectors: true });
          expect(view.ids, `${name} ${metric}`).toEqual(ranking(metric, rows, query).slice(0, 25));
          view.ids.forEach((id, at) => {
            expect(view.distances[at]).toBeCloseTo(scoreOf(metric, rows[Number(id)]!, query), 4);
            expect(view.vectors?.[at]).toEqual(rows[Number(id)]);
          });
        }
      }
    }
  });

  it("returns views that say what was done", async () => {
    const docs = await workspace.collection<Doc>("docs", { defaultIndex: "FLAT-L2" });
    await filled(docs, [Float32Array.of(0, 0), Float32Array.of(3, 4)]);
    const view = await docs.search([0, 0], { k: 5, returnFields: true, returnVectors: true });
    expect(view).toMatchObject({ type: "search", k: 5, metric: "l2", index: "FLAT-L2", length: 2, cursor: null });
    expect(view.ids).toEqual([0, 1]);
    expect(view.distances).toEqual(Float32Array.of(0, 25));
    expect(view.fields).toEqual([{ n: 0 }, { n: 1 }]);
    expect(view.vectors).toEqual([Float32Array.of(0, 0), Float32Array.of(3, 4)]);
    const bare = await docs.search([0, 0]);
    expect([bare.fields, bare.vectors, bare.k]).toEqual([null, null, 10]);
  });

  it("gives ties to the older row, also over replaced and restored ones", async () => {
    const docs = await workspace.collection<Doc>();
    const ids = [5, 3, 9, 1, 7, 2];
    await docs.add({ ids, vectors: ids.map(() => [1, 1]), fields: ids.map((n) => ({ n })) });
    expect((await docs.search([1, 1], { k: 4 })).ids).toEqual([5, 3, 9, 1]);
    await docs.upsert({ ids: 3, vectors: [1, 1] });
    await docs.delete(9);
    await docs.restore(9);
    expect((await docs.search([1, 1], { k: 6 })).ids).toEqual([5, 9, 1, 7, 2, 3]);
    await docs.compact();
    expect((await docs.search([1, 1], { k: 3, where: "n > 1" })).ids).toEqual([5, 9, 7]);
  });

  it("with more wanted than there are gives all there are", async () => {
    const docs = await workspace.collection<Doc>();
    expect((await docs.search([1, 1], { k: 100_000 })).length).toBe(0);
    await filled(docs, [Float32Array.of(1, 1), Float32Array.of(2, 2)]);
    const view = await docs.search([1, 1], { k: 100_000 });
    expect([view.ids, view.k]).toEqual([[1, 0], 100_000]);
  });

  it("in an empty collection gives empty views everywhere", async () => {
    for (const dim of [2, undefined]) {
      const docs = await workspace.db.requireCollection("empty", {
        ...(dim === undefined ? {} : { dim }),
        dropIfExists: true,
      });
      const options = { where: "n = 1", filterIds: [1], returnFields: true, returnVectors: true } as const;
      const views = [
        await docs.search([1, 1]),
        await docs.search([1, 1], options),
        (await docs.searchProfile([1, 1], options)).items,
        await docs.searchRange([1, 1], { threshold: 0 }),
        ...(await docs.batchSearch(
          [
            [1, 1],
            [2, 2],
          ],
          options,
        )),
      ];
      expect(views).toHaveLength(6);
      for (const view of views) {
        expect([view.length, view.ids, view.distances.length, [...view]]).toEqual([0, [], 0, []]);
      }
      expect((await docs.searchProfile([1, 1])).profile).toMatchObject({ plan: "empty", rows: 0, resultCount: 0 });
      expect(await docs.batchSearch([])).toEqual([]);
    }
  });

  it("keeps the k guarantee at every selectivity, also with half of the rows deleted", async () => {
    const count = 4000;
    const next = randomNumbers(5);
    const rows = Array.from({ length: count }, () => Float32Array.of(next() - 0.5, next() - 0.5, next() - 0.5));
    const docs = await workspace.collection<Doc>("docs", { dim: 3, defaultIndex: "FLAT-L2" });
    await filled(docs, rows);
    for (const isHalved of [false, true]) {
      if (isHalved) expect(await docs.delete(rows.map((_, n) => n).filter((n) => n % 2 === 1))).toBe(count / 2);
      for (const matches of [1, 2, 10, 40, 400, 3600, 4000]) {
        const isMatch = (n: number): boolean => n < matches && (!isHalved || n % 2 === 0);
        const query = Float32Array.of(next() - 0.5, next() - 0.5, next() - 0.5);
        const expected = ranking("l2", rows, query).filter(isMatch).slice(0, 10);
        const view = await docs.search(query, { k: 10, where: "n < :matches", params: { matches } });
        expect(view.ids, `${matches} matches, halved ${isHalved}`).toEqual(expected);
      }
    }
  });

  it("takes where, params, the tag, filterIds and each other at once", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(
      docs,
      Array.from({ length: 50 }, (_, n) => Float32Array.of(n, 1)),
    );
    const ids = async (options: SearchOptions) => (await docs.search([1, 0], { k: 3, ...options })).ids;
    expect(await ids({ where: "n < 20" })).toEqual([19, 18, 17]);
    expect(await ids({ where: "n < :max", params: { max: 10 } })).toEqual([9, 8, 7]);
    expect(await ids({ where: where`n < ${30} AND n IN ${[1, 2, 29, 40]}` })).toEqual([29, 2, 1]);
    expect(await ids({ filterIds: [4, 5, 4, 99, "4"] })).toEqual([5, 4]);
    expect(await ids({ filterIds: [] })).toEqual([]);
    expect(await ids({ where: "n < 20", filterIds: [3, 30] })).toEqual([3]);
    expect(await ids({ where: "id BETWEEN 7 AND 8" })).toEqual([8, 7]);
  });

  it("takes queries as any array of numbers", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, [Float32Array.of(1, 0), Float32Array.of(0, 1)]);
    const padded = Float32Array.of(9, 0, 1, 9);
    const queries = [[0, 1], Float64Array.of(0, 1), Int8Array.of(0, 1), padded.subarray(1, 3)];
    for (const query of queries) expect((await docs.search(query, { k: 1 })).ids).toEqual([1]);
  });

  it("takes the options of approximate indexes, and is exact all the same", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(
      docs,
      Array.from({ length: 20 }, (_, n) => Float32Array.of(n, 1)),
    );
    const options = { k: 2, exact: true, nprobe: 1, approx: true, eps: 0.5, vectorField: "default" };
    expect((await docs.search([1, 0], options)).ids).toEqual([19, 18]);
  });

  it("in batches gives what single searches give, in the order of the queries", async () => {
    const next = randomNumbers(8);
    const vector = (): Float32Array => Float32Array.from({ length: 8 }, () => next() - 0.5);
    const rows = Array.from({ length: 500 }, vector);
    const queries = Array.from({ length: 17 }, vector);
    for (const metric of ["ip", "l2", "cos"] as const) {
      const docs = await workspace.collection<Doc>(metric, { dim: 8, defaultIndex: indexOf[metric] });
      await filled(docs, rows);
      const variants: SearchOptions[] = [
        { k: 7 },
        { k: 7, where: "n >= 100", returnFields: true, returnVectors: true },
        { k: 600, filterIds: [5, 6, 7] },
      ];
      for (const options of variants) {
        const singles = await Promise.all(queries.map((query) => docs.search(query, options)));
        expect(await docs.batchSearch(queries, options)).toEqual(singles);
        const data = Float32Array.from(queries.flatMap((query) => [...query]));
        expect(await docs.batchSearch({ data, dim: 8 }, options)).toEqual(singles);
      }
    }
  });

  it("by range takes thresholds inclusively, both ways", async () => {
    const rows = [
      [0, 0],
      [3, 4],
      [6, 8],
      [1, 0],
    ].map((row) => Float32Array.from(row));
    const l2 = await workspace.collection<Doc>("l2", { defaultIndex: "FLAT-L2" });
    await filled(l2, rows);
    expect((await l2.searchRange([0, 0], { threshold: 25 })).ids).toEqual([0, 3, 1]);
    expect((await l2.searchRange([0, 0], { threshold: 24.999 })).ids).toEqual([0, 3]);
    expect((await l2.searchRange([0, 0], { threshold: 0 })).ids).toEqual([0]);
    expect((await l2.searchRange([0, 0], { threshold: -1 })).ids).toEqual([]);
    const ip = await workspace.collection<Doc>("ip");
    await filled(ip, rows);
    expect((await ip.searchRange([1, 0], { threshold: 3 })).ids).toEqual([2, 1]);
    expect((await ip.searchRange([1, 0], { threshold: 3.001 })).ids).toEqual([2]);
    const options = { threshold: -100, where: "n != 2", maxResults: 2, returnFields: true, returnVectors: true };
    const view = await ip.searchRange([1, 0], options);
    expect([view.ids, view.fields, view.type]).toEqual([[1, 3], [{ n: 1 }, { n: 3 }], "search"]);
    expect(view.vectors).toEqual([rows[1], rows[3]]);
    expect((await ip.searchRange([1, 0], { threshold: -100, maxResults: 0 })).length).toBe(0);
    expect((await ip.searchRange([1, 0], { threshold: -100, filterIds: [0] })).ids).toEqual([0]);
  });

  it("by range with a distance from an earlier view includes the row it came from", async () => {
    for (const metric of ["ip", "l2", "cos"] as const) {
      const next = randomNumbers(4);
      const docs = await workspace.collection<Doc>(metric, { dim: 7, defaultIndex: indexOf[metric] });
      await filled(
        docs,
        Array.from({ length: 200 }, () => Float32Array.from({ length: 7 }, () => next() - 0.5)),
      );
      for (let round = 0; round < 20; round++) {
        const query = Float32Array.from({ length: 7 }, () => next() - 0.5);
        const { ids, distances } = await docs.search(query, { k: 5 });
        const inRange = await docs.searchRange(query, { threshold: distances[4]! });
        expect(inRange.ids, `${metric} ${round}`).toEqual(ids);
      }
    }
  });

  it("by range gives the 1000 best unless told otherwise", async () => {
    const docs = await workspace.collection<Doc>("docs", { dim: 1 });
    await filled(
      docs,
      Array.from({ length: 1500 }, (_, n) => Float32Array.of(n)),
    );
    const view = await docs.searchRange([1], { threshold: 0 });
    expect([view.length, view.ids[0], view.ids.at(-1)]).toEqual([1000, 1499, 500]);
    expect((await docs.searchRange([1], { threshold: 0, maxResults: 1500 })).length).toBe(1500);
  });

  it("with a profile gives the same rows, and an account that adds up", async () => {
    const docs = await workspace.collection<Doc>("docs", { defaultIndex: "FLAT-COS" });
    await filled(
      docs,
      Array.from({ length: 300 }, (_, n) => Float32Array.of(n, 300 - n)),
    );
    await docs.delete([0, 1]);
    const plain = await docs.searchProfile([1, 0], { k: 4 });
    expect(plain.items).toEqual(await docs.search([1, 0], { k: 4 }));
    expect(plain.profile).toMatchObject({
      plan: "exact",
      index: "FLAT-COS",
      metric: "cos",
      rows: 298,
      matches: 298,
      matchesEstimated: 298,
      resultCount: 4,
      unknownFields: [],
    });
    const options = { k: 4, where: "n < 52 AND m IS NULL", returnFields: true };
    const { items, profile } = await docs.searchProfile([1, 0], options);
    expect(items).toEqual(await docs.search([1, 0], options));
    expect(profile).toMatchObject({ plan: "exact-filtered", rows: 298, matches: 50, resultCount: 4 });
    expect(profile.unknownFields).toEqual([{ name: "m", nearest: "n" }]);
    expect(profile.matchesEstimated).toBeGreaterThanOrEqual(0);
    expect(profile.matchesEstimated).toBeLessThanOrEqual(298);
    expect(profile.rowsScored).toBeGreaterThanOrEqual(profile.resultCount);
    expect(profile.rowsRescored).toBeLessThanOrEqual(profile.rowsScored);
    const { filterUs, searchUs, fetchUs, totalUs } = profile;
    for (const us of [filterUs, searchUs, fetchUs, totalUs]) expect(Number.isInteger(us) && us >= 0).toBe(true);
    expect(Math.abs(filterUs + searchUs + fetchUs - totalUs)).toBeLessThanOrEqual(3);
    expect((await docs.searchProfile([1, 0], { where: "n > 999" })).profile.plan).toBe("empty");
    expect(JSON.parse(JSON.stringify(profile))).toEqual(profile);
  });

  it("refuses queries that are no vectors of the collection", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, [Float32Array.of(1, 0)]);
    const bad: [unknown, Parameters<typeof refusal>[1], RegExp][] = [
      [[1, 2, 3], "DIMENSION_MISMATCH", /query vector has 3 components, expected 2/],
      [[], "INVALID_VECTOR", /empty/],
      [[1, Number.NaN], "INVALID_VECTOR", /query vector has NaN at component 1/],
      [[1, Number.NEGATIVE_INFINITY], "INVALID_VECTOR", /-Infinity/],
      [[1e39, 1], "INVALID_VECTOR", /component 0/],
      [[1, null], "INVALID_VECTOR", /null at component 1/],
      [[1, "2"], "INVALID_VECTOR", /component 1/],
      [[1, undefined], "INVALID_VECTOR", /component 1/],
      [[1, 2n], "INVALID_VECTOR", /component 1/],
      [[[1, 2]], "INVALID_ARGUMENT", /query vector/],
      ["12", "INVALID_ARGUMENT", /the text "12"/],
      [null, "INVALID_ARGUMENT", /null/],
      [undefined, "INVALID_ARGUMENT", /undefined/],
      [new Set([1, 2]), "INVALID_ARGUMENT", /Set/],
      [new DataView(new ArrayBuffer(2)), "INVALID_ARGUMENT", /DataView/],
    ];
    for (const [query, code, pattern] of bad) {
      const vector = query as number[];
      await refusal(() => docs.search(vector), code, pattern);
      await refusal(() => docs.searchRange(vector, { threshold: 0 }), code, pattern);
      await refusal(() => docs.searchProfile(vector), code, pattern);
    }
    await refusal(
      () =>
        docs.batchSearch([
          [1, 2],
          [1, 2, 3],
        ]),
      "DIMENSION_MISMATCH",
      /query vector 1/,
    );
    await refusal(
      () =>
        docs.batchSearch([
          [1, 2],
          [1, Number.NaN],
        ]),
      "INVALID_VECTOR",
      /query vector 1/,
    );
  });

  it("refuses options that it does not have, and values that they cannot have", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, [Float32Array.of(1, 0)]);
    const bad: [object, Parameters<typeof refusal>[1], RegExp][] = [
      [{ topK: 5 }, "INVALID_ARGUMENT", /no option "topK"; it takes k, where/],
      [{ return_fields: true }, "INVALID_ARGUMENT", /"return_fields"; did you mean returnFields/],
      [{ k: 0 }, "INVALID_ARGUMENT", /k must be an integer from 1 to 100000, got the number 0/],
      [{ k: 1.5 }, "INVALID_ARGUMENT", /1\.5/],
      [{ k: "5" }, "INVALID_ARGUMENT", /the text "5"/],
      [{ k: Number.NaN }, "INVALID_ARGUMENT", /NaN/],
      [{ k: 100_001 }, "LIMIT_EXCEEDED", /kMax = 100000/],
      [{ returnFields: 1 }, "INVALID_ARGUMENT", /returnFields must be true or false/],
      [{ returnVectors: "no" }, "INVALID_ARGUMENT", /returnVectors/],
      [{ exact: 1 }, "INVALID_ARGUMENT", /exact/],
      [{ approx: 1 }, "INVALID_ARGUMENT", /approx/],
      [{ eps: "x" }, "INVALID_ARGUMENT", /eps/],
      [{ nprobe: 0 }, "INVALID_ARGUMENT", /nprobe/],
      [{ vectorField: "title" }, "INVALID_ARGUMENT", /"title".*"default"/],
      [{ filterIds: 5.5 }, "INVALID_ARGUMENT", /5\.5/],
      [{ filterIds: "x", where: 7 }, "INVALID_ARGUMENT", /where/],
      [{ params: { a: 1 } }, "INVALID_ARGUMENT", /params/],
      [{ where: where`n = ${1}`, params: {} }, "INVALID_ARGUMENT", /params/],
      [{ where: "n = :a" }, "INVALID_ARGUMENT", /:a/],
      [{ where: "n = :a", params: { a: 1, b: 2 } }, "INVALID_ARGUMENT", /:b/],
      [{ where: "n = :a", params: { a: {} } }, "INVALID_ARGUMENT", /:a/],
      [{ where: "n = :a", params: { a: Number.NaN } }, "INVALID_ARGUMENT", /NaN/],
      [{ where: "n = :a", params: "a" }, "INVALID_ARGUMENT", /params/],
      [{ where: "n = " }, "WHERE_SYNTAX", /\^/],
      [{ signal: {} }, "INVALID_ARGUMENT", /AbortSignal/],
    ];
    for (const [options, code, pattern] of bad) {
      await refusal(() => docs.search([1, 0], options as never), code, pattern);
      await refusal(() => docs.batchSearch([[1, 0]], options as never), code, pattern);
      await refusal(() => docs.searchProfile([1, 0], options as never), code, pattern);
    }
    const ranges: [unknown, RegExp][] = [
      [undefined, /options/],
      [{}, /threshold must be a finite number, got undefined/],
      [{ threshold: Number.NaN }, /NaN/],
      [{ threshold: "1" }, /the text "1"/],
      [{ threshold: 1, k: 5 }, /"k"/],
      [{ threshold: 1, maxResults: -1 }, /maxResults/],
    ];
    for (const [options, pattern] of ranges) {
      await refusal(() => docs.searchRange([1, 0], options as never), "INVALID_ARGUMENT", pattern);
    }
    for (const options of [null, 5, "k", [5]]) {
      await refusal(() => docs.search([1, 0], options as never), "INVALID_ARGUMENT", /options object/);
    }
  });

  it("give scores beyond float32 as infinite ones, with their signs", async () => {
    const docs = await workspace.collection("large");
    const vectors = [
      [3e38, 3e38],
      [-3e38, -3e38],
      [1, 0],
    ];
    await docs.add({ ids: ["up", "down", "one"], vectors });
    const seen = (view: { ids: readonly unknown[]; distances: Float32Array }): object => [
      [...view.ids],
      [...view.distances],
    ];
    const query = [3e38, 3e38];
    const scores = [Number.POSITIVE_INFINITY, Math.fround(3e38), Number.NEGATIVE_INFINITY];
    const wanted = [["up", "one", "down"], scores];
    expect(seen(await docs.search(query))).toEqual(wanted);
    expect(seen((await docs.batchSearch([query]))[0]!)).toEqual(wanted);
    expect(seen((await docs.searchProfile(query)).items)).toEqual(wanted);
    expect(seen(await docs.searchRange(query, { threshold: 1 }))).toEqual([["up", "one"], scores.slice(0, 2)]);
  });
});
