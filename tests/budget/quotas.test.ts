/** What an operator allows is allowed to the last row, and one more is refused whole. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type ClientOptions, type Collection, VectorDBClient } from "../../src/index.js";
import { createServer } from "../../src/server/lynse-server.js";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function open(quotas: ClientOptions["quotas"], place = "memory://"): VectorDBClient {
  const client = new VectorDBClient(place, { threads: 1, ...(quotas === undefined ? {} : { quotas }) });
  ends.push(() => client.close());
  return client;
}

async function docsOf(client: VectorDBClient): Promise<Collection> {
  return (await client.createDatabase("app")).requireCollection("docs", { dim: 2 });
}

const vectors = (count: number): number[][] => Array.from({ length: count }, (_, i) => [i, 1]);

function refusal(limit: string, max: number, got: number): object {
  return { code: "LIMIT_EXCEEDED", details: { limit, max, got }, message: expect.stringContaining(`${max}`) };
}

describe("a quota of rows", () => {
  it("takes as many as it says, and refuses one more with everything around it", async () => {
    const docs = await docsOf(open({ rowsMax: 5 }));
    await docs.add({ vectors: vectors(5) });
    await expect(docs.add({ vectors: vectors(2) })).rejects.toMatchObject(refusal("quotas.rowsMax", 5, 7));
    expect(await docs.shape()).toEqual([5, 2]);
    expect(await docs.maxId()).toBe(4);
  });

  it("counts what is buffered, and a session as a whole", async () => {
    const docs = await docsOf(open({ rowsMax: 5 }));
    await docs.add({ vectors: vectors(3) });
    const adding = docs.insertSession(async (session) => {
      await session.add({ vectors: vectors(2) });
      await session.add({ vectors: vectors(1) });
    });
    await expect(adding).rejects.toMatchObject(refusal("quotas.rowsMax", 5, 6));
    expect(await docs.shape()).toEqual([3, 2]);
    await docs.insertSession((session) => session.add({ vectors: vectors(2) }));
    expect(await docs.shape()).toEqual([5, 2]);
  });

  it("counts commits that are written together one after another", async () => {
    const docs = await docsOf(open({ rowsMax: 10 }));
    const ended = await Promise.allSettled(Array.from({ length: 8 }, () => docs.add({ vectors: vectors(3) })));
    expect(ended.filter(({ status }) => status === "fulfilled").length).toBe(3);
    expect((await docs.shape())[0]).toBe(9);
  });

  it("lets rows be replaced and deleted, and has room for others afterwards", async () => {
    const docs = await docsOf(open({ rowsMax: 4 }));
    await docs.add({ vectors: vectors(4) });
    await docs.upsert({ ids: [0, 1, 2, 3], vectors: vectors(4) });
    await docs.delete([2, 3]);
    await docs.add({ vectors: vectors(2) });
    await expect(docs.restore([2])).rejects.toMatchObject(refusal("quotas.rowsMax", 4, 5));
    expect(await docs.listDeletedIds()).toEqual([2, 3]);
    await docs.delete([0]);
    expect(await docs.restore([2])).toBe(1);
    expect((await docs.shape())[0]).toBe(4);
  });

  it("lets a collection that is above it shrink", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lynse-quotas-"));
    ends.push(() => rm(folder, { recursive: true }));
    const before = open(undefined, folder);
    await (await docsOf(before)).add({ vectors: vectors(9) });
    await before.close();
    const docs = await docsOf(open({ rowsMax: 4 }, folder));
    await docs.upsert({ ids: [1], vectors: vectors(1) });
    expect(await docs.delete([0, 1])).toBe(2);
    await expect(docs.add({ vectors: vectors(1) })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect((await docs.shape())[0]).toBe(7);
  });
});

describe("a quota of bytes", () => {
  it("counts log and vectors until they are compacted", async () => {
    const docs = await docsOf(open({ bytesMax: 20_000 }));
    await docs.add({ vectors: vectors(500) });
    const { logBytes, vectorBytes } = (await docs.stats()).disk;
    expect(logBytes + vectorBytes).toBeLessThanOrEqual(20_000);
    const ids = Array.from({ length: 500 }, (_, id) => id);
    const replace = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await docs.upsert({ ids, vectors: vectors(500) });
    };
    await expect(replace()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", details: { limit: "quotas.bytesMax" } });
    expect((await docs.shape())[0]).toBe(500);
    await docs.compact();
    await docs.upsert({ ids: [1], vectors: vectors(1) });
  });
});

describe("quotas of collections and databases", () => {
  it("allow as many as they say; those that are there can be opened, and dropped for others", async () => {
    const client = open({ collectionsMax: 2, databasesMax: 1 });
    const db = await client.createDatabase("app");
    await db.requireCollection("a", { dim: 2 });
    await db.requireCollection("b", { dim: 2 });
    await expect(db.requireCollection("c", { dim: 2 })).rejects.toMatchObject(refusal("quotas.collectionsMax", 2, 3));
    await db.requireCollection("a", { dim: 2 });
    await db.dropCollection("a");
    await db.requireCollection("c", { dim: 2 });
    await expect(client.createDatabase("other")).rejects.toMatchObject(refusal("quotas.databasesMax", 1, 2));
    await client.createDatabase("app");
    expect(await client.listDatabases()).toEqual(["app"]);
  });

  it("hold on a server, whose clients hear the same", async () => {
    const server = await createServer({ port: 0, dataDir: "memory://", maxCollections: 1, maxCollectionVectors: 3 });
    ends.push(() => server.close());
    const address = await server.listen();
    const client = new VectorDBClient(address);
    ends.push(() => client.close());
    const db = await client.createDatabase("app");
    const docs = await db.requireCollection("docs", { dim: 2 });
    await expect(db.requireCollection("more", { dim: 2 })).rejects.toMatchObject(
      refusal("quotas.collectionsMax", 1, 2),
    );
    const adding = docs.insertSession(async (session) => {
      await session.add({ vectors: vectors(2) });
      await session.add({ vectors: vectors(2) });
    });
    await expect(adding).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect((await docs.shape())[0]).toBe(0);
  });
});

describe("quotas", () => {
  it("are whole numbers of at least 1, by known names", () => {
    for (const quotas of [{ rowsMax: 0 }, { rowsMax: 1.5 }, { bytesMax: "1" }, { rows: 3 }, 7, []]) {
      expect(() => new VectorDBClient("memory://", { quotas: quotas as never })).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
    }
  });
});
