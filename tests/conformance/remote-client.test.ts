/**
 * What a client of a server has beyond the rest: keys, limits of the server, sessions that are lost on the way.
 */
import { afterEach, describe, expect, it } from "vitest";
import { type Collection, VectorDBClient } from "../../src/index.js";
import { createServer, type LynseServer, type ServerOptions } from "../../src/server/lynse-server.js";
import { idsOf } from "./contents.js";
import { refusal } from "./refusal.js";

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function serverOf(options: ServerOptions = {}): Promise<{ server: LynseServer; uri: string }> {
  const server = await createServer({ dataDir: "memory://", port: 0, ...options });
  open.push(server);
  return { server, uri: (await server.listen()).href };
}

/** A client that counts its requests by path. */
function countingClient(uri: string): { client: VectorDBClient; counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const fetch: typeof globalThis.fetch = (url, init) => {
    const { pathname } = new URL(String(url));
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
    return globalThis.fetch(url, init);
  };
  const client = new VectorDBClient(uri, { fetch });
  open.push(client);
  return { client, counts };
}

async function docsOf(client: VectorDBClient): Promise<Collection> {
  return (await client.createDatabase("app")).requireCollection("docs", { dim: 2 });
}

const vectorsOf = (count: number): number[][] => Array.from({ length: count }, (_, n) => [n, 1]);
const idsFrom = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

describe("a client of a server", () => {
  it("shows its address without the key, and calls nobody before its first call", async () => {
    let calls = 0;
    const fetch = async (): Promise<Response> => {
      calls += 1;
      return new Response("{}");
    };
    const client = new VectorDBClient("http://user:secret@host:7/path/", { fetch });
    expect(client.uri).toBe("http://host:7/path");
    await client.close();
    expect(calls).toBe(0);
  });

  it("refuses options of the other mode, naming them", async () => {
    const bad: [string, object, RegExp][] = [
      ["http://host", { durability: "os" }, /durability/],
      ["http://host", { threads: 2 }, /threads/],
      ["memory://", { apiKey: "x" }, /apiKey/],
      ["memory://", { timeoutMs: 1 }, /timeoutMs/],
      ["memory://", { retries: 1 }, /retries/],
    ];
    for (const [uri, options, pattern] of bad) {
      await refusal(() => new VectorDBClient(uri, options), "INVALID_ARGUMENT", pattern);
    }
  });

  it("is told by a server that wants a key, or another one, and never repeats it", async () => {
    const { uri } = await serverOf({ apiKeys: ["reader:read-key:ro", "writer:write-key"] });
    for (const apiKey of [undefined, "wrong-key"]) {
      const client = new VectorDBClient(uri, apiKey === undefined ? {} : { apiKey });
      const error = await refusal(() => client.listDatabases(), "UNAUTHORIZED");
      expect(JSON.stringify(error)).not.toContain("wrong-key");
      await client.close();
    }
    const writer = new VectorDBClient(uri, { apiKey: "write-key" });
    await (await docsOf(writer)).add({ ids: 1, vectors: [1, 1] });
    const reader = new VectorDBClient(uri, { apiKey: "read-key" });
    const docs = await (await reader.getDatabase("app")).getCollection("docs");
    expect(await docs.count()).toBe(1);
    await expect(docs.add({ ids: 2, vectors: [1, 1] })).rejects.toMatchObject({ name: "LynseError" });
    expect(await docs.count()).toBe(1);
    for (const client of [writer, reader]) await client.close();
  });

  it("that is read-only writes nothing", async () => {
    const { uri } = await serverOf();
    const writer = new VectorDBClient(uri);
    await (await docsOf(writer)).add({ ids: 1, vectors: [1, 1] });
    const reader = new VectorDBClient(uri, { readOnly: true });
    const db = await reader.getDatabase("app");
    const docs = await db.requireCollection("docs", { dim: 2 });
    expect((await docs.search([1, 1])).ids).toEqual([1]);
    const writes = [
      () => docs.add({ vectors: [1, 1] }),
      () => docs.addItem([1, 1], { id: 5 }),
      () => docs.delete(1),
      () => docs.insertSession(() => 1),
      () => docs.buildIndex("FLAT-L2"),
      () => docs.commit(),
      () => db.dropCollection("docs"),
      () => db.requireCollection("other"),
      () => reader.createDatabase("other"),
    ];
    for (const write of writes) await refusal(write, "READ_ONLY");
    await refusal(() => db.requireCollection("docs", { dim: 3 }), "COLLECTION_EXISTS", /dim 2/, /dim 3/);
    expect(await docs.count()).toBe(1);
    for (const client of [writer, reader]) await client.close();
  });

  it("says that its server is away", async () => {
    const { server, uri } = await serverOf();
    const client = new VectorDBClient(uri, { retries: 0 });
    open.push(client);
    const docs = await docsOf(client);
    await server.close();
    await refusal(() => docs.count(), "UNAVAILABLE", uri.replace(/\/$/, ""));
    await refusal(() => docs.add({ vectors: [1, 1] }), "UNAVAILABLE");
  });
});

describe("writes within the limits of a server", () => {
  it("are sent in parts, and committed as one", async () => {
    const { uri } = await serverOf({ maxBatchVectors: 10 });
    const { client, counts } = countingClient(uri);
    const docs = await docsOf(client);
    const ids = idsFrom(0, 95);
    await docs.add({ ids, vectors: vectorsOf(95), fields: ids.map((n) => ({ n })) });
    expect(counts.get("/add_records_binary")).toBe(10);
    expect(counts.get("/session/commit")).toBe(1);
    expect(await docs.add({ vectors: vectorsOf(25) })).toEqual(idsFrom(95, 25));
    await docs.upsert({ ids: idsFrom(90, 40), vectors: vectorsOf(40) });
    await docs.bulkAddItems(idsFrom(200, 31).map((id) => ({ vector: [1, 1], id: `text ${id}`, sparse: { 1: 2 } })));
    await docs.commit();
    expect(await docs.count()).toBe(130 + 31);
    expect(await docs.delete(idsFrom(0, 50))).toBe(50);
    expect(await docs.restore(idsFrom(0, 50))).toBe(50);
    const many = await docs.batchSearch(vectorsOf(33), { k: 3 });
    expect(many.map(({ length }) => length)).toEqual(new Array(33).fill(3));
  });

  it("leave nothing when a later part is refused, and what was buffered before stays", async () => {
    const { uri } = await serverOf({ maxBatchVectors: 10 });
    const { client } = countingClient(uri);
    const docs = await docsOf(client);
    await docs.add({ ids: 33, vectors: [0, 0] });
    await refusal(() => docs.add({ ids: idsFrom(0, 50), vectors: vectorsOf(50) }), "ID_EXISTS", /33/);
    expect(await idsOf(docs)).toEqual([33]);
    await docs.addItem([1, 1], { id: "kept" });
    await refusal(() => docs.add({ ids: idsFrom(0, 50), vectors: vectorsOf(50) }), "ID_EXISTS", /33/);
    const items = idsFrom(0, 50).map((id) => [[1, 1], id] as const);
    await refusal(() => docs.bulkAddItems(items), "ID_EXISTS", /33/);
    await docs.bulkAddItems(items.slice(0, 20));
    await docs.insertSession(async (session) => {
      await session.add({ ids: ["a"], vectors: [[1, 1]] });
      await refusal(() => session.bulkAddItems(items), "ID_EXISTS", /33/);
      await session.add({ ids: ["b"], vectors: [[1, 1]] });
    });
    expect(await idsOf(docs)).toEqual([33, "a", "b"]);
    await docs.commit();
    expect(await idsOf(docs)).toEqual([33, "a", "b", "kept", ...idsFrom(0, 20)]);
  });

  it("leave nothing when a row fails here after others were sent, and what was buffered before stays", async () => {
    const { uri } = await serverOf({ maxBatchVectors: 10 });
    const { client, counts } = countingClient(uri);
    const docs = await docsOf(client);
    await docs.addItem([1, 1], { id: "kept" });
    const vectors = vectorsOf(2000);
    vectors[1999] = [1, Number.NaN];
    await refusal(() => docs.add({ ids: idsFrom(0, 2000), vectors }), "INVALID_VECTOR", /1999/);
    await refusal(() => docs.upsert({ ids: idsFrom(0, 2000), vectors }), "INVALID_VECTOR", /1999/);
    const items = vectors.map((vector, id) => ({ vector, id }));
    await refusal(() => docs.bulkAddItems(items), "INVALID_VECTOR", /1999/);
    const onProgress = ({ done }: { readonly done: number }): void => {
      if (done === 1500) throw new Error("enough");
    };
    const broken = docs.bulkAddItems(items.slice(0, 1900), { batchSize: 500, onProgress });
    await expect(broken).rejects.toThrow("enough");
    expect(counts.get("/add_records_binary")).toBeGreaterThan(10);
    await docs.commit();
    expect(await idsOf(docs)).toEqual(["kept"]);
  });
});

describe("a callback that reranks", () => {
  it("gives the same over HTTP as in this process, with groups, counts, vectors and batches", async () => {
    const { uri } = await serverOf();
    const count = 2000;
    const data = new Float32Array(count * 8).map((_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.013));
    const fields = idsFrom(0, count).map((n) => ({ n, group: n % 7 === 0 ? [n % 50, "x"] : n % 50 }));
    const answers: unknown[] = [];
    for (const client of [new VectorDBClient(uri), new VectorDBClient("memory://")]) {
      open.push(client);
      const docs = await (await client.createDatabase("app")).requireCollection<{ n: number }>("docs", { dim: 8 });
      await docs.add({
        ids: fields.map(({ n }) => (n % 3 === 0 ? `text ${n}` : n)),
        vectors: { data, dim: 8 },
        fields,
      });
      const options = [
        { k: 5, rerankK: 30, groupBy: "group", groupSize: 2 },
        { k: 40, groupBy: "group", groupSize: 3, returnFields: true, facets: ["group"] },
        { k: 4, rerankK: 20, returnVectors: true, where: "n > 100" },
      ];
      for (const each of options) {
        const asked = {
          ...each,
          reranker: ({ items }: { readonly items: readonly { readonly field: { n: number } | null }[] }) =>
            Float64Array.from(items, ({ field }) => (field!.n * 7919) % 101),
        };
        answers.push(await docs.search(data.subarray(32, 40), asked));
        answers.push(await docs.recommend({ positive: [1, 2], negative: ["text 3"] }, asked));
        answers.push(await docs.batchSearch({ data: data.subarray(0, 24), dim: 8 }, asked));
      }
    }
    expect(answers.slice(0, answers.length / 2)).toEqual(answers.slice(answers.length / 2));
  });
});

describe("an index that is built over HTTP", () => {
  it("is given up when its caller's signal says so, and the one before stays", async () => {
    const { uri } = await serverOf();
    const client = new VectorDBClient(uri);
    open.push(client);
    const docs = await (await client.createDatabase("app")).requireCollection("docs", { dim: 32 });
    const data = new Float32Array(20_000 * 32).map((_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.013));
    await docs.add({ vectors: { data, dim: 32 } });
    const controller = new AbortController();
    const building = docs.buildIndex("HNSW-IP", { signal: controller.signal });
    setTimeout(() => controller.abort(), 30);
    await refusal(() => building, "ABORTED");
    await expect.poll(async () => (await docs.stats()).indexState.state).toBe("flat");
    expect(await docs.indexMode()).toBe("FLAT-IP");
  });
});

describe("sessions that a server has lost", () => {
  /** Aborts every session that the client begins, as if it had expired, when `lose` is called. */
  function losingClient(uri: string): { client: VectorDBClient; lose: () => Promise<void> } {
    let session: string | null = null;
    const fetch: typeof globalThis.fetch = async (url, init) => {
      const response = await globalThis.fetch(url, init);
      if (!String(url).endsWith("/session/begin")) return response;
      const answer = (await response.json()) as { params: { session_id: string } };
      session = answer.params.session_id;
      return new Response(JSON.stringify(answer), { status: 200 });
    };
    const client = new VectorDBClient(uri, { fetch });
    open.push(client);
    const lose = async (): Promise<void> => {
      expect(session).not.toBeNull();
      await globalThis.fetch(`${uri}session/abort`, {
        method: "POST",
        body: JSON.stringify({ session_id: session }),
        headers: { "content-type": "application/json" },
      });
    };
    return { client, lose };
  }

  it("are written again: by the next write, by a commit, with the ids that were given out", async () => {
    const { uri } = await serverOf();
    const { client, lose } = losingClient(uri);
    const docs = await docsOf(client);
    await docs.addItem([1, 1], { id: "first" });
    await lose();
    await docs.addItem([2, 2], { id: "second" });
    expect(await docs.bulkAddBinary(vectorsOf(3))).toBe(3);
    await lose();
    await docs.commit();
    expect(await idsOf(docs)).toEqual(["first", "second", 0, 1, 2]);
    const ids = await docs.insertSession(async (session) => {
      const given = await session.add({ vectors: vectorsOf(2), fields: [{ n: 1 }, { n: 2 }] });
      await lose();
      await session.addItem([9, 9], { id: "third" });
      return given;
    });
    expect(ids).toEqual([3, 4]);
    expect((await docs.get([...ids, "third"])).fields).toEqual([{ n: 1 }, { n: 2 }, {}]);
  });

  it("are refused as a commit is when their ids are taken by then, and nothing is left of them", async () => {
    const { uri } = await serverOf();
    const { client, lose } = losingClient(uri);
    const docs = await docsOf(client);
    await docs.addItem([1, 1], { id: "same" });
    await lose();
    const other = new VectorDBClient(uri);
    open.push(other);
    await (await docsOf(other)).add({ ids: "same", vectors: [5, 5] });
    await refusal(() => docs.commit(), "ID_EXISTS", /"same"/);
    await docs.commit();
    expect((await docs.get("same")).vectors).toEqual([Float32Array.of(5, 5)]);
  });
});

describe("a scan over HTTP", () => {
  it("that breaks off is an error, and one that is left ends its request", async () => {
    const { server, uri } = await serverOf({ shutdownGraceSecs: 0 });
    const client = new VectorDBClient(uri, { retries: 0 });
    open.push(client);
    const docs = await docsOf(client);
    await docs.add({
      vectors: vectorsOf(20_000),
      fields: idsFrom(0, 20_000).map((n) => ({ text: `${n} `.repeat(40) })),
    });
    let rows = 0;
    for await (const _ of docs.scan()) if (++rows === 10) break;
    expect(rows).toBe(10);
    const scan = docs.scan({ returnVectors: true });
    expect((await scan.next()).value).toMatchObject({ id: 0, vector: Float32Array.of(0, 1) });
    await server.close();
    const rest = (async () => {
      for await (const _ of scan) rows += 1;
    })();
    await expect(rest).rejects.toMatchObject({ name: "LynseError", retryable: true });
  });
});
