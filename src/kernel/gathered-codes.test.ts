import { describe, expect, it } from "vitest";
import type { DenseMetric, Dtype } from "../types.js";
import { encodeFloat16 } from "./float16.js";
import { GatheredCodes } from "./gathered-codes.js";
import type { ScanResult } from "./scan-run.js";
import { VectorTable } from "./vector-table.js";

function randomFrom(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Clusters with exact duplicates and some zero rows. */
function makeRows(rows: number, dim: number, seed: number): Float32Array {
  const random = randomFrom(seed);
  const centres = Array.from({ length: 20 }, () => Float32Array.from({ length: dim }, () => random() - 0.3));
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const centre = centres[Math.floor(random() * 20)] as Float32Array;
    const kind = random();
    for (let i = 0; i < dim; i++) {
      const noise = kind < 0.3 ? 0 : (random() - 0.5) * 0.2;
      data[row * dim + i] = kind > 0.98 ? 0 : (centre[i] as number) + noise;
    }
  }
  return data;
}

function appendTo(table: VectorTable, data: Float32Array): void {
  const halves = new Uint16Array(data.length);
  if (table.dtype === "float16") encodeFloat16(data, halves);
  const source = table.dtype === "float16" ? halves : data;
  const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const rows = data.length / table.dim;
  for (let row = 0; row < rows; ) {
    const place = table.beginAppend(rows - row);
    place.target.set(bytes.subarray(row * table.bytesPerRow, (row + place.rows) * table.bytesPerRow));
    table.finishAppend(place.rows);
    row += place.rows;
  }
}

function makeTable(data: Float32Array, dim: number, dtype: Dtype = "float32", segmentBytesMax?: number): VectorTable {
  const table = new VectorTable({ dim, dtype, ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }) });
  appendTo(table, data);
  return table;
}

interface Filter {
  readonly mask: Uint32Array;
  readonly maskCount: number;
}

function makeFilter(rows: number, share: number, seed: number): Filter {
  const random = randomFrom(seed);
  const mask = new Uint32Array(Math.ceil(rows / 32));
  let maskCount = 0;
  for (let row = 0; row < rows; row++) {
    if (random() >= share) continue;
    mask[row >>> 5]! |= 1 << (row & 31);
    maskCount += 1;
  }
  return { mask, maskCount };
}

/** What one search says, without how much work it was. */
function answerOf(result: ScanResult | undefined): unknown {
  return { rows: result?.rows, values: result?.values, rowsScored: result?.rowsScored };
}

/** Searches until the rows are gathered; returns the uses that it took, 0 when they never were. */
function usesUntilGathered(gathered: GatheredCodes, table: VectorTable, filter: Filter, usesMax = 100): number {
  const query = table.readRows([0]);
  for (let use = 1; use <= usesMax; use++) {
    const request = { metric: "ip", query, k: 3, rowCount: table.rowCount, ...filter } as const;
    const result = gathered.search(request);
    if (result === null) continue;
    expect(answerOf(result)).toEqual(answerOf(table.search(request)));
    return use;
  }
  return 0;
}

const metrics: readonly DenseMetric[] = ["ip", "l2", "cos"];

describe("gathered rows", () => {
  for (const [dim, dtype, rows, segmentBytesMax] of [
    [1, "float32", 6000, undefined],
    [3, "float16", 6000, undefined],
    [33, "float32", 9000, undefined],
    [64, "float32", 20_000, 2 << 20],
    [128, "float16", 9000, undefined],
    [1536, "float32", 2000, undefined],
  ] as const) {
    it(`give the answers of the whole table to the bit (${rows} × ${dim} ${dtype})`, () => {
      const data = makeRows(rows, dim, dim);
      const table = makeTable(data, dim, dtype, segmentBytesMax);
      const gathered = new GatheredCodes(table);
      for (const [i, share] of [0.24, 0.15].entries()) {
        const filter = makeFilter(rows, share, i + 1);
        expect(usesUntilGathered(gathered, table, filter)).toBeGreaterThanOrEqual(3);
        const queries = makeRows(4, dim, 77 + i);
        for (const metric of metrics) {
          for (const k of metric === "l2" ? [1, 10, rows] : [10]) {
            const request = { metric, k, rowCount: rows, ...filter };
            const expected = table.searchBatch(queries, request);
            expect(gathered.searchBatch(queries, request)?.map(answerOf)).toEqual(expected.map(answerOf));
            const query = queries.slice(0, dim);
            expect(answerOf(gathered.search({ ...request, query }) ?? undefined)).toEqual(answerOf(expected[0]));
          }
          const [best] = table.searchBatch(queries, { metric, k: 10, rowCount: rows, ...filter });
          const threshold = best?.values[9] as number;
          const query = queries.slice(0, dim);
          const range = { metric, query, threshold, maxResults: 100, rowCount: rows, ...filter };
          expect(answerOf(gathered.searchRange(range) ?? undefined)).toEqual(answerOf(table.searchRange(range)));
        }
      }
      gathered.release();
      table.release();
    });
  }

  it("are copied from the third use on, about a thousand rows of 128 components a search", () => {
    const rows = 40_000;
    const table = makeTable(makeRows(rows, 128, 1), 128);
    const filter = makeFilter(rows, 0.1, 1);
    const uses = usesUntilGathered(new GatheredCodes(table), table, filter);
    expect(uses).toBe(2 + Math.ceil(filter.maskCount / 1024));
  });

  it("are those below the snapshot, also where it is older than the copy", () => {
    const dim = 8;
    const data = makeRows(5000, dim, 2);
    const table = makeTable(data, dim);
    const filter = makeFilter(5000, 0.2, 3);
    const gathered = new GatheredCodes(table);
    expect(usesUntilGathered(gathered, table, filter)).toBe(3);
    for (const rowCount of [5000, 4999, 4970, 4321, 4096]) {
      const { mask } = filter;
      let maskCount = 0;
      for (let row = 0; row < rowCount; row++) maskCount += ((mask[row >>> 5] as number) >>> (row & 31)) & 1;
      const request = { metric: "l2", k: maskCount, rowCount, mask, maskCount, query: table.readRows([7]) } as const;
      expect(answerOf(gathered.search(request) ?? undefined)).toEqual(answerOf(table.search(request)));
    }
  });

  it("are copied anew where the same mask covers a longer snapshot", () => {
    const dim = 8;
    const data = makeRows(5000, dim, 4);
    const table = makeTable(data.subarray(0, 3000 * dim), dim);
    const { mask } = makeFilter(5000, 0.2, 5);
    const countBelow = (rowCount: number) => {
      let count = 0;
      for (let row = 0; row < rowCount; row++) count += ((mask[row >>> 5] as number) >>> (row & 31)) & 1;
      return count;
    };
    const gathered = new GatheredCodes(table);
    expect(usesUntilGathered(gathered, table, { mask, maskCount: countBelow(3000) })).toBe(3);
    appendTo(table, data.slice(3000 * dim));
    expect(usesUntilGathered(gathered, table, { mask, maskCount: countBelow(5000) })).toBe(3);
  });

  it("are none of a filter that is missing, small, or names more than a quarter", () => {
    const dim = 8;
    const table = makeTable(makeRows(5000, dim, 6), dim);
    const gathered = new GatheredCodes(table);
    expect(usesUntilGathered(gathered, table, makeFilter(5000, 0.02, 1), 10)).toBe(0);
    expect(usesUntilGathered(gathered, table, makeFilter(5000, 0.5, 1), 10)).toBe(0);
    const request = { metric: "ip", query: table.readRows([0]), k: 3, rowCount: 5000 } as const;
    const { mask } = makeFilter(5000, 0.2, 1);
    for (let use = 0; use < 10; use++) {
      expect(gathered.search({ ...request, mask: null })).toBe(null);
      expect(gathered.search({ ...request, mask })).toBe(null);
      expect(gathered.search({ ...request, mask: mask.slice(), maskCount: 1000 })).toBe(null);
    }
    expect(gathered.memoryBytes()).toBe(0);
  });

  it("are done without where there is no memory for them", () => {
    const dim = 8;
    const table = makeTable(makeRows(5000, dim, 8), dim);
    const gathered = new GatheredCodes(table);
    const [before, after] = [makeFilter(5000, 0.2, 1), makeFilter(5000, 0.2, 2)];
    expect(usesUntilGathered(gathered, table, before)).toBe(3);
    const { Memory } = WebAssembly;
    try {
      WebAssembly.Memory = class {
        constructor() {
          throw new RangeError("could not allocate memory");
        }
      } as unknown as typeof Memory;
      expect(usesUntilGathered(gathered, table, after, 10)).toBe(0);
    } finally {
      WebAssembly.Memory = Memory;
    }
    expect(gathered.memoryBytes()).toBe(0);
    expect(usesUntilGathered(gathered, table, before, 10)).toBe(0);
  });

  it("stay within their bytes; a filter gives way to one used three times since", () => {
    const dim = 32;
    const rows = 20_000;
    const table = makeTable(makeRows(rows, dim, 7), dim);
    const bytesMax = 1 << 20;
    const gathered = new GatheredCodes(table, bytesMax);
    // About 2,000 rows of 196 bytes each: two fit, a third does not.
    const [a, b, c] = [1, 2, 3].map((seed) => makeFilter(rows, 0.1, seed)) as [Filter, Filter, Filter];
    expect(usesUntilGathered(gathered, table, a)).toBe(3);
    expect(usesUntilGathered(gathered, table, b)).toBe(3);
    // All three in turns: those that are there stay.
    const use = (filter: Filter) => usesUntilGathered(gathered, table, filter, 1);
    for (let turn = 0; turn < 20; turn++) expect([use(a), use(b), use(c)]).toEqual([1, 1, 0]);
    expect(gathered.memoryBytes()).toBeLessThanOrEqual(bytesMax);
    const random = randomFrom(9);
    const filters = Array.from({ length: 30 }, (_, i) => makeFilter(rows, 0.02 + random() * 0.2, 10 + i));
    let gatheredCount = 0;
    for (const filter of [...filters, ...filters.toReversed()]) {
      if (usesUntilGathered(gathered, table, filter, 6) > 0) gatheredCount += 1;
      expect(gathered.memoryBytes()).toBeLessThanOrEqual(bytesMax);
    }
    expect(gatheredCount).toBeGreaterThan(50);
    // Above the budget alone.
    expect(usesUntilGathered(new GatheredCodes(table, 1000), table, a, 10)).toBe(0);
  });
});
