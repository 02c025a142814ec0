import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Collection } from "../../src/client/collection.js";
import { VectorDBClient } from "../../src/client/vector-db-client.js";
import { Staging } from "../../src/server/staging/staging.js";

const ended = expect.objectContaining({ code: "CLOSED", details: { session_id: expect.any(String) } });
const vectors = [[1, 2]];

let client: VectorDBClient;
let docs: Collection;

beforeEach(async () => {
  client = new VectorDBClient("memory://", { threads: 1 });
  docs = await (await client.createDatabase("app")).requireCollection("docs", { dim: 2 });
});

afterEach(async () => {
  vi.useRealTimers();
  await client.close();
});

/** Adds a row in a session. */
const add = (staging: Staging, id: string, rowId: number, owner = "key"): Promise<unknown> =>
  staging.write(docs, id, owner, (writer) => writer.add({ ids: rowId, vectors }));

/** Resolves once `open` sessions are open, without waiting for real time. */
async function untilOpen(staging: Staging, open: number): Promise<void> {
  for (let turn = 0; turn < 1000 && staging.counts.open !== open; turn++) await Promise.resolve();
}

describe("staging", () => {
  it("shows rows after the commit, all of them, and not before", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
    await add(staging, id, 1);
    await staging.write(docs, id, "key", (writer) => writer.upsert({ ids: 2, vectors }));
    expect(await docs.count()).toBe(0);
    expect(await staging.commit(id, "key")).toEqual({ databaseName: "app", collectionName: "docs" });
    expect(await docs.count()).toBe(2);
    expect(staging.counts).toEqual({ open: 0, begun: 1, committed: 1, aborted: 0, expired: 0, failed: 0 });
  });

  it("writes to the collection itself where no session is named", async () => {
    const staging = new Staging();
    for (const none of [undefined, null]) {
      await staging.write(docs, none, "key", (writer) => writer.add({ vectors }));
    }
    expect(await docs.count()).toBe(2);
  });

  it("stores nothing of a session that is aborted, and refuses it from then on", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    await add(staging, id, 1);
    await staging.abort(id, "key");
    await expect(add(staging, id, 2)).rejects.toThrow(ended);
    await expect(staging.commit(id, "key")).rejects.toThrow(ended);
    await staging.abort(id, "key");
    expect(await docs.count()).toBe(0);
    expect(staging.counts).toMatchObject({ open: 0, aborted: 1, committed: 0 });
  });

  it("answers a commit that is sent again, or at the same time, as the first", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    await add(staging, id, 1);
    const [first, second] = await Promise.all([staging.commit(id, "key"), staging.commit(id, "key")]);
    expect(second).toEqual(first);
    expect(await staging.commit(id, "key")).toEqual(first);
    await expect(staging.abort(id, "key")).rejects.toThrow(ended);
    await expect(add(staging, id, 2)).rejects.toThrow(ended);
    expect(staging.counts).toMatchObject({ committed: 1, aborted: 0 });
    expect(await docs.count()).toBe(1);
  });

  it("gives the collection's own error from a commit that fails, also when it is sent again", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    await add(staging, id, 1);
    await docs.add({ ids: 1, vectors });
    const taken = expect.objectContaining({ code: "ID_EXISTS" });
    await expect(staging.commit(id, "key")).rejects.toThrow(taken);
    await expect(staging.commit(id, "key")).rejects.toThrow(taken);
    await staging.abort(id, "key");
    expect(staging.counts).toMatchObject({ open: 0, committed: 0, failed: 1, aborted: 0 });
  });

  it("keeps a session open after a write that fails, without anything of it", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    await add(staging, id, 1);
    const failing = staging.write(docs, id, "key", (writer) =>
      writer.add({ ids: [2, 1], vectors: [...vectors, ...vectors] }),
    );
    await expect(failing).rejects.toThrow(expect.objectContaining({ code: "ID_EXISTS" }));
    await add(staging, id, 3);
    await staging.commit(id, "key");
    expect((await docs.head()).ids).toEqual([1, 3]);
  });

  it("runs writes in the order they came, and a commit after them", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    const ids = Array.from({ length: 50 }, (_, i) => 100 - i);
    const writes = ids.map((row) => add(staging, id, row));
    await Promise.all([...writes, staging.commit(id, "key")]);
    expect((await docs.head(100)).ids).toEqual(ids);
  });

  it("belongs to the key that began it and to its collection", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    const other = await (await client.getDatabase("app")).requireCollection("other", { dim: 2 });
    await expect(add(staging, id, 1, "stranger")).rejects.toThrow(ended);
    await expect(staging.commit(id, "stranger")).rejects.toThrow(ended);
    await expect(staging.abort(id, "stranger")).rejects.toThrow(ended);
    await expect(staging.commit("unknown", "key")).rejects.toThrow(ended);
    await expect(staging.write(other, id, "key", (writer) => writer.add({ vectors }))).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    expect(staging.counts.open).toBe(1);
    await staging.close();
  });

  it("opens no more sessions than allowed, and more again when one has ended", async () => {
    const staging = new Staging({ sessionsMax: 3 });
    const begun = await Promise.allSettled(Array.from({ length: 5 }, () => staging.begin(docs, "key")));
    const ids = begun.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const refused = begun.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(ids).toHaveLength(3);
    expect(refused).toEqual(Array(2).fill(expect.objectContaining({ code: "UNAVAILABLE", status: 503 })));
    await staging.abort(ids[0]!, "key");
    await staging.begin(docs, "key");
    expect(staging.counts.open).toBe(3);
    await staging.close();
  });

  it("begins nothing on a collection that cannot be written", async () => {
    const staging = new Staging({ sessionsMax: 1 });
    await docs.close();
    await expect(staging.begin(docs, "key")).rejects.toThrow(expect.objectContaining({ code: "CLOSED" }));
    expect(staging.counts).toMatchObject({ open: 0, begun: 0 });
  });

  it("answers with the collection's error when the collection is dropped meanwhile", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    await add(staging, id, 1);
    await (await client.getDatabase("app")).dropCollection("docs");
    await expect(add(staging, id, 2)).rejects.toThrow(expect.objectContaining({ code: "CLOSED" }));
    await expect(staging.commit(id, "key")).rejects.toThrow(expect.objectContaining({ code: "CLOSED" }));
    expect(staging.counts.open).toBe(0);
  });
});

describe("staging, by the clock", () => {
  it("lets a session expire when nothing was written to it for a while", async () => {
    vi.useFakeTimers();
    const staging = new Staging({ idleMs: 1000 });
    const id = await staging.begin(docs, "key");
    await add(staging, id, 1);
    vi.advanceTimersByTime(999);
    await add(staging, id, 2);
    vi.advanceTimersByTime(999);
    expect(staging.counts.open).toBe(1);
    vi.advanceTimersByTime(1);
    await untilOpen(staging, 0);
    expect(staging.counts).toMatchObject({ open: 0, expired: 1, aborted: 0 });
    await expect(staging.commit(id, "key")).rejects.toThrow(/expired/);
    await expect(add(staging, id, 3)).rejects.toThrow(ended);
    await staging.abort(id, "key");
    expect(await docs.count()).toBe(0);
  });

  it("does not expire while a write runs, however long it takes", async () => {
    vi.useFakeTimers();
    const staging = new Staging({ idleMs: 1000 });
    const id = await staging.begin(docs, "key");
    let finish: () => void = () => {};
    const first = add(staging, id, 0);
    const slow = staging.write(docs, id, "key", () => new Promise<void>((resolve) => (finish = resolve)));
    const next = add(staging, id, 1);
    await first;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(staging.counts.open).toBe(1);
    finish();
    await Promise.all([slow, next]);
    await staging.commit(id, "key");
    expect(await docs.count()).toBe(2);
  });

  it("forgets an end after a while", async () => {
    vi.useFakeTimers();
    const staging = new Staging({ rememberMs: 1000 });
    const id = await staging.begin(docs, "key");
    await staging.commit(id, "key");
    vi.advanceTimersByTime(999);
    await staging.commit(id, "key");
    vi.advanceTimersByTime(1);
    await expect(staging.commit(id, "key")).rejects.toThrow(ended);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer and no session behind when it is closed", async () => {
    vi.useFakeTimers();
    const staging = new Staging();
    const ids = await Promise.all([1, 2, 3].map(() => staging.begin(docs, "key")));
    await add(staging, ids[0]!, 1);
    const committing = staging.commit(ids[1]!, "key");
    await staging.close();
    await committing;
    expect(staging.counts).toEqual({ open: 0, begun: 3, committed: 1, aborted: 2, expired: 0, failed: 0 });
    expect(vi.getTimerCount()).toBe(0);
    await expect(staging.begin(docs, "key")).rejects.toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
    await expect(add(staging, ids[0]!, 2)).rejects.toThrow(ended);
    expect(await docs.count()).toBe(0);
  });

  it("waits at its close for a write that runs, and stores nothing of it", async () => {
    const staging = new Staging();
    const id = await staging.begin(docs, "key");
    let isDone = false;
    const write = staging.write(docs, id, "key", async (writer) => {
      await new Promise((resolve) => setImmediate(resolve));
      await writer.add({ ids: 1, vectors });
      isDone = true;
    });
    await staging.close();
    expect(isDone).toBe(true);
    await write;
    expect(await docs.count()).toBe(0);
  });
});
