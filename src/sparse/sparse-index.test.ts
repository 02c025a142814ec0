import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SparseIndex } from "./sparse-index.js";
import type { SparseSection } from "./sparse-sections.js";
import { type CheckedSparse, checkSparse } from "./sparse-vector.js";

type Naive = Map<number, CheckedSparse>;

function isAllowed(row: number, mask: Uint32Array | null, rowLimit: number): boolean {
  return row < rowLimit && (mask === null || ((mask[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0);
}

/** Every row with its score, best first: what an index must agree with to the bit. */
function ranking(naive: Naive, query: CheckedSparse, mask: Uint32Array | null, rowLimit: number): [number, number][] {
  const weights = new Map(Array.from(query.indices, (index, i) => [index, query.values[i]!]));
  const scored: [number, number][] = [];
  for (const [row, { indices, values }] of naive) {
    let score = 0;
    indices.forEach((index, i) => {
      const weight = weights.get(index);
      if (weight !== undefined) score += weight * values[i]!;
    });
    if (score !== 0 && isAllowed(row, mask, rowLimit)) scored.push([row, score]);
  }
  return scored.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

function expectSame(
  index: SparseIndex,
  naive: Naive,
  query: CheckedSparse,
  k: number,
  mask: Uint32Array | null = null,
  rowLimit = 2 ** 32 - 1,
): void {
  const expected = ranking(naive, query, mask, rowLimit);
  const { rows, scores } = index.search({ sparse: query, k, mask, rowLimit });
  const best = expected.slice(0, k);
  expect(Array.from(rows)).toEqual(best.map(([row]) => row));
  expect(Array.from(scores)).toEqual(best.map(([, score]) => score));
}

function expectSameMatches(index: SparseIndex, naive: Naive, query: CheckedSparse, mask: Uint32Array | null): void {
  const rowLimit = 1 + Math.max(0, ...naive.keys());
  const bits = index.matches(query, mask, rowLimit);
  const matching: number[] = [];
  for (let row = 0; row < rowLimit; row++) if (((bits[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0) matching.push(row);
  const expected = ranking(naive, query, mask, rowLimit).map(([row]) => row);
  expect(matching).toEqual(expected.sort((a, b) => a - b));
}

/** A generator of numbers in [0, 1), the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Shape {
  readonly features: number;
  readonly weights: number;
  readonly weight: (random: () => number) => number;
}

const logNormal = (random: () => number): number =>
  Math.exp(Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));

/** A vector whose features follow Zipf's law. */
function sampleVector(random: () => number, { features, weights, weight }: Shape): CheckedSparse {
  const entries = new Map<number, number>();
  for (let i = 0; i < weights; i++) {
    entries.set(Math.floor(features ** random()) - 1, weight(random));
  }
  return checkSparse(entries, () => "a sample");
}

function sampleMask(random: () => number, rows: number, share: number): Uint32Array {
  const mask = new Uint32Array(Math.ceil(rows / 32));
  for (let row = 0; row < rows; row++) if (random() < share) mask[row >>> 5]! |= 1 << (row & 31);
  return mask;
}

const shapes: Record<string, Shape> = {
  "positive weights": { features: 2_000, weights: 30, weight: logNormal },
  "weights of both signs": { features: 500, weights: 20, weight: (random) => logNormal(random) * (random() - 0.5) },
  "negative weights": { features: 500, weights: 20, weight: (random) => -logNormal(random) },
  "equal weights": { features: 300, weights: 8, weight: () => 0.5 },
  "weights that cancel": { features: 40, weights: 6, weight: (random) => Math.round(random() * 4 - 2) },
  "denormal weights": { features: 300, weights: 10, weight: (random) => Math.ceil(random() * 9) * 2 ** -149 },
  "huge and tiny weights": { features: 200, weights: 10, weight: (random) => 10 ** (random() * 76 - 38) },
};

describe("SparseIndex", () => {
  describe.each(Object.entries(shapes))("over %s", (_, shape) => {
    const random = seeded(7);
    const index = new SparseIndex();
    const naive: Naive = new Map();
    const rows = 9_000;
    for (let i = 0; i < rows; i++) {
      // Rows in no order, with gaps.
      const row = (i * 7_919) % 10_007;
      const sparse = sampleVector(random, shape);
      index.set(row, sparse);
      if (sparse.indices.length > 0) naive.set(row, sparse);
    }
    const queries = Array.from({ length: 6 }, (_, i) => sampleVector(random, { ...shape, weights: 1 + 8 * i }));

    test("finds the rows that a naive ranking finds, with the same scores", () => {
      for (const query of queries) for (const k of [1, 10, 700]) expectSame(index, naive, query, k);
    });

    test("obeys masks of any selectivity and the row limit", () => {
      for (const share of [0.9, 0.07, 0.01, 0.0005, 0]) {
        const mask = sampleMask(random, 10_007, share);
        for (const query of queries) expectSame(index, naive, query, 10, mask, 8_000);
      }
      for (const query of queries) expectSame(index, naive, query, 10, null, 5_000);
      for (const query of queries) expectSame(index, naive, query, 10, new Uint32Array(3).fill(0xffff_ffff), 5_000);
    });

    test("gives every match where k is larger than their number", () => {
      for (const query of queries.slice(0, 2)) expectSame(index, naive, query, 20_000);
      const mask = sampleMask(random, 10_007, 0.2);
      for (const query of queries.slice(0, 2)) expectSame(index, naive, query, 20_000, mask);
    });

    test("marks exactly the rows whose score is not zero", () => {
      const mask = sampleMask(random, 10_007, 0.3);
      for (const query of queries.slice(0, 3)) {
        expectSameMatches(index, naive, query, null);
        expectSameMatches(index, naive, query, mask);
      }
    });

    test("answers the same after it was kept and read again", async () => {
      const again = await SparseIndex.deserialize(index.serialize());
      expect(again?.count).toBe(naive.size);
      for (const query of queries) expectSame(again as SparseIndex, naive, query, 10);
    });
  });

  test("answers as a naive ranking after any sequence of changes", async () => {
    const row = fc.nat({ max: 60 });
    const entries = fc.dictionary(
      fc.oneof(fc.nat({ max: 9 }).map(String), fc.constantFrom("0", "4294967295", "65536", "2147483648")),
      fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ noNaN: true, noDefaultInfinity: true })),
      { maxKeys: 6 },
    );
    const sparse = entries.map((record) => checkSparse({ ...record }, () => "a vector"));
    const change = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), row, sparse }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), row, to: row }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("many" as const), row, sparse, count: fc.nat(700) }) },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("search" as const), sparse, k: fc.integer({ min: 1, max: 8 }) }),
      },
    );
    const put = (naive: Naive, at: number, given: CheckedSparse): void => {
      if (given.indices.length === 0) naive.delete(at);
      else naive.set(at, given);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
        let index = new SparseIndex();
        const naive: Naive = new Map();
        for (const step of changes) {
          if (step.kind === "set") {
            index.set(step.row, step.sparse);
            put(naive, step.row, step.sparse);
          } else if (step.kind === "many") {
            const rows = Array.from({ length: step.count }, (_, i) => step.row + 13 * i);
            index.setMany(
              rows,
              rows.map(() => step.sparse),
            );
            for (const at of rows) put(naive, at, step.sparse);
          } else if (step.kind === "move") {
            index.move(step.row, step.to);
            const moved = naive.get(step.row);
            if (moved !== undefined) {
              naive.delete(step.row);
              naive.set(step.to, moved);
            }
          } else if (step.kind === "reopen") {
            index = (await SparseIndex.deserialize(index.serialize())) as SparseIndex;
          } else {
            expectSame(index, naive, step.sparse, step.k);
            expectSameMatches(index, naive, step.sparse, null);
          }
        }
        expect(index.count).toBe(naive.size);
        for (const [at, given] of naive) expect(index.get(at)).toEqual(given);
        for (let at = 0; at <= 60; at++) expect(index.has(at)).toBe(naive.has(at));
      }),
      { numRuns: 60 },
    );
  });

  test("gives space back when rows are replaced again and again", () => {
    const random = seeded(3);
    const index = new SparseIndex();
    const naive: Naive = new Map();
    const shape = { features: 1_000, weights: 25, weight: logNormal };
    const pass = (): void => {
      for (let i = 0; i < 2_500; i++) {
        const sparse = sampleVector(random, shape);
        index.set(i, sparse);
        naive.set(i, sparse);
      }
    };
    for (let i = 0; i < 3; i++) pass();
    const afterThree = index.memoryBytes;
    for (let i = 0; i < 12; i++) pass();
    expect(index.count).toBe(2_500);
    expect(index.memoryBytes).toBeLessThan(afterThree * 1.3);
    for (let i = 0; i < 5; i++) expectSame(index, naive, sampleVector(random, shape), 10);
    for (let row = 0; row < 2_500; row++)
      index.set(
        row,
        checkSparse({}, () => "nothing"),
      );
    expect(index.count).toBe(0);
    expectSame(index, new Map(), sampleVector(random, shape), 10);
  });

  test("stays small where a few rows are replaced thousands of times", () => {
    const random = seeded(9);
    const index = new SparseIndex();
    const naive: Naive = new Map();
    const shape = { features: 1_000, weights: 25, weight: logNormal };
    for (let i = 0; i < 4_000; i++) {
      const sparse = sampleVector(random, shape);
      index.set(i % 7, sparse);
      naive.set(i % 7, sparse);
      if (i === 600) expect(index.memoryBytes).toBeLessThan(500_000);
    }
    expect(index.memoryBytes).toBeLessThan(500_000);
    for (const [row, sparse] of naive) expect(index.get(row)).toEqual(sparse);
    for (let i = 0; i < 5; i++) expectSame(index, naive, sampleVector(random, shape), 10);
  });

  test("follows rows that get new numbers, while their segments are merged", () => {
    const random = seeded(5);
    const index = new SparseIndex();
    let naive: Naive = new Map();
    const shape = { features: 300, weights: 10, weight: logNormal };
    for (let row = 0; row < 6_000; row++) {
      const sparse = sampleVector(random, shape);
      index.set(row, sparse);
      naive.set(row, sparse);
      // Upserts in between: the vector goes to a new row, or onto one that has another.
      if (row % 3 === 0) {
        const from = Math.floor(random() * (row + 1));
        const to = row % 2 === 0 ? 100_000 + row : Math.floor(random() * (row + 1));
        const moved = naive.get(from);
        index.move(from, to);
        if (moved !== undefined) {
          naive.delete(from);
          naive.set(to, moved);
        }
      }
      if (row % 7 === 0) {
        const dead = Math.floor(random() * row);
        index.set(
          dead,
          checkSparse({}, () => "nothing"),
        );
        naive.delete(dead);
      }
      if (row % 600 === 599) expectSame(index, naive, sampleVector(random, shape), 20);
    }
    naive = new Map([...naive].sort(([a], [b]) => a - b));
    expect(index.count).toBe(naive.size);
    for (const [row, sparse] of naive) expect(index.get(row)).toEqual(sparse);
  });

  test("knows features of any number, more than 65,536 in a segment, and queries of thousands", () => {
    const random = seeded(11);
    const index = new SparseIndex();
    const naive: Naive = new Map();
    for (let row = 0; row < 2_600; row++) {
      const indices = Uint32Array.from({ length: 60 }, () => Math.floor(random() * 2 ** 32));
      const sparse = checkSparse(
        new Map(
          [...indices, 0, 2 ** 32 - 1].map((feature) => [feature, logNormal(random) * (random() < 0.3 ? -1 : 1)]),
        ),
        () => "a vector",
      );
      index.set(row, sparse);
      naive.set(row, sparse);
    }
    expectSame(index, naive, naive.get(17) as CheckedSparse, 10);
    expectSame(
      index,
      naive,
      checkSparse({ 5: 1, 6: 2 }, () => "features of no row"),
      10,
    );
    expectSame(
      index,
      naive,
      checkSparse({ 0: 1, 4294967295: -1 }, () => "features of all rows"),
      10,
    );
    const long = new Map<number, number>();
    for (const { indices } of [...naive.values()].slice(0, 90)) for (const feature of indices) long.set(feature, 0.5);
    expect(long.size).toBeGreaterThan(4_096);
    expectSame(
      index,
      naive,
      checkSparse(long, () => "a long query"),
      10,
    );
  });

  test("does not lose a row whose many small products are each rounded away", () => {
    const index = new SparseIndex();
    const naive: Naive = new Map();
    const put = (entries: Record<number, number>): void => {
      const sparse = checkSparse(entries, () => "a vector");
      index.set(naive.size, sparse);
      naive.set(naive.size, sparse);
    };
    // Of feature 0 a unit of a code is 1, which is 128 steps; of the 200 others 0.4 steps, so that codes of 1 come to none.
    const small = 25 / 8_192;
    const others = Array.from({ length: 200 }, (_, i) => i + 1);
    for (let i = 0; i < 30; i++) put({ 0: 128.3125 });
    put({ 0: 128, ...Object.fromEntries(others.map((feature) => [feature, small])) });
    put({ 0: 255 });
    for (const feature of others) put({ [feature]: 255 * small });
    for (let i = 0; i < 700; i++) put({ 999: 1 });
    const query = checkSparse(Object.fromEntries([0, ...others].map((feature) => [feature, 1])), () => "a query");
    expect(Array.from(index.search({ sparse: query, k: 2, mask: null, rowLimit: 2_000 }).rows)).toEqual([31, 30]);
    expectSame(index, naive, query, 2);
  });

  test.each([0, 200])("does not take more for a negative product than it is (%i more of them)", (more) => {
    const index = new SparseIndex();
    const naive: Naive = new Map();
    const put = (entries: Record<number, number>): void => {
      const sparse = checkSparse(entries, () => "a vector");
      index.set(naive.size, sparse);
      naive.set(naive.size, sparse);
    };
    for (let i = 0; i < 30; i++) put({ 0: 98.8 });
    put({ 0: 100, 1: -1.01 });
    put({ 0: 255 });
    put({ 1: -255 });
    for (let i = 0; i < more; i++) put({ 0: 1, 1: -200 });
    for (let i = 0; i < 700; i++) put({ 999: 1 });
    const query = checkSparse({ 0: 1, 1: 1 }, () => "a query");
    expect(Array.from(index.search({ sparse: query, k: 2, mask: null, rowLimit: 2_000 }).rows)).toEqual([31, 30]);
    expectSame(index, naive, query, 2);
  });

  test("finds nothing where there is nothing to find", () => {
    const index = new SparseIndex();
    expectSame(
      index,
      new Map(),
      checkSparse({ 1: 1 }, () => "a query"),
      5,
    );
    index.set(
      3,
      checkSparse({ 1: 1 }, () => "a vector"),
    );
    index.move(9, 3);
    index.set(
      8,
      checkSparse({}, () => "nothing"),
    );
    expect(index.search({ sparse: checkSparse({}, () => "nothing"), k: 5, mask: null, rowLimit: 10 }).rows.length).toBe(
      0,
    );
    expect(index.search({ sparse: checkSparse({ 1: 1 }, () => "x"), k: 0, mask: null, rowLimit: 10 }).rows.length).toBe(
      0,
    );
    expect(index.get(8)).toBeNull();
    expect(index.has(3)).toBe(true);
  });

  test("cannot be used after it was released", () => {
    const index = new SparseIndex();
    index.release();
    expect(() => index.count).toThrow("released");
  });
});

describe("sections of an index", () => {
  const kept = (): SparseSection[] => {
    const index = new SparseIndex();
    index.set(
      4,
      checkSparse({ 1: 1, 8: -2 }, () => "a vector"),
    );
    index.set(
      2,
      checkSparse({ 8: 3 }, () => "a vector"),
    );
    return index.serialize();
  };

  test("that are damaged give null", async () => {
    const sections = kept();
    for (const { name } of sections) {
      expect(await SparseIndex.deserialize(sections.filter((section) => section.name !== name))).toBeNull();
    }
    const change = (name: string, word: number, value: number): SparseSection[] =>
      kept().map((section) => {
        if (section.name === name) new DataView(section.bytes.buffer).setUint32(4 * word, value, true);
        return section;
      });
    const damaged: [string, number, number][] = [
      ["header", 0, 9],
      ["header", 1, 3],
      ["header", 1, 0xffff_ffff],
      ["rows", 0, 0xffff_ffff],
      ["rows", 1, 4],
      ["lengths", 0, 1],
      ["lengths", 1, 0],
      ["lengths", 0, 0xffff_ffff],
      ["indices", 1, 1],
      ["values", 0, 0],
      ["values", 2, 0x7fc0_0000],
    ];
    for (const [name, word, value] of damaged) {
      expect(await SparseIndex.deserialize(change(name, word, value)), `${name} ${word}`).toBeNull();
    }
    expect(await SparseIndex.deserialize(kept())).not.toBeNull();
  });

  test("of any bytes are read or refused, and what is read can be searched", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("header", "rows", "lengths", "indices", "values"),
        fc.nat(40),
        fc.nat(255),
        fc.nat(3),
        async (name, at, byte, cut) => {
          const sections = kept().map((section) => {
            if (section.name !== name) return section;
            const bytes = section.bytes.slice(0, section.bytes.length - cut);
            if (bytes.length > 0) bytes[at % bytes.length] = byte;
            return { name, bytes };
          });
          const index = await SparseIndex.deserialize(sections);
          if (index === null) return;
          const { rows } = index.search({
            sparse: checkSparse({ 8: 1 }, () => "q"),
            k: 5,
            mask: null,
            rowLimit: 2 ** 32 - 1,
          });
          expect(rows.length).toBeLessThanOrEqual(index.count);
        },
      ),
    );
  });
});
