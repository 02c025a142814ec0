import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Embedder } from "./embedder.js";
import { type OpenAIEmbedderOptions, openAIEmbedder } from "./openai-embedder.js";

const apiKey = "sk-test-0123456789abcdef";

interface Asked {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly input: string[]; readonly [name: string]: unknown };
}

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
  server = undefined;
});

/** A service that answers the n-th request by `answer(n)`; and an embedder that asks it. */
async function service(
  answer: (response: ServerResponse, asked: Asked, count: number) => void,
  options: OpenAIEmbedderOptions = {},
): Promise<{ embed: Embedder; asked: Asked[]; baseUrl: string }> {
  const asked: Asked[] = [];
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      asked.push({ url: request.url, headers: request.headers, body: JSON.parse(text) });
      answer(response, asked.at(-1)!, asked.length);
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
  return { embed: openAIEmbedder({ apiKey, baseUrl, retryDelayMs: 1, ...options }), asked, baseUrl };
}

const vectorOf = (text: string): number[] => [text.length, 0.5];
const good = (response: ServerResponse, { body }: Asked): void => {
  const data = body.input.map((text, index) => ({ index, embedding: vectorOf(text) }));
  response.end(JSON.stringify({ data: data.reverse() }));
};
const status = (response: ServerResponse, code: number, body = "", headers: Record<string, string> = {}): void => {
  response.writeHead(code, headers).end(body);
};
const failure = async (embedding: unknown): Promise<Error & { code?: string; details?: unknown }> => {
  try {
    await embedding;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
};

describe("the OpenAI embedder", () => {
  it("asks for batches and puts the vectors in order of the texts", async () => {
    const { embed, asked } = await service(good, { batchSize: 2, model: "m", headers: { "X-Team": "search" } });
    const vectors = await embed(["a", "bb", "ccc"]);
    expect(vectors.map((vector) => [...vector])).toEqual([
      [1, 0.5],
      [2, 0.5],
      [3, 0.5],
    ]);
    expect(asked.map(({ body }) => body)).toEqual([
      { model: "m", input: ["a", "bb"] },
      { model: "m", input: ["ccc"] },
    ]);
    expect(asked[0]).toMatchObject({
      url: "/v1/embeddings",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", "x-team": "search" },
    });
  });

  it("takes vectors as base64 of float32, asked for or not", async () => {
    const encoded = Buffer.from(Float32Array.of(1.5, -2).buffer).toString("base64");
    const { embed, asked } = await service(
      (response) => response.end(JSON.stringify({ data: [{ index: 0, embedding: encoded }] })),
      { encodingFormat: "base64", dimensions: 2 },
    );
    expect(await embed(["a"])).toEqual([Float32Array.of(1.5, -2)]);
    expect(asked[0]!.body).toMatchObject({ encoding_format: "base64", dimensions: 2 });
  });

  it.each([429, 500, 502, 503, 408])("tries again after status %i", async (code) => {
    const { embed, asked } = await service((response, request, count) =>
      count < 3 ? status(response, code) : good(response, request),
    );
    expect(await embed(["a"])).toHaveLength(1);
    expect(asked).toHaveLength(3);
  });

  it("waits as long as the service asks for, in seconds or until a date", async () => {
    const seconds = await service((response, request, count) =>
      count === 1 ? status(response, 429, "", { "retry-after": "0.3" }) : good(response, request),
    );
    const startedAt = performance.now();
    await seconds.embed(["a"]);
    expect(performance.now() - startedAt).toBeGreaterThan(290);
    server!.close();
    const date = await service(
      (response, request, count) =>
        count === 1
          ? status(response, 503, "", { "retry-after": "Thu, 01 Jan 1998 00:00:00 GMT" })
          : good(response, request),
      { retryDelayMs: 1_000_000 },
    );
    expect(await date.embed(["a"])).toHaveLength(1);
  });

  it("does not wait for a service that asks for minutes", async () => {
    const { embed, asked } = await service((response) => status(response, 429, "busy", { "retry-after": "3600" }));
    expect(await failure(embed(["a"]))).toMatchObject({ code: "UNAVAILABLE", details: { status: 429, tries: 1 } });
    expect(asked).toHaveLength(1);
  });

  it("gives up after its tries and says what the service said", async () => {
    const { embed, asked } = await service((response) => status(response, 500, '{"error":"out of  order"}'), {
      retries: 2,
    });
    const error = await failure(embed(["a"]));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { status: 500, tries: 3 } });
    expect(error.message).toMatch(/status 500 after 3 tries: .*out of order/);
    expect(asked).toHaveLength(3);
  });

  it("does not try again what cannot succeed", async () => {
    const bad = await service((response) => status(response, 400, "input too long"));
    expect(await failure(bad.embed(["a"]))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("status 400: input too long"),
    });
    expect(bad.asked).toHaveLength(1);
    server!.close();
    const empty = await service((response) => status(response, 429, '{"error":{"code":"insufficient_quota"}}'));
    expect(await failure(empty.embed(["a"]))).toMatchObject({ code: "UNAVAILABLE" });
    expect(empty.asked).toHaveLength(1);
  });

  it.each([
    ["garbage", "<html>", "is not JSON"],
    ["no data", "{}", 'has no array "data"'],
    ["null", "null", 'has no array "data"'],
    ["too few", '{"data":[]}', "has 0 vectors for 1 texts"],
    ["a far index", '{"data":[{"index":5,"embedding":[1]}]}', "has the index 5"],
    ["a text for an index", '{"data":[{"index":"0","embedding":[1]}]}', 'has the index "0"'],
    ["no vector", '{"data":[{"index":0}]}', "has no vector for text 0"],
    ["texts as numbers", '{"data":[{"index":0,"embedding":[1,"2"]}]}', 'has "2" at component 1'],
    ["bad base64", '{"data":[{"index":0,"embedding":"%"}]}', "not base64"],
    ["half a number", '{"data":[{"index":0,"embedding":"AAA="}]}', "no whole number of float32"],
    ["another length", '{"data":[{"index":0,"embedding":[1]}]}', "a vector of 1 numbers for text 0, though 2"],
  ])("refuses an answer with %s", async (_, body, message) => {
    const { embed, asked } = await service((response) => response.end(body), { dimensions: 2 });
    expect(await failure(embed(["a"]))).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining(message),
    });
    expect(asked).toHaveLength(1);
  });

  it("refuses two vectors for one text", async () => {
    const body = '{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}';
    const { embed } = await service((response) => response.end(body));
    expect(await failure(embed(["a", "b"]))).toMatchObject({
      message: expect.stringContaining("two vectors for text 0"),
    });
  });

  it("ends a try that takes too long, and tries again", async () => {
    const slow = await service((response, request, count) => count > 1 && good(response, request), { timeoutMs: 200 });
    expect(await slow.embed(["a"])).toHaveLength(1);
    server!.closeAllConnections();
    server!.close();
    const dead = await service(() => {}, { timeoutMs: 50, retries: 1 });
    const error = await failure(dead.embed(["a"]));
    expect(error).toMatchObject({ code: "TIMEOUT", details: { tries: 2 } });
    expect(error.message).toContain("within 50 ms after 2 tries");
  });

  it("ends an answer that begins and does not go on", async () => {
    const { embed } = await service((response) => response.write('{"data":['), { timeoutMs: 50, retries: 0 });
    expect(await failure(embed(["a"]))).toMatchObject({ code: "TIMEOUT" });
  });

  it("tries again when there is no connection", async () => {
    const { embed, asked } = await service((response, request, count) =>
      count === 1 ? response.destroy() : good(response, request),
    );
    expect(await embed(["a"])).toHaveLength(1);
    expect(asked).toHaveLength(2);
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    expect(await failure(embed(["a"]))).toMatchObject({ code: "UNAVAILABLE", details: { tries: 4 } });
  });

  it("is aborted while it waits for an answer and while it pauses", async () => {
    const controller = new AbortController();
    const { embed } = await service(() => controller.abort());
    expect(await failure(embed(["a"], { signal: controller.signal }))).toMatchObject({ code: "ABORTED" });
    expect(await failure(embed(["a"], { signal: controller.signal }))).toMatchObject({ code: "ABORTED" });
    server!.close();
    const pausing = new AbortController();
    const busy = await service((response) => {
      status(response, 429, "", { "retry-after": "30" });
      setTimeout(() => pausing.abort(), 50);
    });
    expect(await failure(busy.embed(["a"], { signal: pausing.signal }))).toMatchObject({ code: "ABORTED" });
  });

  it("keeps the key out of errors, even when the service repeats it", async () => {
    const echo = (code: number) =>
      service((response) => status(response, code, `bad key ${apiKey}, team-secret`), {
        retries: 0,
        headers: { "x-team": "team-secret" },
      });
    for (const code of [400, 401, 403, 500]) {
      const { embed } = await echo(code);
      const error = await failure(embed(["a"]));
      const all = `${error.message} ${JSON.stringify(error)} ${error.stack} ${String(error.cause)}`;
      expect(all).not.toContain(apiKey);
      expect(all).not.toContain("team-secret");
      if (code === 401)
        expect(error).toMatchObject({ code: "UNAUTHORIZED", message: expect.stringContaining("check apiKey") });
      server!.close();
    }
    const throwing = openAIEmbedder({
      apiKey,
      retries: 0,
      fetch: () => Promise.reject(new Error(`no route, ${apiKey}`)),
    });
    expect((await failure(throwing(["a"]))).message).not.toContain(apiKey);
    expect(JSON.stringify(Object.entries(throwing))).not.toContain(apiKey);
  });

  it("does not follow a redirect with the caller's headers", async () => {
    const { embed, asked } = await service((response) => status(response, 307, "", { location: "/elsewhere" }), {
      retries: 0,
    });
    expect(await failure(embed(["a"]))).toMatchObject({ code: "UNAVAILABLE" });
    expect(asked.map(({ url }) => url)).toEqual(["/v1/embeddings"]);
  });

  it("asks nothing for no texts, and hands texts on as they are", async () => {
    const { embed, asked } = await service(good);
    expect(await embed([])).toEqual([]);
    expect(asked).toEqual([]);
    const odd = ["", "\n", 'a "b"', "東京 🙂"];
    await embed(odd);
    expect(asked[0]!.body.input).toEqual(odd);
  });
});

describe("the OpenAI embedder's options", () => {
  const make = (options: object) => () => openAIEmbedder(options as OpenAIEmbedderOptions);

  it("say which model it is and how long its vectors are", () => {
    const named = (options: OpenAIEmbedderOptions): unknown[] => {
      const { embedderName, dim, batchSize } = openAIEmbedder({ apiKey, ...options });
      return [embedderName, dim, batchSize];
    };
    expect(named({})).toEqual(["openai/text-embedding-3-small", 1536, 128]);
    expect(named({ dimensions: 256 })).toEqual(["openai/text-embedding-3-small/256", 256, 128]);
    expect(named({ model: "nomic", batchSize: 4 })).toEqual(["openai/nomic", undefined, 4]);
  });

  it("take the environment's key for OpenAI's own address alone", async () => {
    const before = process.env["OPENAI_API_KEY"];
    const sent: (string | null)[] = [];
    const spy: typeof fetch = async (_, init) => {
      sent.push(new Headers(init?.headers).get("authorization"));
      return new Response('{"data":[{"index":0,"embedding":[1]}]}');
    };
    try {
      process.env["OPENAI_API_KEY"] = "sk-environment";
      await openAIEmbedder({ fetch: spy })(["a"]);
      await openAIEmbedder({ fetch: spy, baseUrl: "https://api.openai.com.example.org/v1" })(["a"]);
      await openAIEmbedder({ fetch: spy, apiKey })(["a"]);
      delete process.env["OPENAI_API_KEY"];
      expect(make({})).toThrow("give apiKey or set OPENAI_API_KEY");
    } finally {
      if (before === undefined) delete process.env["OPENAI_API_KEY"];
      else process.env["OPENAI_API_KEY"] = before;
    }
    expect(sent).toEqual(["Bearer sk-environment", null, `Bearer ${apiKey}`]);
  });

  it("are refused when they mean nothing, without the address or the key in the message", () => {
    expect(make({ apikey: "x" })).toThrow('no option "apikey"');
    expect(make({ apiKey: "two words" })).toThrow(
      /^apiKey must be a string of visible ASCII characters without spaces$/,
    );
    expect(make({ apiKey, baseUrl: "api.openai.com" })).toThrow("absolute http(s) URL");
    expect(make({ apiKey, baseUrl: "ftp://host/v1" })).toThrow("http:// or https://, got ftp:");
    expect(make({ apiKey, baseUrl: "https://user:pass@host/v1" })).toThrow(
      /^baseUrl may not hold a user name or password/,
    );
    expect(make({ apiKey, model: "" })).toThrow("model must be a non-empty string");
    expect(make({ apiKey, dimensions: 0 })).toThrow("dimensions must be an integer from 1");
    expect(make({ apiKey, encodingFormat: "int8" })).toThrow("encodingFormat must be");
    expect(make({ apiKey, fetch: 1 })).toThrow("fetch must be a function");
    expect(make({ apiKey, retries: -1 })).toThrow("retries must be an integer from 0");
    expect(make({ apiKey, timeoutMs: Number.POSITIVE_INFINITY })).toThrow("timeoutMs must be");
    expect(make({ apiKey, headers: { a: 1 } })).toThrow('the header "a" must be a string');
  });
});
