import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RoutesServer } from "./routes-server.js";

const place = { database_name: "app", collection_name: "docs" };
let folder: string;
let server: RoutesServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-copies-"));
  await mkdir(join(folder, "copies"));
  await mkdir(join(folder, "secret"));
  await symlink(join(folder, "secret"), join(folder, "copies", "link"));
  server = await RoutesServer.start({
    dataDir: join(folder, "data"),
    snapshotDir: join(folder, "copies"),
    apiKeys: ["app:full", "look:half:ro"],
  });
  await post("/create_database", { database_name: "app" });
  await post("/required_collection", { ...place, dim: 2 });
  await post("/add", {
    ...place,
    ids: [1, "a"],
    vectors: [
      [1, 0],
      [0, 1],
    ],
    fields: [{ n: 1 }, { n: 2 }],
  });
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const full = { authorization: "Bearer full" };

async function post(path: string, body: object, status = 200): Promise<Record<string, unknown>> {
  const answer = await server.post(path, body, full);
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  return answer.body;
}

describe("copies over HTTP", () => {
  test("go into the server's directory and come back under any name; names are trimmed", async () => {
    const padded = { database_name: " app ", collection_name: " docs " };
    expect(await post("/snapshot_collection", { ...padded, snapshot_path: "one/docs" })).toEqual({
      status: "success",
      params: { ...place, snapshot_path: "one/docs", rows: 2, bytes: expect.any(Number) },
    });
    expect(await readdir(join(folder, "copies", "one"))).toEqual(["docs"]);
    const again = await post("/snapshot_collection", { ...place, snapshot_path: "one/docs" }, 409);
    expect(again["code"]).toBe("target_exists");
    const copy = { ...place, collection_name: "copy" };
    await post("/restore_collection", { ...copy, snapshot_path: join(folder, "copies", "one", "docs") });
    expect(await post("/count", copy)).toMatchObject({ params: { count: 2 } });
    expect((await post("/restore_collection", { ...copy, snapshot_path: "one/docs" }, 409))["code"]).toBe(
      "target_exists",
    );
    await post("/restore_collection", { ...copy, snapshot_path: "one/docs", overwrite: true });
    await post("/snapshot_database", { database_name: " app", snapshot_path: "all" });
    const restored = await post("/restore_database", { database_name: "app2 ", snapshot_path: "all" });
    expect(restored["params"]).toMatchObject({ database_name: "app2", rows: 4 });
    expect(await post("/show_collections", { database_name: "app2" })).toMatchObject({
      params: { collections: ["copy", "docs"] },
    });
  });

  test("reach nothing outside of it", async () => {
    await writeFile(join(folder, "secret", "file"), "x");
    const paths = [
      ...["..", "../x", "a/../../x", ".", "", "  ", "./", "/", "/etc/x", join(folder, "data", "app", "docs")],
      ...["link", "link/x", "link/../../x", "a\u0000b", `${"x/".repeat(100_000)}y`, "x".repeat(100_000)],
    ];
    for (const snapshot_path of paths) {
      for (const path of ["/snapshot_collection", "/restore_collection"]) {
        const answer = await post(path, { ...place, snapshot_path, overwrite: true }, 400);
        expect(answer["code"], snapshot_path.slice(0, 40)).toBe("invalid_argument");
        expect(JSON.stringify(answer).length).toBeLessThan(2000);
      }
    }
    expect(await readdir(join(folder, "secret"))).toEqual(["file"]);
    expect(await post("/count", place)).toMatchObject({ params: { count: 2 } });
  });

  test("need a key that may write, and a server with a directory for them", async () => {
    for (const name of ["snapshot", "restore"]) {
      const body = { ...place, snapshot_path: "look" };
      const look = await server.post(`/${name}_collection`, body, { authorization: "Bearer half" });
      expect(look.status).toBe(403);
    }
    const without = await RoutesServer.start();
    try {
      await without.params("/create_database", { database_name: "app" });
      await without.params("/required_collection", { ...place, dim: 2 });
      const refused = await without.error("/snapshot_collection", { ...place, snapshot_path: "x" });
      expect(refused).toMatchObject({ status: 400, error: expect.stringContaining("--snapshot-dir") });
    } finally {
      await without.close();
    }
  });
});
