import { beforeAll, describe, expect, it } from "vitest";
import { LynseError } from "../errors.js";
import { inlinePool } from "../kernel/kernel-pool.js";
import { VectorTable } from "../kernel/vector-table.js";
import { FaultyFileSystem } from "../storage/faulty-file-system.js";
import type { FileSystem } from "../storage/file-system.js";
import { MemoryFileSystem } from "../storage/memory-file-system.js";
import { SeededRandom } from "../storage/seeded-random.js";
import type { DenseMetric } from "../types.js";
import { diskannFamily } from "./diskann/diskann-index.js";
import type { IndexName } from "./index-name.js";
import { spannFamily } from "./spann/spann-index.js";
import type { BuildContext, IndexRows, IndexSearch, IndexSection, VectorIndex } from "./vector-index.js";

const path = "/field/index-1";
const graphParameters = { maxDegree: 24, searchListSize: 50, alpha: 1.2, beamWidth: 4, threads: 1, seed: 42 };
const listParameters = { nClusters: 0, replicaCount: 4, nprobe: 0, seed: 42, oversample: 0 };

/** The names whose indexes behave alike, and what makes a search of theirs look at more. */
const kinds = [
  { kind: "DISKANN", quantizer: null, size: null },
  { kind: "DISKANN", quantizer: "SQ8", size: null },
  { kind: "DISKANN", quantizer: "PQ", size: 20 },
  { kind: "SPANN", quantizer: null, size: null },
  { kind: "SPANN", quantizer: "SQ8", size: null },
] as const;
type Kind = (typeof kinds)[number];

type DiskIndex = VectorIndex & Required<Pick<VectorIndex, "readRows">>;

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

function nameOf(metric: DenseMetric, { kind, quantizer, size }: Kind): IndexName {
  return { name: `${kind}-${metric}`, family: kind, metric, quantizer, quantizerSize: size };
}

function contextOf(fs: FileSystem, rest: Partial<BuildContext> = {}): BuildContext {
  return { pool: inlinePool, dead: null, folder: { fs, path }, signal: undefined, onProgress: () => {}, ...rest };
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

/**
 * Share of the exact best k (by value) that a search found; checks that rows are distinct, allowed and their values
 * exact.
 */
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
const data = clustered(2400, dim);
const table = tableOf(data, dim);
const queries = queriesOf(data, dim, 40);

describe.each(kinds)("$kind $quantizer", (kind) => {
  const named = (metric: DenseMetric) => nameOf(metric, kind);
  const family = kind.kind === "SPANN" ? spannFamily : diskannFamily;
  const parameters = kind.kind === "SPANN" ? listParameters : graphParameters;

  async function build(vectors: Float32Array, d: number, name = named("l2"), fs: FileSystem = new MemoryFileSystem()) {
    return (await family.build(name, parameters, rowsOf(vectors, d), contextOf(fs))) as DiskIndex;
  }

  describe.each(["l2", "ip", "cos"] as const)("an index on disk by %s", (metric) => {
    let index: DiskIndex;
    beforeAll(async () => {
      index = await build(data, dim, named(metric));
    });

    it("finds nearly all of the nearest rows, with their exact values", async () => {
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
      const filter = maskOf(2400, () => random.below(1000) < share * 1000);
      expect(await recallOf(index, table, metric, queries, 10, filter)).toBeGreaterThan(0.97);
    });

    it("gives the exact answer where all rows are asked for", async () => {
      for (const query of queries.slice(0, 5)) {
        const got = await index.search(requestOf(query, 2400, 2400));
        const exact = table.search({ metric, query, k: 2400, rowCount: 2400, mask: null });
        expect(got.rows).toEqual(exact.rows);
        expect(got.values).toEqual(exact.values);
      }
    });
  });

  describe("the life of an index on disk", () => {
    it("is loaded as it was kept", async () => {
      const fs = new MemoryFileSystem();
      const index = await build(data, dim, named("cos"), fs);
      const sections = sectionsOf(await index.serialize());
      const before = await index.search(requestOf(queries[0]!, 10, 2400));
      await index.release();
      const loaded = await family.load(named("cos"), parameters, sections, { dim, folder: { fs, path } });
      expect(loaded).not.toBeNull();
      expect(loaded!.rowCount).toBe(2400);
      expect(await loaded!.search(requestOf(queries[0]!, 10, 2400))).toEqual(before);
      expect(loaded!.diskBytes()).toBe(index.diskBytes());
      const rows = [2399, 0, 17, 17, 1200];
      expect(await loaded!.readRows!(rows)).toEqual(table.readRows(rows));
    });

    it("is the same for the same seed", async () => {
      const some = data.subarray(0, 600 * dim);
      const [one, two] = [await build(some, dim), await build(some, dim)];
      const withoutSalt = async (index: DiskIndex) => {
        const sections = sectionsOf(await index.serialize());
        sections.delete("description");
        return sections;
      };
      expect(await withoutSalt(one)).toEqual(await withoutSalt(two));
    });

    it("refuses sections and files that make no sense", async () => {
      const fs = new MemoryFileSystem();
      const index = await build(data.subarray(0, 300 * dim), dim, named("l2"), fs);
      const sections = sectionsOf(await index.serialize());
      const load = (changed: ReadonlyMap<string, Uint8Array>, from = fs, d = dim) =>
        family.load(named("l2"), parameters, changed, { dim: d, folder: { fs: from, path } });
      expect(await load(sections)).not.toBeNull();
      expect(await load(sections, fs, dim + 1)).toBeNull();
      expect(await load(sections, new MemoryFileSystem())).toBeNull();
      for (const [name, bytes] of sections) {
        const others = new Map(sections);
        others.delete(name);
        if (bytes.length > 0) expect(await load(others), name).toBeNull();
        if (bytes.length > 0) expect(await load(new Map([...sections, [name, bytes.subarray(1)]])), name).toBeNull();
      }
      const random = new SeededRandom(5);
      for (let i = 0; i < 300; i++) {
        const bytes = sections.get("description")!.slice();
        bytes[random.below(bytes.length)] = random.below(256);
        const found = await load(new Map([...sections, ["description", bytes]]));
        await found?.release();
      }
      const file = (await fs.list(path))[0]!.name;
      const handle = await fs.open(`${path}/${file}`, "write");
      await handle.truncate((await handle.size()) - 1);
      expect(await load(sections)).toBeNull();
    });

    it("takes in later rows, and finds old and new ones alike", async () => {
      const fs = new MemoryFileSystem();
      const index = await build(data.subarray(0, 1700 * dim), dim, named("l2"), fs);
      const context = contextOf(fs);
      for (const rowCount of [1701, 1900, 2400]) {
        await index.extend(rowsOf(data, dim, rowCount), context);
        expect(index.rowCount).toBe(rowCount);
      }
      expect(await recallOf(index, table, "l2", queries, 10)).toBeGreaterThan(0.97);
      const newest = Array.from({ length: 40 }, (_, i) => data.slice((1700 + 17 * i) * dim, (1701 + 17 * i) * dim));
      expect(await recallOf(index, table, "l2", newest, 5)).toBeGreaterThan(0.97);
      const rows = [1699, 1700, 2399, 1];
      expect(await index.readRows(rows)).toEqual(table.readRows(rows));
      const all = await index.search(requestOf(queries[0]!, 2400, 2400));
      expect(all.rows).toEqual(
        table.search({ metric: "l2", query: queries[0]!, k: 2400, rowCount: 2400, mask: null }).rows,
      );
    });

    it("answers searches while rows are taken in", async () => {
      const fs = new MemoryFileSystem();
      const index = await build(data.subarray(0, 1800 * dim), dim, named("ip"), fs);
      let isDone = false;
      const extended = index.extend(rowsOf(data, dim), contextOf(fs)).then(() => void (isDone = true));
      const before = tableOf(data.slice(0, 1800 * dim), dim);
      for (let i = 0; !isDone; i++) {
        const query = queries[i % queries.length]!;
        const got = await index.search(requestOf(query, 10, 1800));
        expect(got.values).toEqual(before.scoreRows("ip", query, got.rows));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await extended;
      expect(await recallOf(index, table, "ip", queries, 10)).toBeGreaterThan(0.97);
    });

    it("leaves dead rows out, and is built anew when many have died", async () => {
      const fs = new MemoryFileSystem();
      const dead = maskOf(2400, (row) => row % 3 === 0).mask;
      const rows = rowsOf(data, dim, 1200);
      const index = (await family.build(named("l2"), parameters, rows, contextOf(fs, { dead }))) as DiskIndex;
      expect(index.leftOut).toBe(400);
      const live = maskOf(2400, (row) => row % 3 !== 0);
      const { rows: seen } = await index.search(requestOf(queries[0]!, 800, 1200));
      expect(Array.from(seen.sort())).toEqual(Array.from({ length: 1200 }, (_, i) => i).filter((i) => i % 3 !== 0));
      await index.extend(rowsOf(data, dim, 1560), contextOf(fs, { dead }));
      expect(index.leftOut).toBe(520);
      await index.extend(rowsOf(data, dim), contextOf(fs, { dead }));
      expect(index.leftOut).toBe(800);
      expect(await recallOf(index, table, "l2", queries, 10, live)).toBeGreaterThan(0.97);
      const mostDead = maskOf(2400, (row) => row >= 100).mask;
      await index.extend(rowsOf(data, dim), contextOf(fs, { dead: mostDead }));
      expect(index.leftOut).toBe(2300);
      const few = maskOf(2400, (row) => row < 100);
      expect(await recallOf(index, table, "l2", queries, 10, few)).toBe(1);
    });

    it("keeps the state that was given away readable until the next one was", async () => {
      const fs = new MemoryFileSystem();
      const index = await build(data.subarray(0, 1000 * dim), dim, named("l2"), fs);
      const kept = [sectionsOf(await index.serialize())];
      for (const rowCount of [1300, 1350, 1400, 1450, 1500, 2400]) {
        await index.extend(rowsOf(data, dim, rowCount), contextOf(fs));
        // The owner has not kept the new sections yet.
        const loaded = await family.load(named("l2"), parameters, kept.at(-1)!, { dim, folder: { fs, path } });
        expect(loaded).not.toBeNull();
        const old = tableOf(data.slice(0, loaded!.rowCount * dim), dim);
        expect(await recallOf(loaded!, old, "l2", queries.slice(0, 10), 10)).toBeGreaterThan(0.95);
        await loaded!.release();
        kept.push(sectionsOf(await index.serialize()));
      }
      await index.serialize();
      expect(await fs.list(path)).toHaveLength(1);
    });
  });

  describe("faults of the disk", () => {
    const some = data.subarray(0, 200 * dim);
    const more = data.subarray(0, 260 * dim);

    it("leaves the kept state readable, wherever an extension ends by a power loss", async () => {
      const trial = async (crashAtChange: number | null) => {
        const fs = new FaultyFileSystem(crashAtChange ?? 0);
        await fs.makeFolder(path);
        for (const folder of ["/", "/field"]) await fs.syncFolder(folder);
        const index = await build(some, dim, named("l2"), fs);
        const sections = sectionsOf(await index.serialize());
        fs.arm(crashAtChange === null ? {} : { crashAtChange });
        const outcome = await index.extend(rowsOf(more, dim), contextOf(fs)).catch((error: Error) => error.name);
        return { fs, index, sections, outcome, changes: fs.changes };
      };
      const { changes } = await trial(null);
      expect(changes).toBeGreaterThan(1);
      for (let at = 1; at <= changes; at++) {
        const { fs, sections, outcome } = await trial(at);
        expect(outcome).toBe("CrashError");
        for (const loss of ["dropped", "kept", "torn", "reordered"] as const) {
          const after = fs.afterPowerLoss(loss, at);
          const loaded = await family.load(named("l2"), parameters, sections, {
            dim,
            folder: { fs: after, path },
          });
          expect(loaded?.rowCount).toBe(200);
          expect(await recallOf(loaded!, tableOf(some.slice(), dim), "l2", queries.slice(0, 5), 10)).toBeGreaterThan(
            0.9,
          );
          await loaded!.extend(rowsOf(more, dim), contextOf(after));
          expect(await recallOf(loaded!, tableOf(more.slice(), dim), "l2", queries.slice(0, 5), 10)).toBeGreaterThan(
            0.9,
          );
        }
      }
    });

    it("is as good as before when an extension fails at any call, and takes the rows in the next time", async () => {
      for (let failAtCall = 1; ; failAtCall += 3) {
        const fs = new FaultyFileSystem(failAtCall);
        const index = await build(some, dim, named("l2"), fs);
        fs.arm({ failAtCall });
        const error = await index.extend(rowsOf(more, dim), contextOf(fs)).then(
          () => null,
          (reason: unknown) => reason,
        );
        fs.heal();
        if (error === null) break;
        expect((error as LynseError).code).toBe("IO_ERROR");
        expect(index.rowCount).toBe(200);
        expect(await recallOf(index, tableOf(some.slice(), dim), "l2", queries.slice(0, 3), 10)).toBeGreaterThan(0.9);
        await index.extend(rowsOf(more, dim), contextOf(fs));
        expect(await recallOf(index, tableOf(more.slice(), dim), "l2", queries.slice(0, 3), 10)).toBeGreaterThan(0.9);
        failAtCall += Math.floor(failAtCall / 2);
      }
    });

    it("names file and offset of a block that was changed", async () => {
      const fs = new FaultyFileSystem(1);
      const index = await build(some, dim, named("l2"), fs);
      const sections = sectionsOf(await index.serialize());
      const file = `${path}/${(await fs.list(path))[0]!.name}`;
      await fs.flipBit(file, 8 * (4096 + 100));
      const loaded = await family.load(named("l2"), parameters, sections, { dim, folder: { fs, path } });
      const damage = expect.objectContaining({ code: "CORRUPT", details: { file, offset: 4096 } });
      await expect(loaded!.search(requestOf(queries[0]!, 200, 200))).rejects.toEqual(damage);
      await expect(loaded!.readRows!(Array.from({ length: 200 }, (_, i) => i))).rejects.toEqual(damage);
      fs.arm({ failAtCall: 1 });
      await expect(loaded!.search(requestOf(queries[0]!, 5, 200))).rejects.toMatchObject({ code: "IO_ERROR" });
    });

    it("removes its file when a build fails or is aborted", async () => {
      const fs = new FaultyFileSystem(1);
      const aborted = AbortSignal.abort();
      const rows = rowsOf(some, dim);
      await expect(
        family.build(named("l2"), parameters, rows, contextOf(fs, { signal: aborted })),
      ).rejects.toMatchObject({ code: "ABORTED" });
      await build(some, dim, named("l2"), fs).then((index) => index.release());
      const { length } = await fs.list(path);
      fs.arm({ failAtCall: 3 });
      await expect(build(some, dim, named("l2"), fs)).rejects.toBeInstanceOf(LynseError);
      expect(await fs.list(path)).toHaveLength(length);
    });
  });

  describe("vectors of every kind", () => {
    it.each([1, 3, 17, 1536])("has a recall of nearly one with %s components", async (d) => {
      const count = d > 1000 ? 120 : 600;
      const vectors = clustered(count, d, 9);
      for (const metric of ["l2", "ip", "cos"] as const) {
        const index = await build(vectors, d, named(metric));
        expect(await recallOf(index, tableOf(vectors, d), metric, queriesOf(vectors, d, 15), 10)).toBeGreaterThan(0.9);
      }
    });

    it("finds k of rows that are all equal, the older ones first by value", async () => {
      const equal = new Float32Array(1000 * 8).fill(0.5);
      const index = await build(equal, 8);
      const got = await index.search(requestOf(new Float32Array(8).fill(0.25), 50, 1000, { nprobe: 60 }));
      expect(got.rows).toHaveLength(50);
      expect(new Set(got.values)).toEqual(new Set([0.5]));
      const all = await index.search(requestOf(new Float32Array(8), 1000, 1000));
      expect(Array.from(all.rows)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    });

    it("holds one row, and no row", async () => {
      const one = await build(Float32Array.of(1, 2, 3), 3, named("cos"));
      expect(Array.from((await one.search(requestOf(Float32Array.of(3, 2, 1), 5, 1))).rows)).toEqual([0]);
      const fs = new MemoryFileSystem();
      const dead = Uint32Array.of(1);
      const none = await family.build(named("l2"), parameters, rowsOf(new Float32Array(3), 3), contextOf(fs, { dead }));
      expect((await none.search(requestOf(new Float32Array(3), 5, 1))).rows).toHaveLength(0);
      const sections = sectionsOf(await none.serialize());
      expect(await family.load(named("l2"), parameters, sections, { dim: 3, folder: { fs, path } })).not.toBeNull();
      await none.extend(rowsOf(data.subarray(0, 300), 3), contextOf(fs, { dead }));
      expect((await none.search(requestOf(new Float32Array(3), 5, 100))).rows).toHaveLength(5);
    });

    it("finds every row when k is beyond the rows, and none where none is allowed", async () => {
      const index = await build(data.subarray(0, 500 * dim), dim);
      expect((await index.search(requestOf(queries[0]!, 900, 500))).rows).toHaveLength(500);
      const nothing = maskOf(500, () => false);
      expect((await index.search(requestOf(queries[0]!, 5, 500, nothing))).rows).toHaveLength(0);
      const single = maskOf(500, (row) => row === 321);
      expect(Array.from((await index.search(requestOf(queries[0]!, 1, 500, single))).rows)).toEqual([321]);
      const snapshot = await index.search(requestOf(queries[0]!, 10, 100));
      expect(Math.max(...snapshot.rows)).toBeLessThan(100);
    });

    it("ranks zero vectors and a zero query", async () => {
      const vectors = clustered(600, dim, 4);
      for (let row = 0; row < 600; row += 3) vectors.fill(0, row * dim, (row + 1) * dim);
      for (const metric of ["l2", "ip", "cos"] as const) {
        const index = await build(vectors, dim, named(metric));
        const zero = new Float32Array(dim);
        expect(
          await recallOf(index, tableOf(vectors, dim), metric, [zero, ...queriesOf(vectors, dim, 10)], 10),
        ).toBeGreaterThan(0.95);
      }
    });

    it("never loses rows to numbers that codes cannot hold", async () => {
      const vectors = clustered(400, 8, 2).map((x, at) => (at % 80 < 8 ? x * 3e37 : x));
      for (const metric of ["l2", "ip", "cos"] as const) {
        const index = await build(vectors, 8, named(metric));
        const got = await index.search(requestOf(vectors.slice(0, 8), 10, 400));
        expect(got.rows).toHaveLength(10);
        expect(got.values).toEqual(tableOf(vectors, 8).scoreRows(metric, vectors.slice(0, 8), got.rows));
      }
    });
  });
});
