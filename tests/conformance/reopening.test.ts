/**
 * Closing and opening: the same answers before and after, and no second writer.
 */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type Collection, VectorDBClient } from "../../src/index.js";
import { rowsOf } from "./contents.js";
import { folderMode, modes } from "./modes.js";
import { randomNumbers } from "./random-numbers.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

interface Doc {
  readonly n: number;
  readonly lang: string;
}

/** What a collection answers: everything that must be the same after opening it again. */
async function answers(docs: Collection<Doc>): Promise<unknown> {
  const next = randomNumbers(99);
  const query = Float32Array.from({ length: 4 }, () => next() - 0.5);
  const stats = await docs.stats();
  return {
    rows: await rowsOf(docs),
    search: await docs.search(query, { k: 20, returnFields: true, returnVectors: true }),
    filtered: await docs.search(query, { k: 20, where: "lang = 'en' AND n > 20" }),
    ordered: await docs.query({ where: "n >= 0", orderBy: { field: "lang", direction: "desc" } }),
    range: (await docs.searchRange(query, { threshold: 0 })).ids,
    deleted: await docs.listDeletedIds(),
    fields: await docs.listFields(),
    shape: await docs.shape(),
    maxId: await docs.maxId(),
    index: await docs.indexMode(),
    counts: [stats.rows, stats.deleted, stats.superseded, stats.dim, stats.dtype, stats.metric, stats.generation],
  };
}

describe.each(modes.filter(({ isPersistent }) => isPersistent))("opening again ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it.each(["float32", "float16"] as const)("gives identical answers, checkpoint or not (%s)", async (dtype) => {
    const next = randomNumbers(3);
    let docs = await workspace.collection<Doc>("docs", { dim: 4, dtype, description: "kept" });
    const vectors = Array.from({ length: 200 }, () => Float32Array.from({ length: 4 }, () => next() - 0.5));
    await docs.add({ vectors, fields: vectors.map((_, n) => ({ n, lang: ["en", "fr", "de"][n % 3]! })) });
    await docs.add({ ids: ["x", "y"], vectors: vectors.slice(0, 2) });
    await docs.upsert({ ids: [3, "y"], vectors: vectors.slice(5, 7), fields: [{ n: -1, lang: "it" }, undefined] });
    await docs.delete([7, 8, 9, "x"]);
    await docs.restore(8);
    await docs.buildIndex("FLAT-COS");
    let expected = await answers(docs);
    docs = await workspace.reopen<Doc>();
    expect(await answers(docs)).toEqual(expected);
    await docs.checkpoint();
    expect(await answers(docs)).toEqual(expected);
    await docs.add({ ids: "after", vectors: vectors[9]!, fields: { n: 1000, lang: "en" } });
    await docs.delete(10);
    expected = await answers(docs);
    docs = await workspace.reopen<Doc>();
    expect(await answers(docs)).toEqual(expected);
    await docs.compact();
    expected = await answers(docs);
    docs = await workspace.reopen<Doc>();
    expect(await answers(docs)).toEqual(expected);
    expect((await workspace.db.describeCollections())[0]?.description).toBe("kept");
  });

  it("keeps what was committed by a process that never closed", async () => {
    const docs = await workspace.collection<Doc>();
    await docs.add({ ids: 1, vectors: [1, 2], fields: { n: 1, lang: "en" } });
    await docs.addItem([3, 4], { id: 2 });
    const reader = workspace.place.open({ readOnly: true });
    const seen = await (await reader.getDatabase("app")).getCollection("docs");
    expect(await rowsOf(seen)).toEqual([{ id: 1, field: { n: 1, lang: "en" }, vector: [1, 2] }]);
    await reader.close();
  });

  // A server takes any number of writers, and its address is no path.
  const { isEmbedded } = mode;

  it.runIf(isEmbedded)("refuses a second writer in this process until the first one is closed, naming it", async () => {
    const second = workspace.place.open();
    const error = await refusal(
      () => second.listDatabases(),
      "LOCKED",
      /this process/,
      new RegExp(workspace.place.uri),
    );
    expect(error.details).toMatchObject({ pid: process.pid, startedAt: expect.any(String) });
    await workspace.client.close();
    expect(await second.listDatabases()).toEqual(["app"]);
    await second.close();
  });

  it.runIf(isEmbedded)(
    "refuses a second writer in another process, naming pid, host, start and what to do",
    async () => {
      const source = new URL("../../dist/index.js", import.meta.url).href;
      const script = `
      import { VectorDBClient } from ${JSON.stringify(source)};
      const client = new VectorDBClient(${JSON.stringify(workspace.place.uri)});
      const error = await client.listDatabases().catch((error) => error);
      console.log(JSON.stringify(error));
      const reader = new VectorDBClient(${JSON.stringify(workspace.place.uri)}, { readOnly: true });
      console.log(JSON.stringify(await reader.listDatabases()));
      await reader.close();
      await client.close();`;
      await workspace.client.listDatabases();
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
      const [error, names] = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(error).toMatchObject({ code: "LOCKED", details: { pid: process.pid } });
      expect(error.message).toMatch(new RegExp(`process ${process.pid} on .*started .*readOnly`));
      expect(names).toEqual(["app"]);
    },
  );

  it.runIf(isEmbedded)("takes a path with or without a slash at its end, and a file: URL with spaces", async () => {
    const folder = `${workspace.place.uri}/a folder é`;
    await mkdir(folder);
    for (const uri of [folder, `${folder}/`, pathToFileURL(folder), pathToFileURL(folder).href]) {
      const client = new VectorDBClient(uri);
      const db = await client.createDatabase("one");
      const docs = await db.requireCollection("docs", { dim: 2 });
      await docs.add({ vectors: [1, 2] });
      await client.close();
    }
    const client = new VectorDBClient(folder);
    expect(await (await (await client.getDatabase("one")).getCollection("docs")).count()).toBe(4);
    await client.close();
  });
});

describe("a read-only client", () => {
  const workspace = useWorkspace(folderMode);

  async function reader(): Promise<{ client: VectorDBClient; docs: Collection<Doc> }> {
    const client = workspace.place.open({ readOnly: true });
    return { client, docs: await (await client.getDatabase("app")).getCollection<Doc>("docs") };
  }

  it("reads beside the writer, and follows it when told to refresh", async () => {
    const docs = await workspace.collection<Doc>();
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 1],
        [2, 2],
      ],
      fields: [
        { n: 1, lang: "en" },
        { n: 2, lang: "fr" },
      ],
    });
    const { client, docs: seen } = await reader();
    expect(client.isReadOnly).toBe(true);
    expect((await seen.search([1, 1], { returnFields: true })).fields).toEqual([
      { n: 2, lang: "fr" },
      { n: 1, lang: "en" },
    ]);
    await docs.add({ ids: 3, vectors: [3, 3], fields: { n: 3, lang: "en" } });
    await docs.delete(1);
    expect(await seen.count()).toBe(2);
    await seen.refresh();
    expect(await rowsOf(seen)).toEqual(await rowsOf(docs));
    expect(await seen.count({ where: "lang = 'en'" })).toBe(1);
    expect(await seen.listDeletedIds()).toEqual([1]);
    await docs.upsert({ ids: 2, vectors: [9, 9] });
    await docs.compact();
    await docs.add({ ids: 4, vectors: [4, 4] });
    expect(await seen.count()).toBe(2);
    await seen.refresh();
    expect(await rowsOf(seen)).toEqual(await rowsOf(docs));
    await seen.refresh();
    expect(await seen.count()).toBe(3);
    await client.close();
  });

  it("takes up the first rows of a collection that had none, and no dim", async () => {
    const docs = await workspace.db.requireCollection<Doc>("docs");
    const { client, docs: seen } = await reader();
    expect(await seen.shape()).toEqual([0, 0]);
    await docs.add({ ids: 1, vectors: [1, 2, 3] });
    await seen.refresh();
    expect(await rowsOf(seen)).toEqual([{ id: 1, field: {}, vector: [1, 2, 3] }]);
    await client.close();
  });

  it("refuses every write, and says what to do", async () => {
    await (await workspace.collection<Doc>()).add({ ids: 1, vectors: [1, 1] });
    const { client, docs } = await reader();
    const db = await client.getDatabase("app");
    const field: Doc = { n: 1, lang: "en" };
    const writes = [
      () => docs.addItem([1, 1], { id: 5, field }),
      () => docs.bulkAddItems([[[1, 1], 5]]),
      () => docs.bulkAddBinary([[1, 1]]),
      () => docs.add({ vectors: [1, 1] }),
      () => docs.upsert({ ids: 1, vectors: [1, 1] }),
      () => docs.upsertItem([1, 1], { id: 1 }),
      () => docs.upsertItems([[[1, 1], 5]]),
      () => docs.delete(1),
      () => docs.delete({ where: "id = 1" }),
      () => docs.restore(1),
      () => docs.compact(),
      () => docs.commit(),
      () => docs.flush(),
      () => docs.checkpoint(),
      () => docs.insertSession(() => 1),
      () => docs.buildIndex("FLAT-L2"),
      () => docs.removeIndex(),
      () => docs.updateDescription("x"),
      () => db.dropCollection("docs"),
      () => db.updateCollectionDescription("docs", "x"),
      () => db.requireCollection("docs", { dropIfExists: true }),
      () => db.drop(),
      () => client.createDatabase("other"),
      () => client.dropDatabase("app"),
    ];
    for (const write of writes) await refusal(write, "READ_ONLY", /read-only/, /without readOnly/);
    await refusal(() => db.requireCollection("missing", { dim: 2 }), "COLLECTION_NOT_FOUND", /"missing"/);
    expect((await db.requireCollection("docs", { dim: 2 })).name).toBe("docs");
    await client.close();
    expect(await workspace.db.listCollections()).toEqual(["docs"]);
    expect(await (await workspace.db.getCollection("docs")).count()).toBe(1);
  });

  it("is refused where there is nothing to read, and makes nothing", async () => {
    const uri = `${workspace.place.uri}/nothing/here`;
    const client = new VectorDBClient(uri, { readOnly: true });
    await refusal(() => client.listDatabases(), "DATABASE_NOT_FOUND", /readOnly/);
    await client.close();
    const again = new VectorDBClient(uri, { readOnly: true });
    await refusal(() => again.listDatabases(), "DATABASE_NOT_FOUND");
    await again.close();
  });
});

describe("a read-only client in memory", () => {
  it("cannot write either", async () => {
    const client = new VectorDBClient("memory://", { readOnly: true });
    const error = await client.createDatabase("app").then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: "LynseError", code: expect.stringMatching(/READ_ONLY|DATABASE_NOT_FOUND/) });
    await client.close();
  });
});
