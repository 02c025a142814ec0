/**
 * Who may ask a server what, how is it set up, and what does it tell of itself?
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Type } from "typebox";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { VectorDBClient } from "../../src/client/vector-db-client.js";
import { allRoutes } from "../../src/server/all-routes.js";
import { ApiKeys } from "../../src/server/api-keys.js";
import { createServer, type LynseServer, route, type ServerOptions } from "../../src/server/lynse-server.js";
import { settingsOfSources } from "../../src/server/option-sources.js";
import { optionTable } from "../../src/server/option-table.js";
import { unsupportedRoutes } from "../../src/server/routes/unsupported-routes.js";

let folder: string;
const servers: LynseServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-server-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: ServerOptions = {}): Promise<LynseServer> {
  const server = await createServer({ dataDir: "memory://", port: 0, threads: 1, ...options });
  servers.push(server);
  return server;
}

const write = route({
  method: "POST",
  path: "/test/write",
  tag: "test",
  summary: "Writes nothing",
  access: "write",
  body: Type.Object({}),
  response: Type.Object({}),
  handler: ({ key }) => ({ key: key.name }),
});

function bearer(key: string): { authorization: string } {
  return { authorization: `Bearer ${key}` };
}

function basic(key: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`anybody:${key}`).toString("base64")}` };
}

describe("keys", () => {
  it("open all routes but the public ones, as Bearer or as the password of Basic", async () => {
    const { app } = await start({ apiKeys: ["first:k1", "k2"] });
    const status = async (url: string, headers = {}): Promise<number> =>
      (await app.inject({ url, headers })).statusCode;
    expect(await Promise.all(["/", "/healthz", "/readyz"].map((url) => status(url)))).toEqual([200, 200, 200]);
    expect(await Promise.all(["/version", "/metrics", "/openapi.json", "/nowhere"].map((url) => status(url)))).toEqual([
      401, 401, 401, 401,
    ]);
    expect(await status("/version", bearer("k1"))).toBe(200);
    expect(await status("/version", basic("k2"))).toBe(200);
    expect(await status("/version", bearer("k"))).toBe(401);
    expect(await status("/version", bearer("first:k1"))).toBe(401);
    expect(await status("/version", { authorization: "k1" })).toBe(401);
    const refused = await app.inject("/version");
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="LynseDB"');
    expect(refused.json()).toEqual({ error: "Unauthorized", code: "unauthorized", details: {} });
  });

  it("that may only read cannot write", async () => {
    const { app } = await start({ apiKeys: ["reader:r:ro", "writer:w"], routes: [write] });
    const refused = await app.inject({ method: "POST", url: "/test/write", headers: bearer("r"), payload: {} });
    expect([refused.statusCode, refused.json().code]).toEqual([403, "read_only"]);
    const done = await app.inject({ method: "POST", url: "/test/write", headers: bearer("w"), payload: {} });
    expect(done.json()).toEqual({ key: "writer" });
    const version = await app.inject({ url: "/version", headers: bearer("r") });
    expect(version.json().params.read_only).toBe(true);
  });

  it("stand in a file, too", async () => {
    const path = join(folder, "keys.txt");
    await writeFile(path, "# ours\nfile:k3:ro\n\n  k4  \n");
    const { app } = await start({ apiKeys: ["k1"], apiKeysFile: path });
    for (const key of ["k1", "k3", "k4"]) {
      expect((await app.inject({ url: "/version", headers: bearer(key) })).statusCode).toBe(200);
    }
    await expect(start({ apiKeysFile: join(folder, "none") })).rejects.toThrow(/api_keys_file/);
    await writeFile(path, "# none\n");
    await expect(start({ apiKeysFile: path })).rejects.toThrow(/no key/);
  });

  it.each([
    ["a b"],
    ["name:key:rx"],
    ["a:b:ro:c"],
    [""],
    [":k"],
    ["n:k", "n:l"],
  ])("that cannot be used are refused: %j", (...entries) => {
    expect(() => new ApiKeys(entries)).toThrow(/API key/);
    for (const entry of entries.filter((text) => text.length > 3)) {
      expect(() => new ApiKeys(entries)).not.toThrow(entry);
    }
  });

  it("that are wrong again and again shut an address out for a minute, but nobody who was let in before", () => {
    let now = 0;
    const keys = new ApiKeys(["right"], () => now);
    expect(keys.check("Bearer right", "known").outcome).toBe("right");
    for (let attempt = 0; attempt < 20; attempt += 1) {
      expect(keys.check("Bearer wrong", "known").outcome).toBe("wrong");
      expect(keys.check(undefined, "stranger").outcome).toBe("wrong");
    }
    expect(keys.check("Bearer wrong", "known")).toEqual({ outcome: "refused", retryAfterSecs: 60 });
    expect(keys.check("Bearer right", "known").outcome).toBe("right");
    expect(keys.check("Bearer right", "stranger").outcome).toBe("refused");
    expect(keys.check("Bearer right", "other").outcome).toBe("right");
    now = 61_000;
    expect(keys.check("Bearer right", "stranger").outcome).toBe("right");
  });

  it("that are wrong a thousand times do the server no harm", async () => {
    const { app } = await start({ apiKeys: ["right"] });
    const statuses = new Map<number, number>();
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const { statusCode } = await app.inject({ url: "/version", headers: bearer(`wrong${attempt}`) });
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    }
    expect([...statuses]).toEqual([
      [401, 20],
      [429, 980],
    ]);
    const refused = await app.inject({ url: "/version", headers: bearer("x") });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await app.inject("/healthz")).statusCode).toBe(200);
  });

  it("never stand in the log; their names do", async () => {
    const lines: string[] = [];
    const log = { write: (line: string) => lines.push(line) };
    const { app } = await start({
      apiKeys: ["bob:s3cr3t"],
      routes: [write],
      log,
      logLevel: "trace",
      slowQueryWarnMs: 1,
    });
    await app.inject({ method: "POST", url: "/test/write?token=abc", headers: bearer("s3cr3t"), payload: {} });
    await app.inject({ url: "/version", headers: basic("s3cr3t-wrong") });
    const text = lines.join("");
    expect(text).not.toMatch(/s3cr3t|abc|Bearer/);
    const events = lines.map((line) => JSON.parse(line));
    expect(events.find(({ event }) => event === "audit")).toMatchObject({
      action: "test_write",
      key: "bob",
      method: "POST",
      path: "/test/write",
      status_code: 200,
      outcome: "success",
    });
    expect(events.filter(({ event }) => event === "http_request").map((event) => event.status_code)).toEqual([
      200, 401,
    ]);
  });
});

describe("the log", () => {
  it("tells of slow requests, traces and request ids", async () => {
    const slow = route({
      ...write,
      path: "/test/slow",
      access: "read",
      handler: () => new Promise((done) => setTimeout(done, 20, {})),
    });
    const lines: string[] = [];
    const log = { write: (line: string) => lines.push(line) };
    const options = { routes: [slow, write], log, logLevel: "info", slowQueryWarnMs: 10, auditLog: false } as const;
    const { app } = await start(options);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const headers = { traceparent, "x-request-id": "mine" };
    await app.inject({ method: "POST", url: "/test/slow", headers, payload: {} });
    await app.inject({ method: "POST", url: "/test/write", payload: {} });
    const events = lines.map((line) => JSON.parse(line));
    const trace = { request_id: "mine", trace_id: "0af7651916cd43dd8448eb211c80319c" };
    expect(events.find(({ event }) => event === "slow_query")).toMatchObject({
      ...trace,
      level: "warn",
      threshold_ms: 10,
    });
    expect(events.filter(({ event }) => event === "audit")).toEqual([]);
  });

  it("is silent in a program that does not ask for it", async () => {
    const lines: string[] = [];
    const { app } = await start({ log: { write: (line) => lines.push(line) } });
    await app.inject("/healthz");
    expect(lines).toEqual([]);
  });
});

describe("browsers", () => {
  it("may call from the origins that were named", async () => {
    const { app } = await start({ corsOrigins: ["https://a.example"], apiKeys: ["k"] });
    const headers = { origin: "https://a.example", "access-control-request-method": "POST" };
    const preflight = await app.inject({ method: "OPTIONS", url: "/search", headers });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers["access-control-allow-origin"]).toBe("https://a.example");
    const other = await app.inject({
      method: "OPTIONS",
      url: "/search",
      headers: { ...headers, origin: "https://b.example" },
    });
    expect(other.headers["access-control-allow-origin"]).toBe(undefined);
    expect(other.statusCode).toBe(403);
    const answer = await app.inject({ url: "/version", headers: { ...bearer("k"), origin: "https://a.example" } });
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": "https://a.example", vary: "origin" });
  });

  it("may not call at all where none was named", async () => {
    const { app } = await start();
    const { headers } = await app.inject({ url: "/", headers: { origin: "https://a.example" } });
    // As a page can send it without being asked: a body without a content type.
    const headersOfPage = { origin: "https://a.example" };
    const write = { method: "POST", url: "/create_database", headers: headersOfPage, payload: "{}" } as const;
    const refused = await app.inject(write);
    expect([refused.statusCode, refused.json().code]).toEqual([403, "origin_not_allowed"]);
    expect((await app.inject({ url: "/version", headers: headersOfPage })).statusCode).toBe(403);
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});

describe("the description", () => {
  it("has exactly the routes that are served, each with schemas, and an example where there is JSON", async () => {
    const { app } = await start();
    const document = (await app.inject("/openapi.json")).json();
    expect(document.openapi).toBe("3.1.0");
    const described = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(allRoutes.map(({ method, path }) => `${method} ${path}`).sort());
    const ids = new Set<string>();
    for (const { method, path, body, response, access, query } of allRoutes) {
      const operation = document.paths[path][method.toLowerCase()];
      const where = `${method} ${path}`;
      ids.add(operation.operationId);
      expect(operation.summary, where).toMatch(/\S/);
      expect(operation.security, where).toEqual(access === "public" ? [] : [{ ApiKeyAuth: [] }]);
      const content = Object.values(operation.responses[Object.keys(operation.responses)[0]!].content ?? {});
      expect(content.length, where).toBe(1);
      const isSupported = !unsupportedRoutes.some((unsupported) => unsupported.path === path);
      if (typeof response !== "string" && isSupported)
        expect((content[0] as { schema: object }).schema, where).toHaveProperty("examples");
      if (query !== undefined) expect(operation.parameters.length, where).toBeGreaterThan(0);
      if (body === undefined) continue;
      const [type, media] = Object.entries(operation.requestBody.content as Record<string, { schema: object }>)[0]!;
      expect(type, where).toBe(body === "bytes" ? "application/octet-stream" : "application/json");
      const shown = JSON.stringify(media);
      if (body !== "bytes") expect(shown, where).toMatch(/"examples?":/);
    }
    expect(ids.size).toBe(allRoutes.length);
    expect(JSON.stringify(document)).not.toMatch(/x-items|~kind|~optional/);
  });

  it("has no route twice", () => {
    const names = allRoutes.map(({ method, path }) => `${method} ${path}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});

describe("the metrics", () => {
  it("have LynseDB's names and count what happens", async () => {
    const { app } = await start({ apiKeys: ["k"] });
    await app.inject("/version");
    await app.inject({
      method: "POST",
      url: "/create_database",
      headers: bearer("k"),
      payload: { database_name: "m" },
    });
    await app.inject("/healthz");
    const { body, headers } = await app.inject({ url: "/metrics", headers: bearer("k") });
    expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    const value = (name: string): number => {
      const line = body.split("\n").find((text) => text.startsWith(`lynsedb_${name} `));
      return Number(line?.split(" ").at(-1) ?? Number.NaN);
    };
    expect(value("up")).toBe(1);
    expect(value("databases_total")).toBe(1);
    expect(value("http_requests_total")).toBe(3);
    expect(value('http_requests_by_status_total{status_class="2xx"}')).toBe(2);
    expect(value('http_request_errors_by_kind_total{kind="unauthorized"}')).toBe(1);
    expect(value("http_request_duration_seconds_count")).toBe(3);
    expect(value('http_request_duration_seconds_bucket{le="0.005"}')).toBeGreaterThanOrEqual(0);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e7);
    for (const name of [
      "server_start_time_seconds",
      "collections_total",
      "storage_disk_bytes",
      "storage_wal_bytes",
      "storage_index_bytes",
      "index_builds_in_progress",
      "index_build_last_duration_seconds",
      'index_builds_total{status="started"}',
      'http_request_duration_seconds_quantile{quantile="0.99"}',
      'event_loop_delay_seconds{quantile="1"}',
      "http_requests_running",
      "http_requests_queued",
      "sessions_open",
    ]) {
      expect(value(name), name).toBeGreaterThanOrEqual(0);
    }
  });

  it("have LynseDB's names and types, each told once", async () => {
    const { app } = await start();
    const { body } = await app.inject("/metrics");
    const types = new Map(
      Array.from(body.matchAll(/^# TYPE lynsedb_(\S+) (\w+)$/gm), ([, name, type]) => [name, type]),
    );
    expect(types.size).toBe(body.match(/^# TYPE lynsedb_/gm)?.length);
    const ofLynseDb = {
      gauge: [
        ...["up", "server_start_time_seconds", "databases_total", "collections_total", "open_databases_total"],
        ...["open_collections_total", "storage_disk_bytes", "storage_wal_bytes", "storage_index_bytes"],
        ...["process_resident_memory_bytes", "index_builds_in_progress", "index_build_current_vectors"],
        ...["index_build_last_vectors", "index_build_progress_ratio", "index_build_last_duration_seconds"],
        "http_request_duration_seconds_quantile",
      ],
      counter: [
        ...["index_builds_total", "http_requests_total", "http_requests_by_status_total"],
        ...["http_request_errors_total", "http_request_errors_by_kind_total"],
      ],
      summary: ["index_build_duration_seconds"],
      histogram: ["http_request_duration_seconds"],
    };
    for (const [type, names] of Object.entries(ofLynseDb)) {
      for (const name of names) expect([name, types.get(name)]).toEqual([name, type]);
    }
    const labels = ["started", "completed", "failed"].map((status) => `index_builds_total{status="${status}"} 0`);
    labels.push('index_build_progress_ratio{scope="current"} 0', 'index_build_progress_ratio{scope="last"} 0');
    labels.push("index_build_duration_seconds_sum 0", "index_build_duration_seconds_count 0");
    for (const label of labels) expect(body).toContain(`lynsedb_${label}\n`);
  });

  it("count what requests have opened, until it is dropped", async () => {
    const { app } = await start();
    const send = (url: string, payload: object) => app.inject({ method: "POST", url, payload });
    const open = async (): Promise<(number | undefined)[]> => {
      const { body } = await app.inject("/metrics");
      return ["databases", "collections"].map((name) =>
        Number(new RegExp(`^lynsedb_open_${name}_total (\\d+)`, "m").exec(body)?.[1]),
      );
    };
    expect(await open()).toEqual([0, 0]);
    for (const database_name of ["a", "b"]) {
      await send("/create_database", { database_name });
      for (const collection_name of ["one", "two"]) {
        await send("/required_collection", { database_name, collection_name, dim: 2 });
      }
    }
    await send("/stats", { database_name: "a", collection_name: "none" });
    expect(await open()).toEqual([2, 4]);
    await send("/drop_collection", { database_name: "a", collection_name: "one" });
    expect(await open()).toEqual([2, 3]);
    await send("/drop_database", { database_name: "b" });
    expect(await open()).toEqual([1, 1]);
  });

  it("measure what is on the disk", async () => {
    const dataDir = join(folder, "measured");
    const { app } = await start({ dataDir });
    const names = { database_name: "m", collection_name: "c" };
    const send = (url: string, payload: object) =>
      app.inject({ method: "POST", url, payload: { ...names, ...payload } });
    await send("/create_database", {});
    await send("/required_collection", { dim: 2 });
    await send("/add", {
      ids: [1, 2],
      vectors: [
        [1, 2],
        [3, 4],
      ],
    });
    const { body } = await app.inject("/metrics");
    expect(Number(/^lynsedb_storage_disk_bytes (\d+)/m.exec(body)?.[1])).toBeGreaterThan(0);
    expect(Number(/^lynsedb_storage_wal_bytes (\d+)/m.exec(body)?.[1])).toBeGreaterThan(0);
    expect(Number(/^lynsedb_collections_total (\d+)/m.exec(body)?.[1])).toBe(1);
  });
});

describe("options", () => {
  const none = { flags: new Map(), env: {}, configPath: null };

  it("come from flags, else the environment, else the config file, else the defaults", async () => {
    const configPath = join(folder, "config.json");
    await writeFile(configPath, JSON.stringify({ port: 1, server: { host: "a", "max-top-k": 5, keep_alive_secs: 9 } }));
    const env = { LYNSE_HOST: "b", LYNSE_PORT: "2", LYNSE_MAX_TOP_K: "" };
    const settings = settingsOfSources({ flags: new Map([["port", "3"]]), env, configPath });
    expect(settings).toMatchObject({ port: 3, host: "b", max_top_k: 5, keep_alive_secs: 9, json_limit_mb: 256 });
    expect(settingsOfSources({ ...none, env: { PORT: "81" } }).port).toBe(81);
    expect(settingsOfSources({ ...none, env: { LYNSE_SERVER_WORKERS: "auto" } }).threads).toBeGreaterThan(0);
    expect(settingsOfSources({ ...none, env: { LYNSE_API_KEYS: "a:1, b:2:ro" } }).api_key).toEqual(["a:1", "b:2:ro"]);
    expect(settingsOfSources({ ...none, env: { LYNSE_AUDIT_LOG: "off" } }).audit_log).toBe(false);
  });

  it("may stand in an INI file", async () => {
    const configPath = join(folder, "config.ini");
    await writeFile(configPath, '; ours\n[other]\nport = 9\n[server]\ndata_dir = "/x y"\njson-limit-mb=5\n# end\n');
    const settings = settingsOfSources({ ...none, configPath });
    expect(settings).toMatchObject({ port: 7637, data_dir: "/x y", json_limit_mb: 5 });
  });

  it.each([
    [{ LYNSE_PORT: "x" }, null, /--port \(environment LYNSE_PORT\) must be a whole number from 0 to 65535, got "x"/],
    [{ LYNSE_ROLE: "coordinator" }, null, /--role .* not in this version/],
    [{ LYNSE_INSECURE: "maybe" }, null, /--insecure .* must be true or false/],
    [{ LYNSE_LOG_LEVEL: "loud" }, null, /--log-level .* must be trace or debug/],
    [{}, '{"prot": 1}', /config\.txt.*no option "prot"/],
    [{}, "{", /config\.txt.*cannot be used/],
    [{}, '{"server": 1}', /"server" must be an object/],
    [{}, "port", /line 1 is not of the form/],
    [{}, '{"json_limit_mb": 1.5}', /--json-limit-mb \(config file .*\) must be a whole number/],
  ])("that are wrong are refused with their name and source: %j %j", async (env, content, message) => {
    const configPath = content === null ? null : join(folder, "config.txt");
    if (content !== null) await writeFile(configPath!, content);
    expect(() => settingsOfSources({ flags: new Map(), env, configPath })).toThrow(message);
  });

  it("of createServer are checked by name and value", async () => {
    await expect(start({ prot: 1 } as ServerOptions)).rejects.toThrow(/no option "prot"/);
    await expect(start({ json_limit_mb: 1 } as ServerOptions)).rejects.toThrow(/no option "json_limit_mb"/);
    await expect(start({ maxTopK: -1 })).rejects.toThrow(/--max-top-k \(option maxTopK\)/);
    await expect(start({ embed: "gpt" })).rejects.toThrow(/--embed/);
  });

  it("refuse a public address without keys", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toThrow(/can be reached from other machines/);
    await expect(start({ host: "::" })).rejects.toThrow(/can be reached from other machines/);
    expect((await (await start({ host: "0.0.0.0", apiKeys: ["k"] })).listen()).port).not.toBe("0");
    await start({ host: "0.0.0.0", insecure: true });
    await start({ host: "127.0.0.2" });
  });

  it("stand in docs/server.md, all of them", async () => {
    const { readFile } = await import("node:fs/promises");
    const page = await readFile(new URL("../../docs/server.md", import.meta.url), "utf8");
    for (const { name } of optionTable) expect(page, name).toContain(`\`--${name.replaceAll("_", "-")}\``);
  });
});

describe("a server", () => {
  it("may serve a client that stays open when it closes", async () => {
    await using client = new VectorDBClient("memory://", { threads: 1 });
    await client.createDatabase("mine");
    const server = await start({ client });
    expect((await server.app.inject("/list_databases")).json().params.databases).toEqual(["mine"]);
    await server.close();
    expect(await client.listDatabases()).toEqual(["mine"]);
  });

  it("that cannot have its folder or port says who has it, and lets go of everything", async () => {
    const dataDir = join(folder, "held");
    const first = await start({ dataDir });
    const url = await first.listen();
    await expect(start({ dataDir })).rejects.toMatchObject({ code: "LOCKED" });
    const second = await start({ port: Number(url.port) });
    await expect(second.listen()).rejects.toThrow(/cannot listen on 127\.0\.0\.1:\d+ \(.*EADDRINUSE/);
    await first.close();
    await expect(first.listen()).rejects.toMatchObject({ code: "CLOSED" });
    await (await start({ dataDir })).listen();
  });

  it("speaks TLS", async () => {
    const tlsKey = join(folder, "key.pem");
    const tlsCert = join(folder, "cert.pem");
    const subject = ["-subj", "/CN=localhost", "-days", "1", "-nodes", "-keyout", tlsKey, "-out", tlsCert];
    await promisify(execFile)("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...subject]);
    const url = await (await start({ tlsCert, tlsKey })).listen();
    expect(url.protocol).toBe("https:");
    const status = await new Promise((resolve, reject) => {
      const options = { rejectUnauthorized: false, agent: false };
      request(new URL("/healthz", url), options, (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
    await expect(start({ tlsCert })).rejects.toThrow(/belong together/);
    await expect(start({ tlsCert: tlsKey, tlsKey })).rejects.toThrow(/no PEM pair/);
  });
});
