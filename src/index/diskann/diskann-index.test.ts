import { beforeAll, describe, expect, it } from "vitest";
import { LynseError } from "../../errors.js";
import { inlinePool } from "../../kernel/kernel-pool.js";
import { VectorTable } from "../../kernel/vector-table.js";
import { FaultyFileSystem } from "../../storage/faulty-file-system.js";
import type { FileSystem } from "../../storage/file-system.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import type { DenseMetric } from "../../types.js";
import type { IndexName, QuantizerName } from "../index-name.js";
import type { BuildContext, IndexRows, IndexSearch, IndexSection, VectorIndex } from "../vector-index.js";
import { type DiskAnnIndex, diskannFamily } from "./diskann-index.js";

const path = "/field/index-1";
const parameters = { maxDegree: 24, searchListSize: 50, alpha: 1.2, beamWidth: 4, threads: 1, seed: 42 };

/** Clusters of rows, a third of them nearly the same as another row; norms differ by a factor of eight. */
function clustered(count: number, dim: number, seed = 1): Float32Array {
  const random = new SeededRandom(seed);
  const centres = Array.from({ length: 24 }, () =>
    Float32Array.from({ length: dim }, () => random.below(2000) / 1000 - 1),
  );
  const data = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const isCopy = row > 0 && random.oneIn(3);
    const source = isCopy ? data.subarray((row - 1) * dim, row * dim) : centres[random.below(centres.length)]!;
    const spread = isCopy ? 0.01 : 0.4;
    const norm = isCopy ? 1 : 0.25 + random.below(1000) / 570;
    for (let i = 0; i < dim; i++) data[row * dim + i] = (source[i]! + (random.below(2000) / 1000 - 1) * spread) * norm;
  }
  return data;
}

function rowsOf(data: Float32Array, dim: number, rowCount = data.length / dim): IndexRows {
  return { dim, rowCount, read: (from, to, target) => target.set(data.subarray(from * dim, to * dim)) };
}

function tableOf(data: Float32Array, dim: number): VectorTable {
  const table = new VectorTable({ dim, dtype: "float32" });
  for (let row = 0; row < data.length / dim; ) {
    const place = table.beginAppend(data.length / dim - row);
    place.target.set(new Uint8Array(data.buffer, 4 * row * dim, 4 * place.rows * dim));
    table.finishAppend(place.rows);
    row += place.rows;
  }
  return table;
}

function nameOf(metric: DenseMetric, quantizer: QuantizerName | null = null, size: number | null = null): IndexName {
  return { name: `DISKANN-${metric}`, family: "DISKANN", metric, quantizer, quantizerSize: size };
}

function contextOf(fs: FileSystem, rest: Partial<BuildContext> = {}): BuildContext {
  return { pool: inlinePool, dead: null, folder: { fs, path }, signal: undefined, onProgress: () => {}, ...rest };
}

async function build(data: Float32Array, dim: number, name = nameOf("l2"), fs: FileSystem = new MemoryFileSystem()) {
  return (await diskannFamily.build(name, parameters, rowsOf(data, dim), contextOf(fs))) as DiskAnnIndex;
}

function requestOf(query: Float32Array, k: number, rowCount: number, rest: Partial<IndexSearch> = {}): IndexSearch {
  return { query, k, mask: null, maskCount: rowCount, rowCount, nprobe: null, signal: undefined, ...rest };
}

function maskOf(rowCount: number, isAllowed: (row: number) => boolean): { mask: Uint32Array; maskCount: number } {
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  let maskCount = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!isAllowed(row)) continue;
    mask[row >>> 5]! |= 1 << (row & 31);
    maskCount++;
  }
  return { mask, maskCount };
}

/** Share of the exact best k (by value) that a search found; checks that rows are distinct, allowed and their values exact. */
async function recallOf(
  index: VectorIndex,
  table: VectorTable,
  metric: DenseMetric,
  queries: readonly Float32Array[],
  k: number,
  filter: { mask: Uint32Array; maskCount: number } | null = null,
  rest: Partial<IndexSearch> = {},
): Promise<number> {
  let found = 0;
  let wanted = 0;
  for (const query of queries) {
    const { rowCount } = table;
    const got = await index.search(requestOf(query, k, rowCount, { ...filter, ...rest }));
    const exact = table.search({ metric, query, k, rowCount, mask: filter?.mask ?? null });
    expect(new Set(got.rows).size).toBe(got.rows.length);
    for (const row of got.rows) {
      expect(row).toBeLessThan(rowCount);
      if (filter !== null) expect((filter.mask[row >>> 5]! >>> (row & 31)) & 1).toBe(1);
    }
    expect(got.values).toEqual(table.scoreRows(metric, query, got.rows));
    const worst = exact.values.at(-1) ?? 0;
    const isGood = (value: number) => (metric === "l2" ? value <= worst : value >= worst);
    found += got.values!.filter(isGood).slice(0, exact.rows.length).length;
    wanted += exact.rows.length;
  }
  return found / wanted;
}

function queriesOf(data: Float32Array, dim: number, count: number, seed = 7): Float32Array[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => {
    const row = random.below(data.length / dim);
    return data.slice(row * dim, (row + 1) * dim).map((x) => x + (random.below(2000) / 1000 - 1) * 0.05);
  });
}

function sectionsOf(sections: readonly IndexSection[]): Map<string, Uint8Array> {
  const join = (bytes: IndexSection["bytes"]) =>
    bytes instanceof Uint8Array ? bytes.slice() : Uint8Array.from(bytes.flatMap((part) => [...part]));
  return new Map(sections.map(({ name, bytes }) => [name, join(bytes)]));
}

const dim = 40;
const data = clustered(6000, dim);
const table = tableOf(data, dim);
const queries = queriesOf(data, dim, 60);

describe.each(["l2", "ip", "cos"] as const)("an index on disk by %s", (metric) => {
  let index: DiskAnnIndex;
  beforeAll(async () => {
    index = await build(data, dim, nameOf(metric));
  });

  it("finds nearly all of the nearest rows, with their exact values", async () => {
    expect((await index.search(requestOf(queries[0]!, 10, 6000))).plan).toBe("beam");
    expect(await recallOf(index, table, metric, queries, 10)).toBeGreaterThan(0.97);
  });

  it("finds more with a longer list", async () => {
    const short = await recallOf(index, table, metric, queries, 10, null, { nprobe: 10 });
    const long = await recallOf(index, table, metric, queries, 10, null, { nprobe: 200 });
    expect(long).toBeGreaterThanOrEqual(short);
    expect(long).toBeGreaterThan(0.99);
  });

  it.each([
    0.9, 0.5, 0.1, 0.01,
  ])("returns allowed rows only under a filter that a share of %s passes", async (share) => {
    const random = new SeededRandom(3);
    const filter = maskOf(6000, () => random.below(1000) < share * 1000);
    expect(await recallOf(index, table, metric, queries, 10, filter)).toBeGreaterThan(0.97);
  });

  it("gives the exact answer on a scan of its file", async () => {
    for (const query of queries.slice(0, 5)) {
      const got = await index.scanExact(requestOf(query, 20, 6000));
      const exact = table.search({ metric, query, k: 20, rowCount: 6000, mask: null });
      expect(got.rows).toEqual(exact.rows);
      expect(got.values).toEqual(exact.values);
    }
  });
});
