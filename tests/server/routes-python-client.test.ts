import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RoutesServer } from "./routes-server.js";

/**
 * What LynseDB's Python client sends, call by call, and what it reads of the answers: the members that it looks up, exactly
 * as it sends and looks them up. Absent values are sent as null.
 */
const place = { database_name: "py", collection_name: "docs" };
const db = { database_name: "py" };

interface Step {
  /** The call of the client. */
  readonly call: string;
  readonly request: string;
  readonly body?: object | Uint8Array;
  readonly query?: Record<string, string | number | boolean>;
  /** All of the answer, or of `params`. */
  readonly answer?: unknown;
  readonly params?: unknown;
  /** Names of the members of `params`, where values differ from run to run. */
  readonly keys?: readonly string[];
  /** The answer as bytes; null for one without a body. */
  readonly bytes?: readonly number[] | null;
}

const vector = [0.5, 0.5, 0, 0];

/** Vectors, then ids as u64. */
function records(vectors: readonly (readonly number[])[], ids: readonly number[]): Uint8Array {
  const floats = new Uint8Array(new Float32Array(vectors.flat()).buffer);
  const integers = new Uint8Array(new BigUint64Array(ids.map(BigInt)).buffer);
  return new Uint8Array([...floats, ...integers]);
}

const steps: readonly Step[] = [
  { call: "VectorDBClient(url)", request: "GET /list_databases", params: { databases: [] } },
  { call: "create_database", request: "GET /list_databases", params: { databases: [] } },
  {
    call: "create_database",
    request: "POST /create_database",
    body: { ...db, drop_if_exists: false },
    params: db,
  },
  { call: "get_database", request: "GET /list_databases", params: { databases: ["py"] } },
  {
    call: "database_exists",
    request: "POST /database_exists",
    body: db,
    answer: { status: "success", params: { ...db, exists: true } },
  },
  { call: "show_collections", request: "POST /show_collections", body: db, params: { ...db, collections: [] } },
  {
    call: "require_collection",
    request: "POST /is_collection_exists",
    body: place,
    answer: { status: "success", params: { ...place, exists: false } },
  },
  {
    call: "require_collection",
    request: "POST /required_collection",
    body: {
      ...{ ...place, dim: 4, n_threads: 10, warm_up: false, drop_if_exists: false },
      ...{ description: null, dtypes: "float32" },
    },
    params: place,
  },
  { call: "get_collection", request: "POST /is_collection_exists", body: place, params: { ...place, exists: true } },
  {
    call: "get_collection",
    request: "POST /get_collection_config",
    body: place,
    keys: ["database_name", "collection_name", "config"],
  },
  {
    call: "add of integer ids",
    request: "POST /add_records_binary",
    query: { ...place, dim: 4, n_vectors: 2, vector_encoding: "float32", ids_encoding: "raw" },
    body: records(
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ],
      [7, 9],
    ),
    params: { ...place, ids: [7, 9] },
  },
  {
    call: "the default index after the first write",
    request: "POST /index_mode",
    body: place,
    params: { ...place, index_mode: null },
  },
  {
    call: "the default index after the first write",
    request: "POST /collection_shape",
    body: place,
    params: { ...place, shape: [2, 4] },
  },
  {
    call: "the default index after the first write",
    request: "POST /build_index",
    body: { ...place, index_mode: "FLAT-IP" },
    params: { ...place, index_mode: "FLAT-IP", n_clusters: null, params: null },
  },
  {
    call: "add of a text id",
    request: "POST /add",
    body: { ...place, ids: ["x", 11], vectors: [vector, [0, 0, 0, 1]], fields: [{ title: "x" }, {}] },
    params: { ...place, ids: ["x", 11] },
  },
  {
    call: "add without ids",
    request: "POST /max_id",
    body: place,
    params: { ...place, max_id: 11 },
  },
  {
    call: "add without ids",
    request: "POST /bulk_add_binary",
    query: { ...place, dim: 4, n_vectors: 1, vector_encoding: "float32" },
    body: new Uint8Array(new Float32Array([0, 0, 1, 0]).buffer),
    params: { ...place, n_vectors: 1 },
  },
  {
    call: "upsert of integer ids",
    request: "POST /upsert_records_binary",
    query: { ...place, dim: 4, n_vectors: 1, vector_encoding: "float32", ids_encoding: "range", ids_start: 7 },
    body: new Uint8Array(new Float32Array([2, 0, 0, 0]).buffer),
    params: { ...place, ids: [7] },
  },
  {
    call: "upsert of a text id",
    request: "POST /upsert",
    body: { ...place, ids: ["x"], vectors: [vector], fields: null },
    params: { ...place, ids: ["x"] },
  },
  { call: "commit", request: "POST /commit", body: place, answer: { status: "Success", result: place } },
  {
    call: "search",
    request: "POST /search",
    body: {
      ...{ ...place, vector: [1, 0.5, 0, 0], k: 2, where: null, return_fields: true, vector_field: "default" },
      ...{ nprobe: 10, approx: false, eps: 1e-4 },
    },
    params: {
      ...place,
      items: {
        ...{ k: 2, ids: [7, "x"], scores: [2, 0.75], fields: [{}, { title: "x" }] },
        ...{ index: "FLAT-IP", metric: "ip", vector_field: "default" },
      },
    },
  },
  { call: "search", request: "POST /index_mode", body: place, params: { ...place, index_mode: "FLAT-IP" } },
  {
    call: "batch_search",
    request: "POST /batch_search",
    body: { ...place, vectors: [[1, 0, 0, 0]], k: 1, where: null, return_fields: false, nprobe: 10 },
    params: {
      ...place,
      results: [
        {
          ...{ k: 1, ids: [7], scores: [2], fields: [] },
          ...{ index: "FLAT-IP", metric: "ip", vector_field: "default" },
        },
      ],
    },
  },
  {
    call: "search_range",
    request: "POST /search_range",
    body: { ...place, vector: [1, 0, 0, 0], threshold: 0.4, max_results: 1000 },
    params: {
      ...place,
      result: { ids: [7, "x"], distances: [2, 0.5], fields: [], index: "FLAT-IP", metric: "ip" },
    },
  },
  {
    call: "search_profile",
    request: "POST /search_profile",
    body: { ...place, vector: [1, 0, 0, 0], k: 10, where: null, nprobe: 10 },
    keys: ["database_name", "collection_name", "items", "profile"],
  },
  {
    call: "add_sparse_vectors",
    request: "POST /add_sparse_vectors",
    body: { ...place, vectors: [{ indices: [1], values: [0.5] }], ids: [7] },
    params: { ...place, ids: [7] },
  },
  {
    call: "search_sparse",
    request: "POST /sparse_search",
    body: { ...place, vector: { indices: [1], values: [2] }, k: 10, where: null, return_fields: false },
    params: {
      ...place,
      items: { k: 10, ids: [7], scores: [1], fields: [], index: "SPARSE-FLAT-IP", metric: "ip" },
    },
  },
  {
    call: "bm25_search",
    request: "POST /bm25_search",
    body: { ...place, text: "x", k: 10, text_fields: null, where: null, return_fields: true },
    keys: ["database_name", "collection_name", "items"],
  },
  {
    call: "hybrid_search",
    request: "POST /hybrid_search",
    body: {
      ...{ ...place, vector, text: "x", text_fields: null, k: 10, where: null, fusion: "rrf", vector_weight: 1 },
      ...{ text_weight: 1, rrf_k: 60, candidate_limit: null, return_fields: false, nprobe: 10 },
    },
    keys: ["database_name", "collection_name", "items", "fusion"],
  },
  {
    call: "query",
    request: "POST /query",
    body: { ...place, where: "title = 'x'", filter_ids: null, return_ids_only: false },
    params: { ...place, result: [{ title: "x", id: "x" }] },
  },
  {
    call: "query of ids",
    request: "POST /query",
    body: { ...place, where: null, filter_ids: [7, 9], return_ids_only: true },
    params: { ...place, result: [9, 7] },
  },
  {
    call: "query_vectors",
    request: "POST /query_vectors",
    body: { ...place, where: null, filter_ids: [9] },
    params: { ...place, result: [[[0, 1, 0, 0]], [9], [{}]] },
  },
  {
    call: "head",
    request: "POST /head",
    body: { ...place, n: 1 },
    params: { ...place, head: [[[0, 1, 0, 0]], [9], [{}]] },
  },
  {
    call: "tail",
    request: "POST /tail",
    body: { ...place, n: 1 },
    params: { ...place, tail: [[vector], ["x"], [{ title: "x" }]] },
  },
  {
    call: "read_by_only_id",
    request: "POST /read_by_only_id",
    body: { ...place, id: 9 },
    params: { ...place, item: [[[0, 1, 0, 0]], [9], [{}]] },
  },
  {
    call: "delete",
    request: "POST /delete",
    body: { ...place, ids: [9] },
    keys: ["database_name", "collection_name", "status", "deleted"],
  },
  { call: "list_deleted_ids", request: "POST /list_deleted_ids", body: place, params: { ...place, ids: [9] } },
  {
    call: "is_id_exists",
    request: "POST /is_id_exists",
    body: { ...place, id: "x" },
    params: { ...place, is_id_exists: true },
  },
  {
    call: "restore",
    request: "POST /restore",
    body: { ...place, ids: [9] },
    keys: ["database_name", "collection_name", "status", "restored"],
  },
  {
    call: "create_vector_field",
    request: "POST /create_vector_field",
    body: { ...place, field_name: "image", dim: 2, metric: "ip", index_mode: null, dtypes: "float32" },
    keys: ["database_name", "collection_name", "field"],
  },
  {
    call: "add_named_vectors",
    request: "POST /add_named_vectors",
    body: { ...place, field_name: "image", vectors: [[1, 0]], ids: [7] },
    params: { ...place, field_name: "image", ids: [7] },
  },
  {
    call: "list_vector_fields",
    request: "POST /list_vector_fields",
    body: place,
    keys: ["database_name", "collection_name", "fields"],
  },
  {
    call: "build_index of a field",
    request: "POST /build_vector_field_index",
    body: { ...place, field_name: "image", index_mode: "FLAT-IP", n_clusters: null, params: {} },
    params: { ...place, field_name: "image", index_mode: "FLAT-IP", n_clusters: null, params: {} },
  },
  {
    call: "remove_index of a field",
    request: "POST /remove_vector_field_index",
    body: { ...place, field_name: "image" },
    params: { ...place, field_name: "image" },
  },
  { call: "list_fields", request: "POST /list_fields", body: place, params: { ...place, fields: ["title"] } },
  {
    call: "stats",
    request: "POST /stats",
    body: place,
    params: {
      ...place,
      stats: {
        ...{ n_vectors: 5, n_live: 5, n_tombstoned: 0, dimension: 4, index_mode: "FLAT-IP", max_id: 12 },
      },
    },
  },
  {
    call: "compact",
    request: "POST /compact",
    body: place,
    keys: ["database_name", "collection_name", "vectors_removed"],
  },
  {
    call: "update_description",
    request: "POST /update_description",
    body: { ...place, description: "pages" },
    params: place,
  },
  { call: "remove_index", request: "POST /remove_index", body: place, params: place },
  { call: "flush", request: "POST /flush", body: place, params: place },
  { call: "checkpoint", request: "POST /checkpoint", body: place, params: place },
  { call: "close", request: "POST /close_collection", body: place, params: place },
  {
    call: "search of version 0.3",
    request: "POST /search_binary",
    query: { ...place, dim: 4, k: 1, return_fields: false, nprobe: 10, where: "title IS NULL" },
    body: new Uint8Array(new Float32Array([1, 0, 0, 0]).buffer),
  },
  {
    call: "add_item of version 0.3",
    request: "POST /add_item",
    body: { ...place, item: { vector, id: 20, field: { title: "item" } } },
    params: { ...place, item: { id: 20 } },
  },
  {
    call: "bulk_add_items of version 0.3",
    request: "POST /bulk_add_items",
    body: {
      ...place,
      items: [
        { vector, id: 21, field: {} },
        { vector, id: 22 },
      ],
    },
    params: { ...place, ids: [21, 22] },
  },
  {
    call: "write_blob",
    request: "POST /write_blob",
    query: { ...place, key: "covers/1 ä.png" },
    body: Uint8Array.of(1, 2, 3, 250),
    answer: { status: "success", params: { written: true } },
  },
  {
    call: "read_blob",
    request: "GET /read_blob",
    query: { ...place, key: "covers/1 ä.png" },
    bytes: [1, 2, 3, 250],
  },
  {
    call: "read_blob_range",
    request: "GET /read_blob",
    query: { ...place, key: "covers/1 ä.png", offset: 2, length: 2 },
    bytes: [3, 250],
  },
  {
    call: "read_blob_range to the end",
    request: "GET /read_blob",
    query: { ...place, key: "covers/1 ä.png", offset: 4 },
    bytes: [],
  },
  { call: "read_blob of a missing key", request: "GET /read_blob", query: { ...place, key: "none" }, bytes: null },
  {
    call: "delete_blob",
    request: "POST /delete_blob",
    body: { ...place, key: "covers/1 ä.png" },
    answer: { status: "success", params: { deleted: true } },
  },
  {
    call: "snapshot_collection",
    request: "POST /snapshot_collection",
    body: { ...place, snapshot_path: "snapshot" },
    keys: ["database_name", "collection_name", "snapshot_path", "rows", "bytes"],
  },
  {
    call: "restore_collection",
    request: "POST /restore_collection",
    body: { ...place, collection_name: "again", snapshot_path: "snapshot", overwrite: false },
    keys: ["database_name", "collection_name", "snapshot_path", "rows", "bytes"],
  },
  {
    call: "export_collection",
    request: "POST /export_collection",
    body: { ...place, export_path: "export" },
    keys: ["database_name", "collection_name", "export_path", "rows", "bytes"],
  },
  {
    call: "import_collection",
    request: "POST /import_collection",
    body: { ...place, collection_name: "again", export_path: "export", overwrite: true },
    keys: ["database_name", "collection_name", "export_path", "rows", "bytes"],
  },
  {
    call: "snapshot_database",
    request: "POST /snapshot_database",
    body: { ...db, snapshot_path: "all" },
    keys: ["database_name", "snapshot_path", "rows", "bytes"],
  },
  {
    call: "restore_database",
    request: "POST /restore_database",
    body: { database_name: "py2", snapshot_path: "all", overwrite: false },
    keys: ["database_name", "snapshot_path", "rows", "bytes"],
  },
  {
    call: "drop_collection",
    request: "POST /drop_collection",
    body: place,
    answer: { status: "success", params: place },
  },
  { call: "drop_database", request: "POST /delete_database", body: db, params: db },
];

let server: RoutesServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-python-"));
  server = await RoutesServer.start({ dataDir: join(folder, "data"), snapshotDir: join(folder, "copies") });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

describe("the conversation of LynseDB's Python client", () => {
  test.each(steps)("$call: $request", async (step) => {
    const { request, body, query = {}, answer, params, keys, bytes } = step;
    const [method, path = ""] = request.split(" ");
    const url = new URL(path, server.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const isBinary = body instanceof Uint8Array;
    const response = await fetch(url, {
      method: method!,
      headers: { "content-type": isBinary ? "application/octet-stream" : "application/json" },
      ...(body === undefined ? {} : { body: isBinary ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    expect(response.headers.get("x-request-id")).toMatch(/^\d+$/);
    if (path.endsWith("_binary") && path.startsWith("/search")) {
      expect(response.status).toBe(200);
      const block = new DataView(await response.arrayBuffer());
      expect([block.getUint32(0, true), block.getBigUint64(4, true)]).toEqual([1, 7n]);
      return;
    }
    if (bytes !== undefined) {
      expect(response.status).toBe(bytes === null ? 204 : 200);
      expect([...new Uint8Array(await response.arrayBuffer())]).toEqual(bytes ?? []);
      return;
    }
    const found = (await response.json()) as { params: object };
    expect(response.status, JSON.stringify(found)).toBe(200);
    if (answer !== undefined) expect(found).toEqual(answer);
    if (params !== undefined) expect(found).toEqual({ status: "success", params });
    if (keys !== undefined) expect(Object.keys(found.params)).toEqual(keys);
  });

  test("tells what is missing by LynseDB's code", async () => {
    const missing = { database_name: "none", collection_name: "none" };
    expect(await server.error("/search", { ...missing, vector })).toMatchObject({ status: 404, code: "not_found" });
    expect(await server.error("/search", { ...missing, ...{ database_name: "py2" }, vector })).toMatchObject({
      ...{ status: 404, code: "not_found" },
    });
  });

  test("finds no cluster and no routes that the original has not", async () => {
    expect((await server.get("/cluster_info")).status).toBe(404);
    expect((await server.post("/set_environment", {})).status).toBe(404);
  });
});
