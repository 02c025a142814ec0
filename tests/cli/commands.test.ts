import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LynseResult, runLynse } from "./run-lynse.js";

let folder = "";
const run = (...args: string[]): Promise<LynseResult> => runLynse(args, { folder, data: join(folder, "data") });
const lines = (text: string): string[] => text.trimEnd().split("\n");
const json = (result: LynseResult): unknown[] => lines(result.stdout).map((line) => JSON.parse(line));

const rows = [
  { doc: 1001, title: "intro", lang: "en", rank: 3, tags: ["a", "b"], source: { name: "manual", page: 3 } },
  { doc: 1002, title: "Einführung", lang: "de", rank: 1, tags: ["a"] },
  { doc: 1003, title: "はじめに", lang: "ja", rank: 2, tags: [] },
  { doc: 1004, title: "filters", lang: "en", rank: 5 },
  { doc: 1005, title: "crashes", lang: "en", rank: 4, tags: ["c"] },
];
const vectors = [
  [1, 0, 0, 0],
  [0.9, 0.1, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
  [0.8, 0, 0.2, 0],
];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynse-commands-"));
  const text = rows.map((row, at) => JSON.stringify({ ...row, vector: vectors[at] })).join("\n");
  writeFileSync(join(folder, "docs.jsonl"), text);
  for (const name of ["docs", "scratch"]) {
    const args = ["--collection", name, "--vectors", "vector", "--id-column", "doc", "--index", "FLAT-COS"];
    const { code, stderr } = await run("import", "docs.jsonl", ...args);
    expect([code, stderr]).toEqual([0, ""]);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.concurrent("search", () => {
  test("shows id, score and fields as an aligned table without colours in a pipe", async () => {
    const { code, stdout, stderr } = await run(
      ...["search", "--collection", "docs", "--vector", "[1,0,0,0]", "-k", "3", "--fields", "title,lang,source.page"],
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(lines(stdout)).toEqual([
      "  id   score  title       lang  source.page",
      "1001  1.0000  intro       en              3",
      "1002  0.9939  Einführung  de",
      "1005  0.9701  crashes     en",
    ]);
  });

  test("--like leaves the row itself out and still finds k", async () => {
    const found = json(await run("search", "--collection", "docs", "--like", "1001", "-k", "4", "--json"));
    expect(found.map((row) => (row as { id: number }).id)).toEqual([1002, 1005, 1003, 1004]);
  });

  test("--where with --params, as JSON lines, with the account of the search", async () => {
    const args = ["--where", "lang = :lang AND rank > 3", "--params", '{"lang":"en"}', "--fields", "title"];
    const result = await run("search", "--collection", "docs", "--vector", "[1,0,0,0]", ...args, "--json", "--profile");
    const [first, second, profile] = json(result) as [Record<string, unknown>, Record<string, unknown>, unknown];
    expect(first).toEqual({ id: 1005, distance: expect.closeTo(0.970143, 5), field: { title: "crashes" } });
    expect(second).toEqual({ id: 1004, distance: 0, field: { title: "filters" } });
    expect(profile).toMatchObject({ profile: { matches: 2, rows: 5, metric: "cos", resultCount: 2 } });
  });

  test("the account for people", async () => {
    const { stdout } = await run(
      "search",
      "--collection",
      "docs",
      "--like",
      "1001",
      "--where",
      "rank > 3",
      "--profile",
    );
    expect(stdout).toMatch(/^plan {6}exact-filtered, first pass \w+, index FLAT-COS, metric cos$/m);
    expect(stdout).toMatch(/^rows {6}5 live, 2 match the filter \(\d estimated\)$/m);
    expect(stdout).toMatch(/^time {6}[\d.]+ [mµ]?s: filter [\d.]+ [mµ]?s, search .*, fetch /m);
  });

  test("a vector from a file: JSON, .f32 and .npy", async () => {
    writeFileSync(join(folder, "q.json"), "[0, 0, 1, 0]\n");
    writeFileSync(join(folder, "q.f32"), new Uint8Array(new Float32Array([0, 0, 1, 0]).buffer));
    for (const name of ["q.json", "q.f32"]) {
      const [first] = json(await run("search", "--collection", "docs", "--vector-file", name, "--json"));
      expect(first).toMatchObject({ id: 1004, distance: 1 });
    }
  });

  test("names a field that no row has, with the nearest one", async () => {
    const args = ["--like", "1001", "--where", "titl = 'intro'"];
    const { code, stdout, stderr } = await run("search", "--collection", "docs", ...args);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe('no row matches\nno row has a field called "titl"; the nearest name is "title"\n');
  });
});

describe.concurrent("query", () => {
  test("filters, orders and limits; the cursor continues", async () => {
    const args = ["--collection", "docs", "--where", "lang IN ('en', 'de')", "--order-by", "rank:desc"];
    const first = await run("query", ...args, "--limit", "2", "--json");
    expect(json(first).map((row) => (row as { id: number }).id)).toEqual([1004, 1005]);
    const cursor = /continue with --cursor (\S+)/.exec(first.stderr)?.[1] ?? "";
    const second = await run("query", ...args, "--limit", "2", "--json", "--cursor", cursor);
    expect(json(second).map((row) => (row as { id: number }).id)).toEqual([1001, 1002]);
    expect(second.stderr).toBe("");
  });

  test("shows wide characters, lists and missing values in their places", async () => {
    const { stdout } = await run("query", "--collection", "docs", "--fields", "title,tags,rank", "--limit", "4");
    expect(lines(stdout)).toEqual([
      "  id  title       tags  rank",
      "1001  intro       a, b     3",
      "1002  Einführung  a        1",
      "1003  はじめに             2",
      "1004  filters              5",
    ]);
  });

  test("says so when nothing matches, and why", async () => {
    const { code, stderr } = await run("query", "--collection", "docs", "--where", "tag CONTAINS 'a'");
    expect(code).toBe(0);
    expect(stderr).toMatch(/no row matches\nno row has a field called "tag"; the nearest name is "tags"/);
  });
});

describe.concurrent("get", () => {
  test("shows everything of a row from top to bottom", async () => {
    const { stdout } = await run("get", "1001", "--collection", "docs");
    expect(lines(stdout)).toEqual([
      "id      1001",
      "title   intro",
      "lang    en",
      "rank    3",
      "tags    a, b",
      'source  {"name":"manual","page":3}',
      "vector  1, 0, 0, 0",
    ]);
  });

  test("gives JSON with the whole vector, in the order asked for", async () => {
    const found = json(await run("get", "1003", "1002", "--collection", "docs", "--json"));
    expect(found).toMatchObject([
      { id: 1003, vector: [0, 1, 0, 0], field: { lang: "ja" } },
      { id: 1002, field: { title: "Einführung" } },
    ]);
  });

  test("tells a text id from a number", async () => {
    const { code, stderr } = await run("get", '"1001"', "--collection", "docs");
    expect([code, stderr]).toEqual([1, 'lynse: id "1001" is not in collection "docs"\n']);
  });
});

describe("info", () => {
  test("lists the collections", async () => {
    const { stdout } = await run("info");
    expect(stdout).toMatch(/^1 database, 2 collections in .*data$/m);
    expect(stdout).toMatch(/^default +docs +5 +4 +FLAT-COS +[\d.]+ k?B +[\d.]+ k?B$/m);
  });

  test("describes a collection", async () => {
    const { stdout } = await run("info", "--collection", "docs");
    expect(stdout).toMatch(/^rows {8}5 \(0 deleted, 0 replaced\)$/m);
    expect(stdout).toMatch(/^vectors {5}4 × float32$/m);
    expect(stdout).toMatch(/^fields {6}lang, rank, source.name, source.page, tags, title$/m);
    const [entry] = json(await run("info", "--collection", "docs", "--json"));
    expect(entry).toMatchObject({ database: "default", collection: "docs", rows: 5, dim: 4, metric: "cos" });
  });
});

describe("delete, index and compact", () => {
  test("delete refuses without --yes where nobody can be asked, and deletes nothing", async () => {
    const { code, stderr } = await run("delete", "--collection", "scratch", "--ids", "1001");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^lynse: there is no terminal to ask on; add --yes/);
    expect((await run("get", "1001", "--collection", "scratch")).code).toBe(0);
  });

  test("delete says how many rows it is about; compact gives their space back", async () => {
    const byIds = await run("delete", "--collection", "scratch", "--ids", "1001,77,1001", "--yes");
    expect(byIds.stdout).toBe("1 row of default/scratch will be deleted\n1 row deleted\n");
    expect(byIds.stderr).toBe("1 id not in the collection\n");
    const byFilter = await run("delete", "--collection", "scratch", "--where", "lang = 'en'", "--yes");
    expect(byFilter.stdout).toBe("2 rows of default/scratch will be deleted\n2 rows deleted\n");
    expect(json(await run("query", "--collection", "scratch", "--json"))).toHaveLength(2);
    const compacted = await run("compact", "--collection", "scratch");
    expect(compacted.stdout).toMatch(/^3 rows removed in .*; .* on disk before, .* now\n$/);
    const again = await run("delete", "--collection", "scratch", "--ids", "1001", "--yes");
    expect(again.stdout).toBe("no row of default/scratch to delete\n");
  });

  test("index builds, shows and removes; later searches use its metric", async () => {
    expect((await run("index", "--collection", "scratch")).stdout).toBe("FLAT-COS\n");
    const built = await run("index", "flat-l2", "--collection", "scratch");
    expect(built.stdout).toMatch(/^default\/scratch has the index FLAT-L2, built in /);
    const { stdout } = await run("search", "--collection", "scratch", "--vector", "[0,1,0,1]", "--fields", "title");
    expect(lines(stdout)).toEqual(["  id  distance  title", "1003    1.0000  はじめに", "1002    2.6200  Einführung"]);
    expect((await run("index", "none", "--collection", "scratch")).code).toBe(0);
    expect((await run("index", "--collection", "scratch")).stdout).toBe("none\n");
  });
});

test("the version is the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect((await run("--version")).stdout).toBe(`${version}\n`);
});

test("help goes to the standard output", async () => {
  const { code, stdout, stderr } = await run("help", "search");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^Usage: lynse search \[options\]\n/);
  expect(stdout).toContain("\nExamples:\n  lynse search --collection docs");
});

describe.concurrent("mistakes", () => {
  test.each<[string[], number, RegExp]>([
    [["serach"], 2, /^lynse: unknown command 'serach'\n\(Did you mean search\?\)\n$/],
    [["search"], 2, /^lynse: required option '--collection <name>' not specified\n"lynse help search" shows/],
    [
      ["search", "--collection", "docs"],
      2,
      /^lynse: a query is wanted: --vector, --vector-file, --like or --document, --text/,
    ],
    [["search", "--collection", "docs", "--like", "1", "-k", "0"], 2, /A whole number from 1 to 100000 is wanted/],
    [["search", "--collection", "docs", "--like", "1", "--params", "{}"], 2, /--params belongs to --where/],
    [["query", "--collection", "docs", "--where", "a = :a", "--params", "[1]"], 2, /A JSON object is wanted/],
    [["query", "--collection", "docs", "--order-by", ":desc"], 2, /A field is wanted, as rank or rank:desc/],
    [["delete", "--collection", "docs", "--yes"], 2, /exactly one of --ids and --where is wanted/],
    [["search", "--collection", "docs", "--vector", "1,2"], 1, /^lynse: --vector: a JSON array of numbers is wanted/],
    [["search", "--collection", "docs", "--vector", "[1,2]"], 1, /2 components, expected 4/],
    [["search", "--collection", "docs", "--vector-file", "no.npy"], 1, /cannot read no.npy: there is no such file/],
    [["search", "--collection", "docs", "--like", "7"], 1, /^lynse: id 7 is not in collection "docs"\n$/],
    [
      ["search", "--collection", "nope", "--like", "7"],
      1,
      /no collection "nope".*\n {7}"lynse info" lists what there is/,
    ],
    [["info", "--database", "nope"], 1, /no database "nope".*\n {7}check --data and --database/],
    [["query", "--collection", "docs", "--where", "lang = "], 1, /^lynse: where: expected .*\n +lang = \n +\^\n$/],
    [["query", "--collection", "docs", "--cursor", "x"], 1, /cursor/],
    [["index", "HNSW-FOO", "--collection", "docs"], 1, /FLAT-IP, FLAT-L2, FLAT-COS/],
    [["info", "--memory-budget", "lots"], 1, /^lynse: memoryBudget must be .*"lots"/],
    [["info", "--uri", "http://127.0.0.1:1", "--memory-budget", "1gb"], 1, /memoryBudget does not go with this uri/],
    [["compact", "--collection", "docs", "--read-only"], 1, /read-only\n {7}leave --read-only out to write\n$/],
  ])("%j", async (args, code, message) => {
    const result = await run(...args);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe("");
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  test("--debug shows the code, the details and the stack", async () => {
    const { stderr } = await run("search", "--collection", "docs", "--like", "7", "--debug");
    expect(stderr).toMatch(/\nID_NOT_FOUND \{.*"id":7.*\}\nLynseError: .*\n {4}at /);
  });
});
