import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RoutesServer } from "./routes-server.js";

const place = { database_name: "app", collection_name: "docs" };
const rows = {
  ids: [1, 2, "three"],
  vectors: [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
  ],
  fields: [{ title: "red fox", lang: "en", rank: 1 }, { title: "blue whale", lang: "fr", rank: 2 }, {}],
};

let server: RoutesServer;
beforeAll(async () => {
  server = await RoutesServer.start();
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.params("/create_database", { database_name: "app", drop_if_exists: true });
  await server.params("/required_collection", { ...place, dim: 4 });
});

const fill = (): Promise<unknown> => server.params("/add", { ...place, ...rows });
const b64 = (...numbers: number[]): string => Buffer.from(new Float32Array(numbers).buffer).toString("base64");
const floats = (text: string): number[] => {
  const bytes = Buffer.from(text, "base64");
  return Array.from(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
};

describe("databases", () => {
  test("are created once, listed, and dropped whether they are there or not", async () => {
    expect(await server.params("/create_database", { database_name: "other" })).toEqual({ database_name: "other" });
    expect(await server.params("/create_database", { database_name: "other", drop_if_exists: null })).toEqual({
      database_name: "other",
    });
    expect((await server.get("/list_databases")).body.params).toEqual({ databases: ["app", "other"] });
    expect(await server.params("/database_exists", { database_name: "other" })).toEqual({
      database_name: "other",
      exists: true,
    });
    expect(await server.params("/drop_database", { database_name: "other" })).toEqual({ database_name: "other" });
    expect(await server.params("/delete_database", { database_name: "other" })).toEqual({ database_name: "other" });
    expect((await server.params("/database_exists", { database_name: "other" })).exists).toBe(false);
  });

  test("have names that are trimmed and checked", async () => {
    expect(await server.params("/create_database", { database_name: " padded " })).toEqual({ database_name: "padded" });
    await server.params("/drop_database", { database_name: "padded" });
    for (const database_name of ["a/b", "..", "a\u0000b", "x".repeat(129), "   "]) {
      const { status, code } = await server.error("/create_database", { database_name });
      expect({ status, code: code === "limit_exceeded" ? "invalid_argument" : code }).toEqual({
        status: 400,
        code: "invalid_argument",
      });
    }
  });
});

describe("collections", () => {
  test("are opened, described and dropped", async () => {
    expect(await server.params("/required_collection", { ...place, dim: 4, description: null, dtypes: null })).toEqual(
      place,
    );
    expect(await server.params("/is_collection_exists", place)).toEqual({ ...place, exists: true });
    expect(await server.params("/show_collections", { database_name: "app" })).toEqual({
      database_name: "app",
      collections: ["docs"],
    });
    await server.params("/update_collection_description", { ...place, description: "pages" });
    const { collections } = await server.params("/show_collections_details", { database_name: "app" });
    expect(collections).toEqual({
      docs: {
        ...{ name: "docs", shape: [0, 4], index_mode: null, dim: 4, dtypes: "float32" },
        ...{ description: "pages", error: null },
      },
    });
    const { config } = await server.params("/get_collection_config", place);
    expect(config).toMatchObject({
      ...{ dim: 4, chunk_size: 100_000, description: "pages", dtypes: "float32", index: null, embedder: null },
      ...{ default_index: null, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) },
      text: { fields: null, k1: 1.2, b: 0.75, language: null, stop_words: false, fold_accents: false },
      vector_fields: [],
    });
    // A client that finds this member believes that it talks to a cluster.
    expect(config).not.toHaveProperty("integer_id_routing");
    expect(await server.params("/drop_collection", place)).toEqual(place);
    expect(await server.params("/drop_collection", place)).toEqual(place);
    expect((await server.params("/is_collection_exists", place)).exists).toBe(false);
  });

  test("take their dimension from the first write where none is given, by 0 or by null", async () => {
    for (const [at, dim] of [0, null].entries()) {
      const names = { database_name: "app", collection_name: `free${at}` };
      await server.params("/required_collection", { ...names, dim });
      expect((await server.params("/collection_shape", names)).shape).toEqual([0, 0]);
      await server.params("/add", { ...names, ids: [1], vectors: [[1, 2]] });
      expect((await server.params("/collection_shape", names)).shape).toEqual([1, 2]);
    }
  });

  test("keep float16, a default index and text options that they were created with", async () => {
    const names = { database_name: "app", collection_name: "half" };
    const text = { fields: ["title"], stop_words: ["the"], fold_accents: true };
    await server.params("/required_collection", { ...names, dim: 2, dtypes: "fp16", default_index: "FLAT-COS", text });
    const { config } = await server.params("/get_collection_config", names);
    expect(config).toMatchObject({ dtypes: "float16", index: "FLAT-COS", text });
    expect((await server.params("/index_mode", names)).index_mode).toBe("FLAT-COS");
    const error = await server.error("/required_collection", { ...names, dim: 3 });
    expect(error).toMatchObject({ status: 409, code: "collection_exists" });
    await server.params("/required_collection", { ...names, dim: 3, drop_if_exists: true });
    expect((await server.params("/collection_shape", names)).shape).toEqual([0, 3]);
    expect(await server.error("/required_collection", { ...names, dtypes: "int8" })).toMatchObject({ status: 400 });
  });

  test("are never created by anything else", async () => {
    const missing = { database_name: "app", collection_name: "missing" };
    const calls: [string, object][] = [
      ["/add", { ids: [1], vectors: [[1]] }],
      ["/search", { vector: [1] }],
      ["/query", {}],
      ["/stats", {}],
      ["/update_description", { description: "x" }],
      ["/get_collection_config", {}],
      ["/session/begin", {}],
    ];
    for (const [path, body] of calls) {
      expect(await server.error(path, { ...missing, ...body })).toMatchObject({
        status: 404,
        code: "not_found",
        details: { missing: "collection", database: "app" },
      });
    }
    const error = await server.error("/search", { ...missing, database_name: "none", vector: [1] });
    expect(error).toMatchObject({ status: 404, code: "not_found", details: { missing: "database" } });
    expect((await server.params("/show_collections", { database_name: "app" })).collections).toEqual(["docs"]);
  });

  test("tell their state", async () => {
    await fill();
    await server.params("/delete", { ...place, ids: [2] });
    expect(await server.params("/collection_shape", place)).toEqual({ ...place, shape: [2, 4] });
    expect((await server.params("/stats", place)).stats).toEqual({
      ...{ n_vectors: 3, n_live: 2, n_tombstoned: 1, dimension: 4, index_mode: "none", max_id: 1 },
    });
    const { full } = await server.params("/stats", { ...place, full: true });
    expect(full).toMatchObject({ rows: 2, deleted: 1, dim: 4, index_state: { state: "flat" }, max_id: 1 });
    expect(full.memory.total_bytes).toBeGreaterThan(0);
    expect(await server.params("/list_fields", place)).toEqual({ ...place, fields: ["lang", "rank", "title"] });
    expect(await server.params("/max_id", place)).toEqual({ ...place, max_id: 1 });
    expect(await server.params("/is_id_exists", { ...place, id: "three" })).toEqual({ ...place, is_id_exists: true });
    expect((await server.params("/is_id_exists", { ...place, id: 2 })).is_id_exists).toBe(false);
    expect(await server.params("/list_deleted_ids", place)).toEqual({ ...place, ids: [2] });
    expect(await server.params("/compact", place)).toEqual({ ...place, vectors_removed: 1 });
    expect((await server.params("/list_deleted_ids", place)).ids).toEqual([]);
    expect((await server.params("/get_collection_path", place)).collection_path).toMatch(/\/app\/docs$/);
    expect(await server.params("/close_collection", place)).toEqual(place);
    expect(await server.params("/flush", place)).toEqual(place);
    expect(await server.params("/checkpoint", place)).toEqual(place);
    expect((await server.post("/commit", place)).body).toEqual({ status: "Success", result: place });
  });

  test("that are empty have -1 as their largest id", async () => {
    expect((await server.params("/max_id", place)).max_id).toBe(-1);
  });
});

describe("indexes", () => {
  test("are built with parameters by LynseDB's names, named and removed", async () => {
    await fill();
    expect((await server.params("/index_mode", place)).index_mode).toBeNull();
    const params = { m: 8, ef_construction: 50, seed: null };
    expect(await server.params("/build_index", { ...place, index_mode: "HNSW-COS", params })).toEqual({
      ...{ ...place, index_mode: "HNSW-COS", n_clusters: null, params },
    });
    expect((await server.params("/index_mode", place)).index_mode).toBe("HNSW-COS");
    const { full } = await server.params("/stats", { ...place, full: true });
    expect(full.index_state.parameters).toMatchObject({ m: 8, efConstruction: 50 });
    expect(await server.params("/remove_index", place)).toEqual(place);
    expect((await server.params("/index_mode", place)).index_mode).toBeNull();
  });

  test("without a name are FLAT-IP; n_clusters counts only for indexes that have clusters", async () => {
    await fill();
    expect((await server.params("/build_index", { ...place, n_clusters: 4 })).index_mode).toBe("FLAT-IP");
    await server.params("/build_index", { ...place, index_mode: "ivf-l2", n_clusters: 2 });
    const { full } = await server.params("/stats", { ...place, full: true });
    expect(full.index_state.parameters).toMatchObject({ nClusters: 2 });
  });

  test("can be built in the background", async () => {
    await fill();
    const answer = await server.post("/build_index", { ...place, index_mode: "HNSW-L2", wait: false });
    expect(answer.status).toBe(202);
    const deadline = Date.now() + 10_000;
    while ((await server.params("/index_mode", place)).index_mode !== "HNSW-L2" && Date.now() < deadline);
    expect((await server.params("/index_mode", place)).index_mode).toBe("HNSW-L2");
  });

  test("are refused where the name or a parameter is unknown, or there is nothing to index", async () => {
    expect(await server.error("/build_index", { ...place, index_mode: "HNSW-COS" })).toMatchObject({
      code: "index_empty",
      status: 409,
    });
    await fill();
    expect(await server.error("/build_index", { ...place, index_mode: "TREE" })).toMatchObject({
      code: "unsupported_index",
      status: 400,
    });
    const unknown = await server.error("/build_index", { ...place, index_mode: "HNSW-COS", params: { depth: 1 } });
    expect(unknown).toMatchObject({ code: "invalid_argument", status: 400 });
    expect(unknown.error).toContain("ef_construction");
    const foreign = { ...place, index_mode: "HNSW-COS", params: { n_clusters: 2 } };
    expect(await server.error("/build_index", foreign)).toMatchObject({ code: "invalid_argument" });
    const wrong = { ...place, index_mode: "HNSW-COS", params: { m: "many" } };
    expect(await server.error("/build_index", wrong)).toMatchObject({ code: "invalid_argument" });
  });
});

describe("vector fields", () => {
  test("are created by LynseDB's names of metrics and dtypes, filled, searched and indexed", async () => {
    await fill();
    const made = await server.params("/create_vector_field", {
      ...{ ...place, field_name: "image", dim: 2, metric: "cosine", index_mode: null, dtypes: "f32" },
    });
    const entry = {
      ...{ name: "image", dimension: 2, metric: "cos", index_mode: "FLAT-COS", dtypes: "float32" },
      ...{ dim: 2, dtype: "float32", index: null, rows: 0 },
      index_state: { state: "flat", parameters: null, rows: 0, tail_rows: 0, progress: null, failure: null },
    };
    expect(made).toEqual({ ...place, field: entry });
    // The same again changes nothing.
    await server.params("/create_vector_field", { ...place, field_name: "image", dimension: 2, metric: "cosine" });
    const vectors = [
      [1, 0],
      [0.6, 0.8],
    ];
    const added = await server.params("/add_named_vectors", { ...place, field_name: "image", vectors, ids: [2, 1] });
    expect(added).toEqual({ ...place, field_name: "image", ids: [2, 1] });
    const b64Body = { ...place, field_name: "image", vectors_b64: b64(0, 1), dim: 2, ids: ["three"] };
    await server.params("/add_named_vectors", b64Body);
    const { fields } = await server.params("/list_vector_fields", place);
    expect(fields.map(({ name }: { name: string }) => name)).toEqual(["default", "image"]);
    expect(fields[1]).toEqual({ ...entry, rows: 3 });
    for (const name of ["vector_field", "field_name"]) {
      const { items } = await server.params("/search", { ...place, vector: [1, 0], [name]: "image" });
      expect(items).toMatchObject({ ids: [2, 1, "three"], vector_field: "image", metric: "cos" });
    }
    const build = { ...place, field_name: "image", index_mode: "HNSW-COS" };
    expect((await server.params("/build_vector_field_index", build)).field_name).toBe("image");
    const mode = await server.params("/index_mode", { ...place, field_name: "image" });
    expect(mode.index_mode).toBe("HNSW-COS");
    const removed = await server.params("/remove_vector_field_index", { ...place, field_name: "image" });
    expect(removed).toEqual({ ...place, field_name: "image" });
  });

  test("that are not there, ids that are not there and vectors of a wrong length are refused", async () => {
    await fill();
    await server.params("/create_vector_field", { ...place, field_name: "image", dim: 2 });
    const add = (body: object) => server.error("/add_named_vectors", { ...place, field_name: "image", ...body });
    expect(await add({ vectors: [[1, 2]], ids: [99] })).toMatchObject({ code: "id_not_found", status: 404 });
    expect(await add({ vectors: [[1, 2, 3]], ids: [1] })).toMatchObject({ code: "dimension_mismatch", status: 400 });
    expect(await add({ vectors: [[1, 2]], ids: [1], field_name: "none" })).toMatchObject({ status: 400 });
    const noDim = await server.error("/create_vector_field", { ...place, field_name: "other" });
    expect(noDim.error).toContain("dim is missing");
    const search = { ...place, vector: [1, 0], vector_field: "image", field_name: "default" };
    expect(await server.error("/search", search)).toMatchObject({ status: 400 });
  });

  test("of sparse vectors are filled and searched", async () => {
    await fill();
    const vectors = [
      { indices: [3, 7], values: [1, 2] },
      { indices: [7], values: [5] },
    ];
    expect(await server.params("/add_sparse_vectors", { ...place, vectors, ids: [1, "three"] })).toEqual({
      ...place,
      ids: [1, "three"],
    });
    const query = { ...place, vector: { indices: [7], values: [1] }, k: 5, where: null, return_fields: true };
    const { items } = await server.params("/sparse_search", query);
    expect(items).toMatchObject({ k: 5, ids: ["three", 1], scores: [5, 2], index: "SPARSE-FLAT-IP" });
    expect(items.fields).toEqual([{}, rows.fields[0]]);
    for (const wrong of [
      { indices: [1], values: [] },
      { indices: [-1], values: [1] },
      { indices: [1], values: [null] },
    ]) {
      expect(await server.error("/sparse_search", { ...place, vector: wrong })).toMatchObject({ status: 400 });
      const body = { ...place, vectors: [wrong], ids: [1] };
      expect(await server.error("/add_sparse_vectors", body)).toMatchObject({ status: 400 });
    }
    expect(await server.error("/add_sparse_vectors", { ...place, vectors: [7], ids: [1] })).toMatchObject({
      status: 400,
    });
  });
});

describe("writes", () => {
  test("give the ids back as they came", async () => {
    expect(await server.params("/add", { ...place, ...rows })).toEqual({ ...place, ids: [1, 2, "three"] });
    expect(await server.params("/query", place)).toMatchObject({
      result: [{ ...rows.fields[0], id: 1 }, { ...rows.fields[1], id: 2 }, { id: "three" }],
    });
  });

  test("without ids count on from the largest", async () => {
    await fill();
    const { ids } = await server.params("/add", { ...place, ids: null, vectors: [[1, 1, 1, 1]], fields: null });
    expect(ids).toEqual([3]);
  });

  test("take vectors as base64, also in several pieces", async () => {
    const { ids } = await server.params("/add", { ...place, ids: [5], vectors_b64: b64(1, 2, 3, 4), dim: 4 });
    expect(ids).toEqual([5]);
    const count = 60_000;
    const data = Float32Array.from({ length: count * 4 }, (_, at) => at % 1000);
    const text = Buffer.from(data.buffer).toString("base64");
    const many = await server.params("/add", { ...place, vectors_b64: text, dim: 4 });
    expect(many.ids.length).toBe(count);
    const { item } = await server.params("/get", { ...place, ids: [many.ids[count - 1]] });
    expect(floats(item.vectors_b64)).toEqual(Array.from(data.slice(-4)));
    const cut = `${text.slice(0, 524_286)}==${text.slice(524_288)}`;
    expect(await server.error("/add", { ...place, vectors_b64: cut, dim: 4 })).toMatchObject({ status: 400 });
    expect(await server.error("/add", { ...place, vectors_b64: text, dim: 7 })).toMatchObject({ status: 400 });
    expect(await server.error("/add", { ...place, vectors_b64: text })).toMatchObject({ status: 400 });
  });

  test.each([
    [{ ids: [], vectors: [] }, "ids cannot be empty"],
    [{ ids: [], vectors: [[1, 2, 3, 4]] }, "ids cannot be empty"],
    [{ vectors: [] }, "vectors cannot be empty"],
    [{ ids: [1], vectors: [] }, "vectors cannot be empty"],
    [{ ids: [1, 2], vectors: [[1, 2, 3, 4]] }, "ids length must match vectors length"],
    [{ ids: [1, 2], vectors: [[1, 2, 3, 4], [1]] }, "all vectors in a batch must have the same dimension"],
    [{ ids: [1], vectors: [[1, 2, 3, 4]], fields: [{}, {}] }, "fields length must match vectors length"],
  ])("that don't fit together are refused in LynseDB's words: %j", async (body, message) => {
    for (const path of ["/add", "/upsert"]) {
      if (path === "/upsert" && !("ids" in body)) continue;
      const error = await server.error(path, { ...place, ...body });
      expect(error.status).toBe(400);
      expect(error.error).toContain(`Invalid argument: ${message}`);
    }
  });

  test.each([
    [{ ids: [1], vectors: [[1, null, 3, 4]] }, "id 1"],
    [{ ids: [1], vectors: [[null, 2, 3, 4]] }, "vectors[0] has null at component 0"],
    [{ ids: [1], vectors: [["1", 2, 3, 4]] }, "component 0"],
    [{ ids: [1], vectors: [null] }, "vectors[0]"],
    [{ ids: [1], vectors: [[]] }, "vectors[0] is empty"],
    [{ ids: [1], vectors: [[1, 2, 3]] }, "got 3"],
    [{ ids: [1], vectors: [[1e39, 2, 3, 4]] }, "component 0"],
    [{ ids: [-1], vectors: [[1, 2, 3, 4]] }, "id"],
    [{ ids: [1.5], vectors: [[1, 2, 3, 4]] }, "id"],
    [{ ids: [null], vectors: [[1, 2, 3, 4]] }, "id"],
    [{ ids: [true], vectors: [[1, 2, 3, 4]] }, "id"],
    [{ ids: [""], vectors: [[1, 2, 3, 4]] }, "id"],
    [
      {
        ids: [1, 1],
        vectors: [
          [1, 2, 3, 4],
          [1, 2, 3, 4],
        ],
      },
      "1",
    ],
    [{ ids: [1], vectors: [[1, 2, 3, 4]], fields: ["text"] }, "field"],
    [{ ids: [1], vectors: [[1, 2, 3, 4]], fields: [[]] }, "field"],
    [{ ids: [1], vectors: [[1, 2, 3, 4]], vectors_b64: "AAAA" }, "vectors_b64"],
    [{ ids: [1] }, "vectors is missing"],
    [{ ids: 1, vectors: [[1, 2, 3, 4]] }, "ids"],
    [{ ids: [1], vectors: "AAAA" }, "vectors"],
  ])("with bad rows store nothing: %j", async (body, message) => {
    for (const path of ["/add", "/upsert"]) {
      const error = await server.error(path, { ...place, ...body });
      // An upsert takes an id twice: the last one counts.
      expect([400, 409]).toContain(error.status);
      expect(error.error).toContain(message);
      if (JSON.stringify(body.ids) === "[1,1]") break;
    }
    expect((await server.params("/collection_shape", place)).shape[0]).toBe(0);
  });

  test("add refuses an id that is there, and stores nothing of the call", async () => {
    await fill();
    const vectors = [
      [1, 1, 1, 1],
      [2, 2, 2, 2],
    ];
    expect(await server.error("/add", { ...place, ids: [7, 2], vectors })).toMatchObject({
      status: 409,
      code: "id_exists",
    });
    expect((await server.params("/is_id_exists", { ...place, id: 7 })).is_id_exists).toBe(false);
  });

  test("upsert keeps metadata where none is given, replaces it where some is, and inserts", async () => {
    await fill();
    const vectors = [
      [9, 0, 0, 0],
      [0, 9, 0, 0],
      [0, 0, 9, 0],
    ];
    const body = { ...place, ids: [1, 2, 30], vectors, fields: [null, {}, { lang: "de" }] };
    expect(await server.params("/upsert", body)).toEqual({ ...place, ids: [1, 2, 30] });
    const { item } = await server.params("/get", { ...place, ids: [1, 2, 30] });
    expect(item.fields).toEqual([rows.fields[0], {}, { lang: "de" }]);
    expect(floats(item.vectors_b64)).toEqual(vectors.flat());
    await server.params("/upsert", { ...place, ids: [30], vectors: [[1, 1, 1, 1]], fields: null });
    const after = await server.params("/get", { ...place, ids: 30 });
    expect(after.item.fields).toEqual([{ lang: "de" }]);
  });

  test("delete by ids or by a filter, and restore", async () => {
    await fill();
    expect(await server.params("/delete", { ...place, ids: [1, 99] })).toEqual({ ...place, status: "ok", deleted: 1 });
    expect(await server.params("/restore", { ...place, ids: [1, 2] })).toEqual({ ...place, status: "ok", restored: 1 });
    const byFilter = await server.params("/delete", { ...place, where: "lang = :lang", params: { lang: "fr" } });
    expect(byFilter.deleted).toBe(1);
    expect((await server.params("/count", place)).count).toBe(2);
    for (const body of [{}, { ids: [1], where: "rank = 1" }]) {
      expect((await server.error("/delete", { ...place, ...body })).error).toContain("takes ids or where");
    }
  });

  test("of older clients work item by item", async () => {
    const vector = [1, 2, 3, 4];
    const added = await server.params("/add_item", { ...place, item: { vector, id: 4, field: { lang: "en" } } });
    expect(added).toEqual({ ...place, item: { id: 4 } });
    expect((await server.params("/add_item", { ...place, item: { vector, id: null } })).item).toEqual({ id: 5 });
    const items = [{ vector }, { vector, id: 20, field: null }, { vector, id: null, field: { lang: "fr" } }];
    expect(await server.params("/bulk_add_items", { ...place, items })).toEqual({ ...place, ids: [21, 20, 22] });
    expect((await server.params("/bulk_add_items", { ...place, items: [{ vector }] })).ids).toEqual([23]);
    const upserted = await server.params("/upsert_items", {
      ...place,
      items: [
        { vector: [4, 3, 2, 1], id: 4 },
        { vector, id: 22, field: {} },
      ],
    });
    expect(upserted.ids).toEqual([4, 22]);
    const { item } = await server.params("/get", { ...place, ids: [4, 22] });
    expect(item.fields).toEqual([{ lang: "en" }, {}]);
    expect(await server.params("/delete_items", { ...place, ids: [4, 5] })).toMatchObject({ status: "ok", deleted: 2 });
    expect(await server.params("/restore_items", { ...place, ids: [4] })).toMatchObject({ status: "ok", restored: 1 });
    for (const wrong of [[], [7], [{}], [{ vector: 7, id: 1 }], [{ vector, id: -1 }], [{ vector: [1], id: 1 }]]) {
      expect(await server.error("/bulk_add_items", { ...place, items: wrong })).toMatchObject({ status: 400 });
      expect(await server.error("/upsert_items", { ...place, items: wrong })).toMatchObject({ status: 400 });
    }
    expect((await server.error("/upsert_items", { ...place, items: [{ vector }] })).error).toContain("items[0].id");
  });
});

describe("sessions", () => {
  const begin = async (): Promise<string> => (await server.params("/session/begin", place)).session_id;

  test("gather writes of every kind and commit them together", async () => {
    await fill();
    await server.params("/create_vector_field", { ...place, field_name: "image", dim: 2 });
    const session_id = await begin();
    expect(session_id).toMatch(/^[\w-]{22}$/);
    const vector = [1, 1, 1, 1];
    const staged = { ...place, session_id };
    await server.params("/add", { ...staged, ids: [10], vectors: [vector] });
    await server.params("/upsert", { ...staged, ids: [1], vectors: [vector] });
    await server.params("/delete", { ...staged, ids: [2] });
    await server.params("/add_named_vectors", { ...staged, field_name: "image", vectors: [[1, 2]], ids: [10] });
    const sparse = { indices: [1], values: [1] };
    await server.params("/add_sparse_vectors", { ...staged, vectors: [sparse], ids: [10] });
    await server.params("/add_item", { ...staged, item: { vector, id: 11 } });
    await server.params("/bulk_add_items", { ...staged, items: [{ vector, id: 12 }] });
    await server.params("/upsert_items", { ...staged, items: [{ vector, id: 13 }] });
    await server.params("/delete_items", { ...staged, ids: [13] });
    expect((await server.params("/count", place)).count).toBe(3);
    expect(await server.params("/session/commit", { session_id })).toEqual({ ...place, session_id });
    // Sent again, because the answer was lost.
    expect(await server.params("/session/commit", { session_id })).toEqual({ ...place, session_id });
    expect((await server.params("/query", { ...place, return_ids_only: true })).result.sort()).toEqual(
      [1, 10, 11, 12, "three"].sort(),
    );
  });

  test("leave nothing behind when they are aborted", async () => {
    const session_id = await begin();
    await server.params("/add", { ...place, session_id, ids: [10], vectors: [[1, 1, 1, 1]] });
    expect(await server.params("/session/abort", { session_id })).toEqual({ ...place, session_id });
    expect((await server.params("/count", place)).count).toBe(0);
    const write = { ...place, session_id, ids: [11], vectors: [[1, 1, 1, 1]] };
    expect(await server.error("/add", write)).toMatchObject({ status: 404, code: "closed" });
  });

  test("that are unknown, or of another collection, are refused", async () => {
    const write = { ...place, ids: [11], vectors: [[1, 1, 1, 1]] };
    expect(await server.error("/add", { ...write, session_id: "unknown" })).toMatchObject({ code: "closed" });
    expect(await server.error("/session/commit", { session_id: "unknown" })).toMatchObject({ status: 404 });
    const other = { database_name: "app", collection_name: "other" };
    await server.params("/required_collection", { ...other, dim: 4 });
    const session_id = await begin();
    expect(await server.error("/add", { ...write, ...other, session_id })).toMatchObject({ code: "invalid_argument" });
    await server.params("/session/abort", { session_id });
  });
});

describe("searches", () => {
  beforeEach(fill);

  test("give LynseDB's items", async () => {
    const body = { ...place, vector: [1, 0.5, 0, 0], k: 2, where: null, return_fields: false, nprobe: 10 };
    const { items } = await server.params("/search", { ...body, vector_field: "default", approx: false, eps: 1e-4 });
    expect(items).toEqual({
      ...{ k: 2, ids: [1, 2], scores: [1, 0.5], fields: [], index: "FLAT-IP", metric: "ip", vector_field: "default" },
    });
  });

  test("take a filter with parameters, ids, base64, and give fields and vectors", async () => {
    const body = {
      ...{ ...place, vector_b64: b64(1, 0.5, 0.25, 0), dim: 4, where: "rank >= :least", params: { least: 1 } },
      ...{ filter_ids: [2, 1], return_fields: true, return_vectors: true, exact: true, nprobe: 0 },
    };
    const { items } = await server.params("/search", body);
    expect(items).toMatchObject({ k: 10, ids: [1, 2], fields: rows.fields.slice(0, 2), dim: 4 });
    expect(floats(items.vectors_b64)).toEqual([1, 0, 0, 0, 0, 1, 0, 0]);
  });

  test("group, count values and diversify", async () => {
    const body = { ...place, vector: [1, 0.5, 0.25, 0], k: 2, group_by: "lang", group_size: 1, facets: ["lang"] };
    const { items } = await server.params("/search", body);
    expect(items.groups).toEqual([
      { value: "en", positions: [0] },
      { value: "fr", positions: [1] },
    ]);
    expect(items.facets.lang).toEqual([
      { value: "en", count: 1 },
      { value: "fr", count: 1 },
    ]);
    const mmr = { ...place, vector: [1, 0.5, 0.25, 0], k: 2, mmr: { lambda: 0.5, rerank_k: 3 }, facets: { lang: 1 } };
    const diverse = await server.params("/search", mmr);
    expect(diverse.items.ids[0]).toBe(1);
    expect(diverse.items.facets.lang).toHaveLength(1);
  });

  test("write a distance that is not finite as null", async () => {
    const names = { database_name: "app", collection_name: "places" };
    await server.params("/required_collection", { ...names, dim: 2, default_index: "FLAT-BRAY-CURTIS" });
    const vectors = [
      [1, 2],
      [-1, -2],
    ];
    await server.params("/add", { ...names, ids: [1, 2], vectors });
    const { items } = await server.params("/search", { ...names, vector: [1, 2] });
    expect(items).toMatchObject({ ids: [1, 2], scores: [0, null] });
  });

  test("in batches give one result a vector, and none for none", async () => {
    const vectors = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ];
    const { results } = await server.params("/batch_search", { ...place, vectors, k: 1, return_fields: true });
    expect(results).toMatchObject([
      { ids: [1], scores: [1], fields: [rows.fields[0]] },
      { ids: [2], scores: [1], fields: [rows.fields[1]] },
    ]);
    const b64Batch = { ...place, vectors_b64: b64(...vectors.flat()), dim: 4, k: 1 };
    expect((await server.params("/batch_search", b64Batch)).results[1]).toMatchObject({ ids: [2], fields: [] });
    expect((await server.params("/batch_search", { ...place, vectors: [] })).results).toEqual([]);
  });

  test("by range give ids and distances", async () => {
    const { result } = await server.params("/search_range", { ...place, vector: [1, 0.5, 0, 0], threshold: 0.5 });
    expect(result).toMatchObject({ ids: [1, 2], distances: [1, 0.5], fields: [] });
    const none = await server.params("/search_range", { ...place, vector: [1, 0, 0, 0], threshold: 0, max_results: 0 });
    expect(none.result.ids).toEqual([]);
  });

  test("are accounted for", async () => {
    const body = { ...place, vector: [1, 0.5, 0, 0], k: 2, where: "rank > 1", nprobe: 10 };
    const { items, profile } = await server.params("/search_profile", body);
    expect(items).toMatchObject({ k: 2, ids: [2], scores: [0.5], fields: [], index: "FLAT-IP" });
    expect(profile).toMatchObject({
      ...{ query_kind: "vector", vector_field: "default", index_path: "flat_mmap_filtered", total_vectors: 3 },
      ...{ filter_expression: "rank > 1", filter_matches: 1, scanned_vectors: 1, result_count: 1, rerank_us: 0 },
      plan: { plan: "exact-filtered", rows: 3, matches: 1 },
    });
    const open = await server.params("/search_profile", { ...place, vector: [1, 0, 0, 0] });
    expect(open.profile).toMatchObject({ index_path: "flat_mmap", filter_expression: null, filter_matches: null });
    await server.params("/build_index", { ...place, index_mode: "HNSW-IP" });
    const walked = await server.params("/search_profile", { ...place, vector: [1, 0, 0, 0] });
    expect(["ann_index", "flat_mmap"]).toContain(walked.profile.index_path);
  });

  test("by words give BM25 items with highlights", async () => {
    for (const path of ["/bm25_search", "/text_search"]) {
      const body = {
        ...place,
        text: "fox",
        k: 3,
        text_fields: null,
        where: null,
        return_fields: true,
        highlight: true,
      };
      const { items } = await server.params(path, body);
      expect(items).toMatchObject({ k: 3, ids: [1], fields: [rows.fields[0]], metric: "bm25" });
      expect(items.scores[0]).toBeGreaterThan(0);
      expect(items.highlights).toEqual([[{ field: "title", text: "red <mark>fox</mark>" }]]);
    }
    const marked = { ...place, text: "whale", text_fields: ["title"], operator: "and", k1: 1, b: 0 };
    const { items } = await server.params("/bm25_search", { ...marked, highlight: { before: "[", after: "]" } });
    expect(items.highlights).toEqual([[{ field: "title", text: "blue [whale]" }]]);
    expect(await server.error("/bm25_search", { ...place, text: "!!" })).toMatchObject({ status: 400 });
  });

  test("by several signals give fused items and the parts of each", async () => {
    const python = {
      ...{ ...place, vector: [0, 1, 0, 0], text: "fox", text_fields: null, k: 3, where: null, fusion: "rrf" },
      ...{ vector_weight: 1, text_weight: 1, rrf_k: 60, candidate_limit: null, return_fields: false, nprobe: 10 },
    };
    const { items, fusion } = await server.params("/hybrid_search", python);
    expect(fusion).toBe("rrf");
    expect(items.ids).toHaveLength(3);
    expect(items).toMatchObject({ metric: "fusion", fields: [] });
    const first = items.parts[items.ids.indexOf(1)];
    expect(first.text).toMatchObject({ rank: 1 });
    const weighted = await server.params("/hybrid_search", { ...python, fusion: "Weighted", text: "  " });
    expect(weighted).toMatchObject({ fusion: "weighted", items: { ids: [2, 1, "three"] } });
    expect(await server.error("/hybrid_search", { ...place, text: " " })).toMatchObject({ status: 400 });
    expect(await server.error("/hybrid_search", { ...python, fusion: "magic" })).toMatchObject({ status: 400 });
  });

  test("by examples leave the examples out", async () => {
    const { items } = await server.params("/recommend", { ...place, positive: [1], negative: null, k: 5 });
    expect(items.ids).toEqual([2, "three"]);
    const mixed = { ...place, positive: [1, [0, 0, 1, 0]], negative: [[0, 1, 0, 0]], strategy: "average" };
    expect((await server.params("/recommend", mixed)).items.ids).toEqual(["three", 2]);
    expect((await server.params("/recommend", { ...place, positive: "three" })).items.ids).toHaveLength(2);
    expect(await server.error("/recommend", { ...place, positive: [99] })).toMatchObject({ code: "id_not_found" });
    expect(await server.error("/recommend", { ...place, positive: [{}] })).toMatchObject({ status: 400 });
    expect(await server.error("/recommend", { ...place, positive: [] })).toMatchObject({ status: 400 });
  });

  test("by a document need a server with an embedder", async () => {
    expect((await server.error("/search", { ...place, document: "a fox" })).error).toContain("--embed");
    const both = { ...place, document: "a fox", vector: [1, 0, 0, 0] };
    expect(await server.error("/search", both)).toMatchObject({ status: 400 });
    const embed = (texts: readonly string[]): number[][] => texts.map((text) => [text.length, 0, 0, 0]);
    const embedding = await RoutesServer.start({ embed });
    await embedding.params("/create_database", { database_name: "app" });
    await embedding.params("/required_collection", { ...place, dim: 4 });
    await embedding.params("/add", { ...place, ...rows });
    const { items } = await embedding.params("/search", { ...place, document: "a fox" });
    expect(items.ids[0]).toBe(1);
    await embedding.close();
  });

  test.each([
    ["/search", { vector: [1, 0, 0] }, "dimension_mismatch"],
    ["/search", { vector: [1, 0, 0, null] }, "invalid_vector"],
    ["/search", { vector: [null, 0, 0, 1] }, "invalid_vector"],
    ["/search", { vector: [] }, "invalid_vector"],
    ["/search", { vector: [[1, 0, 0, 0]] }, "invalid_vector"],
    ["/search", {}, "invalid_argument"],
    ["/search", { vector: "text" }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], vector_b64: "AAAA" }, "invalid_argument"],
    ["/search", { vector_b64: "???" }, "invalid_argument"],
    ["/search", { vector_b64: "AAAA" }, "invalid_argument"],
    ["/search", { vector_b64: "AAAAAA==" }, "dimension_mismatch"],
    ["/search", { vector_b64: "AAAAAAAAAAAAAAAAAAAAAA==", dim: 3 }, "dimension_mismatch"],
    ["/search", { vector: [1, 0, 0, 0], k: 0 }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], k: 1.5 }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], k: "10" }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], where: "rank >" }, "where_syntax"],
    ["/search", { vector: [1, 0, 0, 0], where: "" }, "where_syntax"],
    ["/search", { vector: [1, 0, 0, 0], where: 7 }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], where: "rank = :r", params: { r: { a: 1 } } }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], filter_ids: [-1] }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], vector_field: "none" }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], group_size: 2 }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], mmr: { lambda: 7 } }, "invalid_argument"],
    ["/search", { vector: [1, 0, 0, 0], facets: [7] }, "invalid_argument"],
    ["/batch_search", { vectors: [[1, 0, 0, 0], [1]] }, "dimension_mismatch"],
    ["/batch_search", { vectors: [[1, 0, 0, null]] }, "invalid_vector"],
    ["/search_range", { vector: [1, 0, 0, 0] }, "invalid_argument"],
    ["/search_range", { vector: [1, 0, 0, 0], threshold: null }, "invalid_argument"],
    ["/bm25_search", {}, "invalid_argument"],
  ])("refuse %s %j", async (path, body, code) => {
    const error = await server.error(path, { ...place, ...body });
    expect(error).toMatchObject({ status: 400, code });
    expect(error.error.length).toBeGreaterThan(10);
  });
});

describe("reads", () => {
  beforeEach(fill);

  test("by filter give records, whose id wins over a field of that name", async () => {
    await server.params("/add", { ...place, ids: [9], vectors: [[1, 1, 1, 1]], fields: [{ id: "mine", rank: 9 }] });
    const { result } = await server.params("/query", { ...place, where: "rank = 9", filter_ids: null });
    expect(result).toEqual([{ rank: 9, id: 9 }]);
    const ids = { ...place, where: "rank >= 1", return_ids_only: true };
    expect((await server.params("/query", ids)).result).toEqual([1, 2, 9]);
    expect((await server.params("/query", { ...place, filter_ids: [2] })).result).toEqual([
      { ...rows.fields[1], id: 2 },
    ]);
    expect((await server.params("/query", place)).result).toHaveLength(4);
    expect((await server.params("/query", { ...place, filter_ids: [] })).result).toEqual([]);
  });

  test("by columns have order, pages, groups and counts", async () => {
    const body = { ...place, format: "columns", order_by: { field: "rank", direction: "desc" }, limit: 2 };
    const { result } = await server.params("/query", body);
    expect(result).toMatchObject({ ids: [2, 1], fields: [rows.fields[1], rows.fields[0]] });
    const next = await server.params("/query", { ...body, cursor: result.cursor });
    expect(next.result).toMatchObject({ ids: ["three"], cursor: null });
    const counted = { ...place, format: "columns", facets: ["lang"], group_by: "lang", return_ids_only: true };
    const grouped = await server.params("/query", counted);
    expect(grouped.result).toMatchObject({ fields: null, groups: [{ value: "en" }, { value: "fr" }] });
    expect(grouped.result.facets.lang).toHaveLength(2);
    const wrong = { ...place, limit: 1, cursor: "nonsense" };
    expect(await server.error("/query", wrong)).toMatchObject({ status: 400 });
  });

  test("with vectors give them first, then ids, then fields", async () => {
    const triple = [rows.vectors.slice(0, 2), [1, 2], rows.fields.slice(0, 2)];
    const body = { ...place, where: "rank >= 1" };
    expect((await server.params("/query_vectors", body)).result).toEqual(triple);
    const { result } = await server.params("/query_vectors", { ...body, format: "columns" });
    expect(result).toMatchObject({ ids: [1, 2], dim: 4 });
    expect(floats(result.vectors_b64)).toEqual(rows.vectors.slice(0, 2).flat());
    expect((await server.params("/head", { ...place, n: 2 })).head).toEqual(triple);
    expect((await server.params("/head", { ...place, n: 0 })).head).toEqual([[], [], []]);
    expect((await server.params("/tail", { ...place, n: 1 })).tail).toEqual([[rows.vectors[2]], ["three"], [{}]]);
    expect((await server.params("/head", { ...place, n: 1, format: "columns" })).head).toMatchObject({ ids: [1] });
    const one = [[rows.vectors[1]], [2], [rows.fields[1]]];
    expect((await server.params("/read_by_only_id", { ...place, id: 2 })).item).toEqual(one);
    expect((await server.params("/read_by_only_id", { ...place, id: [2] })).item).toEqual(one);
  });

  test("by id keep the order, and name the first that is missing", async () => {
    const { item } = await server.params("/get", { ...place, ids: ["three", 1] });
    expect(item).toMatchObject({ ids: ["three", 1], fields: [{}, rows.fields[0]], dim: 4 });
    expect(floats(item.vectors_b64)).toEqual([0, 0, 1, 0, 1, 0, 0, 0]);
    for (const path of ["/get", "/read_by_only_id"]) {
      const error = await server.error(path, { ...place, ids: [1, 77], id: [1, 77] });
      expect(error).toMatchObject({ status: 404, code: "id_not_found" });
      expect(error.error).toContain("77");
    }
  });

  test("count rows and values", async () => {
    expect(await server.params("/count", place)).toEqual({ ...place, count: 3 });
    expect((await server.params("/count", { ...place, where: "rank > :r", params: { r: 1 } })).count).toBe(1);
    const { facets } = await server.params("/facets", { ...place, facets: ["lang"], where: "rank > 1" });
    expect(facets).toEqual({ lang: [{ value: "fr", count: 1 }] });
  });
});

describe("text options", () => {
  test("are changed, and given back complete", async () => {
    await fill();
    const { text } = await server.params("/configure_text", { ...place, fields: ["lang"], stop_words: ["en"] });
    expect(text).toEqual({
      ...{ fields: ["lang"], k1: 1.2, b: 0.75, language: null, stop_words: ["en"], fold_accents: false },
    });
    expect((await server.params("/bm25_search", { ...place, text: "fox" })).items.ids).toEqual([]);
    expect(await server.error("/configure_text", { ...place, language: "klingon" })).toMatchObject({ status: 400 });
  });
});

describe("limits", () => {
  test("are named, and a limit of 0 is off", async () => {
    const limited = await RoutesServer.start({ maxTopK: 5, maxBatchVectors: 2, maxCollectionVectors: 3 });
    const open = await RoutesServer.start({ maxTopK: 0, maxBatchVectors: 0, maxCollectionVectors: 0 });
    for (const one of [limited, open]) {
      await one.params("/create_database", { database_name: "app" });
      await one.params("/required_collection", { ...place, dim: 1 });
      await one.params("/add", { ...place, ids: [1, 2], vectors: [[1], [2]] });
    }
    const cases: [string, object, string][] = [
      ["/search", { vector: [1], k: 6 }, "k 6 exceeds server max_top_k 5"],
      ["/batch_search", { vectors: [[1]], k: 6 }, "k 6 exceeds server max_top_k 5"],
      ["/batch_search", { vectors: [[1], [1], [1]], k: 1 }, "n_queries 3 exceeds server max_batch_vectors 2"],
      ["/search_range", { vector: [1], threshold: 0, max_results: 6 }, "max_results 6 exceeds server max_top_k 5"],
      ["/search_profile", { vector: [1], k: 6 }, "k 6 exceeds server max_top_k 5"],
      ["/head", { n: 6 }, "n 6 exceeds server max_top_k 5"],
      ["/tail", { n: 6 }, "n 6 exceeds server max_top_k 5"],
      ["/hybrid_search", { vector: [1], candidate_limit: 6, k: 1 }, "candidate_limit 6 exceeds server max_top_k 5"],
      ["/search", { vector: [1], k: 1, mmr: { rerank_k: 6 } }, "rerank_k 6 exceeds server max_top_k 5"],
      ["/add", { ids: [3, 4, 5], vectors: [[1], [2], [3]] }, "n_vectors 3 exceeds server max_batch_vectors 2"],
      ["/add", { ids: [3, 4], vectors: [[1], [2]] }, "collection vectors 4 exceeds server max_collection_vectors 3"],
      ["/upsert", { ids: [3, 4], vectors: [[1], [2]] }, "collection vectors 4 exceeds server max_collection_vectors 3"],
      ["/get", { ids: [1, 2, 1] }, "ids 3 exceeds server max_batch_vectors 2"],
    ];
    for (const [path, body, message] of cases) {
      const error = await limited.error(path, { ...place, ...body });
      expect(error).toMatchObject({ status: 400, error: `Invalid argument: ${message}` });
      expect(error.details).toHaveProperty("limit");
      // Ids that the case before has added are there.
      expect([200, 409]).toContain((await open.post(path, { ...place, ...body })).status);
    }
    // Rows that are replaced need no place.
    await limited.params("/upsert", { ...place, ids: [1, 2], vectors: [[5], [6]] });
    await limited.params("/upsert", { ...place, ids: [2, 3], vectors: [[5], [6]] });
    expect((await limited.params("/count", place)).count).toBe(3);
    await Promise.all([limited.close(), open.close()]);
  });
});

describe("what this version doesn't have", () => {
  test.each([
    ["/cluster_metadata/get", { key: "x" }],
    ["/cluster_metadata/cas", { key: "x", expected_version: 1, value: {} }],
  ])("is answered with 501: %s", async (path, body) => {
    expect(await server.error(path, body)).toMatchObject({ status: 501, code: "unsupported" });
  });
});
