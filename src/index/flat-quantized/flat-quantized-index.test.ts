import { expect, test } from "vitest";
import type { DenseMetric } from "../../types.js";
import type { IndexName } from "../index-name.js";
import { parseIndexName } from "../index-name.js";
import { checkIndexParameters } from "../index-parameters.js";
import {
  buildContext,
  clusteredRows,
  indexRows,
  maskOf,
  recallOf,
  savedSections,
  searchRequest,
} from "../quantizer/clustered-rows.arbitraries.js";
import { flatQuantizedFamily } from "./flat-quantized-index.js";

const suffixes = ["SQ8", "PQ8", "RABITQ", "POLARVEC1", "POLARVEC2", "POLARVEC3", "POLARVEC", "POLARVEC6", "POLARVEC8"];

function build(name: IndexName, vectors: Float32Array, dim: number, rowCount?: number, given = {}) {
  const rows = indexRows(vectors, dim, rowCount);
  return flatQuantizedFamily.build(name, checkIndexParameters(name, given), rows, buildContext());
}

test.each(
  suffixes,
)("%s finds the best rows under every metric, with and without a mask, after a load and an extension", async (suffix) => {
  const dim = 40;
  const count = 3000;
  const vectors = clusteredRows(count, dim, 1);
  const queries = clusteredRows(12, dim, 1);
  const isAllowed = (row: number) => row % 7 === 3;
  for (const metric of ["ip", "l2", "cos"] as const) {
    const name = parseIndexName(`FLAT-${metric.toUpperCase()}-${suffix}`);
    const index = await build(name, vectors, dim, 2017, { oversample: suffix === "POLARVEC1" ? 40 : 0 });
    await index.extend(indexRows(vectors, dim), buildContext());
    expect(index.rowCount).toBe(count);
    const sections = savedSections(await index.serialize());
    const context = { dim, folder: buildContext().folder };
    const loaded = (await flatQuantizedFamily.load(name, index.parameters, sections, context))!;
    let recall = 0;
    let masked = 0;
    for (let i = 0; i < 12; i++) {
      const query = queries.slice(i * dim, (i + 1) * dim);
      const found = await index.search(searchRequest(query, count));
      const again = await loaded.search(searchRequest(query, count));
      expect(again.rows).toEqual(found.rows);
      expect(new Set(found.rows).size).toBe(found.rows.length);
      recall += recallOf(metric, query, vectors, found.rows, 10) / 12;
      const few = await index.search(searchRequest(query, count, maskOf(count, isAllowed)));
      expect([...few.rows].every(isAllowed)).toBe(true);
      masked += recallOf(metric, query, vectors, few.rows, 10, isAllowed) / 12;
    }
    expect(recall).toBeGreaterThanOrEqual(0.95);
    expect(masked).toBeGreaterThanOrEqual(0.95);
  }
});

test.each([1, 3, 33, 1536])("%i dimensions, few rows, masks of none and one", async (dim) => {
  for (const suffix of suffixes) {
    const name = parseIndexName(`FLAT-L2-${suffix}`);
    for (const count of [1, 33]) {
      const vectors = clusteredRows(count, dim, 4);
      const index = await build(name, vectors, dim);
      const query = vectors.slice(0, dim);
      const all = await index.search(searchRequest(query, count, { k: count }));
      expect([...all.rows].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, row) => row));
      const last = await index.search(
        searchRequest(query, count, { k: 1, ...maskOf(count, (row) => row === count - 1) }),
      );
      expect([...last.rows]).toEqual([count - 1]);
      const none = await index.search(searchRequest(query, count, { k: 1, ...maskOf(count, () => false) }));
      expect(none.rows.length).toBe(0);
      const older = await index.search(searchRequest(query, Math.ceil(count / 2), { k: 1 }));
      expect(older.rows.every((row) => row < Math.ceil(count / 2))).toBe(true);
    }
  }
});

test("equal rows and zero vectors are rows like others", async () => {
  const dim = 24;
  const vectors = new Float32Array(200 * dim).fill(0.5);
  vectors.fill(0, 100 * dim);
  for (const suffix of suffixes) {
    for (const metric of ["ip", "l2", "cos"] as const satisfies readonly DenseMetric[]) {
      const index = await build(parseIndexName(`FLAT-${metric.toUpperCase()}-${suffix}`), vectors, dim);
      for (const query of [vectors.slice(0, dim), new Float32Array(dim)]) {
        const { rows } = await index.search(searchRequest(query, 200, { k: 200 }));
        expect(new Set(rows).size).toBe(200);
      }
      const { rows } = await index.search(searchRequest(vectors.slice(0, dim), 200, { k: 5 }));
      expect([...rows.subarray(0, 5)].every((row) => row < 100)).toBe(true);
    }
  }
});

test("sections that make no sense are refused", async () => {
  const name = parseIndexName("FLAT-COS-PQ4");
  const index = await build(name, clusteredRows(300, 16, 1), 16);
  const sections = savedSections(await index.serialize());
  const context = { dim: 16, folder: buildContext().folder };
  const load = (changed: Map<string, Uint8Array>, asName = name, dim = 16) =>
    flatQuantizedFamily.load(asName, index.parameters, changed, { ...context, dim });
  expect(await load(new Map())).toBeNull();
  expect(await load(sections, parseIndexName("FLAT-COS-SQ8"))).toBeNull();
  expect(await load(sections, name, 15)).toBeNull();
  for (const [section, bytes] of sections) {
    for (let length = 0; length < bytes.length; length = length * 2 + 1) {
      expect(await load(new Map(sections).set(section, bytes.slice(0, length)))).toBeNull();
    }
    for (let at = 0; at < 36; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 0xff;
      const loaded = await load(new Map(sections).set(section, changed));
      if (loaded === null) continue;
      const { rows } = await loaded.search(searchRequest(new Float32Array(16).fill(1), loaded.rowCount));
      expect(rows.every((row) => row < loaded.rowCount)).toBe(true);
    }
  }
});

test("an abort leaves what was covered searchable", async () => {
  const dim = 512;
  const vectors = clusteredRows(3000, dim, 1);
  const name = parseIndexName("FLAT-IP-RABITQ");
  const index = await build(name, vectors, dim, 100);
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  const extension = index.extend(indexRows(vectors, dim), buildContext({ signal: controller.signal, onProgress }));
  await expect(extension).rejects.toMatchObject({ code: "ABORTED" });
  expect(index.rowCount).toBeGreaterThanOrEqual(100);
  expect(index.rowCount).toBeLessThan(3000);
  await index.extend(indexRows(vectors, dim), buildContext());
  const whole = await build(name, vectors, dim, 100);
  await whole.extend(indexRows(vectors, dim), buildContext());
  const request = searchRequest(vectors.slice(0, dim), 3000);
  expect((await index.search(request)).rows).toEqual((await whole.search(request)).rows);
});
