/**
 * A client with more collections than it may keep open: nobody notices, and no more files are open than that.
 */
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Collection, type Database, VectorDBClient } from "../../src/index.js";
import { createServer } from "../../src/server/lynse-server.js";

const openMax = 5;
let folder: string;
let client: VectorDBClient;
let db: Database;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-open-"));
  await reopen();
});
afterEach(async () => {
  await client.close();
  await rm(folder, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  await client?.close();
  client = new VectorDBClient(folder, { openCollectionsMax: openMax, threads: 1, durability: "os" });
  db = await client.createDatabase("app");
}

/** Collections with files that this process has open; null where the system does not tell. */
async function openNow(): Promise<Set<string> | null> {
  const fds = await readdir("/proc/self/fd").catch(() => null);
  if (fds === null) return null;
  const paths = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  const collection = new RegExp(`^${folder}/app/([^/]+)/`);
  return new Set(paths.map((path) => collection.exec(path)?.[1]).filter((name) => name !== undefined));
}

async function expectOpen(atMost: number): Promise<void> {
  const open = await openNow();
  if (open !== null) expect([...open].length).toBeLessThanOrEqual(atMost);
}

async function newCollections(count: number): Promise<Collection[]> {
  const all: Collection[] = [];
  for (let at = 0; at < count; at++) all.push(await db.requireCollection(`c${at}`, { dim: 2 }));
  return all;
}

/** Calls without end until what they wait for is so; the test's own time limit ends them. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

describe("collections beyond the bound", () => {
  it("are closed when nobody uses them, and handles go on as if they were open", async () => {
    const all = await newCollections(50);
    await expectOpen(openMax);
    for (const [at, docs] of all.entries()) {
      await docs.add({
        ids: [1, 2],
        vectors: [
          [at, 1],
          [at, 2],
        ],
        fields: [{ n: at }, { n: -at }],
      });
    }
    await expectOpen(openMax);
    for (const [at, docs] of all.entries()) {
      expect(docs.name).toBe(`c${at}`);
      expect((await docs.search([at, 2], { k: 1, where: `n = ${-at}` })).ids).toEqual([2]);
      expect((await docs.get(1)).fields).toEqual([{ n: at }]);
    }
    await expectOpen(openMax);
    expect((await db.describeCollections()).map(({ rows, error }) => [rows, error])).toEqual(all.map(() => [2, null]));
    await expectOpen(openMax);
  });

  it("stay open, all of them, while calls, iterators and sessions run, and are closed afterwards", async () => {
    const all = await newCollections(12);
    for (const docs of all)
      await docs.add({
        ids: [1, 2],
        vectors: [
          [1, 0],
          [2, 0],
        ],
      });
    // The last ones first: they are still open, and idle until they are used again.
    const iterators = all.toReversed().map((docs) => docs.scan({ batchSize: 1 }));
    for (const rows of iterators) expect((await rows.next()).value?.id).toBe(1);
    if ((await openNow()) !== null) expect((await openNow())!.size).toBe(12);
    for (const rows of iterators) expect((await rows.next()).value?.id).toBe(2);
    for (const rows of iterators) await rows.return?.();
    await until(async () => ((await openNow())?.size ?? 0) <= openMax);
    let entered = 0;
    let leave = (): void => {};
    const gate = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const sessions = all.map((docs) =>
      docs.insertSession(async (session) => {
        await session.addItem([3, 0], { id: 3 });
        entered += 1;
        await gate;
      }),
    );
    await until(async () => entered === all.length);
    leave();
    await Promise.all(sessions);
    for (const docs of all) expect(await docs.count()).toBe(3);
    await expectOpen(openMax);
  });

  it("keep what was written without a commit, which keeps them open", async () => {
    const all = await newCollections(10);
    for (const docs of all) await docs.addItem([1, 2], { id: 7 });
    for (const docs of all) expect(await docs.count()).toBe(0);
    for (const docs of all) await docs.commit();
    for (const docs of all) expect(await docs.isIdExists(7)).toBe(true);
    await expectOpen(openMax);
  });

  it("take a paged query on from its cursor", async () => {
    const [docs, ...others] = await newCollections(10);
    await docs!.add({
      ids: [1, 2, 3],
      vectors: [
        [1, 0],
        [2, 0],
        [3, 0],
      ],
    });
    const page = await docs!.query({ limit: 2 });
    for (const other of others) await other.count();
    expect((await openNow())?.has("c0") ?? false).toBe(false);
    expect((await docs!.query({ limit: 2, cursor: page.cursor! })).ids).toEqual([3]);
  });

  it("stay closed for good when a caller closed or dropped them, open or not", async () => {
    const all = await newCollections(10);
    for (const docs of [all[0]!, all[9]!]) {
      await docs.close();
      await expect(docs.count()).rejects.toMatchObject({ code: "CLOSED" });
      expect(await docs.exists()).toBe(true);
      expect(await (await db.getCollection(docs.name)).count()).toBe(0);
    }
    for (const docs of [all[1]!, all[8]!]) {
      await db.dropCollection(docs.name);
      await expect(docs.count()).rejects.toMatchObject({ code: "CLOSED" });
      expect(await docs.exists()).toBe(false);
      await expect(db.getCollection(docs.name)).rejects.toMatchObject({ code: "COLLECTION_NOT_FOUND" });
    }
    await db.drop();
    for (const docs of all) await expect(docs.count()).rejects.toMatchObject({ code: "CLOSED" });
    expect((await openNow())?.size ?? 0).toBe(0);
  });

  it("are in snapshots as they are, and are restored over, whether open or not", async () => {
    const all = await newCollections(8);
    for (const [at, docs] of all.entries()) await docs.add({ ids: [1], vectors: [[at, 1]] });
    const running = all.map((docs) => docs.add({ ids: [2], vectors: [[0, 2]] }));
    const copied = await db.snapshot(join(folder, "copy"));
    await Promise.all(running);
    expect(copied.rows).toBeGreaterThanOrEqual(8);
    await expectOpen(openMax);
    await all[0]!.snapshotTo(join(folder, "first"));
    for (const docs of all) {
      await db.restoreCollection(docs.name, join(folder, "first"), { overwrite: true });
      expect((await docs.get(1)).vectors![0]).toEqual(Float32Array.of(0, 1));
    }
    await expectOpen(openMax);
    await client.restoreDatabase("app", join(folder, "copy"), { overwrite: true });
    await expect(all[0]!.count()).rejects.toMatchObject({ code: "CLOSED" });
    const [docs] = (await db.getCollection("c3").then((open) => open.get(1))).vectors!;
    expect(docs).toEqual(Float32Array.of(3, 1));
  });

  it("are used by many at once: readers, writers and builds", async () => {
    const all = await newCollections(50);
    const rows = 20;
    const write = async (docs: Collection, at: number): Promise<void> => {
      for (let id = 0; id < rows; id += 10) {
        const ids = Array.from({ length: 10 }, (_, i) => id + i);
        await docs.add({ ids, vectors: ids.map((n) => [n, at]), fields: ids.map((n) => ({ n, at })) });
      }
    };
    const read = async (docs: Collection, at: number): Promise<void> => {
      for (let times = 0; times < 4; times++) {
        const found = await docs.query({ where: `at = ${at}`, limit: rows });
        expect(found.length % 10).toBe(0);
        expect(await docs.count({ where: `at <> ${at}` })).toBe(0);
      }
    };
    await Promise.all(all.flatMap((docs, at) => [write(docs, at), read(docs, at)]));
    await Promise.all(all.slice(0, 3).map((docs) => docs.buildIndex("HNSW-L2")));
    await expectOpen(openMax);
    for (const [at, docs] of all.entries()) {
      expect((await docs.search([7, at], { k: 1 })).length).toBe(1);
      expect(await docs.indexMode()).toBe(at < 3 ? "HNSW-L2" : await all[40]!.indexMode());
      expect(await docs.count()).toBe(rows);
    }
    await expectOpen(openMax);
  }, 60_000);

  it("can be told to be fewer than are used by one call", async () => {
    await client.close();
    client = new VectorDBClient(folder, { openCollectionsMax: 1 });
    db = await client.getDatabase("app");
    const all = await newCollections(3);
    await Promise.all(all.map((docs) => docs.add({ ids: [1], vectors: [[1, 1]] })));
    expect(await Promise.all(all.map((docs) => docs.count()))).toEqual([1, 1, 1]);
    await until(async () => ((await openNow())?.size ?? 0) <= 1);
    expect(() => new VectorDBClient(folder, { openCollectionsMax: 0 })).toThrow(/openCollectionsMax/);
  });
});

describe("readers", () => {
  it("that follow see what is committed; those that do not keep what they show", async () => {
    const all = await newCollections(8);
    for (const docs of all) await docs.add({ ids: [1], vectors: [[1, 1]] });
    const options = { readOnly: true, openCollectionsMax: 2, threads: 1 } as const;
    const follower = new VectorDBClient(folder, { ...options, follow: true });
    const still = new VectorDBClient(folder, options);
    try {
      const open = async (of: VectorDBClient): Promise<Collection[]> => {
        const theirs = await of.getDatabase("app");
        return Promise.all(all.map((docs) => theirs.getCollection(docs.name)));
      };
      const [following, kept] = [await open(follower), await open(still)];
      for (const docs of all) await docs.add({ ids: [2], vectors: [[2, 2]] });
      expect(await Promise.all(following.map((docs) => docs.count()))).toEqual(all.map(() => 2));
      for (const docs of kept) expect(await docs.count()).toBe(1);
      await db.dropCollection("c0");
      expect(await following[0]!.exists()).toBe(false);
      await expect(following[0]!.count()).rejects.toMatchObject({ code: "CLOSED" });
      await (await db.requireCollection("c0", { dim: 2 })).add({ ids: [7], vectors: [[1, 1]] });
      expect(await following[0]!.isIdExists(7)).toBe(true);
    } finally {
      await follower.close();
      await still.close();
    }
  });
});

describe("a server", () => {
  it("keeps no more open than it was told, and follows a writer where it is told to", async () => {
    const all = await newCollections(8);
    const settings = { dataDir: folder, port: 0, readOnly: true, follow: true, openCollections: 3 };
    const server = await createServer(settings);
    const remote = new VectorDBClient(await server.listen());
    try {
      const theirs = await remote.getDatabase("app");
      const handles = await Promise.all(all.map((docs) => theirs.getCollection(docs.name)));
      for (const docs of all) await docs.add({ ids: [1], vectors: [[1, 1]] });
      for (const docs of handles) expect(await docs.count()).toBe(1);
      for (const docs of all) await docs.close();
      await until(async () => ((await openNow())?.size ?? 0) <= 3);
    } finally {
      await remote.close();
      await server.close();
    }
    await expect(createServer({ dataDir: folder, port: 0, follow: true })).rejects.toThrow(/readOnly/);
  });
});

describe("any order of calls", () => {
  const collectionCount = 9;
  const step = fc.record({
    at: fc.nat(collectionCount - 1),
    call: fc.constantFrom("add", "buffer", "commit", "delete", "count", "search", "close", "drop", "compact", "reopen"),
    isAwaited: fc.boolean(),
  });

  it("gives what a client without a bound would give", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 45 }), async (steps) => {
        await db.drop();
        db = await client.createDatabase("app");
        const handles = await newCollections(collectionCount);
        const committed = handles.map(() => new Set<number>());
        const buffered = handles.map(() => new Set<number>());
        let running: Promise<unknown>[] = [];
        let nextId = 0;
        const settle = async (): Promise<void> => {
          await Promise.all(running);
          running = [];
        };
        for (const { at, call, isAwaited } of steps) {
          const name = `c${at}`;
          const [docs, stored, pending] = [handles[at]!, committed[at]!, buffered[at]!];
          // Calls that run at once go to whatever collections; what decides on one another is waited for.
          if (!isAwaited || !["add", "count"].includes(call)) await settle();
          if (call === "add" || call === "buffer") {
            const id = nextId++;
            if (call === "buffer") {
              await docs.addItem([id, 1], { id });
              pending.add(id);
            } else {
              running.push(docs.add({ ids: [id], vectors: [[id, 1]] }));
              for (const each of [...pending, id]) stored.add(each);
              pending.clear();
            }
          } else if (call === "count") {
            running.push(docs.isIdExists(999_999).then((isThere) => expect(isThere).toBe(false)));
          } else if (call === "delete") {
            const [first] = stored;
            if (first === undefined) continue;
            expect(await docs.delete(first)).toBe(1);
            for (const each of pending) stored.add(each);
            pending.clear();
            stored.delete(first);
          } else if (call === "search") {
            expect((await docs.search([1, 1], { k: 100 })).ids.length).toBe(stored.size);
          } else if (call === "close") {
            await docs.close();
            await expect(docs.count()).rejects.toMatchObject({ code: "CLOSED" });
            handles[at] = await db.getCollection(name);
            for (const each of pending) stored.add(each);
            pending.clear();
          } else if (call === "drop") {
            handles[at] = await db.requireCollection(name, { dim: 2, dropIfExists: true });
            stored.clear();
            pending.clear();
          } else if (call === "reopen") {
            await reopen();
            for (let each = 0; each < collectionCount; each++) handles[each] = await db.getCollection(`c${each}`);
            committed.forEach((ids, each) => {
              for (const id of buffered[each]!) ids.add(id);
              buffered[each]!.clear();
            });
          } else {
            if (call === "commit") await docs.commit();
            else await docs.compact();
            for (const each of pending) stored.add(each);
            pending.clear();
          }
        }
        await settle();
        for (const [at, docs] of handles.entries()) {
          const ids = [];
          for await (const { id } of docs.scan()) ids.push(id);
          expect(ids.sort()).toEqual([...committed[at]!].sort());
          await docs.commit();
        }
        await until(async () => ((await openNow())?.size ?? 0) <= openMax);
      }),
      { numRuns: 4 },
    );
  }, 60_000);
});
