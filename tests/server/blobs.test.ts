import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RoutesServer } from "./routes-server.js";

const place = { database_name: "app", collection_name: "docs" };
let server: RoutesServer;

beforeAll(async () => {
  server = await RoutesServer.start({ apiKeys: ["app:full", "look:half:ro"], payloadLimitMb: 1 });
  await post("/create_database", { database_name: "app" });
  await post("/required_collection", { ...place, dim: 2 });
});

afterAll(() => server.close());

const full = { authorization: "Bearer full" };

async function post(path: string, body: object): Promise<unknown> {
  const answer = await server.post(path, body, full);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
}

function query(members: Readonly<Record<string, string | number>>): string {
  return new URLSearchParams(
    Object.entries({ ...place, ...members }).map(([name, value]) => [name, String(value)]),
  ).toString();
}

function write(
  key: string,
  body: Uint8Array | string | null,
  headers: Record<string, string> = full,
): Promise<Response> {
  const target = new URL(`/write_blob?${query({ key })}`, server.url);
  return fetch(target, { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> });
}

function read(
  members: Readonly<Record<string, string | number>>,
  headers: Record<string, string> = full,
): Promise<Response> {
  return fetch(new URL(`/read_blob?${query(members)}`, server.url), { headers });
}

describe("blobs over HTTP", () => {
  test("are written and read in LynseDB's shapes", async () => {
    const written = await write("logo", Uint8Array.of(1, 2, 3, 4, 5));
    expect([written.status, await written.json()]).toEqual([200, { status: "success", params: { written: true } }]);
    const found = await read({ key: "logo" });
    expect([found.status, found.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
    expect([...new Uint8Array(await found.arrayBuffer())]).toEqual([1, 2, 3, 4, 5]);
    const part = await read({ key: "logo", offset: 1, length: 3 });
    expect([...new Uint8Array(await part.arrayBuffer())]).toEqual([2, 3, 4]);
    const end = await read({ key: "logo", offset: 5 });
    expect([end.status, (await end.arrayBuffer()).byteLength]).toEqual([200, 0]);
    const absent = await read({ key: "none" });
    expect([absent.status, await absent.text(), absent.headers.get("content-type")]).toEqual([204, "", null]);
    const behind = await read({ key: "logo", offset: 6 });
    expect([behind.status, behind.headers.get("content-type")]).toEqual([400, "text/plain; charset=utf-8"]);
    expect(await behind.text()).toMatch(/^offset 6 is behind the end of blob "logo", which has 5 bytes/);
    expect(await post("/list_blobs", place)).toEqual({
      status: "success",
      params: { ...place, blobs: [{ key: "logo", bytes: 5 }] },
    });
    expect(await post("/delete_blob", { ...place, key: "logo" })).toEqual({
      status: "success",
      params: { deleted: true },
    });
    expect(await post("/delete_blob", { ...place, key: "logo" })).toEqual({
      status: "success",
      params: { deleted: false },
    });
  });

  test("may be of any type, and empty; keys are texts also where they look like numbers", async () => {
    for (const type of ["image/png", "application/json", "text/plain", "application/x-www-form-urlencoded"]) {
      const answer = await write("007", "{not json", { ...full, "content-type": type });
      expect(answer.status, type).toBe(200);
      expect(await (await read({ key: "007" })).text()).toBe("{not json");
    }
    expect((await write("empty", null)).status).toBe(200);
    const empty = await read({ key: "empty" });
    expect([empty.status, await empty.text()]).toEqual([200, ""]);
    expect((await read({ key: "7" })).status).toBe(204);
    for (const key of ["true", "1e3", "a&b=c", "%2e%2e/x", "é\u0000"]) {
      expect((await write(key, key)).status).toBe(200);
      expect(await (await read({ key })).text()).toBe(key);
    }
  });

  test("that are long are packed where the client asks for it", async () => {
    const text = "abc ".repeat(5000);
    await write("long", text);
    const packed = await read({ key: "long" }, { ...full, "accept-encoding": "gzip" });
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(await packed.text()).toBe(text);
  });

  test("are refused where they are too long, unnamed, of nothing, or out of range", async () => {
    const tooLong = await write("big", new Uint8Array(1024 * 1024 + 1));
    expect(tooLong.status).toBe(413);
    expect(await tooLong.json()).toMatchObject({ code: "limit_exceeded", details: { limit: "payload_limit_mb" } });
    expect((await write("", "x")).status).toBe(400);
    const longKey = await write("k".repeat(1025), "x");
    expect(await longKey.json()).toMatchObject({ code: "limit_exceeded", details: { limit: "blobKeyBytesMax" } });
    const json = { ...full, accept: "application/json" };
    const fault = async (members: Record<string, string | number>): Promise<[number, string, string]> => {
      const answer = await read(members, json);
      const { code, error } = (await answer.json()) as { code: string; error: string };
      return [answer.status, code, error];
    };
    expect(await fault({ key: "x", offset: -1 })).toEqual([400, "invalid_argument", expect.stringMatching(/^offset /)]);
    expect(await fault({ key: "x", length: "many" })).toEqual([
      400,
      "invalid_argument",
      expect.stringMatching(/^length /),
    ]);
    expect(await fault({})).toEqual([400, "invalid_argument", "key is missing from the query"]);
    expect((await fault({ key: "x", collection_name: "none" }))[0]).toBe(404);
    expect((await fault({ key: "x", database_name: "none" }))[0]).toBe(404);
    const twice = await fetch(new URL(`/read_blob?${query({ key: "a" })}&key=b`, server.url), { headers: json });
    expect(twice.status).toBe(400);
  });

  test("keep to what a key may do", async () => {
    const look = { authorization: "Bearer half" };
    await write("k", "seen");
    expect(await (await read({ key: "k" }, look)).text()).toBe("seen");
    expect((await server.post("/list_blobs", place, look)).status).toBe(200);
    expect((await write("k", "changed", look)).status).toBe(403);
    expect((await server.post("/delete_blob", { ...place, key: "k" }, look)).status).toBe(403);
    expect((await read({ key: "k" }, {})).status).toBe(401);
    expect((await write("k", "changed", {})).status).toBe(401);
    expect(await (await read({ key: "k" })).text()).toBe("seen");
  });

  test("take no members from what the query string calls a prototype", async () => {
    await write("k", "0123456789");
    const answer = await fetch(new URL(`/read_blob?${query({ key: "k" })}&__proto__=a&__proto__=b`, server.url), {
      headers: full,
    });
    expect(await answer.text()).toBe("0123456789");
  });
});
