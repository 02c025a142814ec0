import { afterAll, describe, expect, it } from "vitest";
import { NodeKernelPool } from "../engine/node-kernel-pool.js";
import type { DenseMetric, Dtype } from "../types.js";
import { encodeFloat16 } from "./float16.js";
import { callTask, inlinePool, type KernelPool } from "./kernel-pool.js";
import { isWorthThreads, type ParallelScanRequest, scanParallel } from "./parallel-scan.js";
import { type FirstPass, VectorTable } from "./vector-table.js";

function randomFrom(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Clusters with near and exact duplicates, some zero rows. */
function makeRows(rows: number, dim: number, seed: number): Float32Array {
  const random = randomFrom(seed);
  const centres = Array.from({ length: 20 }, () => Float32Array.from({ length: dim }, () => random() - 0.5));
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const centre = centres[Math.floor(random() * 20)] as Float32Array;
    const kind = random();
    for (let i = 0; i < dim; i++) {
      const noise = kind < 0.2 ? 0 : (random() - 0.5) * 0.2;
      data[row * dim + i] = kind > 0.98 ? 0 : (centre[i] as number) + noise;
    }
  }
  return data;
}

function makeTable(data: Float32Array, dim: number, dtype: Dtype = "float32", segmentBytesMax?: number): VectorTable {
  const table = new VectorTable({ dim, dtype, ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }) });
  const halves = new Uint16Array(data.length);
  if (dtype === "float16") encodeFloat16(data, halves);
  const source = dtype === "float16" ? halves : data;
  const bytes = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  for (let row = 0; row < data.length / dim; ) {
    const place = table.beginAppend(data.length / dim - row);
    place.target.set(bytes.subarray(row * table.bytesPerRow, (row + place.rows) * table.bytesPerRow));
    table.finishAppend(place.rows);
    row += place.rows;
  }
  return table;
}

/** A pool that runs tasks here, those of all slots in turns of chance, as threads of unequal speed would. */
function unevenPool(threads: number, seed: number): KernelPool {
  const random = randomFrom(seed);
  return {
    threads,
    async run(next, options) {
      const slots = Array.from({ length: options?.threads ?? threads }, (_, slot) => slot);
      while (slots.length > 0) {
        const turn = Math.floor(random() ** 3 * slots.length);
        const task = next(slots[turn] as number);
        if (task === null) slots.splice(turn, 1);
        else callTask(task);
      }
    },
  };
}

function makeMask(rows: number, share: number, seed: number): { mask: Uint32Array; maskCount: number } {
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

async function expectSame(
  table: VectorTable,
  queries: Float32Array,
  request: ParallelScanRequest,
  pool: KernelPool,
): Promise<void> {
  const expected = table.searchBatch(queries, request);
  const results = await scanParallel(table, queries, request, pool);
  expect(results.length).toBe(expected.length);
  for (const [i, result] of results.entries()) {
    expect(result.rows).toEqual(expected[i]?.rows);
    expect(result.values).toEqual(expected[i]?.values);
    expect(result.rowsScored).toBe(expected[i]?.rowsScored);
  }
}

const metrics: readonly DenseMetric[] = ["ip", "l2", "cos"];
const threads = new NodeKernelPool({ threads: 3 });
afterAll(() => threads.close());

describe("a parallel scan", () => {
  for (const [dim, dtype, rows] of [
    [1, "float32", 5000],
    [3, "float16", 5000],
    [33, "float32", 40_000],
    [128, "float32", 20_000],
    [1536, "float16", 1500],
  ] as const) {
    it(`gives the rows and values of the scan on one thread (${rows} × ${dim} ${dtype})`, async () => {
      const data = makeRows(rows, dim, dim);
      const table = makeTable(data, dim, dtype);
      let round = 0;
      for (const metric of metrics) {
        for (const count of [1, 2, 7, 40]) {
          for (const share of [1, 0.3, 0.01]) {
            const rowCount = rows - ((round * 37) % 100);
            const filter = share === 1 ? { mask: null } : makeMask(rowCount, share, round + 1);
            const queries = makeRows(count, dim, 1000 + round);
            const request = { metric, k: [1, 10, 300][round % 3] as number, rowCount, ...filter };
            const pool = [threads, inlinePool, unevenPool(2, round), unevenPool(5, round)][round % 4] as KernelPool;
            await expectSame(table, queries, request, pool);
            round += 1;
          }
        }
      }
      table.release();
    });
  }

  it("goes over several segments", async () => {
    const dim = 64;
    const rows = 60_000;
    const table = makeTable(makeRows(rows, dim, 5), dim, "float32", 4 << 20);
    expect(new Set(table.blocks.map((block) => block.segment)).size).toBeGreaterThan(3);
    for (const [round, metric] of metrics.entries()) {
      const { mask, maskCount } = makeMask(rows, 0.1, round + 1);
      for (const count of [1, 50]) {
        const queries = makeRows(count, dim, round + 50);
        const request = { metric, k: 20, rowCount: rows - 777 };
        await expectSame(table, queries, { ...request, mask: null }, threads);
        await expectSame(table, queries, { ...request, mask }, unevenPool(4, round));
        const tableMask = { mask, maskCount: maskCount + 1 };
        await expectSame(table, queries, { ...request, ...tableMask }, unevenPool(3, round));
      }
    }
    table.release();
  });

  it("gives ties to the older row, whichever slot saw it", async () => {
    const dim = 8;
    const rows = 300_000;
    const table = makeTable(new Float32Array(rows * dim).fill(0.5), dim);
    const queries = new Float32Array(dim).fill(1);
    for (const metric of metrics) {
      for (let seed = 1; seed < 6; seed++) {
        const request = { metric, k: 100, rowCount: rows, mask: null };
        const pool = seed < 3 ? unevenPool(4, seed) : threads;
        const [result] = await scanParallel(table, queries, request, pool);
        expect(Array.from(result?.rows ?? [])).toEqual(Array.from({ length: 100 }, (_, row) => row));
      }
    }
    table.release();
  });

  it("changes its first pass where the one before is of no use, or keeps the one that is asked for", async () => {
    const dim = 64;
    const rows = 20_000;
    const random = randomFrom(3);
    // Rows of one norm around the query: every distance is nearly the same.
    const data = Float32Array.from({ length: rows * dim }, () => (random() < 0.5 ? -1 : 1));
    const table = makeTable(data, dim);
    const queries = new Float32Array(dim * 2);
    for (let i = 0; i < dim; i++) queries[dim + i] = 1e-3 * (random() - 0.5);
    const request = { metric: "l2", k: 10, rowCount: rows, mask: null } as const;
    await expectSame(table, queries, request, threads);
    const [expected] = table.searchBatch(queries, request);
    const [result] = await scanParallel(table, queries, request, inlinePool);
    expect(result?.firstPass).toBe(expected?.firstPass);
    expect(result?.firstPass).not.toBe("int8");
    for (const firstPass of ["int8", "float", "none"] satisfies FirstPass[]) {
      await expectSame(table, queries, { ...request, firstPass }, threads);
      const [forced] = await scanParallel(table, queries, { ...request, firstPass }, threads);
      expect(forced?.firstPass).toBe(firstPass);
    }
    table.release();
  });

  it("does without codes where they are not there yet", async () => {
    const dim = 16;
    const table = new VectorTable({ dim, dtype: "float32" });
    const data = makeRows(10_000, dim, 9);
    const bytes = new Uint8Array(data.buffer);
    for (let row = 0; row < 10_000; ) {
      const place = table.beginAppend(10_000 - row);
      place.target.set(bytes.subarray(row * dim * 4, (row + place.rows) * dim * 4));
      table.finishAppend(place.rows, true);
      row += place.rows;
    }
    const request = { metric: "ip", k: 10, rowCount: 10_000, mask: null } as const;
    const queries = data.subarray(0, dim * 2).slice();
    const results = await scanParallel(table, queries, request, threads);
    expect(results.map(({ firstPass }) => firstPass)).toEqual(["float", "float"]);
    await expectSame(table, queries, { ...request, firstPass: "int8" }, threads);
    table.release();
  });

  it("takes empty tables, empty masks, one row and more rows wanted than there are", async () => {
    const dim = 3;
    const empty = new VectorTable({ dim, dtype: "float32" });
    const queries = makeRows(5, dim, 1);
    const request = { metric: "cos", k: 10, rowCount: 0, mask: null } as const;
    await expectSame(empty, queries.subarray(0, 3), request, threads);
    expect(await scanParallel(empty, new Float32Array(0), request, threads)).toEqual([]);
    const one = makeTable(makeRows(1, dim, 2), dim);
    await expectSame(one, queries, { ...request, rowCount: 1 }, threads);
    const many = makeTable(makeRows(1000, dim, 3), dim);
    await expectSame(many, queries, { ...request, rowCount: 1000, k: 5000 }, threads);
    const mask = new Uint32Array(32);
    await expectSame(many, queries, { ...request, rowCount: 1000, mask, maskCount: 0 }, threads);
    await expectSame(many, queries, { ...request, rowCount: 1000, mask }, unevenPool(2, 1));
    mask[31] = 1 << 7;
    await expectSame(many, queries, { ...request, rowCount: 1000, mask, maskCount: 1 }, threads);
  });

  it("does not wait for threads that are at other work", async () => {
    const dim = 32;
    const table = makeTable(makeRows(50_000, dim, 4), dim);
    const asked: ((slot: number) => unknown)[] = [];
    const busy: KernelPool = {
      threads: 4,
      run(next) {
        asked.push(next);
        return new Promise(() => {});
      },
    };
    const request = { metric: "cos", k: 10, rowCount: 50_000, mask: null } as const;
    await expectSame(table, makeRows(1, dim, 5), request, busy);
    expect(asked.map((next) => next(0))).toEqual([null]);
    table.release();
  });

  it("fails when a thread does, after its own part", async () => {
    const dim = 32;
    const table = makeTable(makeRows(50_000, dim, 4), dim);
    const request = { metric: "cos", k: 10, rowCount: 50_000, mask: null } as const;
    for (const queries of [makeRows(1, dim, 5), makeRows(9, dim, 5)]) {
      const broken: KernelPool = {
        threads: 3,
        async run(next) {
          next(0);
          throw new Error("a thread stopped");
        },
      };
      await expect(scanParallel(table, queries, request, broken)).rejects.toThrow("a thread stopped");
      await expectSame(table, queries, request, threads);
    }
    table.release();
  });

  it("gives its scratch back, also when it is ended", async () => {
    const dim = 32;
    const rows = 200_000;
    const table = makeTable(makeRows(rows, dim, 4), dim);
    const { mask } = makeMask(rows, 0.5, 1);
    const request = { metric: "ip", k: 10, rowCount: rows, mask } as const;
    const queries = makeRows(64, dim, 5);
    for (let round = 0; round < 3; round++) await scanParallel(table, queries, request, threads);
    const before = table.memory().totalBytes;
    const rounds = 8;
    for (let round = 0; round < rounds; round++) {
      const abort = new AbortController();
      const scan = scanParallel(table, queries, { ...request, signal: abort.signal }, threads);
      abort.abort();
      await expect(scan).rejects.toMatchObject({ code: "ABORTED" });
      await scanParallel(table, queries, request, threads);
    }
    // A slot that was not free in time before may have made a place of its own; a leak would make one every round.
    expect(table.memory().totalBytes - before).toBeLessThan(rounds * 32_768);
    table.release();
  });
});

describe("threads", () => {
  it("are worth it for much work only, and only where there are some", () => {
    const million = { dim: 128, rowCount: 1_000_000, matching: 1_000_000, queries: 1 };
    expect(isWorthThreads(million, 1)).toBe(false);
    expect(isWorthThreads(million, 2)).toBe(true);
    expect(isWorthThreads({ ...million, matching: 70_000 }, 2)).toBe(true);
    expect(isWorthThreads({ ...million, matching: 1000 }, 2)).toBe(false);
    const corpus = { dim: 128, rowCount: 63_666, matching: 63_666, queries: 1 };
    expect(isWorthThreads(corpus, 2)).toBe(false);
    expect(isWorthThreads({ ...corpus, queries: 64 }, 2)).toBe(true);
    expect(isWorthThreads({ ...corpus, queries: 5 }, 2)).toBe(false);
    expect(isWorthThreads({ ...corpus, queries: 5 }, 16)).toBe(true);
    expect(isWorthThreads({ ...corpus, matching: 0, queries: 64 }, 2)).toBe(false);
  });
});
