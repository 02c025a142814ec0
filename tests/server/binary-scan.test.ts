import { get, type IncomingMessage, request } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Collection, Row } from "../../src/client/collection.js";
import { VectorDBClient } from "../../src/client/vector-db-client.js";
import { createServer, type LynseServer } from "../../src/server/lynse-server.js";
import { readNdjson } from "../../src/wire/ndjson.js";
import { vectorsFromBase64 } from "../../src/wire/vector-encoding.js";

/** What the server's scans did, seen from the collection's side. */
const seen = { rows: 0, ended: 0 };

/** An embedded client whose scans are watched. */
class WatchedClient extends VectorDBClient {
  override async getDatabase(name: string) {
    const database = await super.getDatabase(name);
    const getCollection = async (collection: string) => {
      const found = await database.getCollection(collection);
      return { scan: (options?: Parameters<Collection["scan"]>[0]) => watched(found.scan(options)) };
    };
    return Object.assign(Object.create(null), { getCollection }) as typeof database;
  }
}

async function* watched(rows: AsyncIterableIterator<Row>): AsyncGenerator<Row, undefined> {
  try {
    for await (const row of rows) {
      seen.rows += 1;
      yield row;
    }
  } finally {
    seen.ended += 1;
  }
  return undefined;
}

let client: WatchedClient;
let server: LynseServer;
let url: URL;
let docs: Collection;

beforeEach(async () => {
  seen.rows = 0;
  seen.ended = 0;
  client = new WatchedClient("memory://", { threads: 1 });
  docs = await (await client.createDatabase("app")).requireCollection("docs", { dim: 2 });
  server = await createServer({ client, port: 0, maxTopK: 20_000, shutdownGraceSecs: 3 });
  url = await server.listen();
});

afterEach(async () => {
  await server.close();
  await client.close();
});

const name = { database_name: "app", collection_name: "docs" };

function scan(body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(new URL("/scan", url), { method: "POST", headers, body: JSON.stringify({ ...name, ...body }) });
}

async function linesOf(answer: Promise<Response>): Promise<unknown[]> {
  const response = await answer;
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  const lines: unknown[] = [];
  for await (const line of readNdjson(response.body!)) lines.push(line);
  return lines;
}

/** Asks by a bare request, whose answer is read or not. */
function open(body: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const asked = request(new URL("/scan", url), { method: "POST", headers, agent: false }, resolve);
    asked.on("error", reject);
    asked.end(JSON.stringify({ ...name, ...body }));
  });
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(isTrue()).toBe(true);
}

/** Rows of 4 KiB each: far more in all than sockets hold. */
async function fill(count: number): Promise<void> {
  const text = "x".repeat(4096);
  const vectors = { data: new Float32Array(count * 2), dim: 2 };
  await docs.add({ vectors, fields: Array.from({ length: count }, () => ({ text })) });
}

describe("scan", () => {
  it("gives every live row in order of insertion, and then their number", async () => {
    const fields = [{ n: 1 }, { n: 2 }, null, { n: 4 }];
    await docs.add({
      ids: [9, "a", 2, 4],
      vectors: [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
      ],
      fields,
    });
    await docs.delete(4);
    const rows = [
      { id: 9, field: { n: 1 } },
      { id: "a", field: { n: 2 } },
      { id: 2, field: {} },
    ];
    expect(await linesOf(scan({}))).toEqual([...rows, { done: true, rows: 3 }]);
    expect(await linesOf(scan({ batch_size: 1, where: null }))).toEqual([...rows, { done: true, rows: 3 }]);
  });

  it("filters with parameters and gives vectors", async () => {
    await docs.add({
      ids: [1, 2],
      vectors: [
        [1, 2],
        [3, 4],
      ],
      fields: [{ n: 1 }, { n: 2 }],
    });
    const lines = await linesOf(scan({ where: "n = :n", params: { n: 2 }, return_vectors: true }));
    expect(lines).toEqual([
      { id: 2, field: { n: 2 }, vector_b64: expect.any(String) },
      { done: true, rows: 1 },
    ]);
    const { vector_b64 } = lines[0] as { vector_b64: string };
    expect([...vectorsFromBase64(vector_b64, 2, "vector_b64")]).toEqual([3, 4]);
  });

  it("answers an empty collection with the last line alone", async () => {
    expect(await linesOf(scan({}))).toEqual([{ done: true, rows: 0 }]);
    expect(seen.ended).toBe(1);
  });

  it("refuses before the first line what can be refused then", async () => {
    const errorOf = async (body: object): Promise<unknown> => {
      const response = await scan(body);
      return [response.status, ((await response.json()) as { code: string }).code];
    };
    await docs.add({ vectors: [1, 2] });
    expect(await errorOf({ where: "n = " })).toEqual([400, "where_syntax"]);
    expect(await errorOf({ where: "n = :n" })).toEqual([400, expect.any(String)]);
    expect(await errorOf({ batch_size: 0 })).toEqual([400, "invalid_argument"]);
    expect(await errorOf({ batch_size: 20_001 })).toEqual([400, "invalid_argument"]);
    expect(await errorOf({ collection_name: "none" })).toEqual([404, "not_found"]);
  });

  it("reads from one snapshot, whatever is written meanwhile", async () => {
    await fill(2_000);
    const response = await open({ batch_size: 10 });
    await docs.add({ ids: "late", vectors: [1, 2] });
    let last = "";
    for await (const chunk of response) last = (last + String(chunk)).slice(-200);
    expect(last).toMatch(/\n\{"done":true,"rows":2000\}\n$/);
  });

  it("does not read ahead of a client that stops reading, and ends when it leaves", async () => {
    await fill(20_000);
    const response = await open({});
    await new Promise((resolve) => response.once("readable", resolve));
    let before = -1;
    // Sockets fill up, and then nothing more is read.
    await until(() => {
      const isStill = before === seen.rows;
      before = seen.rows;
      return isStill;
    });
    expect(seen.rows).toBeLessThan(10_000);
    expect(seen.ended).toBe(0);
    response.destroy();
    await until(() => seen.ended === 1);
    expect(seen.rows).toBeLessThan(10_000);
    // Nobody is waited for when the server stops.
    const startedAt = performance.now();
    await server.close();
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  });

  it("ends with its client also before the first line is read, many times over", async () => {
    await fill(3_000);
    for (let turn = 0; turn < 10; turn++) {
      const body = JSON.stringify(name);
      const headers = { "content-type": "application/json", "content-length": body.length };
      const asked = request(new URL("/scan", url), { method: "POST", headers, agent: false });
      asked.on("error", () => {});
      asked.end(body, () => setTimeout(() => asked.destroy(), turn));
      await new Promise((resolve) => asked.once("close", resolve));
    }
    const alive = await new Promise<IncomingMessage>((resolve) => get(new URL("/healthz", url), resolve));
    alive.resume();
    expect(alive.statusCode).toBe(200);
    await server.close();
    // Every scan that began has ended, and the collection can be compacted and closed.
    expect(seen.rows).toBeLessThan(30_000);
    await docs.delete([0, 1]);
    expect(await docs.compact()).toBe(2);
  });
});
