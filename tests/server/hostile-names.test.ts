/**
 * Names that mean something to JavaScript, in every place where a request may put a name of its own.
 */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RoutesServer } from "./routes-server.js";

const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype"];
let server: RoutesServer;
const lines: string[] = [];

beforeAll(async () => {
  server = await RoutesServer.start({ logLevel: "info", log: { write: (line) => lines.push(line) } });
});
afterAll(() => server.close());

/** Posts JSON text: an object literal would take `__proto__` for something else. */
async function post(path: string, text: string): Promise<Record<string, unknown>> {
  const answer = await server.postText(path, text);
  expect(answer.status, `${path} ${text}: ${JSON.stringify(answer.body)}`).toBe(200);
  return answer.body.params;
}

describe.each(names)("the name %s", (name) => {
  const place = `"database_name":${JSON.stringify(name)},"collection_name":${JSON.stringify(name)}`;

  test("is a name like any other of databases, collections, vector fields, metadata, parameters, facets", async () => {
    await post("/create_database", `{"database_name":"${name}"}`);
    await post("/required_collection", `{${place},"dim":2}`);
    const fields = `[{"${name}":"x","n":1},{"${name}":{"${name}":["y"]},"n":2}]`;
    await post("/add", `{${place},"ids":["${name}",2],"vectors":[[1,0],[0,1]],"fields":${fields}}`);
    const { result } = await post("/query", `{${place},"filter_ids":["${name}",2]}`);
    expect(JSON.stringify(result)).toBe(
      `[{"${name}":"x","n":1,"id":"${name}"},{"${name}":{"${name}":["y"]},"n":2,"id":2}]`,
    );
    expect((await post("/list_fields", `{${place}}`))["fields"]).toContain(name);
    const { count } = await post("/count", `{${place},"where":"\\"${name}\\" = :${name}","params":{"${name}":"x"}}`);
    expect(count).toBe(1);
    const { facets } = await post("/facets", `{${place},"facets":["${name}"]}`);
    expect(JSON.stringify(facets)).toBe(`{"${name}":[{"value":"x","count":1}]}`);
    const sized = await post("/facets", `{${place},"facets":{"${name}":3}}`);
    expect(JSON.stringify(sized["facets"])).toBe(`{"${name}":[{"value":"x","count":1}]}`);
    const grouped = await post("/search", `{${place},"vector":[1,0],"group_by":"${name}","return_fields":true}`);
    expect(JSON.stringify(grouped)).toContain(`"groups":[{"value":"x"`);
    const { collections } = await post("/show_collections_details", `{"database_name":"${name}"}`);
    expect(Object.keys(collections as object)).toEqual([name]);
  });

  test("is no option of an index, a session or a build, and changes nothing for others", async () => {
    const params = `{${place},"index_mode":"HNSW-IP","params":{"${name}":1}}`;
    expect((await server.postText("/build_index", params)).status).toBe(400);
    expect((await server.postText("/session/commit", `{"session_id":"${name}"}`)).status).toBe(404);
    expect((await server.postText("/index_build", `{${place},"build_id":"${name}"}`)).status).toBe(404);
    const answer = await server.postText("/search", `{"${name}":{"k":1},${place},"vector":[1,0]}`);
    expect(answer.body.params.items.k).toBe(10);
    expect(({} as Record<string, unknown>)["k"]).toBeUndefined();
  });
});

describe("a path that no route has", () => {
  test("is written to the log in one line, and not as a whole", async () => {
    const path = `/${"%0a%1b[31m".repeat(20_000)}`;
    const status = await new Promise((resolve, reject) => {
      const { hostname, port } = server.url;
      request({ hostname, port, path, headers: { "x-request-id": "long-path" } }, (answer) => {
        resolve(answer.resume().statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toBe(404);
    await expect.poll(() => lines.some((line) => line.includes("long-path"))).toBe(true);
    for (const line of lines.filter((text) => text.includes("long-path"))) {
      expect(line.length).toBeLessThan(1000);
      expect([...line.trimEnd()].every((character) => character >= " ")).toBe(true);
      expect(JSON.parse(line)).toMatchObject({ event: "http_request", status_code: 404 });
    }
  });
});
