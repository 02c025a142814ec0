import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { HttpRequest, HttpSender } from "./http-sender.js";
import { nodeHttpSender } from "./node-http-sender.js";
import { type RemoteOptions, remoteSettings } from "./remote-options.js";
import { RemoteTransport } from "./remote-transport.js";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

async function serve(listener: RequestListener): Promise<{ url: string; ports: Set<number> }> {
  const ports = new Set<number>();
  const server = createServer((request, response) => {
    ports.add(request.socket.remotePort!);
    listener(request, response);
  });
  server.on("connection", (socket) => socket.unref());
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  server.unref();
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ports };
}

function senderTo(url: string): HttpSender {
  const sender = nodeHttpSender(url);
  if (sender === null) throw new Error("no sender where Node.js runs");
  closers.push(() => sender.close());
  return sender;
}

function requestTo(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: "POST",
    url: `${url}/path?x=1`,
    headers: { "x-own": "a" },
    body: "{}",
    signal: new AbortController().signal,
    isLong: false,
    ...more,
  };
}

const transportTo = (url: string, options: RemoteOptions = {}): RemoteTransport => {
  const transport = new RemoteTransport(remoteSettings(url, { retries: 0, ...options }));
  closers.push(() => transport.close());
  return transport;
};
const success = JSON.stringify({ status: "success", params: { a: "ü" } });

describe("a request of Node.js", () => {
  it.each([
    ["text ü", 7] as const,
    [Uint8Array.of(1, 2, 255), 3] as const,
    [null, undefined] as const,
  ])("brings method, path, headers and the body %j with its length", async (body, length) => {
    let got: unknown;
    const { url } = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const { method, url, headers } = request;
        got = { method, url, own: headers["x-own"], length: headers["content-length"], body: Buffer.concat(chunks) };
        response.writeHead(201, { "retry-after": "7" }).end(success);
      });
    });
    const method = body === null ? "GET" : "POST";
    const answer = await senderTo(url).send(requestTo(url, { method, body }));
    expect(answer).toMatchObject({ status: 201, retryAfter: "7" });
    expect(await answer.json()).toEqual({ status: "success", params: { a: "ü" } });
    const bytes = Buffer.from(body ?? "");
    expect(got).toEqual({ method, url: "/path?x=1", own: "a", length: length?.toString(), body: bytes });
  });

  it("goes over a kept connection, which does not hold the process and is closed with the sender", async () => {
    const { url, ports } = await serve((_, response) => response.end(success));
    const sender = senderTo(url);
    for (let n = 0; n < 3; n++) await (await sender.send(requestTo(url))).text();
    expect(ports.size).toBe(1);
    await vi.waitFor(() => expect(process.getActiveResourcesInfo()).not.toContain("TCPSocketWrap"));
    sender.close();
    await (await senderTo(url).send(requestTo(url))).text();
    expect(ports.size).toBe(2);
  });

  it("waits for one of 128 connections, and long ones don't make others wait", async () => {
    let release = (): void => {};
    const released = new Promise<void>((done) => {
      release = done;
    });
    const { url, ports } = await serve(async (request, response) => {
      if (request.url === "/slow") await released;
      response.end(success);
    });
    const sender = senderTo(url);
    const slow = Array.from({ length: 200 }, () => sender.send(requestTo(url, { url: `${url}/slow`, isLong: true })));
    expect(await (await sender.send(requestTo(url))).text()).toBe(success);
    release();
    for (const answer of await Promise.all(slow)) await answer.text();
    ports.clear();
    const many = Array.from({ length: 500 }, async () => (await sender.send(requestTo(url))).text());
    expect(new Set(await Promise.all(many))).toEqual(new Set([success]));
    expect(ports.size).toBeLessThanOrEqual(128);
  });

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
  ])("reads answers that are packed by %s, whole and as they come", async (encoding, pack) => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-encoding": encoding }).end(pack(Buffer.from(success)));
    });
    const sender = senderTo(url);
    expect(await (await sender.send(requestTo(url))).text()).toBe(success);
    const stream = (await sender.send(requestTo(url))).stream();
    expect(await new Response(stream).text()).toBe(success);
  });

  it("is UNAVAILABLE where a packed answer is damaged, a redirection, or breaks off before or in its body", async () => {
    const { url } = await serve((request, response) => {
      if (request.url === "/packed") response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip");
      else if (request.url === "/moved") response.writeHead(307, { location: "/other" }).end();
      else if (request.url === "/head") request.socket.destroy();
      else {
        response.writeHead(200, { "content-length": "1000" }).write("{");
        setTimeout(() => request.socket.destroy(), 10);
      }
    });
    const transport = transportTo(url);
    for (const path of ["/packed", "/moved", "/head", "/body"]) {
      const call = transport.post(path, {}, { kind: "write" });
      await expect(call, path).rejects.toMatchObject({ code: "UNAVAILABLE" });
    }
    const sender = transportTo("http://127.0.0.1:1");
    await expect(sender.post("/x", {}, { kind: "write" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "ECONNREFUSED" },
    });
  });
});

describe("a request over TLS", () => {
  it("reaches only a server whose certificate is trusted", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lynse-tls-"));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-days", "1", "-nodes", "-keyout", keyFile, "-out", certFile];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", ...subject], { stdio: "ignore" });
    const pair = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
    const server = createSecureServer(pair, (_, response) => response.end(success));
    await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
    closers.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(transportTo(url).post("/x", {}, { kind: "read" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    expect(await transportTo(url).post("/x", {}, { kind: "read" })).toEqual({ a: "ü" });
  });
});

describe("a request of Node.js that is ended", () => {
  const hanging: RequestListener = (request, response) => {
    if (request.url !== "/body") return;
    response.writeHead(200, { "content-length": "1000" });
    response.write("{");
  };

  it.each([
    "/head",
    "/body",
  ])("before or in its answer, by its signal or its time, gives its connection up: %s", async (path) => {
    const { url } = await serve(hanging);
    const transport = transportTo(url, { timeoutMs: 50 });
    await expect(transport.post(path, {}, { kind: "read" })).rejects.toMatchObject({ code: "TIMEOUT" });
    const controller = new AbortController();
    const call = transport.post(path, {}, { kind: "read", signal: controller.signal, timeoutMs: 0 });
    setTimeout(() => controller.abort(new Error("enough")), 30);
    await expect(call).rejects.toMatchObject({ code: "ABORTED", cause: { message: "enough" } });
    await expect(transport.post(path, {}, { kind: "read", signal: controller.signal })).rejects.toMatchObject({
      code: "ABORTED",
    });
    await vi.waitFor(() => expect(process.getActiveResourcesInfo()).not.toContain("TCPSocketWrap"));
  });

  it("by the client's end is CLOSED", async () => {
    const { url } = await serve(hanging);
    const transport = transportTo(url);
    const calls = ["/head", "/body"].map((path) => transport.post(path, {}, { kind: "read" }));
    setTimeout(() => transport.close(), 30);
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("while it waits for a connection leaves the place to others", async () => {
    const { url } = await serve((request, response) => {
      if (request.url === "/slow") setTimeout(() => response.end(success), 50);
      else response.end(success);
    });
    const sender = senderTo(url);
    const slow = Array.from({ length: 128 }, () => sender.send(requestTo(url, { url: `${url}/slow` })));
    const controller = new AbortController();
    const waiting = sender.send(requestTo(url, { signal: controller.signal }));
    controller.abort();
    await expect(waiting).rejects.toThrow();
    for (const answer of await Promise.all(slow)) await answer.text();
    expect(await (await sender.send(requestTo(url))).text()).toBe(success);
  });
});

describe("the way to a server", () => {
  it("is the platform's fetch where that was replaced, or told to go another way", async () => {
    const { url } = await serve((_, response) => response.end(success));
    const replaced = vi.fn(async () => new Response(success));
    vi.stubGlobal("fetch", replaced);
    expect(await transportTo(url).post("/x", {}, { kind: "read" })).toEqual({ a: "ü" });
    expect(replaced).toHaveBeenCalledTimes(1);
    class ProxyAgent {}
    const dispatchers = globalThis as Record<symbol, unknown>;
    const name = Symbol.for("undici.globalDispatcher.1");
    const before = dispatchers[name];
    dispatchers[name] = new ProxyAgent();
    try {
      expect(nodeHttpSender(url)).toBeNull();
    } finally {
      dispatchers[name] = before;
    }
    expect(nodeHttpSender(url)).not.toBeNull();
  });

  it("is the platform's fetch where there are no modules of Node.js to be asked for", () => {
    vi.stubGlobal("process", undefined);
    expect(nodeHttpSender("http://host")).toBeNull();
    vi.stubGlobal("process", { versions: { node: "22.0.0", bun: "1.2.0" }, getBuiltinModule: () => ({}) });
    expect(nodeHttpSender("http://host")).toBeNull();
  });
});
