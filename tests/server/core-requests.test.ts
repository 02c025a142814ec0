/**
 * What does the server do with requests that are wrong, large, slow, many or abandoned?
 *
 * Over real sockets, with routes of its own: what the server promises every route.
 */
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { Type } from "typebox";
import { afterEach, describe, expect, it } from "vitest";
import { LynseError } from "../../src/errors.js";
import {
  createServer,
  type LynseServer,
  type Route,
  route,
  type ServerOptions,
} from "../../src/server/lynse-server.js";

const servers: LynseServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(options: ServerOptions = {}): Promise<URL> {
  const server = await createServer({ dataDir: "memory://", port: 0, threads: 1, ...options });
  servers.push(server);
  return server.listen();
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: { readonly error: string; readonly code: string; readonly details: Record<string, unknown> };
}

async function ask(url: URL, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(new URL(path, url), init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
}

function post(url: URL, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  return ask(url, path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: isRaw ? (body as string) : JSON.stringify(body),
  });
}

const echo = route({
  method: "POST",
  path: "/test/echo",
  tag: "test",
  summary: "Gives back what it got",
  access: "read",
  body: Type.Object({
    k: Type.Optional(Type.Integer({ minimum: 1 })),
    id: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    maybe: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    vectors: Type.Optional(Type.Array(Type.Array(Type.Number()))),
    mmr: Type.Optional(Type.Object({ lambda: Type.Optional(Type.Number()) })),
    fields: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
  }),
  query: Type.Object({
    n: Type.Optional(Type.Integer()),
    deep: Type.Optional(Type.Boolean()),
    eps: Type.Optional(Type.Number()),
    where: Type.Optional(Type.String()),
  }),
  response: Type.Object({}),
  handler: ({ body, query }) => ({ body, query }),
});

const bytes = route({
  method: "POST",
  path: "/test/bytes",
  tag: "test",
  summary: "Gives back its bytes",
  access: "read",
  body: "bytes",
  response: "binary",
  handler: ({ bytes: body }) => {
    if (body.length === 13) throw new LynseError("INVALID_ARGUMENT", "thirteen bytes", { got: 13 });
    // Vectors are read in place.
    return new Uint8Array(new Float32Array(body.buffer, 0, body.length / 4).buffer);
  },
});

function failing(error: unknown): Route {
  return route({
    method: "GET",
    path: "/test/fail",
    tag: "test",
    summary: "Fails",
    access: "read",
    response: Type.Object({}),
    handler: () => {
      throw error;
    },
  });
}

/** A route that answers when it is told to, and the signals of its requests. */
function held(): { readonly route: Route; readonly signals: AbortSignal[]; release(): void } {
  const signals: AbortSignal[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const made = route({
    method: "GET",
    path: "/test/held",
    tag: "test",
    summary: "Answers late",
    access: "read",
    response: Type.Object({}),
    handler: async ({ signal }) => {
      signals.push(signal);
      await released;
      return { done: true };
    },
  });
  return { route: made, signals, release: () => release() };
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error("what was waited for did not come");
    await wait(5);
  }
}

describe("a request's input", () => {
  it("reaches the handler checked: unknown members stay, null counts as absent where null has no place", async () => {
    const url = await serve({ routes: [echo] });
    const body = { k: null, id: null, maybe: null, mmr: { lambda: null }, other: null, fields: [{ a: null }] };
    const { status, text } = await post(url, "/test/echo?n=5&deep=true&eps=1e-4&where=1&unknown=x", body);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      body: { maybe: null, mmr: {}, other: null, fields: [{ a: null }] },
      query: { n: 5, deep: true, eps: 1e-4, where: "1" },
    });
  });

  it.each([
    [{ k: "ten" }, /^k must be integer, got the text "ten"$/],
    [{ k: 0 }, /^k must be >= 1, got .*0$/],
    [{ k: 1.5 }, /^k must be integer, got .*1\.5$/],
    [{ id: {} }, /^id must be string or integer, got /],
    [{ vectors: [[1, "a"]] }, /^vectors\[0\]\[1\] must be number, got the text "a"$/],
    [{ vectors: [[1], [null]] }, /^vectors\[1\]\[0\] must be number, got null$/],
    [{ mmr: { lambda: "x" } }, /^mmr\.lambda must be number, got the text "x"$/],
    [[1], /^the JSON body must be object, got /],
    ["null", null],
    ['"text"', /^the JSON body must be object/],
  ])("is refused with the member's name: %j", async (body, message) => {
    const url = await serve({ routes: [echo] });
    const { status, json } = await post(url, "/test/echo", body);
    expect(status).toBe(message === null ? 200 : 400);
    if (message === null) return;
    expect(json.error).toMatch(message);
    expect(json.code).toBe("invalid_argument");
  });

  it.each([
    ["?n=1.5", /^n must be integer, got the text "1.5"/],
    ["?n=", /^n must be integer, got the text ""/],
    ["?deep=1", /^deep must be boolean/],
    ["?eps=NaN", /^eps must be number/],
    ["?n=1&n=2", /^n must be integer/],
  ])("is refused with the parameter's name: %s", async (query, message) => {
    const url = await serve({ routes: [echo] });
    const { status, json } = await post(url, `/test/echo${query}`, {});
    expect([status, json.code]).toEqual([400, "invalid_argument"]);
    expect(json.error).toMatch(message);
  });

  it.each(["{", "", "{]", '{"k":NaN}', '{"k":1}}', "\u0000", '{"k":01}'])("that is no JSON: %j", async (text) => {
    const url = await serve({ routes: [echo] });
    const { status, json } = await post(url, "/test/echo", text);
    expect(status).toBe(text === "" ? 200 : 400);
    if (text !== "") expect(json.error).toMatch(/^the body is not JSON: /);
  });

  it("that is not UTF-8 is refused", async () => {
    const url = await serve({ routes: [echo] });
    const { status, json } = await post(url, "/test/echo", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    expect([status, json.error]).toEqual([400, "the body is not JSON: it is not UTF-8"]);
  });

  it.each([200, 200_000])("that nests %i levels is refused", async (depth) => {
    const url = await serve({ routes: [echo] });
    const { status, json } = await post(url, "/test/echo", `{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`);
    expect([status, json.code, json.details["limit"]]).toEqual([400, "limit_exceeded", "json_depth"]);
  });

  it("may be large: what comes out is what was sent", async () => {
    const url = await serve({ routes: [echo] });
    const vectors = Array.from({ length: 5000 }, (_, row) => Array.from({ length: 32 }, (_, at) => (row + at) / 7));
    const { text } = await post(url, "/test/echo", { vectors, k: 3, note: 'a ",[{ \\" b' });
    expect(JSON.parse(text).body).toEqual({ vectors, k: 3, note: 'a ",[{ \\" b' });
  });

  it.each([
    ["application/x-www-form-urlencoded", 415],
    ["text/plain", 415],
    ["application/json; charset=utf-8", 200],
    ["application/vnd.api+json", 200],
    ["APPLICATION/JSON", 200],
  ])("of the type %s gets %i", async (type, status) => {
    const url = await serve({ routes: [echo] });
    expect((await post(url, "/test/echo", "{}", { "content-type": type })).status).toBe(status);
  });

  it("that is compressed is refused", async () => {
    const url = await serve({ routes: [echo] });
    expect((await post(url, "/test/echo", "{}", { "content-encoding": "gzip" })).status).toBe(415);
  });

  it("without a type is taken for what the route wants", async () => {
    const url = await serve({ routes: [echo, bytes] });
    expect(await rawExchange(url, 'POST /test/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n{"k":4}')).toMatch(
      /"k":4/,
    );
  });

  it("of bytes lies at the start of memory of its own", async () => {
    const url = await serve({ routes: [bytes] });
    const sent = new Uint8Array(new Float32Array([1.5, -2, 3]).buffer);
    const response = await fetch(new URL("/test/bytes", url), { method: "POST", body: sent });
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(sent);
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
  });
});

/** Sends bytes and reads until the peer closes or the answer's end is seen. */
async function rawExchange(url: URL, text: string): Promise<string> {
  const socket = connect(Number(url.port), url.hostname);
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    answer += chunk;
  });
  socket.on("error", () => {});
  socket.write(text);
  await until(() => /\r\n\r\n[\s\S]/.test(answer) || socket.closed);
  socket.destroy();
  return answer;
}

describe("a body's length", () => {
  it("above the limit is refused, announced or not, with the limit's name", async () => {
    const url = await serve({ routes: [echo, bytes], jsonLimitMb: 1, payloadLimitMb: 2 });
    const text = JSON.stringify({ note: "x".repeat(1_100_000) });
    const announced = await post(url, "/test/echo", text);
    expect([announced.status, announced.json.code]).toEqual([413, "limit_exceeded"]);
    expect(announced.json.details).toMatchObject({ limit: "json_limit_mb", max: 2 ** 20 });
    const stream = new Blob([text]).stream();
    const init = { method: "POST", body: stream, duplex: "half", headers: { "content-type": "application/json" } };
    expect((await ask(url, "/test/echo", init as RequestInit)).status).toBe(413);
    const large = await post(url, "/test/bytes", new Uint8Array(2 * 2 ** 20 + 4), { accept: "application/json" });
    expect([large.status, large.json.details["limit"]]).toEqual([413, "payload_limit_mb"]);
  });

  it("that is announced and above the limit is refused before the body is sent", async () => {
    const url = await serve({ routes: [echo] });
    const head = "POST /test/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    expect(await rawExchange(url, `${head}content-length: 1099511627776\r\n\r\n{`)).toMatch(/^HTTP\/1.1 413 /);
    const asked = await rawExchange(url, `${head}content-length: 1099511627776\r\nexpect: 100-continue\r\n\r\n`);
    expect(asked).toMatch(/^HTTP\/1.1 413 /);
    const small = await rawExchange(url, `${head}content-length: 2\r\nexpect: 100-continue\r\n\r\n{}`);
    expect(small).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n(HTTP\/1.1 200 )?/);
  });

  it("that is not reached leaves the server as it was", async () => {
    const url = await serve({ routes: [echo] });
    const socket = connect(Number(url.port), url.hostname);
    socket.write(
      "POST /test/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    await wait(30);
    socket.destroy();
    expect((await post(url, "/test/echo", {})).status).toBe(200);
    const [server] = servers;
    await until(() => server!.app.server.listening);
    expect((await ask(url, "/metrics")).text).toMatch(/lynsedb_http_body_bytes 0\n/);
  });
});

describe("an answer", () => {
  it("to an unknown route, or another method, says so", async () => {
    const url = await serve({ routes: [echo] });
    const missing = await post(url, "/nowhere", { any: 1 });
    expect([missing.status, missing.json.code]).toEqual([404, "not_found"]);
    expect(missing.json.details).toEqual({ missing: "route" });
    const other = await ask(url, "/test/echo");
    expect([other.status, other.json.code, other.headers.get("allow")]).toEqual([405, "method_not_allowed", "POST"]);
  });

  it("to what is no HTTP is a 400 in the same shape", async () => {
    const url = await serve();
    const answer = await rawExchange(url, "NONSENSE\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(JSON.parse(answer.split("\r\n\r\n")[1]!)).toMatchObject({ code: "invalid_argument" });
    expect(await rawExchange(url, `GET / HTTP/1.1\r\nx: ${"y".repeat(300_000)}`)).toMatch(/^HTTP\/1.1 431 /);
  });

  it("carries a request id: the caller's where it is harmless", async () => {
    const url = await serve();
    const first = Number((await ask(url, "/")).headers.get("x-request-id"));
    expect((await ask(url, "/")).headers.get("x-request-id")).toBe(String(first + 1));
    const given = async (id: string): Promise<string | null> =>
      (await ask(url, "/", { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await given("abc-1.2_3")).toBe("abc-1.2_3");
    expect(await given("a b")).toMatch(/^\d+$/);
    expect(await given("x".repeat(200))).toMatch(/^\d+$/);
  });

  it("tells the code and details of a known error, and nothing of another", async () => {
    const known = await serve({ routes: [failing(new LynseError("ID_EXISTS", "id 7 exists", { id: 7 }))] });
    expect(await ask(known, "/test/fail")).toMatchObject({
      status: 409,
      json: { error: "id 7 exists", code: "id_exists", details: { id: 7 } },
    });
    const lines: string[] = [];
    const log = { write: (line: string) => lines.push(line) };
    const url = await serve({ routes: [failing(new TypeError("secret path /x"))], log, logLevel: "info" });
    const unknown = await ask(url, "/test/fail", { headers: { "x-request-id": "r1" } });
    expect([unknown.status, unknown.json.code]).toEqual([500, "internal_error"]);
    expect(unknown.text).not.toMatch(/secret/);
    const logged = lines.map((line) => JSON.parse(line)).find(({ level }) => level === "error");
    expect(logged).toMatchObject({ request_id: "r1", err: { message: "secret path /x" } });
    expect(logged.err.stack).toMatch(/core-requests/);
  });

  it("with an error is plain text on binary routes, JSON for clients that accept it by name", async () => {
    const url = await serve({ routes: [bytes] });
    const text = await post(url, "/test/bytes", new Uint8Array(13));
    expect([text.status, text.text]).toEqual([400, "thirteen bytes"]);
    expect(text.headers.get("content-type")).toMatch(/^text\/plain/);
    const json = await post(url, "/test/bytes", new Uint8Array(13), { accept: "application/json" });
    expect(json.json).toEqual({ error: "thirteen bytes", code: "invalid_argument", details: { got: 13 } });
  });

  it("above a kibibyte is compressed when asked for, and only then", async () => {
    const url = await serve({ routes: [echo] });
    const encodingOf = (accepted: string, note: string): Promise<[string | undefined, Buffer]> =>
      new Promise((resolve, reject) => {
        const headers = { "accept-encoding": accepted, "content-type": "application/json" };
        const sent = httpRequest(new URL("/test/echo", url), { method: "POST", headers }, (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk) => chunks.push(chunk));
          answer.on("end", () => resolve([answer.headers["content-encoding"], Buffer.concat(chunks)]));
        });
        sent.on("error", reject).end(JSON.stringify({ note }));
      });
    const long = "x".repeat(5000);
    const [encoding, body] = await encodingOf("gzip, deflate, br", long);
    expect(encoding).toBe("gzip");
    expect(JSON.parse(gunzipSync(body).toString()).body.note).toBe(long);
    expect((await encodingOf("br", long))[0]).toBe("br");
    expect((await encodingOf("gzip;q=0, br;q=0.5", long))[0]).toBe("br");
    expect((await encodingOf("identity", long))[0]).toBe(undefined);
    expect((await encodingOf("gzip", "short"))[0]).toBe(undefined);
  });

  it("of lines is sent as they are made, and ends when the client leaves", async () => {
    let made = 0;
    let isEnded = false;
    async function* lines(): AsyncGenerator<string> {
      try {
        for (;;) {
          made += 1;
          yield JSON.stringify({ made, padding: "x".repeat(1000) });
        }
      } finally {
        isEnded = true;
      }
    }
    const endless = route({
      method: "GET",
      path: "/test/lines",
      tag: "test",
      summary: "Lines without end",
      access: "read",
      response: "ndjson",
      handler: lines,
    });
    const url = await serve({ routes: [endless] });
    const response = await fetch(new URL("/test/lines", url), { headers: { "accept-encoding": "identity" } });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const reader = response.body!.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    expect(JSON.parse(first.split("\n")[0]!).made).toBe(1);
    // A client that does not read stops the making, too.
    await wait(100);
    const before = made;
    await wait(100);
    expect(made).toBe(before);
    await reader.cancel();
    await until(() => isEnded);
  });
});

describe("a request that runs", () => {
  it("is told when its client goes away", async () => {
    const slow = held();
    const url = await serve({ routes: [slow.route] });
    const abort = new AbortController();
    const asked = fetch(new URL("/test/held", url), { signal: abort.signal }).catch(() => null);
    await until(() => slow.signals.length === 1);
    abort.abort();
    await asked;
    await until(() => slow.signals[0]!.aborted);
    expect(slow.signals[0]!.reason).toMatchObject({ code: "ABORTED" });
    slow.release();
  });

  it("is answered when its time is up, and told", async () => {
    const slow = held();
    const url = await serve({ routes: [slow.route], requestTimeoutSecs: 1 });
    const { status, json } = await ask(url, "/test/held");
    expect([status, json.code, json.details["limit"]]).toEqual([504, "timeout", "request_timeout_secs"]);
    expect(slow.signals[0]!.reason).toMatchObject({ code: "TIMEOUT" });
    slow.release();
    expect((await ask(url, "/healthz")).status).toBe(200);
  });

  it("keeps others waiting, and the rest is turned away with a time to try again", async () => {
    const slow = held();
    const url = await serve({ routes: [slow.route], maxRunning: 2, maxQueued: 1 });
    const asked = [1, 2, 3].map(() => ask(url, "/test/held"));
    await until(() => slow.signals.length === 2);
    const refused = await retryUntilBusy(url);
    expect([refused.json.code, refused.headers.get("retry-after")]).toEqual(["unavailable", "1"]);
    // Whoever watches a busy server is answered all the same.
    for (const path of ["/", "/healthz", "/readyz", "/metrics"]) {
      expect((await fetch(new URL(path, url))).status, path).toBe(200);
    }
    slow.release();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await ask(url, "/healthz")).status).toBe(200);
  });

  it("may finish when the server closes, and new ones are refused", async () => {
    const slow = held();
    const url = await serve({ routes: [slow.route] });
    const asked = ask(url, "/test/held");
    await until(() => slow.signals.length === 1);
    const [server] = servers;
    const closing = server!.close();
    slow.release();
    expect((await asked).status).toBe(200);
    await closing;
    await expect(fetch(new URL("/healthz", url))).rejects.toThrow();
  });

  it("is abandoned when it does not finish in the time that a closing server gives", async () => {
    const slow = held();
    const url = await serve({ routes: [slow.route], shutdownGraceSecs: 0 });
    const asked = ask(url, "/test/held").catch((error: unknown) => error);
    await until(() => slow.signals.length === 1);
    await servers[0]!.close();
    expect(await asked).toBeInstanceOf(Error);
    expect(slow.signals[0]!.aborted).toBe(true);
    slow.release();
  });
});

/** Asks until the queue is full: requests arrive in any order. */
async function retryUntilBusy(url: URL): Promise<Answer> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answer = await Promise.race([ask(url, "/test/held"), wait(50).then(() => null)]);
    if (answer !== null && answer.status === 503) return answer;
  }
  throw new Error("the server was never busy");
}

describe("connections", () => {
  it("that are idle cost nothing to others", async () => {
    const url = await serve();
    const sockets: Socket[] = Array.from({ length: 300 }, () => connect(Number(url.port), url.hostname));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    expect((await ask(url, "/healthz")).status).toBe(200);
    await until(() => servers[0] !== undefined);
    expect((await ask(url, "/metrics")).text).toMatch(/lynsedb_http_connections 30\d\n/);
    for (const socket of sockets) socket.destroy();
  });
});
