import { afterAll, describe, expect, it, vi } from "vitest";
import { NodeKernelPool } from "../../engine/node-kernel-pool.js";
import { inlinePool } from "../../kernel/kernel-pool.js";
import type { Metric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import type { BuildContext, IndexCandidates, IndexFolder, IndexRows, IndexSearch } from "../vector-index.js";
import { HnswIndex, hnswFamily } from "./hnsw-index.js";
import { clusteredRows } from "./testing/sample-rows.js";

const dim = 24;
/** More than a slab holds. */
const rowCount = 9_000;
const data = clusteredRows({ rowCount, dim, clusters: 90, seed: 7 });
const queryCount = 150;
const queries = clusteredRows({ rowCount: queryCount, dim, clusters: 90, seed: 7, noiseSeed: 99 });
const parameters = { m: 16, efConstruction: 40, efSearch: 64, threads: 0, seed: 42 };
const pool = new NodeKernelPool({ threads: 2 });

afterAll(() => pool.close());

function rowsOf(count: number): IndexRows {
  return { dim, rowCount: count, read: (from, to, target) => target.set(data.subarray(from * dim, to * dim)) };
}

function contextOf(given: Partial<BuildContext> = {}): BuildContext {
  return { pool: inlinePool, dead: null, folder: {} as IndexFolder, signal: undefined, onProgress: () => {}, ...given };
}

async function build(metric: Metric, count: number): Promise<HnswIndex> {
  const name: IndexName = { name: `HNSW-${metric}`, family: "HNSW", metric, quantizer: null, quantizerSize: null };
  const index = await hnswFamily.build(name, parameters, rowsOf(count), contextOf({ pool }));
  if (!(index instanceof HnswIndex)) throw new Error("the family builds its own index");
  return index;
}

type Request = Omit<IndexSearch, "query">;

function requestOf(count: number, isAllowed?: (row: number) => boolean): Request {
  const wanted = { k: 10, rowCount: count, nprobe: null, signal: undefined };
  if (isAllowed === undefined) return { ...wanted, mask: null, maskCount: count };
  const mask = new Uint32Array(Math.ceil(count / 32));
  let maskCount = 0;
  for (let row = 0; row < count; row++) {
    if (!isAllowed(row)) continue;
    mask[row >>> 5] = (mask[row >>> 5] as number) | (1 << (row & 31));
    maskCount++;
  }
  return { ...wanted, mask, maskCount };
}

function oneByOne(index: HnswIndex, request: Request): IndexCandidates[] {
  return Array.from({ length: queryCount }, (_, at) =>
    index.search({ ...request, query: queries.subarray(at * dim, (at + 1) * dim) }),
  );
}

/** Two thirds of the rows, those of some clusters but a few. */
const farFromFirst = (row: number): boolean => row % 3 !== 0 && row > 200;

describe("many queries", () => {
  for (const metric of ["ip", "l2", "jaccard", "chebyshev", "cos"] as const) {
    it(`are answered as one by one (${metric}), under filters too`, async () => {
      const index = await build(metric, 4_000);
      const plans = new Set<string>();
      for (const isAllowed of [undefined, (row: number) => row % 4 > 0, (row: number) => row % 5 === 0, farFromFirst]) {
        const request = requestOf(4_000, isAllowed);
        const expected = oneByOne(index, request);
        for (const { plan } of expected) plans.add(plan);
        for (const given of [pool, inlinePool])
          expect(await index.searchBatch(queries, request, given)).toEqual(expected);
      }
      expect(plans.size).toBeGreaterThan(1);
    });
  }

  it("are answered for a k beyond all rows, for one query and for none", async () => {
    const index = await build("l2", 300);
    const request = { ...requestOf(300), k: 300 };
    expect(await index.searchBatch(queries, request, pool)).toEqual(oneByOne(index, request));
    expect(await index.searchBatch(queries.subarray(0, dim), request, pool)).toEqual([oneByOne(index, request)[0]]);
    expect(await index.searchBatch(new Float32Array(0), request, pool)).toEqual([]);
  });

  it("end with an abort, and leave the index as it was", async () => {
    const index = await build("l2", 2_000);
    const controller = new AbortController();
    const request = requestOf(2_000);
    const before = index.memoryBytes();
    const found = index.searchBatch(queries, { ...request, signal: controller.signal }, pool);
    controller.abort();
    await expect(found).rejects.toMatchObject({ code: "ABORTED" });
    expect(await index.searchBatch(queries, request, pool)).toEqual(oneByOne(index, request));
    for (let i = 0; i < 20; i++) await index.searchBatch(queries, request, pool);
    expect(index.memoryBytes() - before).toBeLessThan(2 ** 20);
  });

  it("are answered while the graph grows beyond its memory", async () => {
    const first = 8_100;
    const index = await build("l2", first);
    const isAllowed = (row: number): boolean => row % 2 === 0;
    const request = requestOf(first, isAllowed);
    const nearest = oneByOne(index, request).map(({ rows }) => rows[0]);
    // They begin before the new rows have places, and go on when these are linked.
    const repeats = 60;
    const many = new Float32Array(repeats * queries.length);
    for (let i = 0; i < repeats; i++) many.set(queries, i * queries.length);
    const [answers] = await Promise.all([
      index.searchBatch(many, request, pool),
      index.extend(rowsOf(rowCount), contextOf({ pool })),
    ]);
    expect(answers).toHaveLength(repeats * queryCount);
    for (const { rows } of answers) {
      expect(rows.length).toBeGreaterThanOrEqual(10);
      expect(rows.every((row) => row < first && isAllowed(row))).toBe(true);
    }
    const same = answers.filter(({ rows }, at) => rows[0] === nearest[at % queryCount]);
    expect(same.length / answers.length).toBeGreaterThan(0.97);
    expect(index.rowCount).toBe(rowCount);
    const grown = requestOf(rowCount, isAllowed);
    expect(await index.searchBatch(queries, grown, pool)).toEqual(oneByOne(index, grown));
  });
});

describe("a graph that was kept", () => {
  it("is read in parts, between which other work runs", async () => {
    const index = await build("l2", rowCount);
    const sections = new Map(
      index.serialize().map(({ name, bytes }) => [name, new Uint8Array(Buffer.concat([bytes].flat() as Uint8Array[]))]),
    );
    // Ten milliseconds pass whenever the time is asked for: all work is too long.
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 10));
    let isLoading = true;
    let turns = 0;
    const watch = (): void => {
      turns++;
      if (isLoading) setImmediate(watch);
    };
    watch();
    const loaded = await hnswFamily.load(index.name, parameters, sections, { dim, folder: {} as IndexFolder });
    isLoading = false;
    clock.mockRestore();
    expect(loaded?.rowCount).toBe(rowCount);
    // Two checks of five parts each, four stretches of two slabs, and the slabs.
    expect(turns).toBeGreaterThan(15);
  });
});
