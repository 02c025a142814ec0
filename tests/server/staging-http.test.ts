import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Collection } from "../../src/client/collection.js";
import { VectorDBClient } from "../../src/client/vector-db-client.js";
import { createServer, type LynseServer } from "../../src/server/lynse-server.js";
import { encodeRecordBatch } from "../../src/wire/record-batch.js";
import { encodeVectors } from "../../src/wire/vector-encoding.js";

const place = { database_name: "app", collection_name: "docs" };
const rows = Float32Array.of(1, 0, 0, 1);

let client: VectorDBClient;
let server: LynseServer;
let url: URL;
let docs: Collection;

beforeEach(async () => {
  client = new VectorDBClient("memory://", { threads: 1 });
  docs = await (await client.createDatabase("app")).requireCollection("docs", { dim: 2 });
  server = await createServer({
    client,
    port: 0,
    apiKeys: ["writer:secret-one", "other:secret-two", "reader:secret-three:ro"],
    maxSessions: 2,
  });
  url = await server.listen();
});

afterEach(async () => {
  await server.close();
  await client.close();
});

interface Answer {
  readonly status: number;
  readonly body: { readonly params?: Readonly<Record<string, unknown>>; readonly code?: string };
  readonly retryAfter: string | null;
}

async function send(path: string, body: object | Uint8Array, key = "secret-one"): Promise<Answer> {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": isBytes ? "application/octet-stream" : "application/json",
    },
    body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body),
  });
  return {
    status: response.status,
    body: (await response.json()) as Answer["body"],
    retryAfter: response.headers.get("retry-after"),
  };
}

async function begin(key?: string): Promise<string> {
  const { status, body } = await send("/session/begin", place, key);
  expect(status).toBe(200);
  return body.params!["session_id"] as string;
}

function records(sessionId: string, start: number, key?: string, path = "/add_records_binary"): Promise<Answer> {
  const query = new URLSearchParams({
    ...place,
    dim: "2",
    n_vectors: "2",
    ids_encoding: "range",
    ids_start: String(start),
  });
  query.set("session_id", sessionId);
  return send(`${path}?${query}`, encodeVectors(rows), key);
}

const ended = { status: 404, body: { code: "closed" } };

describe("a session over HTTP", () => {
  it("commits writes of every kind together", async () => {
    await docs.add({ ids: 100, vectors: [5, 5] });
    const session_id = await begin();
    expect(await records(session_id, 0)).toMatchObject({ status: 200, body: { params: { ids: [0, 1] } } });
    expect(await records(session_id, 1, undefined, "/upsert_records_binary")).toMatchObject({ status: 200 });
    const { body } = encodeRecordBatch(rows, ["a", "b"], [{ n: 1 }, null]);
    const strings = new URLSearchParams({ ...place, dim: "2", n_vectors: "2", ids_encoding: "strings", session_id });
    expect(await send(`/add_records_binary?${strings}`, body)).toMatchObject({ status: 200 });
    const bulk = new URLSearchParams({ ...place, dim: "2", n_vectors: "2", return_ids: "true", session_id });
    const bulkAnswer = await send(`/bulk_add_binary?${bulk}`, encodeVectors(rows));
    expect(bulkAnswer.body.params!["ids"]).toEqual([101, 102]);
    const json = { ...place, ids: [7], vectors: [[1, 2]], session_id };
    expect(await send("/add", json)).toMatchObject({ status: 200, body: { params: { ids: [7] } } });
    expect(await send("/delete", { ...place, ids: [100, 0], session_id })).toMatchObject({
      body: { params: { deleted: 2 } },
    });
    expect(await docs.count()).toBe(1);
    expect(await send("/session/commit", { session_id })).toMatchObject({ status: 200, body: { params: place } });
    expect((await docs.head(20)).ids.toSorted()).toEqual([1, 101, 102, 2, 7, "a", "b"].toSorted());
    expect(await send("/session/commit", { session_id })).toMatchObject({ status: 200 });
  });

  it("leaves nothing behind when it is aborted", async () => {
    const session_id = await begin();
    await records(session_id, 0);
    expect(await send("/session/abort", { session_id })).toMatchObject({ status: 200 });
    expect(await send("/session/abort", { session_id })).toMatchObject({ status: 200 });
    expect(await records(session_id, 0)).toMatchObject(ended);
    expect(await send("/session/commit", { session_id })).toMatchObject(ended);
    expect(await docs.count()).toBe(0);
  });

  it("is unknown to other keys, and not for keys that only read", async () => {
    const session_id = await begin();
    expect(await records(session_id, 0, "secret-two")).toMatchObject(ended);
    expect(await send("/session/commit", { session_id }, "secret-two")).toMatchObject(ended);
    expect(await send("/session/abort", { session_id }, "secret-two")).toMatchObject(ended);
    expect(await send("/session/begin", place, "secret-three")).toMatchObject({
      status: 403,
      body: { code: "read_only" },
    });
    expect(await send("/session/begin", place, "wrong")).toMatchObject({ status: 401 });
    expect(await records("x".repeat(10_000), 0)).toMatchObject(ended);
  });

  it("is refused with 503 and a Retry-After while too many are open", async () => {
    const first = await begin();
    await begin("secret-two");
    expect(await send("/session/begin", place)).toMatchObject({
      status: 503,
      body: { code: "unavailable" },
      retryAfter: "1",
    });
    await send("/session/abort", { session_id: first });
    await begin();
  });

  it("is discarded when the server stops", async () => {
    const session_id = await begin();
    await records(session_id, 0);
    await server.close();
    expect(await docs.count()).toBe(0);
    await docs.add({ ids: 0, vectors: [1, 1] });
  });

  it("gives a failing commit's error, and nothing is stored", async () => {
    const session_id = await begin();
    await records(session_id, 0);
    await docs.add({ ids: 1, vectors: [9, 9] });
    expect(await send("/session/commit", { session_id })).toMatchObject({ status: 409, body: { code: "id_exists" } });
    expect(await send("/session/commit", { session_id })).toMatchObject({ status: 409, body: { code: "id_exists" } });
    expect((await docs.head()).ids).toEqual([1]);
  });
});
