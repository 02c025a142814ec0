import { afterAll, describe, expect, it, vi } from "vitest";
import { NodeKernelPool } from "../engine/node-kernel-pool.js";
import { FieldVectors } from "../index/field-vectors.js";
import { hnswFamily } from "../index/hnsw/hnsw-index.js";
import type { IndexName } from "../index/index-name.js";
import type { IndexCandidates, IndexFolder, VectorIndex } from "../index/vector-index.js";
import { VectorTable } from "../kernel/vector-table.js";
import { searchField, searchFieldBatch } from "./field-search.js";
import type { RowFilter } from "./row-filter.js";

const dim = 16;
const rowCount = 24_000;
/** Rows that the index covers. */
const covered = 23_900;
const queryCount = 2_000;
const pool = new NodeKernelPool({ threads: 2 });

afterAll(() => pool.close());

function filterOf(isAllowed: ((row: number) => boolean) | null): RowFilter {
  const account = { rowCount, liveCount: rowCount, estimated: rowCount, where: null, isNarrowed: isAllowed !== null };
  if (isAllowed === null) return { ...account, mask: null, count: rowCount };
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!isAllowed(row)) continue;
    mask[row >>> 5] = mask[row >>> 5]! | (1 << (row & 31));
    count++;
  }
  return { ...account, mask, count };
}

/** An index that finds what it is told, and would be quick about it. */
function indexFinding(rows: readonly number[]): VectorIndex {
  const found: IndexCandidates = { rows: Uint32Array.from(rows), values: null, rowsScored: rows.length, plan: "walk" };
  return {
    name: { name: "HNSW-L2", family: "HNSW", metric: "l2", quantizer: null, quantizerSize: null },
    parameters: {},
    rowCount: covered,
    leftOut: 0,
    storesVectors: false,
    expectedVisits: () => 1,
    search: () => found,
    extend: async () => {},
    serialize: () => [],
    memoryBytes: () => 0,
    diskBytes: () => 0,
    release: () => {},
  };
}

describe("an index that finds too few", () => {
  const table = new VectorTable({ dim: 1, dtype: "float32" });
  table.appendFloats(Float32Array.from({ length: rowCount }, (_, row) => row));
  const field = new FieldVectors(table, pool);
  const effort = { metric: "l2", k: 4, nprobe: null, exact: false, signal: undefined } as const;
  const query = Float32Array.of(20_000);

  it.each([
    ["one row", [7]],
    ["nothing", []],
  ])("is followed by the exact scan where it finds %s", async (_, rows) => {
    const filter = filterOf((row) => row < covered && row % 2 === 0);
    const result = await searchField(field, indexFinding(rows), filter, { ...effort, query });
    expect([...result.rows]).toEqual([20_000, 19_998, 20_002, 19_996]);
    expect(result).toMatchObject({ fellBack: true, plan: "index-filtered", candidates: rows.length });
    expect(result.rowsScored).toBeGreaterThan(rows.length);
  });

  it("is not made up for by newer rows that lie far away", async () => {
    const filter = filterOf((row) => row >= 19_000);
    const result = await searchField(field, indexFinding([20_000]), filter, { ...effort, query });
    expect([...result.rows]).toEqual([20_000, 19_999, 20_001, 19_998]);
    expect(result).toMatchObject({ fellBack: true, tailRows: rowCount - covered });
  });

  it("is enough where it finds as many as match", async () => {
    const filter = filterOf((row) => row === 7 || row === 9);
    const result = await searchField(field, indexFinding([7, 9]), filter, { ...effort, query });
    expect([...result.rows]).toEqual([9, 7]);
    expect(result.fellBack).toBe(false);
  });
});

describe("a batch over an index", () => {
  it("gives what its queries give one by one, on threads where there is enough to do", async () => {
    const data = Float32Array.from({ length: rowCount * dim }, (_, i) => Math.sin(i * i * 0.37) + (i % dim) / 9);
    const table = new VectorTable({ dim, dtype: "float32" });
    table.appendFloats(data);
    const field = new FieldVectors(table, pool);
    const name: IndexName = { name: "HNSW-L2", family: "HNSW", metric: "l2", quantizer: null, quantizerSize: null };
    const parameters = { m: 8, efConstruction: 40, efSearch: 32, threads: 0, seed: 1 };
    const context = { pool, dead: null, folder: {} as IndexFolder, signal: undefined, onProgress: () => {} };
    const index = await hnswFamily.build(name, parameters, field.rowsFor(covered), context);
    const searchBatch = vi.spyOn(index, "searchBatch");
    const searched = { field, index: { hold: () => ({ index, release: () => {} }) } };
    const queries = Float32Array.from({ length: queryCount * dim }, (_, i) => Math.sin(i * 1.7) + (i % dim) / 9);
    const effort = { metric: "l2", k: 5, nprobe: 16, exact: false, signal: undefined } as const;
    for (const [isAllowed, used] of [
      [null, 1],
      [(row: number) => row % 10 > 0, 2],
      [(row: number) => row % 900 === 0, 2],
    ] as const) {
      const filter = filterOf(isAllowed);
      const results = await searchFieldBatch(searched, filter, { ...effort, queries }, queryCount);
      expect(searchBatch).toHaveBeenCalledTimes(used);
      for (let at = 0; at < queryCount; at += 7) {
        const query = queries.subarray(at * dim, (at + 1) * dim);
        const { rows, values } = await searchField(field, index, filter, { ...effort, query });
        expect(results[at]).toMatchObject({ rows, values });
      }
    }
    const few = await searchFieldBatch(searched, filterOf(null), { ...effort, queries: queries.subarray(0, dim) }, 1);
    expect([few.length, searchBatch.mock.calls.length]).toEqual([1, 2]);
  });
});
