/**
 * Does `lynse serve` keep its promises as a process?
 *
 * Real processes and real sockets: start, load, search, every way to end, and the data that is there afterwards.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runLynse } from "../cli/run-lynse.js";
import { type ServeOptions, type ServeProcess, spawnServe, startServe } from "./serve-process.js";

let folder = "";
const running = new Set<ServeProcess>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-serve-"));
});
afterAll(async () => {
  for (const server of running) server.child.kill("SIGKILL");
  await Promise.all([...running].map(({ exited }) => exited));
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: ServeOptions): Promise<ServeProcess> {
  const server = await startServe(options);
  running.add(server);
  return server;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(server: ServeProcess, path: string, body: object, key?: string): Promise<Answer> {
  const headers = {
    "content-type": "application/json",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const response = await fetch(`${server.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const docs = { database_name: "demo", collection_name: "docs" };
const dim = 16;
const vectorOf = (id: number): number[] => Array.from({ length: dim }, (_, at) => Math.sin(id * (at + 1)));

async function makeCollection(server: ServeProcess): Promise<void> {
  expect((await post(server, "/create_database", { database_name: "demo" })).status).toBe(200);
  expect((await post(server, "/required_collection", { ...docs, dim, default_index: "FLAT-L2" })).status).toBe(200);
}

async function add(server: ServeProcess, first: number, count: number): Promise<number> {
  const ids = Array.from({ length: count }, (_, at) => first + at);
  const fields = ids.map((id) => ({ half: id % 2 === 0 ? "even" : "odd" }));
  return (await post(server, "/add", { ...docs, ids, vectors: ids.map(vectorOf), fields })).status;
}

async function rowCount(server: ServeProcess): Promise<unknown> {
  const { body } = await post(server, "/collection_shape", docs);
  return (body["params"] as { shape: number[] }).shape[0];
}

async function nearest(server: ServeProcess, id: number): Promise<unknown> {
  const { body } = await post(server, "/search", { ...docs, vector: vectorOf(id), k: 1 });
  return (body["params"] as { items: { ids: unknown[] } }).items.ids[0];
}

describe("ends and starts", () => {
  test("a server that is told to stop under load answers what it took, and has it after a restart", async () => {
    const args = ["--data-dir", join(folder, "terminated")];
    const server = await start({ args });
    await makeCollection(server);
    const stored = new Set<number>();
    let next = 0;
    const load = Array.from({ length: 8 }, async () => {
      for (;;) {
        const first = next;
        next += 10;
        try {
          const status = await add(server, first, 10);
          if (status === 200) stored.add(first);
          else if (status !== 503) throw new Error(`a request was answered with ${status}`);
        } catch (error) {
          // The connection is gone: the server has stopped listening.
          if (error instanceof TypeError) return;
          throw error;
        }
        if (stored.size === 40) server.child.kill("SIGTERM");
      }
    });
    await Promise.all(load);
    const { code, stderr, stdout } = await server.exited;
    expect([code, stderr]).toEqual([0, expect.stringContaining("stopping")]);
    const events = stdout.trimEnd().split("\n");
    expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ event: "stopped" });
    expect(stored.size).toBeGreaterThanOrEqual(40);
    const again = await start({ args });
    // What was answered is there; what was refused or cut off is there in whole batches or not at all.
    const rows = Number(await rowCount(again));
    expect(rows % 10).toBe(0);
    expect(rows).toBeGreaterThanOrEqual(stored.size * 10);
    for (const first of stored) expect(await nearest(again, first + 3)).toBe(first + 3);
    again.child.kill("SIGTERM");
    expect((await again.exited).code).toBe(0);
  });

  test("a server that is killed has everything that it answered", async () => {
    const args = ["--data-dir", join(folder, "killed")];
    const server = await start({ args });
    await makeCollection(server);
    for (let batch = 0; batch < 20; batch += 1) expect(await add(server, batch * 50, 50)).toBe(200);
    const cutOff = add(server, 1000, 50).catch(() => null);
    server.child.kill("SIGKILL");
    expect((await server.exited).signal).toBe("SIGKILL");
    const isStored = (await cutOff) === 200;
    const again = await start({ args });
    const rows = await rowCount(again);
    expect(isStored ? [1050] : [1000, 1050]).toContain(rows);
    expect(await nearest(again, 977)).toBe(977);
    expect(await add(again, 5000, 1)).toBe(200);
  });

  test("a second signal ends it at once", async () => {
    const args = ["--data-dir", join(folder, "twice"), "--shutdown-grace-secs", "60"];
    const server = await start({ args });
    await makeCollection(server);
    // A body that never comes to its end keeps the server from finishing.
    const upload = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) });
    const init = { method: "POST", body: upload, duplex: "half", headers: { "content-type": "application/json" } };
    const pending = fetch(`${server.url}/add`, init as RequestInit).catch(() => null);
    await fetch(`${server.url}/healthz`);
    server.child.kill("SIGTERM");
    await new Promise<void>((resolve) => server.child.stderr?.once("data", () => resolve()));
    server.child.kill("SIGTERM");
    expect((await server.exited).code).toBe(130);
    await pending;
  });

  test("flags count before the environment, and that before the config file", async () => {
    const config = join(folder, "lynse.json");
    writeFileSync(config, JSON.stringify({ server: { max_top_k: 7, max_batch_vectors: 70, max_running: 3 } }));
    const args = ["--config", config, "--data-dir", "memory://", "--max-top-k", "9"];
    const server = await start({ args, env: { LYNSE_MAX_TOP_K: "8", LYNSE_MAX_BATCH_VECTORS: "80" } });
    const response = await fetch(`${server.url}/version`);
    const { params } = (await response.json()) as { params: { limits: object } };
    expect(params.limits).toMatchObject({ max_top_k: 9, max_batch_vectors: 80 });
  });
});

describe("the guide", () => {
  const hasCurl = spawnSync("curl", ["--version"]).status === 0;
  test.runIf(hasCurl)("has lines of curl that work one after the other", async () => {
    const server = await start({ args: ["--data-dir", join(folder, "guide")], env: { LYNSE_API_KEY: "secret" } });
    const guide = readFileSync(new URL("../../docs/guides/deploy.md", import.meta.url), "utf8");
    const lines = (/```sh\n([\s\S]*?)```/.exec(guide)?.[1] ?? "").trim().split(/\n\n/);
    expect(lines).toHaveLength(8);
    const answers = lines.map((line) => {
      const { status, stdout, stderr } = spawnSync(
        "bash",
        ["-c", line.replaceAll("http://127.0.0.1:7637", server.url)],
        {
          encoding: "utf8",
        },
      );
      expect([line, status, stderr]).toEqual([line, 0, ""]);
      return stdout;
    });
    expect(JSON.parse(answers[4] ?? "").params.items).toMatchObject({
      ids: [2, "three"],
      fields: [{ year: 2025 }, {}],
    });
    expect(JSON.parse(answers[5] ?? "").params.items.ids).toEqual(["three"]);
    expect(answers[6]).toContain("lynsedb_up 1");
    expect(JSON.parse(answers[7] ?? "").openapi).toMatch(/^3\.1/);
  });
});

describe.concurrent("what keeps it from starting", () => {
  async function refusal(args: readonly string[], env: Record<string, string> = {}) {
    const { code, stderr } = await spawnServe({ args, env }).exited;
    return { code, stderr };
  }

  test("a folder that another process writes to", async () => {
    const args = ["--data-dir", join(folder, "locked")];
    const server = await start({ args });
    const { code, stderr } = await refusal([...args, "--port", "0"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^lynse: .*${server.child.pid}`));
    // A second server that only reads may be there beside it.
    const reader = await start({ args: [...args, "--read-only"] });
    expect((await post(reader, "/create_database", { database_name: "x" })).status).toBe(409);
  });

  test("a port that is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    const { code, stderr } = await refusal(["--data-dir", "memory://", "--port", String(port)]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^lynse: cannot listen on 127\.0\.0\.1:\d+ \(.*EADDRINUSE/),
    ]);
    await new Promise((resolve) => other.close(resolve));
  });

  test("a public address without keys, unless that is wanted", async () => {
    const args = ["--data-dir", "memory://", "--host", "0.0.0.0", "--port", "0"];
    const { code, stderr } = await refusal(args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/host 0\.0\.0\.0 .*no API key is set.*--insecure/s)]);
    const server = await start({ args: [...args, "--insecure"] });
    expect((await fetch(server.url.replace("0.0.0.0", "127.0.0.1"))).status).toBe(200);
  });

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ["a flag that there is not", ["--prot", "1"], {}, 2, /unknown option '--prot'/],
    ["a value out of range", ["--port", "70000"], {}, 1, /--port \(command line\) must be .*65535, got "70000"/],
    ["one of the environment", [], { LYNSE_MAX_QUEUED: "some" }, 1, /--max-queued \(environment LYNSE_MAX_QUEUED\)/],
    [
      "a config file that is missing",
      ["--config", "/nowhere/lynse.ini"],
      {},
      1,
      /config file \/nowhere\/lynse\.ini .*ENOENT/,
    ],
    ["the role of a coordinator", ["--role", "coordinator"], {}, 1, /--role .*must be single/],
  ])("%s", async (_, args, env, code, message) => {
    const result = await refusal(["--data-dir", "memory://", ...args], env);
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });

  test("a config file with a mistake in it", async () => {
    const config = join(folder, "broken.ini");
    writeFileSync(config, "[server]\nport = 1\nprot = 2\n");
    const { code, stderr } = await refusal(["--config", config]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/broken\.ini .*there is no option "prot"/)]);
  });

  test("a certificate that is none", async () => {
    const [cert, key] = [join(folder, "no-cert.pem"), join(folder, "no-key.pem")];
    writeFileSync(cert, "not PEM");
    writeFileSync(key, "not PEM");
    const { code, stderr } = await refusal(["--data-dir", "memory://", "--tls-cert", cert, "--tls-key", key]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/no PEM pair that belongs together/)]);
  });

  test.runIf(process.getuid?.() !== 0)("a folder that must not be written", async () => {
    const sealed = mkdtempSync(join(folder, "sealed-"));
    chmodSync(sealed, 0o500);
    const { code, stderr } = await refusal(["--data-dir", join(sealed, "data"), "--port", "0"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/EACCES/)]);
  });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

test.runIf(hasOpenssl)("TLS with a certificate of one's own", async () => {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
  ]);
  expect(made.status).toBe(0);
  const server = await start({ args: ["--data-dir", "memory://", "--tls-cert", cert, "--tls-key", key] });
  expect(server.url).toMatch(/^https:/);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    get(`${server.url}/readyz`, { ca: readFileSync(cert) }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
  expect(status).toBe(200);
  await expect(fetch(server.url.replace("https", "http"))).rejects.toThrow();
});

test("keys: the logs have their names and never them; a key that may only read does not write", async () => {
  const file = join(folder, "keys.txt");
  writeFileSync(file, "# two of them\nwriter:c0ffee-c0ffee\nreader:5ca1ab1e-5ca1ab1e:ro\n");
  const args = ["--data-dir", "memory://", "--api-keys-file", file];
  const server = await start({ args });
  const make = (key?: string): Promise<Answer> => post(server, "/create_database", { database_name: "demo" }, key);
  expect((await make()).status).toBe(401);
  expect((await make("wrong-key")).status).toBe(401);
  expect((await make("5ca1ab1e-5ca1ab1e")).status).toBe(403);
  expect((await make("c0ffee-c0ffee")).status).toBe(200);
  const basic = Buffer.from("anybody:5ca1ab1e-5ca1ab1e").toString("base64");
  const listed = await fetch(`${server.url}/list_databases`, { headers: { authorization: `Basic ${basic}` } });
  expect(await listed.json()).toMatchObject({ params: { databases: ["demo"] } });
  server.child.kill("SIGTERM");
  const { code, stdout } = await server.exited;
  expect(code).toBe(0);
  expect(stdout).toMatch(/"event":"audit".*"writer"/);
  expect(stdout).not.toMatch(/c0ffee|5ca1ab1e|wrong-key/);
});

test("the command line looks at the data beside a server that runs", async () => {
  const data = join(folder, "beside");
  const server = await start({ args: ["--data-dir", data] });
  await makeCollection(server);
  expect(await add(server, 0, 20)).toBe(200);
  const beside = await runLynse(["info", "--json"], { data, folder });
  expect(JSON.parse(beside.stdout)).toMatchObject({ database: "demo", collection: "docs", rows: 20 });
});
