/**
 * Can any request harm the server?
 *
 * Every route gets requests made from its example and its schema, each with something wrong in it: a success, or an error
 * of the client in the documented shape, never a failure of the server; what is refused leaves everything as it was. Then
 * requests that lie about themselves on the wire, over bare sockets.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorCatalogue } from "../../src/errors.js";
import { VectorDBClient } from "../../src/index.js";
import { allRoutes } from "../../src/server/all-routes.js";
import { createServer, type LynseServer } from "../../src/server/lynse-server.js";
import type { Route } from "../../src/server/route.js";
import { randomNumbers } from "../conformance/random-numbers.js";

const seed = Number(process.env["FUZZ_SEED"] ?? 7637);
const requestsOfRoute = Number(process.env["FUZZ_REQUESTS"] ?? 24);
const dim = 4;

const client = new VectorDBClient("memory://", { threads: 1 });
let server: LynseServer;
let url = "";
let port = 0;

beforeAll(async () => {
  server = await createServer({ client, port: 0, jsonLimitMb: 1, payloadLimitMb: 1, slowQueryWarnMs: 0 });
  const address = await server.listen();
  url = address.origin;
  port = Number(address.port);
  await restock();
});
afterAll(async () => {
  await server.close();
  await client.close();
});

/** The collection that requests are about; made anew where a request that was right has dropped it. */
async function restock(): Promise<void> {
  const database = await client.createDatabase("fuzz");
  if (await database.hasCollection("rows")) return;
  const rows = await database.requireCollection("rows", { dim });
  const ids = Array.from({ length: 20 }, (_, at) => at);
  await rows.add({
    ids,
    vectors: ids.map((id) => [Math.sin(id), Math.cos(id), id / 20, 1]),
    fields: ids.map((id) => ({ title: `row number ${id}`, rank: id })),
  });
}

/** What is stored, as a text to be compared. */
async function contents(): Promise<string> {
  const parts: unknown[] = [];
  for (const name of await client.listDatabases()) {
    const database = await client.getDatabase(name);
    for (const collection of await database.listCollections()) {
      const found = await database.getCollection(collection);
      const { rows, deleted, superseded, maxId, index, sparseRows, vectorFields } = await found.stats();
      const text = await found.textOptions();
      parts.push([name, collection, rows, deleted, superseded, maxId, index, sparseRows, vectorFields, text]);
    }
    parts.push(name, await database.describeCollections());
  }
  return JSON.stringify(parts);
}

/** Values that stand where they should not. */
const nasty: readonly unknown[] = [
  ...[null, true, false, -1, 0, 1.5, 1e308, 2 ** 53, 2 ** 32, -0.0001, 99_999_999],
  ...[
    "",
    " ",
    "x".repeat(300),
    "\u0000",
    "../../etc/passwd",
    "NaN",
    "AAAA",
    "!!!",
    "\ud800",
    "a' OR 1 = 1 --",
    "((((((",
  ],
  ...[[], [[]], [null], [1e39, 0, 0, 0], ["a"], [{}], [[1, 2], [3]], [1, [2]], [-1], [0.5], Array(5000).fill(1)],
  ...[{}, { a: 1 }, { indices: [1, 1], values: [1, 2] }, { indices: [1], values: [] }, { lambda: 9 }],
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {}}}'),
  nestedArray(200),
];

function nestedArray(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

type Members = Record<string, unknown>;

/** Whole numbers below a bound. */
class SeededRandom {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomNumbers(seed);
  }

  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }
}

function membersOf(schema: unknown): string[] {
  return Object.keys((schema as { readonly properties?: object } | undefined)?.properties ?? {});
}

/** A request that a route's documentation shows, about the collection that there is. */
function example(shown: unknown): Members {
  const copy = structuredClone((shown ?? {}) as Members);
  if ("database_name" in copy) copy["database_name"] = "fuzz";
  if ("collection_name" in copy) copy["collection_name"] = "rows";
  if ("dim" in copy) copy["dim"] = dim;
  if ("vector" in copy && Array.isArray(copy["vector"])) copy["vector"] = [1, 0, 0, 0];
  if ("vectors" in copy && "ids" in copy && Array.isArray(copy["ids"]))
    copy["vectors"] = copy["ids"].map(() => [1, 0, 0, 0]);
  return copy;
}

function mangled(members: Members, names: readonly string[], random: SeededRandom): Members {
  const result = { ...members };
  const changes = 1 + random.below(2);
  for (let change = 0; change < changes; change += 1) {
    const name = names[random.below(names.length)] ?? "unknown_member";
    if (random.below(6) === 0) delete result[name];
    else result[name] = nasty[random.below(nasty.length)];
  }
  return result;
}

function queryText(members: Members): string {
  const pairs = Object.entries(members).map(([name, value]): [string, string] => {
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    return [name, text.slice(0, 2000)];
  });
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

function fuzzed(route: Route, random: SeededRandom): { readonly path: string; readonly init: RequestInit } {
  const query = example(route.example?.query);
  const names = membersOf(route.query);
  const isQueryMangled = names.length > 0 && random.below(4) !== 0;
  const path = `${route.path}${queryText(isQueryMangled ? mangled(query, names, random) : query)}`;
  if (route.method === "GET") return { path, init: {} };
  if (route.body === "bytes") {
    const body = new Uint8Array(random.below(3) === 0 ? random.below(70) : dim * 4 * random.below(4));
    for (let at = 0; at < body.length; at += 1) body[at] = random.below(256);
    return { path, init: { method: "POST", body } };
  }
  const body = mangled(example(route.example?.body), membersOf(route.body), random);
  return {
    path,
    init: { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } },
  };
}

const codes = new Set(Object.keys(errorCatalogue).map((code) => code.toLowerCase()));
// What is missing has one code over HTTP.
codes.delete("database_not_found");
codes.delete("collection_not_found");
codes.add("not_found");

/** Holds an answer against what every answer must be; true for a success. */
async function checkAnswer(response: Response, label: string, isTextRoute = false): Promise<boolean> {
  const text = await response.text();
  expect(response.headers.get("x-request-id"), label).toMatch(/^\d+$/);
  if (response.status < 300) return true;
  expect(`${response.status} ${text}`, label).not.toMatch(/^500|internal_error/);
  expect(response.status, label).toBeGreaterThanOrEqual(400);
  if (isTextRoute) {
    expect(response.headers.get("content-type"), label).toMatch(/^text\/plain/);
    expect(text.length, label).toBeGreaterThan(5);
    return false;
  }
  const body = JSON.parse(text) as Members;
  expect(Object.keys(body), label).toEqual(["error", "code", "details"]);
  expect(codes, label).toContain(body["code"]);
  expect(String(body["error"]).length, label).toBeGreaterThan(5);
  // Messages quote what was given, but not all of it.
  expect(text.length, label).toBeLessThan(20_000);
  return false;
}

describe("a request with something wrong in it", () => {
  test.each(allRoutes.map((route) => [`${route.method} ${route.path}`, route] as const))("%s", async (name, route) => {
    const random = new SeededRandom(seed + allRoutes.indexOf(route));
    let before = await contents();
    for (let turn = 0; turn < requestsOfRoute; turn += 1) {
      const { path, init } = fuzzed(route, random);
      const body = typeof init.body === "string" ? init.body : "";
      const label = `${name}: ${path.slice(0, 300)} ${body.slice(0, 500)}`;
      const response = await fetch(`${url}${path}`, init);
      const isSuccess = await checkAnswer(response, label, route.response === "binary");
      if (!isSuccess) expect(await contents(), label).toBe(before);
      await restock();
      before = await contents();
    }
    expect(({} as Members)["polluted"]).toBeUndefined();
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["two values", "{} {}"],
    ["JSON with a comment", '{"database_name": "fuzz" /* x */}'],
    ["NaN", '{"database_name":"fuzz","collection_name":"rows","vector":[NaN,0,0,0]}'],
    ["a list", "[1,2]"],
    ["null", "null"],
    ["a text", '"rows"'],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ["lists in lists without end", `{"database_name":"fuzz","vector":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["objects in objects without end", `${'{"a":'.repeat(60_000)}1${"}".repeat(60_000)}`],
  ])("a body that is %s is refused by every route that has to read it", async (_, body) => {
    for (const path of ["/search", "/add", "/upsert", "/delete", "/scan", "/required_collection"]) {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body };
      const response = await fetch(`${url}${path}`, init as RequestInit);
      expect(response.status, path).toBeGreaterThanOrEqual(400);
      expect(response.status, path).toBeLessThan(500);
      await checkAnswer(response, path);
    }
  });

  test.each([
    "null",
    "1e999",
    "-1e39",
    '"1"',
    "true",
    "[1]",
    "{}",
  ])("%s is no component of a vector", async (component) => {
    const before = await contents();
    const vector = `[0, ${component}, 0, 0]`;
    const place = '"database_name":"fuzz","collection_name":"rows"';
    for (const [path, rest] of [
      ["/search", `"vector":${vector}`],
      ["/batch_search", `"vectors":[[0,0,0,0],${vector}]`],
      ["/search_range", `"vector":${vector},"threshold":1`],
      ["/hybrid_search", `"vector":${vector},"text":"row"`],
      ["/add", `"ids":[700,701],"vectors":[[0,0,0,0],${vector}]`],
      ["/upsert", `"ids":[1,701],"vectors":[[0,0,0,0],${vector}]`],
      ["/bulk_add_items", `"items":[{"vector":[0,0,0,0]},{"vector":${vector}}]`],
    ] as const) {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: `{${place},${rest}}` };
      const response = await fetch(`${url}${path}`, init);
      expect(response.status, `${path} ${component}`).toBe(400);
      await checkAnswer(response, path);
    }
    expect(await contents()).toBe(before);
  });

  test("rows whose metadata is nested without end are refused whole", async () => {
    const before = await contents();
    const field = `{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`;
    const body = `{"database_name":"fuzz","collection_name":"rows","ids":[900,901],"vectors":[[1,2,3,4],[1,2,3,4]],"fields":[{},${field}]}`;
    const init = { method: "POST", headers: { "content-type": "application/json" }, body };
    const response = await fetch(`${url}/add`, init);
    expect(response.status).toBe(400);
    await checkAnswer(response, "/add");
    expect(await contents()).toBe(before);
  });
});

/** A bare connection; what comes back is gathered. */
async function open(text: string): Promise<{ readonly socket: Socket; readonly answer: () => string }> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(text);
  return { socket, answer: () => answer };
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function isAlive(): Promise<boolean> {
  const body = JSON.stringify({ database_name: "fuzz", collection_name: "rows", vector: [1, 0, 0, 0], k: 1 });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  return (await fetch(`${url}/search`, init)).status === 200;
}

const head = (path: string, ...lines: string[]): string =>
  [`POST ${path} HTTP/1.1`, "host: x", "content-type: application/json", ...lines, "", ""].join("\r\n");

describe("on the wire", () => {
  const ids = '{"database_name":"fuzz","collection_name":"rows","ids":[500],"vectors":[[1,2,3,4]]}';

  test.each<[string, string, RegExp]>([
    [
      "a body of a gigabyte that is announced",
      head("/add", "content-length: 1073741824"),
      /^HTTP\/1\.1 413 .*json_limit_mb/s,
    ],
    [
      "one that asks first",
      head("/add", "content-length: 1073741824", "expect: 100-continue"),
      /^HTTP\/1\.1 413 .*json_limit_mb/s,
    ],
    ["an expectation that nobody has", head("/add", "content-length: 2", "expect: miracles"), /^HTTP\/1\.1 417 /],
    ["two lengths", head("/add", "content-length: 2", "content-length: 3"), /^HTTP\/1\.1 400 /],
    ["a length and chunks", head("/add", "content-length: 2", "transfer-encoding: chunked"), /^HTTP\/1\.1 400 /],
    ["a length that is none", head("/add", "content-length: much"), /^HTTP\/1\.1 400 /],
    ["chunks whose size is none", `${head("/add", "transfer-encoding: chunked")}xyz\r\n`, /^HTTP\/1\.1 400 /],
    [
      "a type that is none",
      `${head("/add", "content-length: 2").replace("application/json", "text/xml")}{}`,
      /^HTTP\/1\.1 415 /,
    ],
    ["a head without end", `POST /add HTTP/1.1\r\nx: ${"y".repeat(300 * 1024)}`, /^HTTP\/1\.1 431 /],
    ["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /^HTTP\/1\.1 400 /],
    ["a method that there is not", "BREW /add HTTP/1.1\r\nhost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
    ["a path with nonsense in it", "GET /%zz%00/../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", /^HTTP\/1\.1 4\d\d /],
    [
      "an upgrade",
      "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
      /^HTTP\/1\.1 \d\d\d /,
    ],
  ])("%s gets an answer", async (_, text, expected) => {
    const { socket, answer } = await open(text);
    await until(() => /\r\n\r\n/.test(answer()) || socket.closed);
    if (/"error"|content-length/.test(answer())) await until(() => /[}]|json_limit_mb/.test(answer()) || socket.closed);
    expect(answer()).toMatch(expected);
    socket.destroy();
    expect(await isAlive()).toBe(true);
  });

  test("a client that asks first and may send is told so", async () => {
    const { socket, answer } = await open(head("/add", `content-length: ${ids.length}`, "expect: 100-continue"));
    await until(() => answer().startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
    socket.write(ids.replace("500", "400"));
    await until(() => answer().includes('"ids":[400]'));
    socket.destroy();
  });

  test("uploads that end in the middle store nothing, and hold nothing", async () => {
    const before = await contents();
    const cut = [
      head("/add", `content-length: ${ids.length}`) + ids.slice(0, 40),
      head("/add", `content-length: ${ids.length + 1}`) + ids,
      `${head("/add", "transfer-encoding: chunked")}${ids.length.toString(16)}\r\n${ids}\r\n`,
      head("/bulk_add_binary?database_name=fuzz&collection_name=rows&dim=4&n_vectors=2", "content-length: 32") +
        "x".repeat(20),
    ];
    for (const [at, text] of [...cut, ...cut].entries()) {
      const { socket } = await open(text);
      // By a broken connection, or by half of it that is closed in good order.
      if (at < cut.length) socket.resetAndDestroy();
      else socket.end();
      await until(() => socket.closed);
    }
    await until(async () => /^lynsedb_http_body_bytes 0$/m.test(await metrics()));
    expect(await contents()).toBe(before);
    expect(await isAlive()).toBe(true);
  });

  test("a client that doesn't read is waited for, and nobody waits for it", async () => {
    const rows = await (await client.getDatabase("fuzz")).requireCollection("wide", { dim: 256 });
    const count = 4000;
    await rows.add({ vectors: { data: new Float32Array(count * 256).fill(0.1), dim: 256 } });
    const body = '{"database_name":"fuzz","collection_name":"wide","return_vectors":true}';
    const sockets: Socket[] = [];
    for (let at = 0; at < 20; at += 1) {
      const { socket } = await open(head("/scan", `content-length: ${body.length}`) + body);
      socket.pause();
      sockets.push(socket);
    }
    expect(await isAlive()).toBe(true);
    // What was made for them stays far below what they asked for: 20 x 4000 rows of 1.4 kB.
    const startedAt = performance.now();
    expect(await isAlive()).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    for (const socket of sockets) socket.destroy();
    await until(async () => /^lynsedb_http_connections [0-3]$/m.test(await metrics()));
    await (await client.getDatabase("fuzz")).dropCollection("wide");
  });

  test("requests that come at once on one connection are answered in their order", async () => {
    const { socket, answer } = await open("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50));
    await until(() => answer().split("HTTP/1.1 200").length === 51);
    const numbers = [...answer().matchAll(/x-request-id: (\d+)/g)].map(([, id]) => Number(id));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    socket.destroy();
  });
});

async function metrics(): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}
