import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { VectorDBClient } from "../../src/index.js";
import { RoutesServer } from "./routes-server.js";

const place = { database_name: "app", collection_name: "docs" };
/** Builds of this size, one thread, take some seconds. */
const rows = 7_000;
const slow = { index_mode: "HNSW-IP", params: { m: 48, ef_construction: 1500, threads: 1 } };

const data = new Float32Array(rows * 24).map((_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.013));

let server: RoutesServer;
let client: VectorDBClient;

beforeAll(async () => {
  server = await RoutesServer.start({ requestTimeoutSecs: 1 });
  client = new VectorDBClient(server.url);
  await client.createDatabase("app");
});

beforeEach(async () => {
  const app = await client.getDatabase("app");
  // Ends what an earlier test has left unfinished.
  await app.dropCollection("docs");
  const docs = await app.requireCollection("docs", { dim: 24, defaultIndex: null });
  await docs.add({ vectors: { data, dim: 24 } });
});

afterAll(async () => {
  await client.close();
  await server.close();
});

async function begin(): Promise<string> {
  const answer = await server.post("/build_index", { ...place, ...slow, wait: false });
  expect(answer.status).toBe(202);
  return answer.body.params.build_id;
}

async function stateOf(build_id: string): Promise<string> {
  return (await server.params("/index_build", { ...place, build_id })).state;
}

async function indexState(): Promise<string> {
  return (await server.params("/stats", { ...place, full: true })).full.index_state.state;
}

describe("a build of an index", () => {
  test("of a named field is followed by the client for as long as it takes", async () => {
    const docs = await (await client.getDatabase("app")).getCollection("docs");
    await docs.createVectorField("image", { dim: 24, metric: "ip" });
    await docs.addNamedVectors(
      "image",
      { data, dim: 24 },
      Array.from({ length: rows }, (_, id) => id),
    );
    const seen: number[] = [];
    const startedAt = performance.now();
    await docs.buildIndex("HNSW-IP", {
      ...{ m: 48, efConstruction: 1500, threads: 1, fieldName: "image" },
      onProgress: ({ done }) => seen.push(done),
    });
    // Longer than the server lets any request take.
    expect(performance.now() - startedAt).toBeGreaterThan(1000);
    const field = (await docs.listVectorFields()).find(({ name }) => name === "image");
    expect(field).toMatchObject({ index: "HNSW-IP", indexState: { state: "ready", rows } });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(rows);
  });

  test("is told of by its id, and can be cancelled by it", async () => {
    const build_id = await begin();
    expect(await stateOf(build_id)).toBe("building");
    await expect
      .poll(async () => (await server.params("/index_build", { ...place, build_id })).progress)
      .not.toBeNull();
    const { progress } = await server.params("/index_build", { ...place, build_id });
    expect(progress.total).toBe(rows);
    await server.params("/cancel_index_build", { ...place, build_id });
    expect(await server.params("/index_build", { ...place, build_id })).toMatchObject({
      state: "failed",
      error: { code: "aborted", error: expect.any(String), details: {} },
    });
    expect(await indexState()).toBe("flat");
    // Again, or after the end, it changes nothing.
    await server.params("/cancel_index_build", { ...place, build_id });
  });

  test("belongs to its collection; one that is not known is 404", async () => {
    await server.params("/required_collection", { ...place, collection_name: "empty", dim: 2 });
    const build_id = await begin();
    const elsewhere = { ...place, collection_name: "empty", build_id };
    for (const path of ["/index_build", "/cancel_index_build"]) {
      expect(await server.error(path, elsewhere)).toMatchObject({ status: 404, code: "closed" });
      expect(await server.error(path, { ...place, build_id: "x" })).toMatchObject({ status: 404, code: "closed" });
    }
    expect(await stateOf(build_id)).toBe("building");
    await server.params("/cancel_index_build", { ...place, build_id });
  });

  test("that is impossible is refused at once, also where it is not waited for", async () => {
    await server.params("/required_collection", { ...place, collection_name: "empty", dim: 2 });
    const empty = { ...place, collection_name: "empty", index_mode: "HNSW-L2" };
    for (const wait of [true, false]) {
      expect(await server.error("/build_index", { ...empty, wait })).toMatchObject({
        status: 409,
        code: "index_empty",
      });
      const unknown = { ...place, index_mode: "HNSW-IP", field_name: "none", wait };
      expect((await server.error("/build_index", unknown)).status).toBe(400);
    }
    const docs = await (await client.getDatabase("app")).getCollection("empty");
    await expect(docs.buildIndex("HNSW-L2")).rejects.toMatchObject({ code: "INDEX_EMPTY" });
  });

  test("goes on when the server gives up making its client wait, also where it ends with its client", async () => {
    const asked = await server.error("/build_index", { ...place, ...slow, cancel: true });
    expect(asked).toMatchObject({ status: 504, code: "timeout" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await indexState()).toBe("building");
  });

  test("ends with its client where it was told to, and goes on where not", async () => {
    for (const cancel of [true, false]) {
      const controller = new AbortController();
      const building = fetch(new URL("/build_index", server.url), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...place, ...slow, cancel }),
        signal: controller.signal,
      });
      await expect.poll(indexState).toBe("building");
      controller.abort();
      await expect(building).rejects.toThrow();
      if (cancel) await expect.poll(indexState).toBe("flat");
      else {
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(await indexState()).toBe("building");
      }
    }
  });

  test("is counted", async () => {
    const lines = async (): Promise<Map<string, number>> => {
      const { body } = await server.get("/metrics");
      const samples = String(body)
        .split("\n")
        .filter((line) => line.startsWith("lynsedb_index_build"));
      return new Map(samples.map((line) => [line.split(" ")[0]!.slice("lynsedb_".length), Number(line.split(" ")[1])]));
    };
    const before = await lines();
    const build_id = await begin();
    await expect
      .poll(async () => (await lines()).get('index_build_progress_ratio{scope="current"}'))
      .toBeGreaterThan(0);
    const during = await lines();
    expect(during.get("index_builds_in_progress")).toBe(1);
    expect(during.get("index_build_current_vectors")).toBe(rows);
    expect(during.get('index_build_progress_ratio{scope="current"}')).toBeLessThanOrEqual(1);
    expect(during.get('index_builds_total{status="started"}')).toBe(
      before.get('index_builds_total{status="started"}')! + 1,
    );
    await server.params("/cancel_index_build", { ...place, build_id });
    await server.params("/build_index", place);
    const after = await lines();
    const grown = (name: string): number => after.get(name)! - before.get(name)!;
    expect(grown('index_builds_total{status="failed"}')).toBe(1);
    expect(grown('index_builds_total{status="completed"}')).toBe(1);
    expect(grown("index_build_duration_seconds_count")).toBe(2);
    expect(grown("index_build_duration_seconds_sum")).toBeGreaterThan(0);
    expect(after.get("index_builds_in_progress")).toBe(0);
    expect(after.get('index_build_progress_ratio{scope="current"}')).toBe(0);
    expect(after.get('index_build_progress_ratio{scope="last"}')).toBe(1);
    expect(after.get("index_build_last_vectors")).toBe(rows);
  });
});
