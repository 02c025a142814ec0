import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Collection } from "../../src/client/collection.js";
import { VectorDBClient } from "../../src/client/vector-db-client.js";
import { createServer, type LynseServer } from "../../src/server/lynse-server.js";
import { encodeRecordBatch } from "../../src/wire/record-batch.js";
import { encodeVectors } from "../../src/wire/vector-encoding.js";

const rows = Float32Array.of(1, 0, 0, 1, 1, 1);
const limits = { maxTopK: 50, maxBatchVectors: 20, maxCollectionVectors: 25 };

let client: VectorDBClient;
let server: LynseServer;
let url: URL;
let docs: Collection;

beforeAll(async () => {
  client = new VectorDBClient("memory://", { threads: 1 });
  await client.createDatabase("app");
  server = await createServer({ client, port: 0, ...limits });
  url = await server.listen();
});

afterAll(async () => {
  await server.close();
  await client.close();
});

beforeEach(async () => {
  docs = await (await client.getDatabase("app")).requireCollection("docs", { dim: 2, dropIfExists: true });
});

type Query = Readonly<Record<string, string | number | boolean>>;

function ask(path: string, query: Query, body: Uint8Array | null = new Uint8Array(0)): Promise<Response> {
  const target = new URL(path, url);
  for (const [name, value] of Object.entries({ database_name: "app", collection_name: "docs", ...query })) {
    target.searchParams.set(name, String(value));
  }
  if (body === null) return fetch(target);
  const headers = { "content-type": "application/octet-stream" };
  return fetch(target, { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> });
}

async function jsonOf(answer: Promise<Response>): Promise<{ status: number; body: unknown }> {
  const response = await answer;
  expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  return { status: response.status, body: await response.json() };
}

async function hexOf(answer: Promise<Response>): Promise<string> {
  const response = await answer;
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
  return Buffer.from(await response.arrayBuffer()).toString("hex");
}

/** A plain-text error. */
async function textOf(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer;
  expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
  return [response.status, await response.text()];
}

const success = (params: object): object => ({
  status: 200,
  body: { status: "success", params: { database_name: "app", collection_name: "docs", ...params } },
});
const failure = (status: number, code: string): object => ({
  status,
  body: expect.objectContaining({ code, error: expect.any(String) }),
});

describe("bulk add of bytes", () => {
  it("stores vectors under ids after the largest one", async () => {
    const query = { dim: 2, n_vectors: 3 };
    expect(await jsonOf(ask("/bulk_add_binary", query, encodeVectors(rows)))).toEqual(success({ n_vectors: 3 }));
    await docs.add({ ids: 10, vectors: [2, 2] });
    const half = { ...query, vector_encoding: "float16", return_ids: true };
    const answer = await jsonOf(ask("/bulk_add_binary", half, encodeVectors(rows, "float16")));
    expect(answer).toEqual(success({ n_vectors: 3, ids: [11, 12, 13] }));
    const all = await docs.head(10);
    expect(all.ids).toEqual([0, 1, 2, 10, 11, 12, 13]);
    expect([...all.vectors![6]!]).toEqual([1, 1]);
  });

  it("takes a body of exactly the length that the query says", async () => {
    for (const length of [0, 23, 25, 48]) {
      const { status, body } = await jsonOf(ask("/bulk_add_binary", { dim: 2, n_vectors: 3 }, new Uint8Array(length)));
      expect(status).toBe(400);
      expect(body).toMatchObject({
        code: "invalid_argument",
        error: `Expected 24 encoded vector bytes (3 vectors × 2 dim), got ${length}`,
      });
    }
    expect(await jsonOf(ask("/bulk_add_binary", { dim: 2, n_vectors: 0 }))).toEqual(success({ n_vectors: 0 }));
    expect(await docs.count()).toBe(0);
  });

  it("stores nothing where a component is not finite or the dimension differs", async () => {
    const bad = rows.with(5, Number.NaN);
    const answer = await jsonOf(ask("/bulk_add_binary", { dim: 2, n_vectors: 3 }, encodeVectors(bad)));
    expect(answer).toEqual(failure(400, "invalid_vector"));
    const other = await jsonOf(ask("/bulk_add_binary", { dim: 3, n_vectors: 2 }, encodeVectors(rows)));
    expect(other).toEqual(failure(400, "dimension_mismatch"));
    expect(await docs.count()).toBe(0);
  });

  it("keeps to the limits of requests and collections", async () => {
    const many = await jsonOf(ask("/bulk_add_binary", { dim: 2, n_vectors: 21 }, new Uint8Array(168)));
    expect(many.body).toMatchObject({ error: "Invalid argument: n_vectors 21 exceeds server max_batch_vectors 20" });
    const full = { dim: 2, n_vectors: 20 };
    await jsonOf(ask("/bulk_add_binary", full, new Uint8Array(160)));
    const over = await jsonOf(ask("/bulk_add_binary", full, new Uint8Array(160)));
    expect(over.body).toMatchObject({
      code: "invalid_argument",
      error: expect.stringContaining("max_collection_vectors 25"),
    });
    expect(await docs.count()).toBe(20);
  });
});

describe("record batches", () => {
  const batch = { dim: 2, n_vectors: 3, vector_encoding: "float32" };

  it.each([
    "/add_records_binary",
    "/add_binary_ids",
    "/upsert_records_binary",
    "/upsert_binary",
  ])("%s stores rows", async (path) => {
    const range = { ...batch, ids_encoding: "range", ids_start: 5 };
    expect(await jsonOf(ask(path, range, encodeVectors(rows)))).toEqual(success({ ids: [5, 6, 7] }));
    const fields = [{ a: 1 }, null, { tags: ["x"] }];
    const raw = encodeRecordBatch(rows, [1, 2 ** 53 - 1, 0], fields);
    expect(raw.idsEncoding).toBe("raw");
    expect(await jsonOf(ask(path, batch, raw.body))).toEqual(success({ ids: [1, 2 ** 53 - 1, 0] }));
    const strings = encodeRecordBatch(rows, ["a", "ü", "1"]);
    const answer = await jsonOf(ask(path, { ...batch, ids_encoding: "strings", return_ids: false }, strings.body));
    expect(answer).toEqual(success({}));
    const all = await docs.head(10);
    expect(all.ids).toEqual([5, 6, 7, 1, 2 ** 53 - 1, 0, "a", "ü", "1"]);
    expect(all.fields!.slice(3, 6)).toEqual([{ a: 1 }, {}, { tags: ["x"] }]);
    expect([...all.vectors![5]!]).toEqual([1, 1]);
  });

  it("keeps metadata at an upsert where an entry says so", async () => {
    await docs.add({ ids: [0, 1, 2], vectors: { data: rows, dim: 2 }, fields: [{ n: 0 }, { n: 1 }, { n: 2 }] });
    const { body } = encodeRecordBatch(rows, [0, 1, 2], [null, {}, { m: 2 }]);
    await ask("/upsert_records_binary", { ...batch, ids_encoding: "range", ids_start: 0 }, body);
    expect((await docs.get([0, 1, 2])).fields).toEqual([{ n: 0 }, {}, { m: 2 }]);
    await ask("/upsert_records_binary", { ...batch, ids_encoding: "range", ids_start: 0 }, encodeVectors(rows));
    expect((await docs.get([0, 1, 2])).fields).toEqual([{ n: 0 }, {}, { m: 2 }]);
  });

  it("stores all rows of a batch or none", async () => {
    await docs.add({ ids: 7, vectors: [1, 1] });
    const taken = { ...batch, ids_encoding: "range", ids_start: 5 };
    expect(await jsonOf(ask("/add_records_binary", taken, encodeVectors(rows)))).toEqual(failure(409, "id_exists"));
    const torn = encodeRecordBatch(rows, [1, 2, 3], [{}, {}, {}]).body;
    for (const length of [torn.length - 1, 30, 10, 0]) {
      const answer = await jsonOf(
        ask("/add_records_binary", { ...batch, ids_encoding: "range", ids_start: 1 }, torn.subarray(0, length)),
      );
      expect(answer).toEqual(failure(400, "invalid_argument"));
    }
    expect((await docs.head(10)).ids).toEqual([7]);
  });

  it.each([
    ["an unknown ids_encoding", { ids_encoding: "u32" }],
    ["an unknown vector_encoding", { vector_encoding: "int8" }],
    ["a range without a start", { ids_encoding: "range" }],
    ["a range beyond 2^53", { ids_encoding: "range", ids_start: Number.MAX_SAFE_INTEGER }],
    ["a negative start", { ids_encoding: "range", ids_start: -1 }],
    ["a dim of 0", { dim: 0 }],
    ["a dim that is no number", { dim: "two" }],
    ["a negative count", { n_vectors: -1 }],
    ["a broken boolean", { ids_encoding: "range", ids_start: 0, return_ids: "1" }],
  ])("refuses %s", async (_, query) => {
    const answer = await jsonOf(ask("/add_records_binary", { ...batch, ...query } as Query, encodeVectors(rows)));
    expect(answer).toEqual(failure(400, "invalid_argument"));
    expect(await docs.count()).toBe(0);
  });

  it("does not create what is missing", async () => {
    const query = { ...batch, ids_encoding: "range", ids_start: 0 };
    const database = ask("/add_records_binary", { ...query, database_name: "none" }, encodeVectors(rows));
    expect(await jsonOf(database)).toEqual(failure(404, "not_found"));
    const collection = ask("/add_records_binary", { ...query, collection_name: "none" }, encodeVectors(rows));
    expect(await jsonOf(collection)).toEqual(failure(404, "not_found"));
  });
});

describe("searches with bytes", () => {
  const vector = encodeVectors(Float32Array.of(1, 0.5));

  beforeEach(async () => {
    const fields = [{ lang: "en" }, { lang: "de" }, { lang: "ü" }];
    await docs.add({ ids: [3, 4, 5], vectors: { data: rows, dim: 2 }, fields });
  });

  it("answers a search block, byte by byte", async () => {
    const bare = await hexOf(ask("/search_binary", { dim: 2, k: 2 }, vector));
    expect(bare).toBe("020000000500000000000000030000000000000000" + "00c03f0000803f00000000");
    const json = Buffer.from('[{"lang":"ü"}]').toString("hex");
    const full = await hexOf(ask("/search_binary", { dim: 2, k: 1, return_fields: true }, vector));
    expect(full).toBe(`0100000005000000000000000000c03f0f000000${json}`);
    const half = encodeVectors(Float32Array.of(1, 0.5), "float16");
    const query = { dim: 2, k: 2, vector_encoding: "fp16", nprobe: 10, approx: false, eps: 0.0001, exact: true };
    expect(await hexOf(ask("/search_binary", query, half))).toBe(bare);
  });

  it("filters, and answers an empty block where nothing matches", async () => {
    expect(await hexOf(ask("/search_binary", { dim: 2, where: "lang = 'de'" }, vector))).toBe(
      "0100000004000000000000000000003f00000000",
    );
    expect(await hexOf(ask("/search_binary", { dim: 2, where: "lang = 'fr'" }, vector))).toBe("0000000000000000");
  });

  it("searches a named vector field", async () => {
    await docs.createVectorField("title", { dim: 1 });
    await docs.addNamedVectors("title", [[7]], [4]);
    const query = { dim: 1, vector_field: "title" };
    expect(await hexOf(ask("/search_binary", query, encodeVectors(Float32Array.of(2))))).toBe(
      "010000000400000000000000000060410000" + "0000",
    );
  });

  it("answers a batch with a count and a block each", async () => {
    const two = encodeVectors(Float32Array.of(1, 0.5, 0, 1));
    expect(await hexOf(ask("/batch_search_binary", { dim: 2, n_queries: 2, k: 1 }, two))).toBe(
      "02000000" + "0100000005000000000000000000c03f00000000" + "0100000004000000000000000000803f00000000",
    );
    expect(await hexOf(ask("/batch_search_binary", { dim: 2, n_queries: 0 }))).toBe("00000000");
  });

  it("tells errors as text", async () => {
    expect(await textOf(ask("/search_binary", { dim: 2 }, vector.subarray(1)))).toEqual([
      400,
      "Expected 8 bytes, got 7",
    ]);
    const status = async (answer: Promise<Response>): Promise<number> => (await textOf(answer))[0];
    expect(await status(ask("/search_binary", { dim: 2, where: "lang = " }, vector))).toBe(400);
    expect(await status(ask("/search_binary", { dim: 1 }, vector.subarray(4)))).toBe(400);
    expect(await status(ask("/search_binary", { dim: 2, vector_field: "none" }, vector))).toBe(400);
    expect(await status(ask("/search_binary", { dim: 2, k: 0 }, vector))).toBe(400);
    expect(await status(ask("/search_binary", { dim: 2, return_fields: "True" }, vector))).toBe(400);
    expect(await status(ask("/search_binary", {}, vector))).toBe(400);
    expect(await status(ask("/search_binary", { dim: 2, collection_name: "none" }, vector))).toBe(404);
    expect(await status(ask("/batch_search_binary", { dim: 2, n_queries: 2 }, vector))).toBe(400);
    expect(await status(ask("/head_binary", { n: -1 }, null))).toBe(400);
  });

  it("keeps to the server's limits", async () => {
    const [status, text] = await textOf(ask("/search_binary", { dim: 2, k: 51 }, vector));
    expect([status, text]).toEqual([400, "Invalid argument: k 51 exceeds server max_top_k 50"]);
    expect((await textOf(ask("/head_binary", { n: 51 }, null)))[1]).toContain("max_top_k 50");
    expect((await textOf(ask("/batch_search_binary", { dim: 2, n_queries: 21 }, vector)))[1]).toContain(
      "max_batch_vectors 20",
    );
  });

  it("answers 409 where a row that is found has a string id", async () => {
    await docs.add({ ids: "text", vectors: [9, 9] });
    for (const answer of [
      ask("/search_binary", { dim: 2 }, vector),
      ask("/batch_search_binary", { dim: 2, n_queries: 1 }, vector),
      ask("/head_binary", {}, null),
      ask("/tail_binary", {}, null),
    ]) {
      const [status, text] = await textOf(answer);
      expect([status, text.slice(0, 11)]).toEqual([409, "string_ids:"]);
    }
  });
});

describe("head and tail as bytes", () => {
  it("answer a head block, byte by byte", async () => {
    await docs.add({ ids: [3, 4, 5], vectors: { data: rows, dim: 2 }, fields: [{ a: 1 }, null, null] });
    await docs.delete(4);
    const fields = Buffer.from('[{"a":1},{}]').toString("hex");
    const all = `02000000020000000000803f000000000000803f0000803f030000000000000005000000000000000c000000${fields}`;
    expect(await hexOf(ask("/head_binary", {}, null))).toBe(all);
    const last = "01000000020000000000803f0000803f0500000000000000040000005b7b7d5d";
    expect(await hexOf(ask("/tail_binary", { n: 1 }, null))).toBe(last);
  });

  it("are empty for a collection without rows", async () => {
    expect(await hexOf(ask("/head_binary", { n: 3 }, null))).toBe(`0000000002000000${"02000000"}5b5d`);
  });
});

describe("any bytes", () => {
  it("are stored whole or refused with 4xx, and never half", async () => {
    const good = encodeRecordBatch(rows, [1, 2 ** 40, 7], [{ a: { b: ["x", 1.5] } }, null, {}]).body;
    const change = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255), length: fc.nat(good.length + 2) });
    const query = fc.record({
      ids_encoding: fc.constantFrom("raw", "strings", "range", "", "x"),
      vector_encoding: fc.constantFrom("float32", "float16", "x"),
      n_vectors: fc.constantFrom(0, 1, 3, 20, 2 ** 32),
      dim: fc.constantFrom(1, 2, 16_385, 2 ** 31),
      ids_start: fc.constantFrom(0, 2 ** 53),
    });
    const path = fc.constantFrom("/upsert_records_binary", "/add_records_binary", "/bulk_add_binary", "/search_binary");
    await fc.assert(
      fc.asyncProperty(change, query, path, fc.boolean(), async ({ at, byte, length }, asked, where, isPlain) => {
        const body = new Uint8Array(length);
        body.set(good.subarray(0, length));
        if (at < length) body[at] = byte;
        const before = await docs.count();
        const response = await ask(where, isPlain ? { dim: 2, n_vectors: 3, ids_encoding: "raw" } : asked, body);
        expect(response.status).toBeLessThan(500);
        const stored = (await docs.count()) - before;
        if (response.status !== 200) expect(stored).toBe(0);
        await response.arrayBuffer();
        if (stored > 0) await docs.delete({ where: "id IS NOT NULL" });
      }),
      { numRuns: 150 },
    );
  });
});
