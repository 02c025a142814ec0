import { readFileSync } from "node:fs";
import fc from "fast-check";
import { Compile } from "typebox/compile";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allRoutes } from "../../src/server/all-routes.js";
import { jsonRoutes } from "../../src/server/routes/json-routes.js";
import { RoutesServer } from "./routes-server.js";

/** Members that are ignored, or that nobody can use. */
const unsaid = new Set([
  "n_threads",
  "warm_up",
  "snapshot_path",
  "export_path",
  "overwrite",
  "key",
  "expected_version",
  "value",
]);
const place = { database_name: "app", collection_name: "docs" };

describe("every JSON route", () => {
  test("is served, has a path of its own, and says what it does", () => {
    const paths = allRoutes.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(paths).size).toBe(paths.length);
    for (const { method, path, summary } of jsonRoutes) {
      expect(paths).toContain(`${method} ${path}`);
      expect(summary, path).toMatch(/[.:]$|\.$/);
    }
  });

  test.each(jsonRoutes.map((route) => [route.path, route] as const))("has examples that fit: %s", (_, route) => {
    const { body, query, response, example } = route;
    expect(example).toBeDefined();
    if (body !== undefined && body !== "bytes") expect(Compile(body).Errors(example?.body)).toEqual([]);
    if (query !== undefined) expect(Compile(query).Errors(example?.query)).toEqual([]);
    if (typeof response === "string" || example?.response === undefined) return;
    expect(Compile(response).Errors(example.response)).toEqual([]);
  });

  test("describes each of its members", () => {
    for (const { path, body } of jsonRoutes) {
      if (body === undefined || body === "bytes") continue;
      const { properties } = body as unknown as {
        properties: Record<string, { description?: string; const?: unknown }>;
      };
      for (const [name, member] of Object.entries(properties)) {
        const isSaid = (member.description ?? "") !== "" || member.const !== undefined;
        expect(isSaid, `${path}: ${name}`).toBe(true);
      }
    }
  });

  test("stands in docs/http-api.md, and so do its members", () => {
    const text = readFileSync(new URL("../../docs/http-api.md", import.meta.url), "utf8");
    const documented = new Set(Array.from(text.matchAll(/`((?:POST|GET) \/[a-z0-9_/.]*)`/g), ([, name]) => name));
    const served = new Set(allRoutes.map(({ method, path }) => `${method} ${path}`));
    expect([...served].filter((name) => !documented.has(name))).toEqual([]);
    expect([...documented].filter((name) => !served.has(name ?? ""))).toEqual([]);
    for (const { path, body } of jsonRoutes) {
      if (body === undefined || body === "bytes") continue;
      const { properties } = body as unknown as { properties: object };
      const missing = Object.keys(properties).filter((name) => !text.includes(`\`${name}\``) && !unsaid.has(name));
      expect(missing, path).toEqual([]);
    }
  });
});

describe("any body", () => {
  let server: RoutesServer;
  beforeAll(async () => {
    server = await RoutesServer.start();
    await server.params("/create_database", { database_name: "app" });
    await server.params("/required_collection", { ...place, dim: 2 });
    const vectors = [
      [1, 0],
      [0, 1],
    ];
    await server.params("/add", { ...place, ids: [1, "a"], vectors, fields: [{ lang: "en", rank: 1 }, {}] });
    await server.params("/create_vector_field", { ...place, field_name: "image", dim: 2 });
    await server.params("/add_named_vectors", { ...place, field_name: "image", vectors, ids: [1, "a"] });
  });
  afterAll(() => server.close());

  const json = fc.jsonValue({ maxDepth: 2 });
  const real = fc.double({ min: -3, max: 3, noNaN: true });
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const size = fc.integer({ min: 1, max: 12 });
  const vector = fc.tuple(real, real);
  const id = fc.constantFrom<number | string>(0, 1, 2, 3, "a", "b");
  const name = fc.constantFrom("lang", "rank", "id", "tags.x", "nothing");
  const sparse = fc
    .uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 3 })
    .chain((indices) => fc.record({ indices: fc.constant(indices), values: fc.tuple(...indices.map(() => real)) }));
  const field = fc.oneof(
    fc.record({ lang: fc.constantFrom("en", "fr"), rank: real }),
    fc.dictionary(fc.string(), json),
  );
  const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 3 });
  const two = <T>(of: fc.Arbitrary<T>) => fc.tuple(of, of);
  const base64 = (count: number) =>
    fc
      .array(real, { minLength: count, maxLength: count })
      .map((data) => Buffer.from(Float32Array.from(data).buffer).toString("base64"));
  /** What members mean, by their names. */
  const members: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    vector,
    vectors: two(vector),
    vector_b64: base64(2),
    vectors_b64: base64(4),
    dim: fc.constant(2),
    ids: fc.uniqueArray(id, { minLength: 2, maxLength: 2 }),
    id,
    filter_ids: list(id),
    fields: two(fc.option(field)),
    item: fc.record({ vector, id, field }, { requiredKeys: ["vector"] }),
    items: list(fc.record({ vector, id, field }, { requiredKeys: ["vector", "id"] })),
    where: fc.constantFrom("lang = 'en'", "rank > :a", "id = 1 OR id = 'a'", "NOT (lang IS NULL)"),
    params: fc.record({ a: real }),
    text: fc.constantFrom("en", "fr rank", '"en fr"', "e*", "en -fr"),
    sparse,
    k: size,
    n: fc.nat(5),
    limit: fc.nat(5),
    max_results: fc.nat(5),
    group_size: size,
    candidate_limit: size,
    nprobe: fc.nat(20),
    eps: unit,
    k1: unit,
    b: unit,
    rrf_k: fc.double({ min: 1, max: 100, noNaN: true }),
    vector_weight: unit,
    text_weight: unit,
    sparse_weight: unit,
    threshold: real,
    facets: fc.oneof(list(name), fc.dictionary(name, size)),
    group_by: name,
    text_fields: fc.oneof(name, list(name)),
    order_by: fc.oneof(name, fc.record({ field: name, direction: fc.constantFrom("asc", "desc") })),
    positive: fc.oneof(id, list(fc.oneof(id, vector))),
    negative: fc.oneof(id, list(fc.oneof(id, vector))),
    index_mode: fc.constantFrom("FLAT-IP", "HNSW-COS", "FLAT-L2", "IVF-IP", "FLAT-HAMMING"),
    n_clusters: size,
    default_index: fc.constantFrom("FLAT-IP", "HNSW-L2"),
    metric: fc.constantFrom("ip", "cosine", "euclidean"),
    dtypes: fc.constantFrom("float32", "half"),
    field_name: fc.constantFrom("default", "image"),
    vector_field: fc.constantFrom("default", "image"),
    mmr: fc.record({ lambda: unit, rerank_k: size }, { requiredKeys: [] }),
    highlight: fc.oneof(fc.boolean(), fc.record({ before: fc.string(), max_length: size })),
    format: fc.constant("columns"),
    language: fc.constant(null),
    stop_words: list(fc.constantFrom("en", "the")),
    operator: fc.constantFrom("or", "and"),
    fusion: fc.constantFrom("rrf", "weighted"),
    strategy: fc.constant("average"),
    database_name: fc.constantFrom("app", " app "),
    collection_name: fc.constantFrom("docs", " docs"),
  };
  /** The same name for something else. */
  const meanings: Readonly<Record<string, Readonly<Record<string, fc.Arbitrary<unknown>>>>> = {
    "/add": { ids: fc.tuple(fc.nat(), fc.string({ minLength: 1, unit: "binary" })) },
    "/add_item": { item: fc.record({ vector, id: fc.nat(), field }, { requiredKeys: ["vector"] }) },
    "/bulk_add_items": { items: list(fc.record({ vector, id: fc.nat(), field }, { requiredKeys: ["vector"] })) },
    "/add_named_vectors": { field_name: fc.constant("image"), ids: fc.constant([1, "a"]) },
    "/create_vector_field": { field_name: fc.string(), dim: fc.constant(2) },
    "/sparse_search": { vector: sparse },
    "/add_sparse_vectors": { vectors: two(sparse), ids: fc.constant(["a", 1]) },
    "/configure_text": { fields: list(name), k1: unit, b: unit },
    "/build_index": { params: fc.record({ seed: size }, { requiredKeys: [] }) },
    "/build_vector_field_index": {
      params: fc.record({ seed: size }, { requiredKeys: [] }),
      field_name: fc.constant("image"),
    },
    "/required_collection": { text: fc.record({ fold_accents: fc.boolean() }) },
  };
  /** What members don't mean: of the wrong kind, or strange. */
  const strange = fc.oneof(
    json,
    fc.constantFrom(
      -1,
      1.5,
      2 ** 53,
      1e300,
      "",
      "x".repeat(300),
      "\ud800",
      "__proto__",
      "constructor",
      "none",
      "../app",
      "????",
    ),
    fc.constantFrom<unknown>(
      [],
      {},
      [[]],
      [null, 1],
      [{}],
      [-1],
      ["a", "a"],
      { a: { b: 1 } },
      "(".repeat(500),
      "rank >",
    ),
  );

  /** Bodies that are valid but for a member now and then. */
  function bodyOf(path: string, schema: object): fc.Arbitrary<object> {
    const { properties, required = [] } = schema as {
      properties: Record<string, { type?: string }>;
      required?: string[];
    };
    const entries = Object.entries(properties).map(([name, { type }]) => {
      const usual = meanings[path]?.[name] ?? members[name] ?? (type === "boolean" ? fc.boolean() : fc.string());
      const value = fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: strange });
      const isNeeded = required.includes(name) || name === "ids" || name === "vector" || name === "vectors";
      return [name, isNeeded ? value : fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, value)] as const;
    });
    const record: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(entries);
    // At most one of two that stand for the same.
    return fc.record(record).map((body) => {
      const one = body as Record<string, unknown>;
      if (one["vector"] !== undefined) delete one["vector_b64"];
      if (one["vectors"] !== undefined) delete one["vectors_b64"];
      if (one["field_name"] !== undefined && path !== "/add_named_vectors") delete one["vector_field"];
      if (one["group_by"] === undefined) delete one["group_size"];
      if (one["where"] === undefined) delete one["params"];
      if (path === "/delete" && one["ids"] !== undefined) for (const key of ["where", "params"]) delete one[key];
      for (const key of ["session_id", "cursor", "document", "drop_if_exists", "dimension"]) delete one[key];
      return one;
    });
  }

  const skipped = new Set(["/drop_database", "/delete_database", "/drop_collection", "/create_database"]);
  const posts = jsonRoutes.filter(({ body, path }) => body !== undefined && body !== "bytes" && !skipped.has(path));

  test.each(
    posts.map(({ path, body, tag }) => [path, body as object, tag] as const),
  )("gets an answer, and never one that is the server's fault: %s", async (path, schema, tag) => {
    await fc.assert(
      fc.asyncProperty(bodyOf(path, schema), async (body) => {
        const { status, body: answer } = await server.post(path, body);
        const isFine = status < 500 || (status === 501 && tag === "not in this version");
        expect(isFine, `${status} ${JSON.stringify(answer)}`).toBe(true);
        if (status >= 400) expect(Object.keys(answer)).toEqual(["error", "code", "details"]);
      }),
      { numRuns: 20 },
    );
  });
});
