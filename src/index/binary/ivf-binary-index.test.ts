import { describe, expect, it } from "vitest";
import { callTask, inlinePool, type KernelPool, type KernelTask } from "../../kernel/kernel-pool.js";
import { parseIndexName } from "../index-name.js";
import { checkIndexParameters } from "../index-parameters.js";
import type { BuildContext, IndexCandidates, IndexRows, VectorIndex } from "../vector-index.js";
import { flatBinaryFamily } from "./flat-binary-index.js";
import { ivfBinaryFamily } from "./ivf-binary-index.js";

const metrics = ["HAMMING", "JACCARD"];

function contextOf(more: Partial<BuildContext> = {}): BuildContext {
  const folder = { fs: {} as BuildContext["folder"]["fs"], path: "" };
  return { pool: inlinePool, dead: null, folder, signal: undefined, onProgress: () => {}, ...more };
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Rows around a few hundred sets of bits, each bit wrong now and then, some rows equal. */
function clustered(count: number, dim: number, density: number, seed = 1): Float32Array {
  const random = randomOf(seed);
  const centres = Array.from({ length: 150 }, () => Array.from({ length: dim }, () => random() < density));
  const data = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const centre = centres[Math.floor(random() * centres.length)]!;
    const noise = random() * 0.1;
    for (let i = 0; i < dim; i++) data[row * dim + i] = centre[i]! !== random() < noise * density * 2 ? 1 : 0;
    if (row % 13 === 12) data.copyWithin(row * dim, (row - 5) * dim, (row - 4) * dim);
  }
  return data;
}

function rowsOf(data: Float32Array, dim: number): IndexRows {
  return {
    dim,
    rowCount: data.length / dim,
    read: (from, to, target) => void target.set(data.subarray(from * dim, to * dim)),
  };
}

async function build(mode: string, data: Float32Array, dim: number, parameters = {}, context = contextOf()) {
  const name = parseIndexName(mode);
  const family = name.family === "FLAT" ? flatBinaryFamily : ivfBinaryFamily;
  return family.build(name, checkIndexParameters(name, parameters), rowsOf(data, dim), context);
}

interface Asked {
  readonly k?: number;
  readonly mask?: Uint32Array | null;
  readonly nprobe?: number | null;
  readonly rowCount?: number;
}

function search(index: VectorIndex, query: Float32Array, asked: Asked = {}): IndexCandidates {
  const { k = 10, mask = null, nprobe = null, rowCount = index.rowCount } = asked;
  const maskCount = mask === null ? rowCount : countBits(mask);
  return index.search({ query, k, mask, maskCount, rowCount, nprobe, signal: undefined }) as IndexCandidates;
}

function countBits(mask: Uint32Array): number {
  let count = 0;
  for (let word of mask) for (; word !== 0; word &= word - 1) count++;
  return count;
}

async function sectionsOf(index: VectorIndex): Promise<Map<string, Uint8Array>> {
  const sections = new Map<string, Uint8Array>();
  for (const { name, bytes } of await index.serialize()) {
    const pieces = bytes instanceof Uint8Array ? [bytes] : bytes;
    sections.set(name, Uint8Array.from(pieces.flatMap((piece) => Array.from(piece))));
  }
  return sections;
}

/** Share of the flat index's answers that are as near in the other's, ties counting. */
function recallOf(flat: VectorIndex, index: VectorIndex, queries: readonly Float32Array[], asked: Asked): number {
  let [found, wanted] = [0, 0];
  for (const query of queries) {
    const truth = search(flat, query, asked);
    const limit = truth.values!.at(-1)!;
    wanted += truth.rows.length;
    found += Array.from(search(index, query, asked).values!).filter((value) => value <= limit).length;
  }
  return found / wanted;
}

describe("clusters of packed bits", () => {
  it("find nearly all of the nearest rows while they look at few", async () => {
    const dim = 160;
    const count = 12_000;
    for (const density of [0.5, 0.06]) {
      const data = clustered(count, dim, density);
      const random = randomOf(9);
      const queries = Array.from({ length: 60 }, (_, i) =>
        data.slice(i * 100 * dim, (i * 100 + 1) * dim).map((bit) => (random() < density / 10 ? 1 - bit : bit)),
      );
      const mask = Uint32Array.from({ length: count / 32 }, (_, i) => (i % 2 === 0 ? 0x1111_1111 : 0));
      for (const metric of metrics) {
        const flat = await build(`FLAT-${metric}`, data, dim);
        const index = await build(`IVF-${metric}`, data, dim);
        const what = `${metric} ${density}`;
        expect(recallOf(flat, index, queries, {}), what).toBeGreaterThan(0.95);
        expect(recallOf(flat, index, queries, { mask }), what).toBeGreaterThan(0.9);
        expect(recallOf(flat, index, queries, { nprobe: 100_000 }), what).toBe(1);
        const visits = search(index, queries[0]!).rowsScored;
        expect(visits).toBeLessThan(count / 4);
        expect(index.expectedVisits(10, null)).toBeLessThan(count / 4);
        expect(search(index, queries[0]!).plan).toBe("probe");
      }
    }
  });

  it("give the exact values and order where every cluster is looked at", async () => {
    for (const metric of metrics) {
      for (const [count, dim] of [
        [1, 1],
        [2, 3],
        [40, 17],
        [3000, 100],
        [60, 1536],
      ] as const) {
        const data = clustered(count, dim, 0.3, dim);
        const flat = await build(`FLAT-${metric}`, data, dim);
        const index = await build(`IVF-${metric}`, data, dim, { nClusters: 7 });
        const mask = Uint32Array.from({ length: Math.ceil(count / 32) }, () => 0x0f0f_0f0f);
        for (const given of [null, mask]) {
          for (const k of [1, 25, 5000]) {
            const asked = { k, mask: given, nprobe: 1000 };
            const [found, truth] = [search(index, data.slice(0, dim), asked), search(flat, data.slice(0, dim), asked)];
            expect(found.rows, `${metric} ${count} x ${dim}, k ${k}`).toEqual(truth.rows);
            expect(found.values).toEqual(truth.values);
          }
        }
      }
    }
  });

  it("give k rows whenever k rows match, however few clusters were asked for", async () => {
    const dim = 64;
    const data = clustered(5000, dim, 0.4);
    for (const metric of metrics) {
      const index = await build(`IVF-${metric}`, data, dim);
      const query = data.slice(77 * dim, 78 * dim);
      expect(search(index, query, { k: 5000, nprobe: 1 }).rows.length).toBe(5000);
      const one = new Uint32Array(Math.ceil(5000 / 32));
      expect(search(index, query, { mask: one }).rows.length).toBe(0);
      one[4000 >>> 5] = 1 << (4000 & 31);
      expect(Array.from(search(index, query, { mask: one, nprobe: 1 }).rows)).toEqual([4000]);
      const found = search(index, query, { k: 40, rowCount: 50, nprobe: 1 });
      expect(found.rows.length).toBe(40);
      expect(found.rows.every((row) => row < 50)).toBe(true);
    }
  });

  it("are the same for the same seed, and others for another", async () => {
    const dim = 96;
    const data = clustered(3000, dim, 0.4);
    const [first, second, third] = await Promise.all([
      build("IVF-HAMMING", data, dim, { seed: 5 }).then(sectionsOf),
      build("IVF-HAMMING", data, dim, { seed: 5 }).then(sectionsOf),
      build("IVF-HAMMING", data, dim, { seed: 6 }).then(sectionsOf),
    ]);
    for (const [name, bytes] of first!) expect(Buffer.compare(bytes, second!.get(name)!), name).toBe(0);
    expect(Buffer.compare(first!.get("centroids")!, third!.get("centroids")!)).not.toBe(0);
  });

  it("are the same on several slots, whose tasks end in any order", async () => {
    const dim = 512;
    const data = clustered(6000, dim, 0.3);
    // All tasks of a run are asked for first, by slots in turn, and done from the last to the first.
    const pool: KernelPool = {
      threads: 3,
      run: async (next, options) => {
        const tasks: { task: KernelTask; slot: number }[] = [];
        for (let slot = 0, task = next(0); task !== null; task = next(slot)) {
          tasks.push({ task, slot });
          slot = (slot + 1) % 3;
        }
        for (const { task, slot } of tasks.reverse()) {
          const result = callTask(task);
          options?.onResult?.(result, slot);
        }
      },
    };
    const alone = await sectionsOf(await build("IVF-JACCARD", data, dim));
    const together = await sectionsOf(await build("IVF-JACCARD", data, dim, {}, contextOf({ pool })));
    for (const [name, bytes] of alone) expect(Buffer.compare(bytes, together.get(name)!), name).toBe(0);
  });

  it("leave dead rows out and take new ones in; searches beside see the rows before", async () => {
    const dim = 80;
    const data = clustered(40_000, dim, 0.4);
    const before = data.subarray(0, 3000 * dim);
    const dead = new Uint32Array(Math.ceil(40_000 / 32));
    dead[0] = 0b1010;
    dead[20_000 >>> 5] = 1 << (20_000 & 31);
    for (const metric of metrics) {
      const index = await build(`IVF-${metric}`, before, dim, {}, contextOf({ dead }));
      expect([index.rowCount, index.leftOut]).toEqual([3000, 2]);
      const progress: number[] = [];
      const onProgress = (done: number, total: number) => void progress.push(done / total);
      const extending = index.extend(rowsOf(data, dim), contextOf({ dead, onProgress }));
      expect(search(index, data.slice(0, dim), { k: 9000 }).rows.length).toBe(2998);
      await extending;
      expect([index.rowCount, index.leftOut]).toEqual([40_000, 3]);
      expect(progress.at(-1)).toBe(1);
      const all = search(index, data.slice(0, dim), { k: 40_000, nprobe: 1e6 }).rows;
      expect(new Set(all).size).toBe(39_997);
      for (const row of [1, 3, 20_000]) expect(all.includes(row)).toBe(false);
      const flat = await build(`FLAT-${metric}`, data, dim);
      const queries = Array.from({ length: 20 }, (_, i) => data.slice((30_000 + i) * dim, (30_001 + i) * dim));
      expect(recallOf(flat, index, queries, {})).toBeGreaterThan(0.9);
    }
  });

  it("are as good as they were after an extension that was ended", async () => {
    const dim = 64;
    const data = clustered(70_000, dim, 0.4);
    const index = await build("IVF-HAMMING", data.subarray(0, 2000 * dim), dim);
    const kept = await sectionsOf(index);
    const controller = new AbortController();
    const context = contextOf({ signal: controller.signal, onProgress: () => controller.abort() });
    await expect(index.extend(rowsOf(data, dim), context)).rejects.toMatchObject({ code: "ABORTED" });
    for (const [name, bytes] of await sectionsOf(index)) expect(Buffer.compare(bytes, kept.get(name)!), name).toBe(0);
    await index.extend(rowsOf(data, dim), contextOf());
    const rows = search(index, data.slice(0, dim), { k: 70_000, nprobe: 1e6 }).rows;
    expect(new Set(rows).size).toBe(70_000);
    const flat = await build("FLAT-HAMMING", data, dim);
    expect(search(index, data.slice(0, dim), { nprobe: 1e6 }).rows).toEqual(search(flat, data.slice(0, dim)).rows);
    const ended = build("IVF-HAMMING", data, dim, {}, contextOf({ signal: AbortSignal.abort() }));
    await expect(ended).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("cope with rows that are all equal or all empty", async () => {
    for (const value of [0, 1]) {
      const data = new Float32Array(2000 * 33).fill(value);
      for (const metric of metrics) {
        const index = await build(`IVF-${metric}`, data, 33);
        const found = search(index, new Float32Array(33).fill(value));
        expect(Array.from(found.rows)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        expect(Array.from(found.values!)).toEqual(new Array(10).fill(0));
      }
    }
  });

  it("cannot be made of no rows", async () => {
    const empty = build("IVF-HAMMING", new Float32Array(0), 8);
    await expect(empty).rejects.toMatchObject({ code: "INDEX_EMPTY" });
    const dead = Uint32Array.of(0b11);
    const gone = build("IVF-JACCARD", new Float32Array(16), 8, {}, contextOf({ dead }));
    await expect(gone).rejects.toMatchObject({ code: "INDEX_EMPTY" });
  });

  it("come back from their sections, grow on, and come from no others", async () => {
    const dim = 100;
    const data = clustered(5000, dim, 0.4);
    const name = parseIndexName("IVF-JACCARD");
    const index = await build(
      "IVF-JACCARD",
      data.subarray(0, 3000 * dim),
      dim,
      {},
      contextOf({ dead: Uint32Array.of(1) }),
    );
    await index.extend(rowsOf(data.subarray(0, 4000 * dim), dim), contextOf());
    const sections = await sectionsOf(index);
    const context = { dim, folder: contextOf().folder };
    const loaded = await ivfBinaryFamily.load(name, index.parameters, sections, context);
    for (const i of [0, 100, 4999]) {
      const query = data.slice(i * dim, (i + 1) * dim);
      expect(search(loaded!, query)).toEqual(search(index, query));
    }
    expect([loaded!.rowCount, loaded!.leftOut]).toEqual([4000, 1]);
    const again = await sectionsOf(loaded!);
    for (const [name, bytes] of sections) expect(Buffer.compare(bytes, again.get(name)!), name).toBe(0);
    await loaded!.extend(rowsOf(data, dim), contextOf());
    expect(search(loaded!, data.slice(0, dim), { k: 5000, nprobe: 1e6 }).rows.length).toBe(4999);

    const swapped = sections.get("ids")!.slice();
    swapped.set(swapped.subarray(0, 4), 4);
    const beyond = sections.get("ids")!.slice();
    beyond.set([0, 0, 0, 1], 8);
    const wrong: [string, Uint8Array | null][] = [
      ["ids", swapped],
      ["ids", beyond],
      ["ids", sections.get("ids")!.subarray(4)],
      ["ids", sections.get("ids")!.subarray(1)],
      ["bits", sections.get("bits")!.subarray(16)],
      ["sizes", sections.get("sizes")!.map((byte) => byte ^ 1)],
      ["sizes", sections.get("sizes")!.subarray(4)],
      ["centroids", sections.get("centroids")!.subarray(16)],
      ["header", sections.get("header")!.subarray(4)],
      ["header", new Uint8Array(20)],
      ["header", new Uint8Array(20).fill(255)],
    ];
    for (const section of sections.keys()) wrong.push([section, null], [section, new Uint8Array(0)]);
    for (const [section, bytes] of wrong) {
      const damaged = new Map(sections);
      if (bytes === null) damaged.delete(section);
      else damaged.set(section, bytes);
      expect(await ivfBinaryFamily.load(name, index.parameters, damaged, context), section).toBeNull();
    }
    expect(await ivfBinaryFamily.load(name, index.parameters, sections, { ...context, dim: 300 })).toBeNull();
  });
});
