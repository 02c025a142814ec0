/**
 * What does the server do when there is too much of something?
 *
 * Connections that say nothing, keys that are wrong, sessions that nobody ends, more requests than it takes: bounded
 * memory, a clear answer to what is turned away, and everybody else is served.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { createServer, type LynseServer, type ServerOptions } from "../../src/server/lynse-server.js";

const servers: LynseServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(options: ServerOptions = {}): Promise<URL> {
  const server = await createServer({ dataDir: "memory://", port: 0, threads: 1, ...options });
  servers.push(server);
  return await server.listen();
}

const docs = { database_name: "demo", collection_name: "docs" };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly code?: string; readonly error?: string; readonly params?: Record<string, unknown> };
}

async function post(url: URL, path: string, body: object, key?: string): Promise<Answer> {
  const headers = {
    "content-type": "application/json",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const response = await fetch(new URL(path, url), { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

async function makeCollection(url: URL, rows: number, dim: number): Promise<void> {
  await post(url, "/create_database", { database_name: "demo" });
  expect((await post(url, "/required_collection", { ...docs, dim, default_index: "FLAT-L2" })).status).toBe(200);
  const vectors = Array.from({ length: rows }, (_, row) => Array.from({ length: dim }, (_, at) => Math.sin(row + at)));
  expect((await post(url, "/add", { ...docs, vectors })).status).toBe(200);
}

async function metric(url: URL, name: string): Promise<number> {
  const text = await (await fetch(new URL("/metrics", url))).text();
  return Number(new RegExp(`^lynsedb_${name} (\\S+)$`, "m").exec(text)?.[1]);
}

/** Opens connections until there are as many, or until the system allows no more. */
async function openMany(url: URL, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let batch = 0; batch < count; batch += 250) {
    const opening = Array.from({ length: Math.min(250, count - batch) }, async () => {
      const socket = connect(Number(url.port), url.hostname);
      socket.on("error", () => {});
      await Promise.race([once(socket, "connect"), once(socket, "close")]);
      return socket;
    });
    sockets.push(...(await Promise.all(opening)));
  }
  return sockets;
}

/** Descriptors that this process may open; both ends of a connection are its own here. */
function descriptorsMax(): number {
  if (process.platform !== "linux") return 1024;
  return Number(/Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 1024);
}

describe("connections", () => {
  const count = Math.min(2000, Math.floor((descriptorsMax() - 200) / 2));

  test(`${count} that say nothing keep nobody waiting, and go when the server goes`, async () => {
    const url = await serve({ shutdownGraceSecs: 1 });
    await makeCollection(url, 100, 8);
    const sockets = await openMany(url, count);
    expect(sockets.filter((socket) => socket.readyState === "open")).toHaveLength(count);
    // The system completes connections before the server has taken them.
    const deadline = performance.now() + 5000;
    while ((await metric(url, "http_connections")) < count && performance.now() < deadline) await wait(20);
    expect(await metric(url, "http_connections")).toBeGreaterThanOrEqual(count);
    const times: number[] = [];
    for (let turn = 0; turn < 50; turn += 1) {
      const startedAt = performance.now();
      expect((await post(url, "/search", { ...docs, vector: Array(8).fill(1), k: 1 })).status).toBe(200);
      times.push(performance.now() - startedAt);
    }
    expect(times.sort((a, b) => a - b)[25]).toBeLessThan(100);
    const closed = Promise.all(sockets.map((socket) => socket.closed || once(socket, "close")));
    const startedAt = performance.now();
    await servers.pop()?.close();
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test("above the limit are closed, and those below it go on", async () => {
    const url = await serve({ maxConnections: 20 });
    const sockets = await openMany(url, 40);
    const open = (): Socket[] => sockets.filter((socket) => socket.readyState === "open");
    const deadline = performance.now() + 5000;
    while (open().length > 20 && performance.now() < deadline) await wait(10);
    expect(open()).toHaveLength(20);
    const [first] = open() as [Socket];
    first.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    const [answer] = (await once(first, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) socket.destroy();
  });

  test("that are idle for too long are closed", async () => {
    const url = await serve({ keepAliveSecs: 1 });
    const [socket] = (await openMany(url, 1)) as [Socket];
    socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    socket.resume();
    const startedAt = performance.now();
    await once(socket, "close");
    expect(performance.now() - startedAt).toBeLessThan(8000);
  });
});

describe("keys", () => {
  test("a wrong one, a thousand times, is refused a thousand times, soon without a look at it", async () => {
    const url = await serve({ apiKeys: ["main:the-right-key", "other:another-key"] });
    // Known from here before it began.
    expect((await post(url, "/create_database", { database_name: "demo" }, "the-right-key")).status).toBe(200);
    const statuses = new Map<number, number>();
    for (let batch = 0; batch < 1000; batch += 50) {
      const answers = Array.from({ length: 50 }, (_, at) => post(url, "/list", {}, `wrong-${batch + at}`));
      for (const { status, headers } of await Promise.all(answers)) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 429) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      }
    }
    expect(Object.fromEntries(statuses)).toEqual({ 401: 20, 429: 980 });
    // The right key of a client that was known goes on working; one that was not has to wait as well.
    expect((await post(url, "/database_exists", { database_name: "demo" }, "the-right-key")).status).toBe(200);
    expect((await post(url, "/database_exists", { database_name: "demo" }, "another-key")).status).toBe(429);
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);
  });
});

describe("sessions that nobody ends", () => {
  test("are bounded, expire, and leave nothing behind", async () => {
    const url = await serve({ maxSessions: 30, sessionIdleSecs: 1 });
    await makeCollection(url, 10, 4);
    const begun = await Promise.all(Array.from({ length: 40 }, () => post(url, "/session/begin", docs)));
    const open = begun.filter(({ status }) => status === 200);
    const refused = begun.filter(({ status }) => status === 503);
    expect([open.length, refused.length]).toEqual([30, 10]);
    expect(refused[0]?.body.code).toBe("unavailable");
    expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
    const [session] = open.map(({ body }) => String(body.params?.["session_id"])) as [string];
    const row = { ...docs, session_id: session, ids: [900], vectors: [[1, 2, 3, 4]] };
    expect((await post(url, "/add", row)).status).toBe(200);
    const deadline = performance.now() + 10_000;
    while ((await metric(url, "sessions_open")) > 0 && performance.now() < deadline) {
      await wait(50);
    }
    expect(await metric(url, "sessions_open")).toBe(0);
    const late = await post(url, "/session/commit", { session_id: session });
    expect([late.status, late.body.code]).toEqual([404, "closed"]);
    expect((await post(url, "/count", docs)).body.params).toMatchObject({ count: 10 });
    expect((await post(url, "/session/begin", docs)).status).toBe(200);
  });
});

describe("more requests than the server takes", () => {
  test("are answered with 503 and a time to wait, at once, and the others are all answered", async () => {
    const url = await serve({ maxRunning: 1, maxQueued: 5 });
    await makeCollection(url, 3000, 64);
    const vectors = Array.from({ length: 200 }, (_, row) => Array.from({ length: 64 }, (_, at) => Math.cos(row * at)));
    const asked = Array.from({ length: 60 }, () => post(url, "/batch_search", { ...docs, vectors, k: 5 }));
    const answers = await Promise.all(asked);
    const taken = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 503);
    expect(taken.length + refused.length).toBe(60);
    expect(taken.length).toBeGreaterThanOrEqual(6);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, body } of refused) {
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      expect(body).toMatchObject({ code: "unavailable", error: expect.stringMatching(/^the server is busy/) });
    }
    for (const { body } of taken) expect(body.params?.["results"]).toHaveLength(200);
    expect((await post(url, "/search", { ...docs, vector: vectors[0] ?? [] })).status).toBe(200);
    expect(await metric(url, "http_requests_queued")).toBe(0);
  });
});
