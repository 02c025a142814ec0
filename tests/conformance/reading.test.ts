/**
 * Reading rows: get, head, tail, count, scan, and what a collection says of itself.
 */
import { describe, expect, it } from "vitest";
import { type Collection, type Id, where } from "../../src/index.js";
import { idsOf, rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  readonly n: number;
}

async function filled(docs: Collection<Doc>, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, n) => n);
  await docs.add({ ids, vectors: ids.map((n) => [n, 1]), fields: ids.map((n) => ({ n })) });
}

describe.each(modes)("reading ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("get gives rows in the order asked for, each as often as asked for", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 5);
    const view = await docs.get([3, 0, 3]);
    expect(view).toMatchObject({ type: "data", ids: [3, 0, 3], fields: [{ n: 3 }, { n: 0 }, { n: 3 }] });
    expect(view.vectors).toEqual(
      [
        [3, 1],
        [0, 1],
        [3, 1],
      ].map((vector) => Float32Array.from(vector)),
    );
    expect((await docs.get(4)).toList()).toEqual([{ id: 4, n: 4, vector: Float32Array.of(4, 1) }]);
    expect((await docs.get([])).length).toBe(0);
  });

  it("get refuses a missing id and names the first one", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 5);
    const error = await refusal(() => docs.get([1, "x", 99]), "ID_NOT_FOUND", /id "x"/, /"docs"/);
    expect(error.details).toMatchObject({ id: "x" });
    await refusal(() => docs.get(undefined as never), "INVALID_ARGUMENT", /ids/);
    await refusal(() => docs.get({} as never), "INVALID_ARGUMENT", /ids/);
  });

  it("head and tail give the first and last rows in order of insertion, five unless told otherwise", async () => {
    const docs = await workspace.collection<Doc>();
    expect((await docs.head()).length + (await docs.tail()).length).toBe(0);
    await filled(docs, 8);
    expect((await docs.head()).ids).toEqual([0, 1, 2, 3, 4]);
    expect((await docs.tail()).ids).toEqual([3, 4, 5, 6, 7]);
    expect((await docs.head(2)).ids).toEqual([0, 1]);
    expect((await docs.tail(2)).ids).toEqual([6, 7]);
    expect((await docs.head(100)).length).toBe(8);
    expect((await docs.tail(0)).length).toBe(0);
    const view = await docs.tail(1);
    expect([view.type, view.fields, view.vectors]).toEqual(["data", [{ n: 7 }], [Float32Array.of(7, 1)]]);
    for (const n of [-1, 1.5, "5", null, Number.NaN]) {
      await refusal(() => docs.head(n as never), "INVALID_ARGUMENT", /n must be an integer/);
      await refusal(() => docs.tail(n as never), "INVALID_ARGUMENT", /n must be an integer/);
    }
  });

  it("count counts all rows, or those that match", async () => {
    const docs = await workspace.collection<Doc>();
    expect(await docs.count()).toBe(0);
    await filled(docs, 50);
    expect(await docs.count()).toBe(50);
    expect(await docs.count({})).toBe(50);
    expect(await docs.count({ where: "n < :n", params: { n: 7 } })).toBe(7);
    expect(await docs.count({ where: where`n IN ${[1, 2, 99]}` })).toBe(2);
    expect(await docs.count({ where: "FALSE" })).toBe(0);
    await refusal(() => docs.count({ filter: "n = 1" } as never), "INVALID_ARGUMENT", /"filter"; it takes where/);
    await refusal(() => docs.count("n = 1" as never), "INVALID_ARGUMENT", /options object/);
  });

  it("scan gives all rows, or those that match, whatever its batches", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 50);
    for (const batchSize of [1, 7, 50, 1000]) {
      const ids: Id[] = [];
      for await (const row of docs.scan({ where: "n % 1 IS NULL OR n >= 10".slice(-7), batchSize })) {
        expect(row).toEqual({ id: row.id, field: { n: row.id } });
        ids.push(row.id);
      }
      expect(ids).toEqual(Array.from({ length: 40 }, (_, i) => i + 10));
    }
    expect((await rowsOf(docs))[3]).toEqual({ id: 3, field: { n: 3 }, vector: [3, 1] });
    await refusal(() => docs.scan({ batchSize: 0 }).next(), "INVALID_ARGUMENT", /batchSize/);
    await refusal(() => docs.scan({ limit: 5 } as never).next(), "INVALID_ARGUMENT", /"limit"/);
    await refusal(() => docs.scan({ where: "n = :n" }).next(), "INVALID_ARGUMENT", /:n/);
  });

  it("scan keeps to the rows of its beginning while others are written, deleted and compacted", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 60);
    const seen: unknown[] = [];
    for await (const { id, field, vector } of docs.scan({ batchSize: 7, returnVectors: true })) {
      seen.push({ id, field, vector: Array.from(vector!) });
      if (seen.length === 5) {
        await docs.add({ ids: "new", vectors: [1, 1] });
        await docs.delete([0, 20, 40]);
        await docs.upsert({ ids: 30, vectors: [9, 9], fields: { n: 999 } });
      }
      if (seen.length === 10) await docs.compact();
      if (seen.length === 20) await docs.upsert({ ids: 55, vectors: [9, 9], fields: { n: 999 } });
      if (seen.length === 25) await docs.compact();
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => ({ id: n, field: { n }, vector: [n, 1] })));
    expect(await docs.count()).toBe(58);
  });

  it("scan can be left early, and be run several times at once", async () => {
    const docs = await workspace.collection<Doc>();
    await filled(docs, 30);
    for await (const { id } of docs.scan({ batchSize: 4 })) if (id === 5) break;
    const one = docs.scan({ batchSize: 4 });
    const two = docs.scan({ batchSize: 3, where: "n >= 10" });
    expect((await one.next()).value?.id).toBe(0);
    expect((await two.next()).value?.id).toBe(10);
    expect((await one.next()).value?.id).toBe(1);
    await one.return?.();
    expect((await one.next()).done).toBe(true);
    await docs.delete(0);
    expect(await docs.compact()).toBe(1);
    expect(await idsOf(docs)).toHaveLength(29);
    await two.return?.();
  });

  it("listFields names what live rows have, dotted and sorted", async () => {
    const docs = await workspace.collection();
    expect(await docs.listFields()).toEqual([]);
    await docs.add({
      ids: [1, 2, 3],
      vectors: [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
      fields: [
        { b: 1, a: { x: null, y: { z: [] } } },
        { list: [{ k: 1 }, { m: 2 }], "dotted.key": true, empty: {} },
        { gone: 1 },
      ],
    });
    const names = ["a.x", "a.y.z", "b", "dotted.key", "empty", "list", "list.k", "list.m"];
    expect(await docs.listFields()).toEqual([...names.slice(0, 5), "gone", ...names.slice(5)]);
    await docs.delete(3);
    expect(await docs.listFields()).toEqual(names);
  });

  it("maxId is the largest integer id of a live row, and -1 without one", async () => {
    const docs = await workspace.collection();
    expect(await docs.maxId()).toBe(-1);
    await docs.add({
      ids: ["99", "x"],
      vectors: [
        [1, 1],
        [2, 2],
      ],
    });
    expect(await docs.maxId()).toBe(-1);
    await docs.add({
      ids: [5, 80, 7],
      vectors: [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    });
    expect(await docs.maxId()).toBe(80);
    await docs.delete(80);
    expect(await docs.maxId()).toBe(7);
    await docs.restore(80);
    expect(await docs.maxId()).toBe(80);
  });

  it("stats add up", async () => {
    const docs = await workspace.collection<Doc>("docs", { dim: 8 });
    const ids = Array.from({ length: 500 }, (_, n) => n);
    await docs.add({ ids, vectors: ids.map((n) => new Float32Array(8).fill(n)), fields: ids.map((n) => ({ n })) });
    await docs.delete([1, 2, 3]);
    await docs.upsert({ ids: [10, 11], vectors: [new Float32Array(8), new Float32Array(8)] });
    await docs.count({ where: "n > 3" });
    await docs.checkpoint();
    const stats = await docs.stats();
    expect(stats).toMatchObject({ rows: 497, deleted: 3, superseded: 2, dim: 8, dtype: "float32" });
    expect(stats).toMatchObject({ metric: "ip", index: "FLAT-IP", maxId: 499 });
    const { disk, memory } = stats;
    expect(disk.totalBytes).toBe(disk.logBytes + disk.vectorBytes + disk.derivedBytes);
    expect(disk.vectorBytes).toBeGreaterThanOrEqual(502 * 8 * 4);
    expect(disk.derivedBytes).toBeGreaterThan(0);
    expect(disk.reclaimableBytes).toBeGreaterThan(0);
    expect(disk.reclaimableBytes).toBeLessThan(disk.totalBytes);
    const named = memory.vectorBytes + memory.idBytes + memory.rowTableBytes + memory.columnBytes;
    expect(memory.totalBytes).toBeGreaterThanOrEqual(named);
    for (const bytes of [...Object.values(disk), ...Object.values(memory)]) {
      expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
    }
    expect((await docs.shape())[0]).toBe(stats.rows);
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
  });

  it("float16 halves what vectors take, and gives back what was rounded", async () => {
    const bytes: number[] = [];
    for (const dtype of ["float32", "float16"] as const) {
      const docs = await workspace.collection(dtype, { dim: 64, dtype });
      const vectors = Array.from({ length: 200 }, (_, n) => new Float32Array(64).fill(n / 10));
      await docs.add({ vectors });
      bytes.push((await docs.stats()).disk.vectorBytes);
      const [vector] = (await docs.get(3)).vectors!;
      expect(vector![0]).toBeCloseTo(0.3, dtype === "float32" ? 7 : 3);
      expect(vector![0]).toBe(dtype === "float32" ? Math.fround(0.3) : 0.300048828125);
    }
    expect(bytes[1]! / bytes[0]!).toBeLessThan(0.55);
  });
});
