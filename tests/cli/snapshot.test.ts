/**
 * `lynse snapshot` and `lynse restore`, as processes.
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VectorDBClient } from "../../src/index.js";
import { type LynseResult, runLynse } from "./run-lynse.js";

let folder: string;
let data: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-cli-snapshot-"));
  data = join(folder, "data");
  const lines = Array.from({ length: 5 }, (_, at) => JSON.stringify({ id: at, vector: [at, 1], n: at }));
  await writeFile(join(folder, "rows.jsonl"), lines.join("\n"));
  expect(
    (await run("import", "rows.jsonl", "--collection", "docs", "--vectors", "vector", "--id-column", "id")).code,
  ).toBe(0);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function run(...args: string[]): Promise<LynseResult> {
  return runLynse(args, { data, folder });
}

async function countOf(collection: string, database = "default"): Promise<number> {
  await using client = new VectorDBClient(data, { readOnly: true });
  return (await (await client.getDatabase(database)).getCollection(collection)).count();
}

test("a collection is kept beside a process that writes, and restored under another name and its own", async () => {
  await using writer = new VectorDBClient(data);
  const docs = await (await writer.getDatabase("default")).getCollection("docs");
  await docs.add({ ids: [100], vectors: [[1, 1]] });
  const taken = await run("snapshot", "kept/docs", "--collection", "docs");
  expect(taken).toMatchObject({ code: 0, stderr: "" });
  expect(taken.stdout).toMatch(/^6 rows, [\d.]+ k?B, .*; in the snapshot kept\/docs\n$/);
  await docs.delete([100]);
  await writer.close();

  const other = await run("restore", "kept/docs", "--collection", "other", "--database", "second");
  expect(other.stdout).toMatch(/^6 rows, .*; restored as collection other\n$/);
  expect(await countOf("other", "second")).toBe(6);
  expect(await countOf("docs")).toBe(5);

  const refused = await run("restore", "kept/docs", "--collection", "docs");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /collection "docs" exists in database "default"\n +use another name, or --overwrite to replace it\n/,
  );
  expect((await run("restore", "kept/docs", "--collection", "docs", "--overwrite")).code).toBe(0);
  expect(await countOf("docs")).toBe(6);
});

test("a database is kept and restored as a whole", async () => {
  expect((await run("snapshot", "kept/all")).code).toBe(0);
  expect(await readdir(join(folder, "kept", "all", "collections"))).toEqual(["docs"]);
  expect((await run("restore", "kept/all", "--database", "copy")).stdout).toMatch(/; restored as database copy\n$/);
  expect(await countOf("docs", "copy")).toBe(await countOf("docs"));
  const again = await run("snapshot", "kept/all");
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/kept\/all exists; choose another path, or remove it first/);
  const wrong = await run("restore", "kept/all", "--collection", "docs", "--overwrite");
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toMatch(/is the snapshot of a database, "default"; the snapshot of a collection was expected/);
});
