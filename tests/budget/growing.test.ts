/** What a memory budget does while collections grow, and when it is not enough. */
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Collection, VectorDBClient } from "../../src/index.js";
import { gaussian, randomFrom } from "../../src/kernel/row-kinds.arbitraries.js";

const dim = 128;
let folder: string;
let client: VectorDBClient;
let random: () => number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-budget-"));
  random = randomFrom(7);
});
afterEach(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

async function openDocs(memoryBudget: number | string | null, name = "docs"): Promise<Collection> {
  client = new VectorDBClient(folder, {
    durability: "os",
    threads: 1,
    ...(memoryBudget === null ? {} : { memoryBudget }),
  });
  return (await client.createDatabase("app")).requireCollection(name, { dim, defaultIndex: "FLAT-L2" });
}

function vectorsOf(count: number): Float32Array[] {
  return Array.from({ length: count }, () => Float32Array.from({ length: dim }, () => gaussian(random)));
}

/** Waits until `isDone`; fails after some seconds. */
async function until(isDone: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await isDone())) {
    if (performance.now() > end) throw new Error("it did not come");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Rows by their squared distance, computed plainly. */
function nearest(vectors: readonly Float32Array[], query: Float32Array, k: number): number[] {
  const distance = (row: Float32Array): number => row.reduce((sum, x, i) => sum + (x - query[i]!) ** 2, 0);
  const values = vectors.map(distance);
  return [...vectors.keys()].sort((a, b) => values[a]! - values[b]! || a - b).slice(0, k);
}

describe("a collection that outgrows the memory budget", () => {
  it("moves its vectors to disk while it is written to, and finds all of them", async () => {
    const docs = await openDocs(1_600_000);
    const all: Float32Array[] = [];
    for (let round = 0; round < 12; round++) {
      const vectors = vectorsOf(500);
      all.push(...vectors);
      await docs.add({ vectors });
      const query = vectors[3]!;
      const found = await docs.search(query, { k: 5 });
      expect(found.ids[0]).toBe(round * 500 + 3);
    }
    await until(async () => (await docs.stats()).memory.onDiskBytes > 5000 * dim * 4);
    const { memory } = await docs.stats();
    expect(memory.vectorBytes).toBeLessThan(1000 * dim * 4);
    await docs.buildIndex("FLAT-L2");
    const query = vectorsOf(1)[0]!;
    expect((await docs.search(query, { k: 20 })).ids).toEqual(nearest(all, query, 20));
    const [last] = (await docs.get(5999)).vectors!;
    expect(last).toEqual(all[5999]);
  });

  it("builds and drops indexes of every family", async () => {
    const vectors = vectorsOf(3000);
    const loader = await openDocs(null);
    await loader.add({ vectors });
    await client.close();
    const docs = await openDocs("1.2mb");
    expect((await docs.stats()).memory.onDiskBytes).toBe(3000 * dim * 4);
    const query = vectorsOf(1)[0]!;
    const wanted = nearest(vectors, query, 10);
    const plans = new Set<string>();
    for (const mode of ["HNSW-L2", "IVF-L2", "FLAT-L2-SQ8", "DISKANN-L2", "SPANN-L2", "FLAT-L2"]) {
      await docs.buildIndex(mode);
      const exact = await docs.search(query, { k: 10, exact: true });
      expect(exact.ids, mode).toEqual(wanted);
      const { items, profile } = await docs.searchProfile(query, { k: 10, nprobe: 12 });
      expect(items.length, mode).toBe(10);
      plans.add(profile.plan);
      const values = new Map(exact.ids.map((id, at) => [id, exact.distances[at]]));
      items.ids.forEach((id, at) => void (values.has(id) && expect(items.distances[at], mode).toBe(values.get(id))));
      expect(items.ids.filter((id) => values.has(id)).length, mode).toBeGreaterThan(0);
    }
    expect(plans).toContain("index");
    await docs.buildIndex("HNSW-L2");
    await docs.removeIndex();
    expect((await docs.stats()).memory.vectorBytes).toBe(0);
    expect((await docs.stats()).memory.onDiskBytes).toBe(3000 * dim * 4);
  });

  it("keeps the vectors of named fields on disk as well", async () => {
    const vectors = vectorsOf(2500);
    const docs = await openDocs(null);
    await docs.createVectorField("image", { dim, metric: "l2" });
    const ids = vectors.map((_, id) => id);
    await docs.add({ ids, vectors });
    await docs.addNamedVectors("image", vectors.slice(500), ids.slice(500));
    await docs.commit();
    await client.close();
    const again = await openDocs(900_000);
    expect((await again.stats()).memory.onDiskBytes).toBe(4500 * dim * 4);
    const query = vectorsOf(1)[0]!;
    const wanted = nearest(vectors.slice(500), query, 8).map((row) => row + 500);
    expect((await again.search(query, { k: 8, vectorField: "image" })).ids).toEqual(wanted);
  });

  it("gives room to another one by moving the largest first", async () => {
    const large = await openDocs(3_000_000);
    await large.add({ vectors: vectorsOf(2500) });
    const db = await client.getDatabase("app");
    const small = await db.requireCollection("small", { dim });
    await small.add({ vectors: vectorsOf(1000) });
    expect((await large.stats()).memory.onDiskBytes).toBe(0);
    await small.add({ vectors: vectorsOf(1200) });
    await until(async () => (await large.stats()).memory.onDiskBytes === 2500 * dim * 4);
    expect((await small.stats()).memory.onDiskBytes).toBe(0);
  });

  it("is told which limit it met where not even codes fit, and still reads, deletes and opens", async () => {
    const docs = await openDocs(200_000);
    await docs.add({ vectors: vectorsOf(2000) });
    await until(async () => (await docs.stats()).memory.onDiskBytes > 0);
    const refused = docs.add({ vectors: vectorsOf(1) });
    await expect(refused).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      details: { limit: "memoryBudget", max: 200_000 },
    });
    expect((await docs.shape())[0]).toBe(2000);
    expect(await docs.delete([1, 2, 3])).toBe(3);
    expect((await docs.search(vectorsOf(1)[0]!, { k: 3 })).length).toBe(3);
    await client.close();
    const again = await openDocs(200_000);
    expect((await again.shape())[0]).toBe(1997);
    await client.close();
    await (await openDocs("1gb")).add({ vectors: vectorsOf(1) });
  });

  it("never gives out a vector that is not the one that was written", async () => {
    const vectors = vectorsOf(2000);
    await (await openDocs(null)).add({ vectors });
    await client.close();
    const docs = await openDocs(600_000);
    expect((await docs.stats()).memory.onDiskBytes).toBeGreaterThan(0);
    const [file] = (await readdir(folder, { recursive: true })).filter((path) =>
      path.endsWith("vectors-default.lynse"),
    );
    const handle = await open(join(folder, file!), "r+");
    await handle.write(Uint8Array.of(1, 2, 3), 0, 3, 64 + 1234 * dim * 4 + 77);
    await handle.close();
    expect((await docs.get([1233, 1235])).vectors).toEqual([vectors[1233], vectors[1235]]);
    await expect(docs.get(1234)).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(docs.search(vectors[1234]!, { k: 3 })).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("is refused where it is no number of bytes", () => {
    client = new VectorDBClient(folder);
    for (const memoryBudget of [0, -1, Number.NaN, "", "much", "5 parsecs", "-3mb", null as never, {} as never]) {
      expect(() => new VectorDBClient(folder, { memoryBudget })).toThrow(/memoryBudget must be a number of bytes/);
    }
    expect(() => new VectorDBClient("http://localhost:1", { memoryBudget: 1 })).toThrow(/the server decides/);
  });
});
