import { expect, test } from "vitest";
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
import type { BuildContext } from "../vector-index.js";
import { ivfFamily } from "./ivf-index.js";

const suffixes = ["", "-SQ8", "-PQ10", "-RABITQ"];

function build(
  mode: string,
  vectors: Float32Array,
  dim: number,
  rowCount?: number,
  given = {},
  context?: BuildContext,
) {
  const name = parseIndexName(mode);
  const rows = indexRows(vectors, dim, rowCount);
  return ivfFamily.build(name, checkIndexParameters(name, given), rows, context ?? buildContext());
}

test.each(
  suffixes,
)("IVF%s finds the best rows under every metric, with and without a mask, after an extension and a load", async (suffix) => {
  const dim = 40;
  const count = 4000;
  const vectors = clusteredRows(count, dim, 1);
  const queries = clusteredRows(12, dim, 2);
  const isAllowed = (row: number) => row % 13 === 3;
  for (const metric of ["ip", "l2", "cos"] as const) {
    const mode = `IVF-${metric.toUpperCase()}${suffix}`;
    const index = await build(mode, vectors, dim, 3011, suffix === "-PQ10" ? { oversample: 30 } : {});
    await index.extend(indexRows(vectors, dim), buildContext());
    const sections = savedSections(await index.serialize());
    const context = { dim, folder: buildContext().folder };
    const loaded = (await ivfFamily.load(index.name, index.parameters, sections, context))!;
    expect(loaded.rowCount).toBe(count);
    let recall = 0;
    let masked = 0;
    let scored = 0;
    for (let i = 0; i < 12; i++) {
      // A stored row is its own neighbour; a new one of the same kind is somewhere between clusters.
      const query = i < 6 ? vectors.slice(i * 7 * dim, (i * 7 + 1) * dim) : queries.slice(i * dim, (i + 1) * dim);
      const found = await index.search(searchRequest(query, count));
      expect((await loaded.search(searchRequest(query, count))).rows).toEqual(found.rows);
      expect(new Set(found.rows).size).toBe(found.rows.length);
      expect(found.rows.length).toBeGreaterThanOrEqual(10);
      recall += recallOf(metric, query, vectors, found.rows, 10) / 12;
      scored += found.rowsScored / 12;
      const few = await index.search(searchRequest(query, count, maskOf(count, isAllowed)));
      expect([...few.rows].every(isAllowed)).toBe(true);
      masked += recallOf(metric, query, vectors, few.rows, 10, isAllowed) / 12;
    }
    expect(recall).toBeGreaterThanOrEqual(metric === "ip" ? 0.85 : 0.92);
    expect(masked).toBeGreaterThanOrEqual(metric === "ip" ? 0.8 : 0.9);
    expect(scored).toBeLessThan(count * 0.6);
  }
});

test.each(suffixes)("IVF%s looks at more lists until k allowed rows were met", async (suffix) => {
  const dim = 12;
  const count = 2000;
  const vectors = clusteredRows(count, dim, 3);
  const index = await build(`IVF-L2${suffix}`, vectors, dim);
  const query = vectors.slice(0, dim);
  for (const k of [1, 10, 700, count]) {
    const { rows } = await index.search(searchRequest(query, count, { k, nprobe: 1 }));
    expect(rows.length).toBeGreaterThanOrEqual(k);
    expect(new Set(rows).size).toBe(rows.length);
  }
  for (const set of [[], [1999], [5, 1000, 1500]]) {
    const { rows } = await index.search(
      searchRequest(query, count, {
        k: Math.max(1, set.length),
        nprobe: 1,
        ...maskOf(count, (row) => set.includes(row)),
      }),
    );
    expect([...rows].sort((a, b) => a - b)).toEqual(set);
  }
  const older = await index.search(searchRequest(query, 100, { k: 100, nprobe: 1 }));
  expect([...older.rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, row) => row));
});

test.each([1, 3, 300])("%i dimensions: one row, equal rows, zero vectors", async (dim) => {
  for (const suffix of suffixes) {
    for (const metric of ["IP", "L2", "COS"]) {
      const one = await build(`IVF-${metric}${suffix}`, clusteredRows(1, dim, 1), dim);
      expect([...(await one.search(searchRequest(new Float32Array(dim), 1, { k: 1 }))).rows]).toEqual([0]);
      const vectors = new Float32Array(120 * dim).fill(0.25);
      vectors.fill(0, 60 * dim);
      const index = await build(`IVF-${metric}${suffix}`, vectors, dim);
      for (const query of [vectors.slice(0, dim), new Float32Array(dim)]) {
        const { rows } = await index.search(searchRequest(query, 120, { k: 120 }));
        expect(new Set(rows).size).toBe(120);
      }
    }
  }
});

test("dead rows are left out, at the build and after", async () => {
  const vectors = clusteredRows(1000, 16, 5);
  const dead = maskOf(1000, (row) => row % 3 === 0).mask;
  const index = await build("IVF-COS-RABITQ", vectors, 16, 500, {}, buildContext({ dead }));
  expect(index.leftOut).toBe(167);
  await index.extend(indexRows(vectors, 16), buildContext({ dead }));
  expect(index.leftOut).toBe(334);
  const context = { dim: 16, folder: buildContext().folder };
  const sections = savedSections(await index.serialize());
  const loaded = (await ivfFamily.load(index.name, index.parameters, sections, context))!;
  expect(loaded.leftOut).toBe(334);
  for (const each of [index, loaded]) {
    const { rows } = await each.search(searchRequest(vectors.slice(0, 16), 1000, { k: 666 }));
    expect(rows.length).toBe(666);
    expect([...rows].every((row) => row % 3 !== 0)).toBe(true);
  }
});

test("the same seed gives the same bytes, and more lists find more", async () => {
  const dim = 32;
  const vectors = clusteredRows(6000, dim, 7);
  const first = await build("IVF-L2-PQ", vectors, dim, 6000, { seed: 3 });
  const second = await build("IVF-L2-PQ", vectors, dim, 6000, { seed: 3 });
  expect(savedSections(await first.serialize())).toEqual(savedSections(await second.serialize()));
  const queries = clusteredRows(20, dim, 8);
  const recalls = await Promise.all(
    [1, 4, 64].map(async (nprobe) => {
      let recall = 0;
      for (let at = 0; at < queries.length; at += dim) {
        const query = queries.slice(at, at + dim);
        const { rows } = await first.search(searchRequest(query, 6000, { nprobe }));
        recall += recallOf("l2", query, vectors, rows, 10) / 20;
      }
      return recall;
    }),
  );
  expect(recalls[1]).toBeGreaterThan(recalls[0]!);
  expect(recalls[2]).toBeGreaterThan(recalls[1]!);
  expect(first.expectedVisits(10, 4)).toBeLessThan(first.expectedVisits(10, 64));
  expect(first.filteredVisits!(10, 4, 0.01)).toBeGreaterThan(first.expectedVisits(10, 4));
});

test.each(["IVF-L2-RABITQ", "IVF-IP"])("%s: sections that make no sense are refused", async (mode) => {
  const index = await build(mode, clusteredRows(300, 16, 1), 16);
  const sections = savedSections(await index.serialize());
  const context = { dim: 16, folder: buildContext().folder };
  const load = (changed: Map<string, Uint8Array>) => ivfFamily.load(index.name, index.parameters, changed, context);
  expect(await load(new Map())).toBeNull();
  for (const [section, bytes] of sections) {
    for (let length = 0; length < bytes.length; length = length * 2 + 1) {
      expect(await load(new Map(sections).set(section, bytes.slice(0, length)))).toBeNull();
    }
    for (let at = 0; at < bytes.length; at += at < 64 ? 1 : 389) {
      const changed = bytes.slice();
      changed[at]! ^= 0xff;
      const loaded = await load(new Map(sections).set(section, changed));
      if (loaded === null) continue;
      const { rows } = await loaded.search(searchRequest(new Float32Array(16).fill(1), loaded.rowCount, { nprobe: 2 }));
      expect(rows.every((row) => row < loaded.rowCount)).toBe(true);
      expect(new Set(rows).size).toBe(rows.length);
    }
  }
});

test("an aborted extension covers whole batches and can be taken up again", async () => {
  const dim = 512;
  const vectors = clusteredRows(3000, dim, 1);
  const index = await build("IVF-COS-RABITQ", vectors, dim, 700);
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  const extension = index.extend(indexRows(vectors, dim), buildContext({ signal: controller.signal, onProgress }));
  await expect(extension).rejects.toMatchObject({ code: "ABORTED" });
  expect(index.rowCount).toBeLessThan(3000);
  await index.extend(indexRows(vectors, dim), buildContext());
  const { rows } = await index.search(searchRequest(vectors.slice(0, dim), 3000, { k: 3000 }));
  expect(new Set(rows).size).toBe(3000);
});
