/**
 * Which files stay open? Those of what is there: what a compaction, a rebuilt index, a restore, a snapshot or a drop leaves
 * behind is closed, so that its space is free.
 */
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Collection, type Database, VectorDBClient } from "../../src/index.js";

let folder: string;
let client: VectorDBClient;
let db: Database;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynsedb-open-files-"));
  client = new VectorDBClient(join(folder, "data"));
  db = await client.createDatabase("app");
});

afterEach(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

/** Files below the folder that this process has open, sorted; a removed one ends with "(deleted)". */
async function openFiles(): Promise<string[]> {
  const paths = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return paths.filter((path) => path.startsWith(`${folder}/`)).sort();
}

const hasDescriptors = await readdir("/proc/self/fd").then(
  () => true,
  () => false,
);

async function filled(name: string): Promise<Collection> {
  const docs = await db.requireCollection(name, { dim: 4 });
  await docs.createVectorField("image", { dim: 2 });
  const ids = Array.from({ length: 600 }, (_, id) => id);
  await docs.add({ ids, vectors: ids.map((id) => [id, 1, -id, 2]), fields: ids.map((id) => ({ n: id })) });
  await docs.addNamedVectors(
    "image",
    ids.map((id) => [id, 1]),
    ids,
  );
  await docs.writeBlob("picture", new Uint8Array(1000));
  return docs;
}

test.runIf(hasDescriptors)("only those of what is there", async () => {
  const docs = await filled("docs");
  const atFirst = (await openFiles()).length;
  for (let round = 0; round < 3; round++) {
    await docs.buildIndex(round % 2 === 0 ? "DISKANN-L2" : "SPANN-L2");
    await docs.delete({ where: `n < ${round * 50 + 50}` });
    await docs.compact();
    await docs.snapshotTo(join(folder, `snapshot-${round}`), { copy: round === 1 });
    await docs.exportTo(join(folder, `export-${round}`));
    await db.importCollection("imported", join(folder, `export-${round}`), { overwrite: true });
    await db.restoreCollection("docs", join(folder, `snapshot-${round}`), { overwrite: true });
    await db.dropCollection("imported");
    for await (const row of docs.scan({ returnVectors: true })) if (row.id === 300) break;
    await docs.searchSparse({ indices: [1], values: [1] });
    await docs.readBlob("picture");
  }
  await docs.removeIndex();
  await expect.poll(openFiles, { timeout: 10_000 }).toHaveLength(atFirst);
  expect((await openFiles()).filter((path) => path.endsWith("(deleted)"))).toEqual([]);
  await docs.close();
  expect(await openFiles()).toHaveLength(atFirst - (await collectionFiles()));
});

/** Files that an open collection without an index has: the log, the vectors, those of a field. */
async function collectionFiles(): Promise<number> {
  const before = (await openFiles()).length;
  await (await db.getCollection("docs")).count();
  return (await openFiles()).length - before;
}

test.runIf(hasDescriptors)("a read goes on in files that a compaction replaced, and closes them", async () => {
  const docs = await filled("docs");
  const atFirst = (await openFiles()).length;
  const seen: unknown[] = [];
  for await (const { id, vector } of docs.scan({ returnVectors: true, batchSize: 10 })) {
    if (seen.length === 5) {
      await docs.delete({ where: "n >= 300" });
      expect(await docs.compact()).toBe(300);
    }
    expect(vector).toEqual(Float32Array.of(id as number, 1, -(id as number), 2));
    seen.push(id);
  }
  expect(seen).toEqual(Array.from({ length: 600 }, (_, id) => id));
  await expect.poll(openFiles).toHaveLength(atFirst);
  expect(await docs.count()).toBe(300);
});
