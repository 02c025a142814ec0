import { describe, expect, it } from "vitest";
import { inlinePool } from "../../kernel/kernel-pool.js";
import { VectorTable } from "../../kernel/vector-table.js";
import type { BinaryMetric } from "../../types.js";
import { parseIndexName } from "../index-name.js";
import { beginMetricScan } from "../metric/metric-scan.js";
import type { BuildContext, IndexCandidates, IndexRows, VectorIndex } from "../vector-index.js";
import { flatBinaryFamily } from "./flat-binary-index.js";

const names = ["FLAT-HAMMING", "FLAT-JACCARD", "FLAT-TANIMOTO", "FLAT-DICE"];

function contextOf(more: Partial<BuildContext> = {}): BuildContext {
  return {
    pool: inlinePool,
    dead: null,
    folder: { fs: {} as BuildContext["folder"]["fs"], path: "" },
    signal: undefined,
    onProgress: () => {},
    ...more,
  };
}

/** Rows of random bits, some equal, some empty; components a little off 0 and 1. */
function dataOf(count: number, dim: number, seed = 1): Float32Array {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const data = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const target = data.subarray(row * dim, (row + 1) * dim);
    if (row % 11 === 5) target.set(data.subarray((row >> 1) * dim, ((row >> 1) + 1) * dim));
    else if (row % 31 !== 7) for (let i = 0; i < dim; i++) target[i] = random() < 0.4 ? 0.6 + random() : random() / 2;
  }
  return data;
}

function rowsOf(data: Float32Array, dim: number, isSlow = false): IndexRows {
  return {
    dim,
    rowCount: data.length / dim,
    read: (from, to, target) => {
      target.set(data.subarray(from * dim, to * dim));
      return isSlow ? Promise.resolve() : undefined;
    },
  };
}

function search(index: VectorIndex, query: Float32Array, k: number, mask: Uint32Array | null, rowCount: number) {
  const request = { query, k, mask, maskCount: rowCount, rowCount, nprobe: null, signal: undefined };
  return index.search(request) as IndexCandidates;
}

/** What the exact scan over the float rows finds. */
function expected(data: Float32Array, query: Float32Array, metric: BinaryMetric, k: number, mask: Uint32Array | null) {
  const dim = query.length;
  const table = new VectorTable({ dim, dtype: "float32" });
  for (let at = 0; at < data.length / dim; ) {
    const { target, rows } = table.beginAppend(data.length / dim - at);
    target.set(new Uint8Array(data.buffer, data.byteOffset + at * dim * 4, rows * dim * 4));
    table.finishAppend(rows);
    at += rows;
  }
  const { rows, values } = beginMetricScan(table, { metric, query, k, rowCount: table.rowCount, mask }).finish();
  table.release();
  return { rows, values };
}

describe("a flat index of packed bits", () => {
  it("finds what a scan of the float rows finds, to the bit", async () => {
    for (const mode of names) {
      const name = parseIndexName(mode);
      const metric = name.metric as BinaryMetric;
      for (const [count, dim] of [
        [1, 1],
        [3, 2],
        [200, 3],
        [70, 17],
        [500, 128],
        [300, 129],
        [40, 1536],
        [3, 16_384],
      ] as const) {
        const data = dataOf(count, dim, dim);
        const index = await flatBinaryFamily.build(name, {}, rowsOf(data, dim), contextOf());
        expect(index.rowCount).toBe(count);
        expect(index.expectedVisits(10, null)).toBe(count);
        const mask = Uint32Array.from({ length: Math.ceil(count / 32) }, (_, i) => (i % 3 === 1 ? 0 : 0x5a5a_5a5b));
        for (const k of [1, 10, 1000]) {
          for (const at of [0, count - 1]) {
            const query = data.slice(at * dim, (at + 1) * dim);
            for (const given of [null, mask]) {
              const found = search(index, query, k, given, count);
              const { rows, values } = expected(data, query, metric, k, given);
              expect(found.rows, `${mode} ${count} x ${dim}`).toEqual(rows);
              expect(found.values).toEqual(values);
              expect(found.plan).toBe("scan");
            }
          }
        }
        await index.release();
      }
    }
  });

  it("looks only at rows of the snapshot that the mask allows", async () => {
    const data = dataOf(9000, 40);
    const index = await flatBinaryFamily.build(parseIndexName("FLAT-DICE"), {}, rowsOf(data, 40), contextOf());
    const query = data.slice(0, 40);
    const one = new Uint32Array(Math.ceil(9000 / 32));
    expect(search(index, query, 5, one, 9000).rows.length).toBe(0);
    one[8900 >>> 5] = 1 << (8900 & 31);
    const found = search(index, query, 5, one, 9000);
    expect([Array.from(found.rows), found.rowsScored]).toEqual([[8900], 1]);
    expect(search(index, query, 5, one, 8900).rows.length).toBe(0);
    expect(search(index, query, 5, null, 17).rows.every((row) => row < 17)).toBe(true);
    expect(search(index, query, 5, null, 17).rowsScored).toBe(17);
  });

  it("grows, from rows read in their own time too, and searches beside it see the rows before", async () => {
    const dim = 70;
    const data = dataOf(20_000, dim);
    const name = parseIndexName("FLAT-HAMMING");
    const first = rowsOf(data.subarray(0, 777 * dim), dim);
    const index = await flatBinaryFamily.build(name, {}, first, contextOf());
    const query = data.slice(19_999 * dim);
    const progress: number[] = [];
    const extending = index.extend(
      rowsOf(data, dim, true),
      contextOf({ onProgress: (done, total) => void progress.push(done / total) }),
    );
    expect(search(index, query, 3, null, 20_000).rows.every((row) => row < 777)).toBe(true);
    await extending;
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    const { rows, values } = expected(data, query, "hamming", 50, null);
    expect(search(index, query, 50, null, 20_000)).toMatchObject({ rows, values });
    expect(index.rowCount).toBe(20_000);
  });

  it("is as good as it was after an extension that was ended", async () => {
    const dim = 64;
    const data = dataOf(30_000, dim);
    const name = parseIndexName("FLAT-JACCARD");
    const index = await flatBinaryFamily.build(name, {}, rowsOf(data.subarray(0, 100 * dim), dim), contextOf());
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const ended = index.extend(rowsOf(data, dim), contextOf({ signal: controller.signal, onProgress }));
    await expect(ended).rejects.toMatchObject({ code: "ABORTED" });
    expect(index.rowCount).toBe(100);
    await index.extend(rowsOf(data, dim), contextOf());
    const query = data.slice(29_000 * dim, 29_001 * dim);
    const { rows, values } = expected(data, query, "jaccard", 20, null);
    expect(search(index, query, 20, null, 30_000)).toMatchObject({ rows, values });
  });

  it("comes back from its sections, and only from its own", async () => {
    const dim = 100;
    const data = dataOf(20_000, dim);
    const name = parseIndexName("FLAT-DICE");
    const index = await flatBinaryFamily.build(name, {}, rowsOf(data, dim), contextOf());
    const sections = new Map<string, Uint8Array>();
    for (const { name: section, bytes } of await index.serialize()) {
      const pieces = bytes instanceof Uint8Array ? [bytes] : bytes;
      sections.set(section, Uint8Array.from(pieces.flatMap((piece) => Array.from(piece))));
    }
    const context = { dim, folder: contextOf().folder };
    const loaded = await flatBinaryFamily.load(name, {}, sections, context);
    const query = data.slice(5 * dim, 6 * dim);
    expect(search(loaded!, query, 30, null, 20_000)).toEqual(search(index, query, 30, null, 20_000));
    expect(loaded!.memoryBytes()).toBeLessThan(700_000);
    const wrong: [string, Uint8Array | null][] = [
      ["header", null],
      ["header", new Uint8Array(12)],
      ["header", new Uint8Array(12).fill(255)],
      ["header", new Uint8Array(4)],
      ["bits", null],
      ["bits", sections.get("bits")!.subarray(16)],
      ["bits", new Uint8Array(0)],
    ];
    for (const [section, bytes] of wrong) {
      const damaged = new Map(sections);
      if (bytes === null) damaged.delete(section);
      else damaged.set(section, bytes);
      expect(await flatBinaryFamily.load(name, {}, damaged, context), section).toBeNull();
    }
    expect(await flatBinaryFamily.load(name, {}, sections, { ...context, dim: 300 })).toBeNull();
  });

  it("can be without rows", async () => {
    const name = parseIndexName("FLAT-HAMMING");
    const index = await flatBinaryFamily.build(name, {}, rowsOf(new Float32Array(0), 8), contextOf());
    expect(search(index, new Float32Array(8), 1, null, 0).rows.length).toBe(0);
  });
});
