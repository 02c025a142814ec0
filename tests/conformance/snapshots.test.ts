/**
 * Snapshots of collections and databases, and what is made of them.
 */
import { cp, mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Collection } from "../../src/index.js";
import { rowsOf } from "./contents.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace, type Workspace } from "./workspace.js";

interface Doc {
  readonly title?: string;
  readonly n?: number;
}

/** A collection with everything that a collection can have. */
async function fullCollection(workspace: Workspace, name = "docs"): Promise<Collection<Doc>> {
  const docs = await workspace.collection<Doc>(name, { description: "all of it" });
  await docs.createVectorField("title", { dim: 3, metric: "cos" });
  const ids = Array.from({ length: 200 }, (_, at) => (at % 3 === 0 ? `text ${at}` : at));
  await docs.add({
    ids,
    vectors: ids.map((_, at) => [Math.cos(at), Math.sin(at)]),
    fields: ids.map((_, at) => ({ title: `number ${at} of many`, n: at })),
  });
  await docs.addNamedVectors(
    "title",
    ids.slice(0, 50).map((_, at) => [1, at, 2]),
    ids.slice(0, 50),
  );
  await docs.addSparseVectors([{ 7: 1.5, 9: 2 }, { 7: 0.5 }], [1, 2]);
  await docs.upsert({
    ids: [4, 5],
    vectors: [
      [9, 9],
      [8, 8],
    ],
    fields: [{ title: "replaced" }, { n: -5 }],
  });
  await docs.delete([7, 8, "text 9"]);
  await docs.writeBlob("notes", new TextEncoder().encode("a note"));
  await docs.configureText({ fields: ["title"] });
  return docs;
}

/** Everything that can be seen of a collection. */
async function sightOf(docs: Collection<Doc>): Promise<object> {
  const { dim, dtype, metric, index, rows, deleted, sparseRows } = await docs.stats();
  const found = await docs.search([0.4, 0.6], { k: 20, returnFields: true });
  const titles = await docs.search([1, 3, 2], { k: 60, vectorField: "title" });
  const blob = await docs.readBlob("notes");
  return {
    settings: { dim, dtype, metric, index, rows, deleted, sparseRows },
    rows: await rowsOf(docs),
    deletedIds: await docs.listDeletedIds(),
    fields: await docs.listVectorFields(),
    found: found.toList(),
    titles: titles.toList(),
    sparse: (await docs.searchSparse({ 7: 1 })).toList(),
    text: (await docs.bm25Search("replaced 17")).toList(),
    blob: blob === null ? null : new TextDecoder().decode(blob),
    textOptions: await docs.textOptions(),
  };
}

describe.each(modes)("snapshots ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("bring a collection back as it was, under any name, indexes included", async () => {
    const docs = await fullCollection(workspace);
    await docs.buildIndex("HNSW-COS", { m: 8 });
    const before = await sightOf(docs);
    const path = join(workspace.place.copies, "docs");
    const taken = await docs.snapshotTo(path);
    expect(taken.rows).toBe(197);
    expect(taken.bytes).toBeGreaterThan(1000);

    await docs.add({ vectors: [[1, 2]], fields: [{ title: "later" }] });
    await docs.delete([1, 2, 3]);
    await docs.deleteBlob("notes");
    await docs.compact();

    expect(await workspace.db.restoreCollection("again", path)).toEqual(taken);
    const again = await workspace.db.getCollection<Doc>("again");
    expect(await sightOf(again)).toEqual(before);
    expect(await workspace.db.listCollections()).toEqual(["again", "docs"]);
    expect((await again.stats()).indexState.state).toBe("ready");

    // What was restored is a collection of its own: it can be written to, and the snapshot used again.
    await again.add({ ids: ["new"], vectors: [[5, 5]] });
    await again.restore([7]);
    expect(await again.isIdExists(7)).toBe(true);
    await workspace.db.restoreCollection("third", path);
    expect(await sightOf(await workspace.db.getCollection<Doc>("third"))).toEqual(before);
  });

  it("take the place of a collection at once, also where it is open", async () => {
    const docs = await fullCollection(workspace);
    const before = await sightOf(docs);
    const path = join(workspace.place.copies, "docs");
    await docs.snapshotTo(path);
    await docs.delete({ where: "n < 100" });
    await docs.createVectorField("other", { dim: 2 });
    await docs.writeBlob("notes", new Uint8Array([1]));
    await docs.writeBlob("more", new Uint8Array([2]));

    await refusal(() => workspace.db.restoreCollection("docs", path), "TARGET_EXISTS");
    await workspace.db.restoreCollection("docs", path, { overwrite: true });
    expect(await sightOf(docs)).toEqual(before);
    expect(await docs.readBlob("more")).toBeNull();
    await docs.add({ ids: ["after"], vectors: [[3, 3]] });
    await docs.compact();
    expect(await docs.isIdExists("after")).toBe(true);

    // And once more over what was restored.
    await workspace.db.restoreCollection("docs", path, { overwrite: true });
    expect(await sightOf(docs)).toEqual(before);
  });

  it("of a database hold all collections of one moment", async () => {
    const docs = await fullCollection(workspace);
    const notes = await fullCollection(workspace, "notes");
    await workspace.collection("empty", { dim: 4 });
    const sights = [await sightOf(docs), await sightOf(notes)];
    const path = join(workspace.place.copies, "app");
    expect((await workspace.db.snapshot(path)).rows).toBe(394);
    await docs.delete({ where: "n >= 0" });
    await workspace.db.dropCollection("notes");
    await workspace.collection("extra");

    await workspace.client.restoreDatabase("copy", path);
    const copy = await workspace.client.getDatabase("copy");
    expect(await copy.listCollections()).toEqual(["docs", "empty", "notes"]);
    expect(await sightOf(await copy.getCollection<Doc>("docs"))).toEqual(sights[0]);
    expect(await (await copy.getCollection("empty")).shape()).toEqual([0, 4]);

    await refusal(() => workspace.db.restore(path), "TARGET_EXISTS");
    await workspace.db.restore(path, { overwrite: true });
    expect(await workspace.db.listCollections()).toEqual(["docs", "empty", "notes"]);
    expect(await sightOf(await workspace.db.getCollection<Doc>("docs"))).toEqual(sights[0]);
    expect(await sightOf(await workspace.db.getCollection<Doc>("notes"))).toEqual(sights[1]);
    await refusal(() => docs.count(), "CLOSED");
  });

  it("are taken while writing goes on, and hold whole transactions", async () => {
    const docs = await workspace.collection<Doc>();
    let written = 0;
    let isOver = false;
    const writer = (async () => {
      while (!isOver) {
        const ids = [written * 2, written * 2 + 1];
        await docs.add({
          ids,
          vectors: [
            [written, 1],
            [written, 2],
          ],
          fields: [{ n: written }, { n: written }],
        });
        written++;
        // In memory nothing else would ever have its turn.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const taken: number[] = [];
    for (let round = 0; round < 5; round++) {
      const before = written;
      await docs.snapshotTo(join(workspace.place.copies, `round-${round}`), { copy: round % 2 === 1 });
      await workspace.db.restoreCollection(`round-${round}`, join(workspace.place.copies, `round-${round}`));
      const rows = await rowsOf(await workspace.db.getCollection<Doc>(`round-${round}`));
      expect(rows.map(({ id }) => id)).toEqual(rows.map((_, at) => at));
      expect(rows.length % 2).toBe(0);
      expect(rows.length / 2).toBeGreaterThanOrEqual(before);
      taken.push(rows.length);
    }
    isOver = true;
    await writer;
    expect(taken).toEqual([...taken].sort((a, b) => a - b));
    expect(await docs.count()).toBe(written * 2);
  });

  it("commit what waits for a commit, and leave sessions out", async () => {
    const docs = await workspace.collection<Doc>();
    await docs.add({ ids: [1], vectors: [[1, 1]] });
    await docs.addItem([2, 2], { id: 2 });
    const path = join(workspace.place.copies, "docs");
    await docs.insertSession(async (session) => {
      await session.add({ ids: [3], vectors: [[3, 3]] });
      await docs.snapshotTo(path);
    });
    await workspace.db.restoreCollection("copy", path);
    expect((await rowsOf(await workspace.db.getCollection("copy"))).map(({ id }) => id)).toEqual([1, 2]);
    expect(await docs.count()).toBe(3);
  });

  it("refuse writes that were begun on what a restore replaced", async () => {
    const docs = await workspace.collection<Doc>();
    await docs.add({ ids: [1], vectors: [[1, 1]] });
    const path = join(workspace.place.copies, "docs");
    await docs.snapshotTo(path);
    await docs.add({ ids: [2], vectors: [[2, 2]] });
    const late = docs.insertSession(async (session) => {
      await session.add({ ids: [3], vectors: [[3, 3]] });
      await session.delete([2]);
      await workspace.db.restoreCollection("docs", path, { overwrite: true });
    });
    await refusal(() => late, "CLOSED");
    expect((await rowsOf(docs)).map(({ id }) => id)).toEqual([1]);
    await docs.add({ ids: [4], vectors: [[4, 4]] });
    expect(await docs.count()).toBe(2);
  });

  it("refuse targets that exist, and sources that are no snapshots", async () => {
    const docs = await fullCollection(workspace);
    const { copies } = workspace.place;
    await mkdir(join(copies, "taken"));
    await refusal(() => docs.snapshotTo(join(copies, "taken")), "TARGET_EXISTS");
    await refusal(() => workspace.db.restoreCollection("x", join(copies, "taken")), "INVALID_ARGUMENT", /no snapshot/);
    await docs.snapshotTo(join(copies, "docs"));
    await refusal(
      () => workspace.client.restoreDatabase("x", join(copies, "docs")),
      "INVALID_ARGUMENT",
      /snapshot of a collection/,
    );
    await refusal(() => workspace.db.restoreCollection("a/b", join(copies, "docs")), "INVALID_ARGUMENT");
    await refusal(() => workspace.db.snapshotCollection("none", join(copies, "none")), "COLLECTION_NOT_FOUND");
    await refusal(() => workspace.client.snapshotDatabase("none", join(copies, "none")), "DATABASE_NOT_FOUND");
    expect(await readdir(copies)).toEqual(["docs", "taken"]);
  });

  it("that are damaged are refused, and what is there stays", async () => {
    const docs = await fullCollection(workspace);
    const before = await sightOf(docs);
    const { copies } = workspace.place;
    await docs.snapshotTo(join(copies, "good"), { copy: true });
    const files = (await readdir(join(copies, "good"), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(copies, "good").length + 1));
    expect(files.length).toBeGreaterThan(4);
    for (const [at, file] of files.entries()) {
      // A checkpoint saves time, no more: one that is damaged is passed over when the collection is opened.
      const isDerived = /derived-|index-/.test(file);
      const bad = join(copies, `bad-${at}`);
      await cp(join(copies, "good"), bad, { recursive: true });
      const bytes = await readFile(join(bad, file));
      bytes[bytes.length >> 1]! ^= 4;
      await writeFile(join(bad, file), bytes);
      const flipped = workspace.db.restoreCollection("docs", bad, { overwrite: true });
      if (isDerived) await flipped.catch(() => {});
      else await refusal(() => flipped, "CORRUPT");
      await truncate(join(bad, file), bytes.length >> 1);
      const cut = workspace.db.restoreCollection("docs", bad, { overwrite: true });
      await refusal(() => cut, "CORRUPT");
      expect(await sightOf(docs), file).toEqual(before);
    }
    expect(await workspace.db.listCollections()).toEqual(["docs"]);
  });

  it("end by their signal and leave nothing", async () => {
    const docs = await fullCollection(workspace);
    const { copies } = workspace.place;
    const signal = AbortSignal.abort();
    await refusal(() => docs.snapshotTo(join(copies, "docs"), { signal }), "ABORTED");
    await docs.snapshotTo(join(copies, "good"));
    await refusal(() => workspace.db.restoreCollection("x", join(copies, "good"), { signal }), "ABORTED");
    expect(await readdir(copies)).toEqual(["good"]);
    expect(await workspace.db.listCollections()).toEqual(["docs"]);
  });
});
