import { describe, expect, it } from "vitest";
import { isLynseError } from "../../errors.js";
import { type RemoteOptions, remoteSettings } from "./remote-options.js";
import { RemoteTransport } from "./remote-transport.js";

interface Call {
  readonly url: string;
  readonly init: RequestInit & { readonly headers: Record<string, string> };
}

/** A transport whose requests are answered one after another by `answers`; the last one answers all others. */
function transportTo(answers: readonly (() => Response | Promise<Response>)[], options: RemoteOptions = {}) {
  const calls: Call[] = [];
  const fetch = async (url: string, init: Call["init"]): Promise<Response> => {
    calls.push({ url, init });
    init.signal?.throwIfAborted();
    return answers[Math.min(calls.length, answers.length) - 1]!();
  };
  const settings = remoteSettings("http://host:1/base/", { fetch: fetch as typeof globalThis.fetch, ...options });
  return { transport: new RemoteTransport(settings), calls };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): (() => Response) => {
  return () => new Response(JSON.stringify(body), { status, headers });
};
const success = json(200, { status: "success", params: { a: 1 } });
const busy = json(503, { error: "busy", code: "unavailable", details: { running: 1, queued: 2 } });
const refused = (): never => {
  throw new TypeError("fetch failed", { cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }) });
};
const reset = (): never => {
  throw new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) });
};
const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  );
const read = { kind: "read" } as const;
const write = { kind: "write" } as const;

describe("a request", () => {
  it("brings the key, the headers of the client and the body, and gives the params of the answer", async () => {
    const { transport, calls } = transportTo([success], { apiKey: "secret", headers: { "X-Team": "a" } });
    expect(await transport.post("/search", { k: 1 }, read)).toEqual({ a: 1 });
    const [{ url, init }] = calls as [Call];
    expect(url).toBe("http://host:1/base/search");
    expect(init).toMatchObject({ method: "POST", body: '{"k":1}' });
    expect(init.headers).toMatchObject({
      authorization: "Bearer secret",
      "x-team": "a",
      "content-type": "application/json",
    });
  });

  it("of bytes has its parameters in the query string, percent-encoded, without those that are absent", async () => {
    const { transport, calls } = transportTo([success]);
    await transport.postBytes("/x", { name: "a&b ü", n: 1, none: null, flag: true }, new Uint8Array(3), write);
    expect(calls[0]!.url).toBe("http://host:1/base/x?name=a%26b%20%C3%BC&n=1&flag=true");
  });
});

describe("an error of the server", () => {
  it("is thrown with its code, message, details and the catalogue's status", async () => {
    const body = { error: "id 5 exists", code: "id_exists", details: { id: 5 } };
    const { transport } = transportTo([json(409, body)]);
    const error = await failureOf(transport.post("/add", {}, write));
    expect(error).toMatchObject({ name: "LynseError", code: "ID_EXISTS", status: 409, details: { id: 5 } });
    expect((error as Error).message).toBe("id 5 exists");
  });

  it.each([
    [400, "nonsense", "INVALID_ARGUMENT"],
    [401, "", "UNAUTHORIZED"],
    [404, "<html>", "UNSUPPORTED"],
    [413, "", "LIMIT_EXCEEDED"],
    [429, "", "UNAVAILABLE"],
    [500, '{"error":"x","code":"internal_error"}', "INTERNAL"],
    [502, "bad gateway", "UNAVAILABLE"],
    [504, "", "TIMEOUT"],
  ])("with status %d and body %j is %s, whoever sent it", async (status, body, code) => {
    const { transport } = transportTo([() => new Response(body, { status })], { retries: 0 });
    expect(await failureOf(transport.post("/x", {}, read))).toMatchObject({ code });
  });

  it("is UNAVAILABLE where the answer is none of LynseDB", async () => {
    const { transport } = transportTo([json(200, ["hello"])]);
    expect(await failureOf(transport.post("/x", {}, read))).toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("a request that failed", () => {
  it.each([
    ["a read, when the server was busy", busy, read, 3],
    ["a read, when the connection broke", reset, read, 3],
    ["a write, when no connection came about", refused, write, 3],
    ["a write, when the server refused it at the door", busy, write, 3],
    ["a write, when the connection broke", reset, write, 1],
    ["a write, when a proxy gave up", json(502, {}), write, 1],
    ["a write, when the server was stopping", json(503, { error: "x", code: "unavailable" }), write, 1],
    ["a read, when it was refused for what it is", json(400, {}), read, 1],
  ])("is repeated where that is safe: %s", async (_, answer, options, tries) => {
    const { transport, calls } = transportTo([answer], { retries: 2 });
    expect(isLynseError(await failureOf(transport.post("/x", {}, options)))).toBe(true);
    expect(calls.length).toBe(tries);
  });

  it("succeeds when a later try does", async () => {
    const { transport } = transportTo([reset, busy, success]);
    expect(await transport.post("/x", {}, read)).toEqual({ a: 1 });
  });

  it("waits as long as the server asks", async () => {
    const later = json(429, {}, { "retry-after": "1" });
    const { transport } = transportTo([later, success]);
    const startedAt = performance.now();
    await transport.post("/x", {}, write);
    expect(performance.now() - startedAt).toBeGreaterThan(950);
  });

  it("names the server that cannot be reached, and never the key", async () => {
    for (const options of [{ apiKey: "s3cret" }, {}]) {
      const { transport } = transportTo([refused], { retries: 0, ...options });
      const error = (await failureOf(transport.post("/x", {}, read))) as Error;
      expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
      expect(error.message).toMatch(/http:\/\/host:1\/base.*ECONNREFUSED/);
      expect(JSON.stringify(error)).not.toContain("s3cret");
    }
  });
});

it("says of an answer that is too long to be taken that it is, and does not ask again", async () => {
  const long = new Response("{}", { headers: { "content-length": String(600 * 1024 * 1024) } });
  let calls = 0;
  const fetch = async (): Promise<Response> => {
    calls++;
    return long;
  };
  const transport = new RemoteTransport(remoteSettings("http://host:1", { fetch, retries: 2 }));
  expect(await failureOf(transport.post("/x", {}, read))).toMatchObject({ code: "LIMIT_EXCEEDED" });
  expect(calls).toBe(1);
});

describe("a request that is ended", () => {
  /** A fetch that only its signal ends. */
  const never = (_url: string, init: RequestInit): Promise<Response> =>
    new Promise((_, reject) => {
      init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  const hanging = (options: RemoteOptions = {}): RemoteTransport =>
    new RemoteTransport(remoteSettings("http://host:1", { fetch: never as typeof globalThis.fetch, ...options }));

  it("by its time limit is TIMEOUT, and not repeated", async () => {
    const error = await failureOf(hanging({ timeoutMs: 20 }).post("/x", {}, write));
    expect(error).toMatchObject({ code: "TIMEOUT", details: { timeoutMs: 20 } });
    expect((error as Error).message).toMatch(/may be stored/);
  });

  it("by the caller's signal, or the client's, is ABORTED with the reason as its cause", async () => {
    const reason = new Error("enough");
    for (const own of [true, false]) {
      const controller = new AbortController();
      const transport = hanging(own ? {} : { signal: controller.signal });
      const call = transport.post("/x", {}, own ? { ...read, signal: controller.signal } : read);
      controller.abort(reason);
      expect(await failureOf(call)).toMatchObject({ code: "ABORTED", cause: reason });
    }
  });

  it("by the client's end is CLOSED, and so is every later one", async () => {
    const transport = hanging();
    const call = transport.post("/x", {}, read);
    transport.close();
    expect(await failureOf(call)).toMatchObject({ code: "CLOSED" });
    expect(await failureOf(transport.post("/x", {}, read))).toMatchObject({ code: "CLOSED" });
  });

  it("while it waits for its next try is ended at once", async () => {
    const controller = new AbortController();
    const { transport } = transportTo([json(503, {}, { "retry-after": "20" })]);
    const call = transport.post("/x", {}, { ...read, signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    expect(await failureOf(call)).toMatchObject({ code: "ABORTED" });
  });
});

describe("the options of a remote client", () => {
  it("take the key out of the uri", () => {
    const { url, headers } = remoteSettings("https://user:p%40ss@host/base//", {});
    expect(url).toBe("https://host/base");
    expect(headers["authorization"]).toBe("Bearer p@ss");
  });

  it.each([
    [{ apiKey: "" }, /apiKey/],
    [{ apiKey: "two words" }, /apiKey/],
    [{ apiKey: 5 }, /apiKey must be a string/],
    [{ timeoutMs: -1 }, /timeoutMs/],
    [{ retries: 1.5 }, /retries/],
    [{ fetch: "fetch" }, /fetch must be a function/],
    [{ headers: ["a"] }, /headers/],
    [{ headers: { a: 1 } }, /header a/],
    [{ signal: {} }, /signal must be an AbortSignal/],
  ])("refuse %j", (options, pattern) => {
    expect(() => remoteSettings("http://host", options as never)).toThrow(pattern);
  });

  it.each(["http://", "http://host?x=1", "http://host/#a"])("refuse the uri %s", (uri) => {
    expect(() => remoteSettings(uri, {})).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});
