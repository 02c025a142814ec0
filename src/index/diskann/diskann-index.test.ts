import { beforeAll, describe, expect, it } from "vitest";
import { inlinePool } from "../../kernel/kernel-pool.js";
import { VectorTable } from "../../kernel/vector-table.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import { SeededRandom } from "../../storage/seeded-random.js";
import type { BuildContext, IndexRows, VectorIndex } from "../vector-index.js";
import { diskannFamily } from "./diskann-index.js";

const dim = 12;
const builtRows = 8000;
const strangeRow = 8020;
const rowCount = 9000;
const parameters = { maxDegree: 32, searchListSize: 40, alpha: 1.2, beamWidth: 4, threads: 1, seed: 1 };
const name = { name: "DISKANN-L2", family: "DISKANN", metric: "l2", quantizer: null, quantizerSize: null } as const;

/** Rows around 60 places; those from `strangeRow` on around ten that no row before is near to. */
function makeRows(): Float32Array {
  const random = new SeededRandom(11);
  const places = Float32Array.from({ length: 70 * dim }, () => random.below(2000) / 1000 - 1);
  const data = new Float32Array(rowCount * dim);
  for (let row = 0; row < rowCount; row++) {
    const place = row < strangeRow ? random.below(60) : 60 + random.below(10);
    for (let i = 0; i < dim; i++)
      data[row * dim + i] = places[place * dim + i]! + (random.below(2000) / 1000 - 1) * 0.3;
  }
  return data;
}

const data = makeRows();
const table = new VectorTable({ dim, dtype: "float32" });
for (let row = 0; row < rowCount; ) {
  const place = table.beginAppend(rowCount - row);
  place.target.set(new Uint8Array(data.buffer, 4 * row * dim, 4 * place.rows * dim));
  table.finishAppend(place.rows);
  row += place.rows;
}
const rowsUpTo = (count: number): IndexRows => ({
  dim,
  rowCount: count,
  read: (from, to, target) => target.set(data.subarray(from * dim, to * dim)),
});

/** Recall of ten among rows below `count` and, where there is a filter, rows that it lets through. */
async function recallOf(index: VectorIndex, first: number, count: number, plan: string, share = 1): Promise<number> {
  const random = new SeededRandom(5);
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  let maskCount = 0;
  for (let row = 0; row < count; row++) {
    if (share < 1 && random.below(100) >= share * 100) continue;
    mask[row >>> 5]! |= 1 << (row & 31);
    maskCount++;
  }
  let found = 0;
  for (let i = 0; i < 60; i++) {
    const row = first + random.below(count - first);
    const query = data.slice(row * dim, (row + 1) * dim).map((x) => x + (random.below(100) - 50) / 1000);
    const filter = share < 1 ? { mask, maskCount } : { mask: null, maskCount: count };
    const got = await index.search({ query, k: 10, rowCount: count, nprobe: null, signal: undefined, ...filter });
    expect(got.plan).toBe(plan);
    const exact = table.search({ metric: "l2", query, k: 10, rowCount: count, mask: filter.mask });
    found += got.rows.filter((each) => exact.rows.includes(each)).length / 10;
  }
  return found / 60;
}

describe("the walk over blocks", () => {
  const fs = new MemoryFileSystem();
  const context: BuildContext = {
    pool: inlinePool,
    dead: null,
    folder: { fs, path: "/index" },
    signal: undefined,
    onProgress: () => {},
  };
  let index: VectorIndex;
  beforeAll(async () => {
    index = await diskannFamily.build(name, parameters, rowsUpTo(builtRows), context);
  });

  it("finds nearly all of the nearest rows while it looks at a part of them", async () => {
    expect(await recallOf(index, 0, builtRows, "beam")).toBeGreaterThan(0.97);
    const query = data.slice(0, dim);
    const request = { query, k: 10, mask: null, maskCount: builtRows, rowCount: builtRows, nprobe: null };
    const { rowsScored } = await index.search({ ...request, signal: undefined });
    expect(rowsScored).toBeLessThan(builtRows / 2);
  });

  it("returns only allowed rows where most are", async () => {
    expect(await recallOf(index, 0, builtRows, "filtered-beam", 0.9)).toBeGreaterThan(0.97);
  });

  it("reaches every row that came alone, by the edges back to it", async () => {
    for (let count = builtRows + 1; count <= strangeRow; count++) await index.extend(rowsUpTo(count), context);
    for (let row = builtRows; row < strangeRow; row++) {
      const query = data.slice(row * dim, (row + 1) * dim);
      const request = { query, k: 1, mask: null, maskCount: strangeRow, rowCount: strangeRow, nprobe: 12 };
      const { rows, plan } = await index.search({ ...request, signal: undefined });
      expect(plan).toBe("beam");
      expect(Array.from(rows)).toEqual([row]);
    }
  });

  it("reaches rows that came later, also where they are near to nothing that was there", async () => {
    for (const count of [8300, rowCount]) await index.extend(rowsUpTo(count), context);
    expect(await recallOf(index, strangeRow, rowCount, "beam")).toBeGreaterThan(0.97);
    expect(await recallOf(index, 0, rowCount, "beam")).toBeGreaterThan(0.97);
  });

  it.each([
    { quantizer: null, share: 0.2 },
    { quantizer: "SQ8", share: 0.33 },
  ] as const)("keeps less than $share of the vectors' bytes in memory at 128 components ($quantizer)", async (kind) => {
    const wide = 128;
    const random = new SeededRandom(2);
    const vectors = Float32Array.from({ length: 10_000 * wide }, () => random.below(1000));
    const read: IndexRows["read"] = (from, to, target) => target.set(vectors.subarray(from * wide, to * wide));
    const lean = { ...parameters, maxDegree: 8, searchListSize: 8 };
    const other = { ...context, folder: { fs, path: "/wide" } };
    const named = { ...name, quantizer: kind.quantizer };
    const held = await diskannFamily.build(named, lean, { dim: wide, rowCount: 10_000, read }, other);
    expect(held.memoryBytes()).toBeLessThan(vectors.byteLength * kind.share);
    expect(held.diskBytes()).toBeGreaterThan(vectors.byteLength);
  });
});

describe("clusters far from one another", () => {
  const dim = 48;
  const clusters = 500;
  const laterClusters = 30;
  const built = 18_000;
  const all = 19_200;
  const random = new SeededRandom(3);
  const places = Float32Array.from({ length: (clusters + laterClusters) * dim }, () => random.below(2000) / 100);
  const clusterOf = new Uint32Array(all);
  const rows = new Float32Array(all * dim);
  for (let row = 0; row < all; row++) {
    // Their sizes differ as the squares of numbers do.
    const part = random.below(1000) / 1000;
    clusterOf[row] = row < built ? Math.floor(part * part * clusters) : clusters + random.below(laterClusters);
    for (let i = 0; i < dim; i++) {
      rows[row * dim + i] = places[clusterOf[row]! * dim + i]! + (random.below(2000) / 1000 - 1) * 0.5;
    }
  }
  const read: IndexRows["read"] = (from, to, target) => target.set(rows.subarray(from * dim, to * dim));
  const fs = new MemoryFileSystem();
  const folder = { fs, path: "/apart" };
  const context: BuildContext = { pool: inlinePool, dead: null, folder, signal: undefined, onProgress: () => {} };
  let index: VectorIndex;
  beforeAll(async () => {
    const lean = { ...parameters, maxDegree: 12, searchListSize: 24 };
    index = await diskannFamily.build(name, lean, { dim, rowCount: built, read }, context);
  });

  /** Share of 200 rows from `first` on for whose cluster a search near them finds the way. */
  async function shareFound(first: number, end: number): Promise<number> {
    let found = 0;
    for (let i = 0; i < 200; i++) {
      const row = first + random.below(end - first);
      const query = rows.slice(row * dim, (row + 1) * dim).map((x) => x + (random.below(100) - 50) / 500);
      const request = { query, k: 1, mask: null, maskCount: end, rowCount: end, nprobe: null, signal: undefined };
      const got = await index.search(request);
      expect(got.plan).toBe("beam");
      if (clusterOf[got.rows[0]!] === clusterOf[row]) found++;
    }
    return found / 200;
  }

  it("are found from wherever a walk begins", async () => {
    expect(await shareFound(0, built)).toBeGreaterThan(0.99);
  });

  it("are found when they come later", async () => {
    await index.extend({ dim, rowCount: all, read }, context);
    expect(await shareFound(built, all)).toBeGreaterThan(0.99);
    expect(await shareFound(0, all)).toBeGreaterThan(0.99);
  });

  it("are found in an index that was loaded, and not by entries that are no nodes", async () => {
    const kept = new Map(
      (await index.serialize()).map(({ name: of, bytes }) => [of, (bytes as Uint8Array).slice()] as const),
    );
    const load = () => diskannFamily.load(name, index.parameters, kept, { dim, folder });
    const loaded = await load();
    expect(loaded).not.toBeNull();
    const query = rows.slice(0, dim);
    const request = { query, k: 5, mask: null, maskCount: all, rowCount: all, nprobe: null, signal: undefined };
    expect(await loaded!.search(request)).toEqual(await index.search(request));
    for (const of of ["leaders", "entries", "owners"]) {
      const right = kept.get(of)!;
      kept.set(of, right.slice().fill(0xff, 4, 8));
      expect(await load(), of).toBeNull();
      kept.set(of, right);
    }
  });
});
