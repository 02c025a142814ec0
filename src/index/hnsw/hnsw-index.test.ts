import { describe, expect, it } from "vitest";
import { NodeKernelPool } from "../../engine/node-kernel-pool.js";
import { inlinePool, type KernelPool } from "../../kernel/kernel-pool.js";
import type { Metric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import type { BuildContext, IndexCandidates, IndexFolder, IndexRows, IndexSection } from "../vector-index.js";
import { HnswIndex, hnswFamily } from "./hnsw-index.js";
import { exactValue, isHigherBetter } from "./testing/exact-value.js";
import { connectedNodes } from "./testing/kept-graph.js";
import { clusteredRows, makeRandom } from "./testing/sample-rows.js";

const folder = {} as IndexFolder;
const parameters = { m: 16, efConstruction: 100, efSearch: 64, threads: 0, seed: 42 };

function nameOf(metric: Metric): IndexName {
  return { name: `HNSW-${metric}`, family: "HNSW", metric, quantizer: null, quantizerSize: null };
}

function rowsOf(data: Float32Array, dim: number, rowCount = data.length / dim): IndexRows {
  return { dim, rowCount, read: (from, to, target) => target.set(data.subarray(from * dim, to * dim)) };
}

function contextWith(given: Partial<BuildContext> = {}): BuildContext {
  return { pool: inlinePool, dead: null, folder, signal: undefined, onProgress: () => {}, ...given };
}

async function build(metric: Metric, data: Float32Array, dim: number, given: Partial<BuildContext> = {}) {
  const index = await hnswFamily.build(nameOf(metric), parameters, rowsOf(data, dim), contextWith(given));
  if (!(index instanceof HnswIndex)) throw new Error("the family builds its own index");
  return index;
}

function maskOf(rowCount: number, isAllowed: (row: number) => boolean): { mask: Uint32Array; maskCount: number } {
  const mask = new Uint32Array(Math.ceil(rowCount / 32));
  let maskCount = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!isAllowed(row)) continue;
    mask[row >>> 5] = (mask[row >>> 5] as number) | (1 << (row & 31));
    maskCount++;
  }
  return { mask, maskCount };
}

interface Case {
  readonly index: HnswIndex;
  readonly metric: Metric;
  readonly data: Float32Array;
  readonly dim: number;
  readonly k?: number;
  readonly nprobe?: number | null;
  readonly isAllowed?: (row: number) => boolean;
}

function searchOne({ index, data, dim, k = 10, nprobe = null, isAllowed }: Case, query: Float32Array): IndexCandidates {
  const rowCount = data.length / dim;
  const { mask, maskCount } = isAllowed ? maskOf(rowCount, isAllowed) : { mask: null, maskCount: rowCount };
  return index.search({ query, k, mask, maskCount, rowCount, nprobe, signal: undefined });
}

/** Share of the true k best values among the candidates, ties counted; checks that candidates are distinct and allowed. */
function recallOf(given: Case, queries: Float32Array, plans = new Set<string>()): number {
  const { metric, data, dim, k = 10, isAllowed = () => true } = given;
  const rowCount = data.length / dim;
  const order = isHigherBetter(metric) ? -1 : 1;
  let found = 0;
  let wanted = 0;
  for (let start = 0; start < queries.length; start += dim) {
    const query = queries.subarray(start, start + dim);
    const value = (row: number) => order * exactValue(metric, query, data.subarray(row * dim, (row + 1) * dim));
    const all: number[] = [];
    for (let row = 0; row < rowCount; row++) if (isAllowed(row)) all.push(value(row));
    const best = Float64Array.from(all).sort().subarray(0, k);
    const limit = (best.at(-1) as number) + 1e-6 * Math.max(1, Math.abs(best.at(-1) as number));
    const { rows, plan } = searchOne(given, query);
    plans.add(plan);
    expect(new Set(rows).size).toBe(rows.length);
    expect(Array.from(rows).every((row) => row < rowCount && isAllowed(row))).toBe(true);
    found += Math.min(best.length, Array.from(rows).filter((row) => value(row) <= limit).length);
    wanted += best.length;
  }
  return found / wanted;
}

function bytesOf(section: IndexSection): Uint8Array {
  const pieces = section.bytes instanceof Uint8Array ? [section.bytes] : section.bytes;
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let place = 0;
  for (const piece of pieces) {
    bytes.set(piece, place);
    place += piece.length;
  }
  return bytes;
}

function sectionsOf(index: HnswIndex): Map<string, Uint8Array> {
  return new Map(index.serialize().map((section) => [section.name, bytesOf(section)]));
}

function load(metric: Metric, sections: ReadonlyMap<string, Uint8Array>, dim: number) {
  return hnswFamily.load(nameOf(metric), parameters, sections, { dim, folder });
}

const dim = 24;
const rowCount = 6_000;
const data = clusteredRows({ rowCount, dim, clusters: 60, seed: 7 });
const queries = clusteredRows({ rowCount: 60, dim, clusters: 60, seed: 7, noiseSeed: 99 });

describe("candidates of a graph", () => {
  for (const metric of ["ip", "l2", "cos"] as const) {
    it(`hold the nearest rows by ${metric}, near-duplicates among them`, async () => {
      const index = await build(metric, data, dim);
      expect(recallOf({ index, metric, data, dim }, queries)).toBeGreaterThanOrEqual(0.98);
      expect(recallOf({ index, metric, data, dim, k: 100 }, queries)).toBeGreaterThanOrEqual(0.98);
      expect(connectedNodes(sectionsOf(index))).toEqual({ nodes: expect.any(Number), unreachable: 0 });
    });
  }

  it("hold the nearest rows where lengths vary tenfold", async () => {
    const random = makeRandom(3);
    const varied = data.slice();
    for (let row = 0; row < rowCount; row++) {
      const length = 10 ** random();
      for (let i = 0; i < dim; i++) varied[row * dim + i] = (varied[row * dim + i] as number) * length;
    }
    for (const metric of ["ip", "l2", "cos"] as const) {
      const index = await build(metric, varied, dim);
      expect(recallOf({ index, metric, data: varied, dim }, queries)).toBeGreaterThanOrEqual(0.97);
    }
  });

  it("can all be reached, also where nodes have few links or inner products prefer few nodes", async () => {
    const long = data.map((x, i) => x * (1 + (Math.floor(i / dim) % 10)));
    for (const [metric, rows, m] of [
      ["l2", data, 2],
      ["ip", long, 4],
    ] as const) {
      const few = { ...parameters, m, efConstruction: 8 };
      const index = await hnswFamily.build(nameOf(metric), few, rowsOf(rows, dim), contextWith());
      if (!(index instanceof HnswIndex)) throw new Error("the family builds its own index");
      expect(connectedNodes(sectionsOf(index)).unreachable).toBe(0);
    }
  });

  it("are more the more are wanted, up to all rows", async () => {
    const index = await build("l2", data.subarray(0, 300 * dim), dim);
    for (const k of [1, 7, 100, 300]) {
      const { rows } = searchOne(
        { index, metric: "l2", data: data.subarray(0, 300 * dim), dim, k },
        queries.subarray(0, dim),
      );
      expect(rows.length).toBeGreaterThanOrEqual(k);
    }
  });

  it("are right in 1, 3, 17, 100 and 1536 dimensions", async () => {
    for (const dims of [1, 3, 17, 100, 1536]) {
      const count = dims > 1000 ? 300 : 800;
      const rows = clusteredRows({ rowCount: count, dim: dims, clusters: 20, seed: dims });
      const some = clusteredRows({ rowCount: 20, dim: dims, clusters: 20, seed: dims, noiseSeed: 1 });
      for (const metric of ["ip", "l2", "cos"] as const) {
        const index = await build(metric, rows, dims);
        expect(recallOf({ index, metric, data: rows, dim: dims }, some), `${metric} ${dims}`).toBeGreaterThanOrEqual(
          0.98,
        );
      }
    }
  });

  it("are all rows where there is one, or all are equal, or all are zero", async () => {
    const query = Float32Array.of(1, 2, 3);
    for (const metric of ["ip", "l2", "cos"] as const) {
      const one = Float32Array.of(3, 2, 1);
      const single = await build(metric, one, 3);
      expect([...searchOne({ index: single, metric, data: one, dim: 3, k: 1 }, query).rows]).toEqual([0]);
      for (const value of [1, 0]) {
        const equal = new Float32Array(3 * 150).fill(value);
        const index = await build(metric, equal, 3);
        const { rows } = searchOne({ index, metric, data: equal, dim: 3, k: 150 }, query);
        expect(new Set(rows).size).toBe(150);
        expect(
          searchOne({ index, metric, data: equal, dim: 3 }, new Float32Array(3)).rows.length,
        ).toBeGreaterThanOrEqual(10);
      }
    }
  });

  it("stop at the rows of the snapshot", async () => {
    const index = await build("l2", data, dim);
    const request = { k: 10, mask: null, maskCount: 500, rowCount: 500, nprobe: 2_000, signal: undefined };
    const { rows } = index.search({ ...request, query: queries.subarray(0, dim) });
    expect(rows.every((row) => row < 500)).toBe(true);
  });
});

describe("candidates by other metrics", () => {
  const count = 2_500;
  const base = data.subarray(0, count * dim);
  const some = queries.subarray(0, 30 * dim);
  const bits = (source: Float32Array) => source.map((x) => (x > 0.6 ? 1 : 0));
  const masses = (source: Float32Array) => source.map((x) => Math.max(0, x) ** 3);
  const places = (source: Float32Array) => source.map((x, i) => (i % 2 === 0 ? x * 60 : x * 40));
  const cases: readonly (readonly [Metric, (source: Float32Array) => Float32Array, number])[] = [
    ["l1", (source) => source, dim],
    ["chebyshev", (source) => source, dim],
    ["correlation", (source) => source, dim],
    ["hellinger", masses, dim],
    ["jensen_shannon", masses, dim],
    ["wasserstein", masses, dim],
    ["haversine", places, 2],
    ["hamming", bits, dim],
    ["jaccard", bits, dim],
    ["correlation", (source) => source, 6],
    ["hellinger", (source) => masses(source).map((x) => x + 0.001), 3],
    ["wasserstein", (source) => source.map((x) => 1 + Math.abs(x)), 1],
  ];
  for (const [metric, make, dims] of cases) {
    it(`hold the nearest rows by ${metric} in ${dims} dimensions, filtered too`, async () => {
      const rows = make(base).subarray(0, count * dims);
      const given = { index: await build(metric, rows, dims), metric, data: rows, dim: dims } as const;
      const asked = make(some).subarray(0, 30 * dims);
      expect(recallOf(given, asked)).toBeGreaterThanOrEqual(0.97);
      expect(recallOf({ ...given, isAllowed: (row) => row % 5 !== 0 }, asked)).toBeGreaterThanOrEqual(0.97);
      expect(connectedNodes(sectionsOf(given.index)).unreachable).toBe(0);
      expect(await load(metric, sectionsOf(given.index), dims)).not.toBeNull();
    });
  }

  it("are refused where no graph can rank them", async () => {
    await expect(build("canberra", base, dim)).rejects.toMatchObject({ code: "UNSUPPORTED_INDEX" });
  });

  it("hold rows without mass next to each other, far from all others", async () => {
    const rows = masses(base.subarray(0, 600 * dim)).slice();
    rows.fill(0, 100 * dim, 105 * dim);
    for (const metric of ["hellinger", "jensen_shannon", "wasserstein"] as const) {
      const given = { index: await build(metric, rows, dim), metric, data: rows, dim, k: 5 } as const;
      const isAllowed = (row: number) => row >= 90 && row < 120;
      const found = searchOne({ ...given, isAllowed }, new Float32Array(dim)).rows;
      expect([...found].slice(0, 5).sort(), metric).toEqual([100, 101, 102, 103, 104]);
      const others = searchOne(given, rows.subarray(0, dim)).rows;
      expect([...others].slice(0, 5).some((row) => row >= 100 && row < 105)).toBe(false);
    }
  });
});

describe("candidates under a filter", () => {
  it("hold the nearest allowed rows, whatever the share of allowed rows and where they are", async () => {
    const index = await build("l2", data, dim);
    const given = { index, metric: "l2", data, dim } as const;
    const centre = queries.subarray(0, dim);
    const isNear = (row: number, radius: number) =>
      exactValue("l2", centre, data.subarray(row * dim, (row + 1) * dim)) < radius;
    const values = Array.from({ length: rowCount }, (_, row) =>
      exactValue("l2", centre, data.subarray(row * dim, (row + 1) * dim)),
    ).sort((a, b) => a - b);
    for (const percent of [100, 50, 10, 5, 1]) {
      const radius = values[Math.floor((rowCount * percent) / 100)] ?? Number.POSITIVE_INFINITY;
      const far = values[Math.floor((rowCount * (100 - percent)) / 100)] as number;
      const filters = {
        random: (row: number) => (Math.imul(row, 0x9e3779b1) >>> 0) / 2 ** 32 < percent / 100,
        near: (row: number) => isNear(row, radius),
        far: (row: number) => percent === 100 || !isNear(row, far),
      };
      for (const [kind, isAllowed] of Object.entries(filters)) {
        const some = kind === "random" ? queries.subarray(0, 20 * dim) : queries.subarray(0, 5 * dim);
        expect(recallOf({ ...given, isAllowed }, some), `${kind} ${percent}%`).toBeGreaterThanOrEqual(0.98);
      }
    }
  });

  it("come from walks where many rows are allowed, and from codes where few are", async () => {
    const many = clusteredRows({ rowCount: 30_000, dim: 4, clusters: 300, seed: 5 });
    const some = clusteredRows({ rowCount: 20, dim: 4, clusters: 300, seed: 5, noiseSeed: 6 });
    const index = await hnswFamily.build(
      nameOf("l2"),
      { ...parameters, m: 8, efConstruction: 40 },
      rowsOf(many, 4),
      contextWith(),
    );
    if (!(index instanceof HnswIndex)) throw new Error("the family builds its own index");
    const given = { index, metric: "l2", data: many, dim: 4, nprobe: 40 } as const;
    const planOf = (isAllowed: (row: number) => boolean) => {
      const plans = new Set<string>();
      expect(recallOf({ ...given, isAllowed }, some, plans)).toBeGreaterThanOrEqual(0.97);
      return [...plans];
    };
    expect(planOf((row) => row % 2 === 0)).toEqual(["discard-walk"]);
    expect(planOf((row) => row % 3 === 0)).toEqual(["filtered-walk"]);
    expect(planOf((row) => row % 50 === 0)).toEqual(["scan"]);
    // All that is near to the query is left out: no walk gets to what is nearest then.
    const query = some.subarray(0, 4);
    const nearest = Array.from({ length: 30_000 }, (_, row) => row).sort(
      (a, b) =>
        exactValue("l2", query, many.subarray(a * 4, a * 4 + 4)) -
        exactValue("l2", query, many.subarray(b * 4, b * 4 + 4)),
    );
    const left = new Set(nearest.slice(0, 10_000));
    const plans = new Set<string>();
    expect(recallOf({ ...given, isAllowed: (row) => !left.has(row) }, query, plans)).toBeGreaterThanOrEqual(0.98);
    expect([...plans]).toEqual(["scan"]);
    expect(index.filteredVisits(10, 40, 0.001)).toBeLessThan(index.filteredVisits(10, 40, 0.05));
    expect(index.filteredVisits(10, 40, 0.33)).toBeLessThan(0.33 * 30_000);
  });

  it("are one row where one is allowed, and none where none is", async () => {
    const small = data.subarray(0, 1_000 * dim);
    const index = await build("cos", small, dim);
    const given = { index, metric: "cos", data: small, dim, k: 1 } as const;
    for (const only of [0, 17, 999]) {
      const isAllowed = (row: number) => row === only;
      expect([...searchOne({ ...given, isAllowed }, queries.subarray(0, dim)).rows]).toEqual([only]);
    }
    expect(searchOne({ ...given, isAllowed: () => false }, queries.subarray(0, dim)).rows).toHaveLength(0);
  });

  it("never hold rows that were dead when the graph was made", async () => {
    const isDead = (row: number) => row % 2 === 0;
    const { mask: dead } = maskOf(rowCount, isDead);
    const index = await build("ip", data, dim, { dead });
    expect(index.leftOut).toBe(rowCount / 2);
    const given = { index, metric: "ip", data, dim, isAllowed: (row: number) => !isDead(row) } as const;
    expect(recallOf(given, queries)).toBeGreaterThanOrEqual(0.98);
    const open = index.search({
      query: queries.subarray(0, dim),
      k: 50,
      mask: null,
      maskCount: rowCount,
      rowCount,
      nprobe: null,
      signal: undefined,
    });
    expect(Array.from(open.rows).some(isDead)).toBe(false);
    // Also where the mask allows them by mistake.
    const { mask, maskCount } = maskOf(rowCount, (row) => row < 60);
    const request = { k: 30, mask, maskCount, rowCount, nprobe: null, signal: undefined };
    const { rows } = index.search({ ...request, query: queries.subarray(0, dim) });
    expect(Array.from(rows).some(isDead)).toBe(false);
    expect(rows).toHaveLength(30);
  });
});

describe("a graph that grows", () => {
  it("finds old and new rows, and searches go on meanwhile", async () => {
    const half = rowCount / 2;
    const index = await build("l2", data.subarray(0, half * dim), dim);
    let searches = 0;
    const onProgress = (): void => {
      const request = { k: 10, mask: null, maskCount: half, rowCount: half, nprobe: null, signal: undefined };
      const { rows } = index.search({ ...request, query: queries.subarray(0, dim) });
      expect(rows.length).toBeGreaterThanOrEqual(10);
      expect(rows.every((row) => row < half)).toBe(true);
      searches++;
    };
    await index.extend(rowsOf(data, dim), contextWith({ onProgress }));
    expect(searches).toBeGreaterThan(10);
    expect(index.rowCount).toBe(rowCount);
    expect(recallOf({ index, metric: "l2", data, dim }, queries)).toBeGreaterThanOrEqual(0.98);
    expect(connectedNodes(sectionsOf(index)).unreachable).toBe(0);
  });

  it("is as good as before when growing was ended", async () => {
    const half = rowCount / 2;
    const old = data.subarray(0, half * dim);
    const index = await build("l2", old, dim);
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done > half / 2) controller.abort();
    };
    const extension = index.extend(rowsOf(data, dim), contextWith({ onProgress, signal: controller.signal }));
    await expect(extension).rejects.toMatchObject({ code: "ABORTED" });
    expect(index.rowCount).toBe(half);
    expect(recallOf({ index, metric: "l2", data: old, dim }, queries)).toBeGreaterThanOrEqual(0.97);
    expect(connectedNodes(sectionsOf(index)).unreachable).toBe(0);
    expect(await load("l2", sectionsOf(index), dim)).not.toBeNull();
    await index.extend(rowsOf(data, dim), contextWith());
    expect(recallOf({ index, metric: "l2", data, dim }, queries)).toBeGreaterThanOrEqual(0.98);
  });

  it("is the same to the byte for the same seed on one thread", async () => {
    const some = data.subarray(0, 1_500 * dim);
    const first = sectionsOf(await build("cos", some, dim));
    const second = sectionsOf(await build("cos", some, dim));
    expect([...first.keys()]).toEqual([...second.keys()]);
    for (const [name, bytes] of first) expect(Buffer.compare(bytes, second.get(name) as Uint8Array), name).toBe(0);
  });

  it("can be made by two threads", async () => {
    const pool: KernelPool & { close(): Promise<void> } = new NodeKernelPool({ threads: 2 });
    try {
      const index = await build("ip", data, dim, { pool });
      expect(recallOf({ index, metric: "ip", data, dim }, queries)).toBeGreaterThanOrEqual(0.98);
      expect(connectedNodes(sectionsOf(index)).unreachable).toBe(0);
      expect(await load("ip", sectionsOf(index), dim)).not.toBeNull();
    } finally {
      await pool.close();
    }
  });
});

describe("a graph that was kept", () => {
  it("answers as before, and can grow", async () => {
    const some = data.subarray(0, 2_000 * dim);
    const { mask: dead } = maskOf(2_000, (row) => row % 7 === 0);
    const index = await build("l2", some, dim, { dead });
    const loaded = await load("l2", sectionsOf(index), dim);
    if (!(loaded instanceof HnswIndex)) throw new Error("the sections make sense");
    expect([loaded.rowCount, loaded.leftOut]).toEqual([2_000, index.leftOut]);
    for (let start = 0; start < queries.length; start += dim) {
      const query = queries.subarray(start, start + dim);
      const given = { metric: "l2", data: some, dim } as const;
      expect(searchOne({ index: loaded, ...given }, query)).toEqual(searchOne({ index, ...given }, query));
    }
    await loaded.extend(rowsOf(data.subarray(0, 3_000 * dim), dim), contextWith({ dead }));
    expect(loaded.rowCount).toBe(3_000);
    expect(connectedNodes(sectionsOf(loaded)).unreachable).toBe(0);
  });

  it("is refused or harmless with any byte changed, cut or missing", async () => {
    const some = new Float32Array(400 * 4);
    const random = makeRandom(11);
    for (let i = 0; i < some.length; i++) some[i] = Math.round(random() * 6);
    const sections = sectionsOf(await build("l2", some, 4));
    let refused = 0;
    for (const [name, bytes] of sections) {
      const without = new Map(sections);
      without.delete(name);
      expect(await load("l2", without, 4), name).toBeNull();
      if (bytes.length > 0) {
        expect(await load("l2", new Map(sections).set(name, bytes.subarray(1)), 4), name).toBeNull();
      }
      for (let trial = 0; trial < 60; trial++) {
        const changed = bytes.slice();
        const place = Math.floor(random() * changed.length);
        changed[place] = (changed[place] as number) ^ (1 << Math.floor(random() * 8));
        const loaded = await load("l2", new Map(sections).set(name, changed), 4);
        if (loaded === null) {
          refused++;
          continue;
        }
        const request = { k: 400, mask: null, maskCount: 400, rowCount: 400, nprobe: null, signal: undefined };
        const { rows } = await loaded.search({ ...request, query: some.subarray(0, 4) });
        expect(new Set(rows).size).toBe(rows.length);
        expect(rows.every((row) => row < 400)).toBe(true);
      }
    }
    expect(refused).toBeGreaterThan(50);
    expect(await load("ip", sections, 4)).toBeNull();
    expect(await load("l2", sections, 5)).toBeNull();
  });
});
