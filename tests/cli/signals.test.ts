import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VectorDBClient } from "../../src/index.js";
import { type LynseResult, runLynse } from "./run-lynse.js";

let folder = "";
const run = (...args: string[]): Promise<LynseResult> => runLynse(args, { folder, data: join(folder, "data") });
const lines = (text: string): string[] => text.trimEnd().split("\n");
const json = (result: LynseResult): Record<string, unknown>[] => lines(result.stdout).map((line) => JSON.parse(line));
const idsOf = (result: LynseResult): unknown[] => json(result).flatMap((row) => ("id" in row ? [row["id"]] : []));

const rows = [
  { doc: "a", title: "Vector search", body: "nearest neighbours of a vector", lang: "en", tags: ["ann", "math"] },
  { doc: "b", title: "Full text search", body: "words, phrases and the postings of words", lang: "en", tags: ["text"] },
  { doc: "c", title: "Volltextsuche", body: "Wörter und Phrasen", lang: "de", tags: ["text", "math"] },
  { doc: "d", title: "Crash recovery", body: "what is left of a commit", lang: "en", tags: [] },
  { doc: "e", title: "Recherche vectorielle", body: "les voisins d'un vecteur", lang: "fr", tags: ["ann"] },
];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynse-signals-"));
  writeFileSync(join(folder, "docs.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const args = ["--collection", "docs", "--id-column", "doc", "--index", "FLAT-COS"];
  const { code, stdout, stderr } = await run(
    ...["import", "docs.jsonl", ...args, "--embed", "hash:64", "--text-column", "title"],
  );
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^5 rows of dimension 64 imported in /);
  const client = new VectorDBClient(join(folder, "data"));
  try {
    const docs = await (await client.getDatabase("default")).getCollection("docs");
    await docs.createVectorField("image", { dim: 2, metric: "l2" });
    await docs.addNamedVectors(
      "image",
      [
        [0, 0],
        [1, 0],
        [5, 5],
      ],
      ["a", "b", "c"],
    );
    await docs.addSparseVectors([{ 3: 1, 7: 0.5 }, { 7: 2 }], ["a", "d"]);
  } finally {
    await client.close();
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const search = (...args: string[]): Promise<LynseResult> => run("search", "--collection", "docs", ...args);

describe.concurrent("search by words", () => {
  test("ranks by BM25, in all fields or in those chosen", async () => {
    expect(idsOf(await search("--text", "search", "--json"))).toEqual(["a", "b"]);
    expect(idsOf(await search("--text", "words vector", "--text-fields", "body", "--json"))).toEqual(["b", "a"]);
    expect(idsOf(await search("--text", "search vector", "--operator", "and", "--json"))).toEqual(["a"]);
    expect(idsOf(await search("--text", '"text search"', "--json"))).toEqual(["b"]);
    expect(idsOf(await search("--text", "search -text", "--json"))).toEqual(["a"]);
    expect(idsOf(await search("--text", "recher*", "--json"))).toEqual(["e"]);
    expect(idsOf(await search("--text", "search", "--where", "tags CONTAINS 'text' OR lang = 'de'", "--json"))).toEqual(
      ["b"],
    );
  });

  test("shows a score, and marks what was found", async () => {
    const { stdout, stderr, code } = await search("--text", "phrases words", "--highlight");
    expect([code, stderr]).toEqual([0, ""]);
    const [head, first] = lines(stdout);
    expect(head).toMatch(/^id +score +found in$/);
    expect(first).toMatch(/^b +\d\.\d{4} +body: \[words\], \[phrases\] and the postings of \[words\]$/);
    const chosen = await search("--text", "phrases", "--highlight", "--fields", "lang");
    expect(lines(chosen.stdout)[0]).toMatch(/^id +score +found in +lang$/);
  });

  test("gives programs the marked texts as JSON", async () => {
    const [row] = json(await search("--text", "postings", "--highlight", "--json"));
    expect(row).toMatchObject({
      id: "b",
      highlights: [{ field: "body", text: "words, phrases and the <mark>postings</mark> of words" }],
    });
  });

  test("says so when no row has the words, and why a filter matches nothing", async () => {
    const { code, stdout, stderr } = await search("--text", "search", "--where", "langg = 'en'");
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe('no row matches\nno row has a field called "langg"; the nearest name is "lang"\n');
    expect((await search("--text", "nowhere")).stderr).toBe("no row matches\n");
  });
});

describe.concurrent("search by several signals", () => {
  test("--hybrid with --text alone looks for the words and for their vector", async () => {
    const found = json(await search("--hybrid", "--text", "vector search", "--embed", "hash", "--json"));
    expect(found[0]).toMatchObject({
      id: "a",
      distance: expect.closeTo(2 / 61, 6),
      parts: { vector: { rank: 1, value: expect.closeTo(1, 5) }, text: { rank: 1 } },
    });
    expect(found).toHaveLength(5);
  });

  test("a row, words and a sparse vector together, with the place in each list", async () => {
    const args = ["--like", "a", "--text", "commit", "--sparse", '{"7": 1}', "--weights", "vector=1,text=2,sparse=.5"];
    const { code, stdout, stderr } = await search(...args, "-k", "2", "--fields", "title");
    expect([code, stderr]).toEqual([0, ""]);
    const [head, first] = lines(stdout);
    expect(head).toMatch(/^id +score +by vector +by text +by sparse +title$/);
    expect(first).toMatch(/^d +0\.\d{4} +#\d +#1 +#1 +Crash recovery$/);
    expect(stdout).not.toMatch(/^a /m);
    expect(lines(stdout)).toHaveLength(3);
  });

  test("weighted fusion, where a weight of 0 leaves a list without influence", async () => {
    const args = ["--like", "a", "--text", "Wörter", "--fusion", "weighted", "--json"];
    expect(idsOf(await search(...args, "--weights", "vector=0"))[0]).toBe("c");
    expect(idsOf(await search(...args, "--weights", "text=0", "-k", "1"))).toEqual(["b"]);
  });

  test("by sparse vector", async () => {
    const found = json(await search("--sparse", '{"3": 2, "7": 1}', "--json"));
    expect(found.map((row) => [row["id"], row["distance"]])).toEqual([
      ["a", 2.5],
      ["d", 2],
    ]);
  });

  test("--document by an embedder, --vector-field by another field", async () => {
    expect(idsOf(await search("--document", "Crash recovery", "--embed", "hash", "-k", "1", "--json"))).toEqual(["d"]);
    expect(idsOf(await search("--document", "Crash recovery", "-k", "1", "--json"))).toEqual(["d"]);
    const { stdout } = await search("--vector-field", "image", "--vector", "[1,1]", "--fields", "lang");
    expect(lines(stdout)).toEqual(["id  distance  lang", "b     1.0000  en", "a     2.0000  en", "c    32.0000  de"]);
    expect(idsOf(await search("--vector-field", "image", "--like", "a", "--json"))).toEqual(["b", "c"]);
  });

  test("--mmr prefers rows unlike each other", async () => {
    const relevant = idsOf(await search("--like", "a", "--mmr", "1", "--json"));
    expect(relevant).toEqual(idsOf(await search("--like", "a", "--json")));
    expect(idsOf(await search("--like", "a", "--mmr", "0", "--json"))).toHaveLength(4);
  });
});

describe.concurrent("groups and counts", () => {
  test("--group-by shows the best rows of each value", async () => {
    const args = ["--document", "Vector search", "--embed", "hash", "--group-by", "lang", "--group-size", "2"];
    const { stdout, stderr, code } = await search(...args, "-k", "2", "--fields", "title");
    expect([code, stderr]).toEqual([0, ""]);
    expect(lines(stdout)[0]).toMatch(/^lang +id +score +title$/);
    expect(lines(stdout)[1]).toMatch(/^en +a +1\.0000 +Vector search$/);
    expect(lines(stdout)[2]).toMatch(/^ +b +0\.\d{4} +Full text search$/);
    const groups = json(await search(...args, "--json")).map((row) => row["group"]);
    expect([groups[0], groups[1], groups.length]).toEqual(["en", "en", 4]);
  });

  test("--facet counts all rows that could have come back", async () => {
    const { stdout } = await search(
      "--text",
      "search OR words",
      "-k",
      "1",
      "--facet",
      "lang,tags=2",
      "--fields",
      "title",
    );
    expect(stdout).toContain("\n\nlang  rows\nen       2\n");
    const args = ["--document", "Vector search", "--embed", "hash", "-k", "1", "--facet", "lang", "--json"];
    expect(json(await search(...args)).at(-1)).toEqual({
      facets: {
        lang: [
          { value: "en", count: 3 },
          { value: "de", count: 1 },
          { value: "fr", count: 1 },
        ],
      },
    });
  });

  test("query counts and groups too", async () => {
    const { stdout } = await run(
      "query",
      "--collection",
      "docs",
      "--where",
      "lang = 'en'",
      "--facet",
      "tags",
      "--fields",
      "lang",
    );
    expect(stdout).toContain("\n\ntags  rows\nann      1\nmath     1\ntext     1\n");
    const grouped = await run("query", "--collection", "docs", "--group-by", "lang", "--fields", "title");
    expect(lines(grouped.stdout)).toEqual([
      "lang  id  title",
      "en    a   Vector search",
      "de    c   Volltextsuche",
      "fr    e   Recherche vectorielle",
    ]);
  });
});

test("info shows vector fields and sparse vectors", async () => {
  const { stdout } = await run("info", "--collection", "docs");
  expect(stdout).toMatch(/^vector fields +.*image: 2 × float32, index .+, metric l2, 3 rows$/m);
  expect(stdout).toMatch(/^sparse +2 rows with a sparse vector$/m);
});

test("import takes sparse vectors from a column, in the transaction of their rows", async () => {
  const contents = [
    { k: "x", v: [1, 2], s: { 3: 1, 9: 2 } },
    { k: "y", v: [3, 4] },
    { k: "z", v: [5, 6], s: { indices: [9], values: [5] } },
  ];
  writeFileSync(join(folder, "sparse.jsonl"), contents.map((row) => JSON.stringify(row)).join("\n"));
  const args = ["--collection", "sparse", "--vectors", "v", "--id-column", "k", "--sparse-column", "s"];
  const { code, stdout, stderr } = await run("import", "sparse.jsonl", ...args);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^3 rows of dimension 2 imported .*1 commit\)$/m);
  const found = json(await run("search", "--collection", "sparse", "--sparse", '{"9": 1}', "--json"));
  expect(found).toEqual([
    { id: "z", distance: 5, field: {} },
    { id: "x", distance: 2, field: {} },
  ]);
  writeFileSync(join(folder, "sparse.csv"), 'k,v,s\ny,"[3,4]","{""9"": 7}"\nw,"[1,1]",\n');
  expect((await run("import", "sparse.csv", ...args, "--upsert", "--types", "s=text")).stderr).toBe("");
  const again = json(await run("search", "--collection", "sparse", "--sparse", '{"9": 1}', "--json"));
  expect(again.map((row) => row["id"])).toEqual(["y", "z", "x"]);
  writeFileSync(join(folder, "bad.jsonl"), '{"k":"q","v":[1,1],"s":{"9":"much"}}\n');
  const bad = await run("import", "bad.jsonl", ...args);
  expect(bad.stderr).toMatch(/^lynse: bad.jsonl line 1: .*"q".*much.*\n {7}no row was imported\n$/);
  expect((await run("get", "q", "--collection", "sparse")).code).toBe(1);
});

test("text sets how texts are searched, for later commands too", async () => {
  const args = ["--collection", "prose", "--embed", "hash", "--text-column", "title", "--id-column", "doc"];
  expect((await run("import", "docs.jsonl", ...args)).code).toBe(0);
  const find = async (...words: string[]): Promise<unknown[]> =>
    idsOf(await run("search", "--collection", "prose", "--json", "--text", ...words));
  const set = await run(
    "text",
    "--collection",
    "prose",
    "--fields",
    "body",
    "--fold-accents",
    "--stop-words",
    "of,and",
  );
  expect([set.code, set.stderr]).toEqual([0, ""]);
  expect(set.stdout).toMatch(/^the texts of 5 rows of default\/prose are indexed, in .+ m?s\n$/);
  expect(await find("worter")).toEqual(["c"]);
  const other = await run("search", "--collection", "prose", "--text", "vector", "--text-fields", "title");
  expect([other.code, other.stderr]).toEqual([
    1,
    'lynse: field "title" is not in the text index, which has "body"\n       set the fields with lynse text --fields\n',
  ]);
  expect((await run("search", "--collection", "prose", "--text", "of and")).code).toBe(1);
  expect((await run("text", "--collection", "prose", "--language", "klingon")).stderr).toMatch(/no stemmer .*klingon/);
  expect((await run("text", "--collection", "prose", "--b", "2")).stderr).toMatch(/b must be .* 1/);
  const shown = await run("text", "--collection", "prose");
  expect([shown.code, shown.stderr]).toEqual([0, ""]);
  expect(lines(shown.stdout).map((line) => line.replace(/ {2,}/, ": "))).toEqual([
    "fields: body",
    "language: none: words stay as they are",
    "stop words: and, of",
    "accents: folded: café is cafe",
    "k1, b: 1.2, 0.75",
    "indexed: 5 rows",
  ]);
  expect(json(await run("text", "--collection", "prose", "--json"))).toEqual([
    { fields: ["body"], language: null, stopWords: ["and", "of"], foldAccents: true, k1: 1.2, b: 0.75 },
  ]);
  const unset = await run("search", "--collection", "prose", "--text", "vectorielle", "--json");
  expect([unset.code, unset.stdout]).toEqual([0, ""]);
  for (const flag of ["--fold-accents", "--json"]) {
    expect((await run("text", "--collection", "prose", "--reset", flag)).code).toBe(2);
  }
  expect((await run("text", "--collection", "prose", "--reset")).code).toBe(0);
  expect(await find("vectorielle")).toEqual(["e"]);
});

describe("import with an embedder", () => {
  const texts = (name: string, contents: readonly object[]): void =>
    writeFileSync(join(folder, name), contents.map((row) => JSON.stringify(row)).join("\n"));
  const importFile = (name: string, ...args: string[]): Promise<LynseResult> =>
    run(
      "import",
      name,
      "--collection",
      name.replace(".jsonl", ""),
      "--embed",
      "hash:32",
      "--text-column",
      "t",
      ...args,
    );

  test("a row without a text is named, and the rows ahead of it are in", async () => {
    texts("missing.jsonl", [{ t: "one" }, { t: "two" }, { x: 3 }]);
    const { code, stderr } = await importFile("missing.jsonl");
    expect(code).toBe(1);
    expect(stderr).toBe(
      'lynse: missing.jsonl line 3: no text in column "t"; this row has x\n' +
        "       the first 2 rows of the file are in; continue with --skip 2\n",
    );
    texts("number.jsonl", [{ t: 7 }]);
    expect((await importFile("number.jsonl")).stderr).toMatch(/line 1: column "t" is no text; name the right one/);
  });

  test("--skip, --batch and --upsert work as with vectors; the text stays a field", async () => {
    texts("more.jsonl", [
      { k: 1, t: "one" },
      { k: 2, t: "two" },
      { k: 3, t: "three" },
    ]);
    const first = await importFile("more.jsonl", "--id-column", "k", "--batch", "2", "--skip", "1");
    expect(first.stdout).toMatch(/^2 rows of dimension 32 imported .*1 commit\)$/m);
    const again = await importFile("more.jsonl", "--id-column", "k", "--upsert", "--columns", "t", "--batch", "2");
    expect(again.stdout).toMatch(/^3 rows of dimension 32 imported .*2 commits\)$/m);
    const found = json(await run("query", "--collection", "more", "--order-by", "id", "--json"));
    expect(found).toEqual([
      { id: 1, field: { t: "one" } },
      { id: 2, field: { t: "two" } },
      { id: 3, field: { t: "three" } },
    ]);
  });

  describe("of a service", () => {
    let server: Server;
    const asked: { readonly authorization: string | undefined; readonly input: string[]; readonly model: string }[] =
      [];
    let isBroken = false;
    let address = "";

    beforeAll(async () => {
      server = createServer((request, response) => {
        let body = "";
        request.on("data", (piece: Buffer) => {
          body += piece.toString();
        });
        request.on("end", () => {
          const { input, model } = JSON.parse(body) as { input: string[]; model: string };
          asked.push({ authorization: request.headers.authorization, input, model });
          response.statusCode = isBroken ? 401 : 200;
          const data = input.map((text, index) => ({ index, embedding: [text.length, 1, 0] }));
          response.end(JSON.stringify(isBroken ? { error: { message: "wrong key" } } : { data }));
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    const withService = (...args: string[]): Promise<LynseResult> =>
      runLynse(args, {
        folder,
        data: join(folder, "data"),
        env: { OPENAI_API_KEY: "secret-key", OPENAI_BASE_URL: address },
      });

    test("asks it for the vectors, in an import and in a search", async () => {
      texts("service.jsonl", [{ t: "aaaa" }, { t: "bb" }]);
      const args = ["--embed", "openai:some-model"];
      const { code, stdout, stderr } = await withService(
        ...["import", "service.jsonl", "--collection", "service", ...args, "--text-column", "t", "--index", "FLAT-L2"],
      );
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^2 rows of dimension 3 imported/);
      const found = await withService("search", "--collection", "service", "--document", "cc", ...args, "--json");
      expect(json(found).map((row) => row["distance"])).toEqual([0, 4]);
      expect(asked).toEqual([
        { authorization: "Bearer secret-key", input: ["aaaa", "bb"], model: "some-model" },
        { authorization: "Bearer secret-key", input: ["cc"], model: "some-model" },
      ]);
    });

    test("tells a refused key without showing it", async () => {
      isBroken = true;
      const args = ["--collection", "refused", "--embed", "openai", "--text-column", "t"];
      const { code, stderr } = await withService("import", "service.jsonl", ...args);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^lynse: service.jsonl lines 1 to 2: .*key.*\n {7}no row was imported\n$/);
      expect(stderr).not.toContain("secret-key");
    });
  });
});

describe.concurrent("mistakes", () => {
  test.each<[string[], number, RegExp]>([
    [
      ["--vector", "[1]", "--like", "a"],
      2,
      /^lynse: only one of --vector, --vector-file, --like, --document is wanted/,
    ],
    [["--like", "a", "--group-size", "2"], 2, /--group-size belongs to --group-by/],
    [["--like", "a", "--text", "b", "--weights", "texts=1"], 2, /A list as vector=1,text=2 is wanted/],
    [["--like", "a", "--mmr", "2"], 2, /A number from 0 .* to 1/],
    [["--like", "a", "--facet", ","], 2, /Fields separated by commas are wanted/],
    [["--document", "a", "--embed", "word2vec"], 2, /hash, hash:<dim>, openai or openai:<model> is wanted/],
    [["--text", "a", "--fusion", "borda"], 2, /Allowed choices are rrf, weighted/],
    [["--sparse", "[1]"], 1, /^lynse: --sparse: a JSON object/],
    [["--text", "!?"], 1, /^lynse: .*word/],
    [["--document", "a", "--embed", "hash:16"], 1, /hash\/1\/64\/0.*hash\/1\/16\/0|16.*64/],
    [["--vector", "[1,2]", "--vector-field", "imag"], 1, /"imag".*image/],
    [["--hybrid", "--text", "a", "--like", "a", "--vector-field", "image"], 1, /--like gives the primary vector/],
    [["--like", "a", "--text", "b", "--weights", "vector=0,text=0"], 1, /above 0 for at least one/],
  ])("search %j", async (args, code, message) => {
    const result = await search(...args);
    expect(result.stderr).toMatch(message);
    expect([result.code, result.stdout]).toEqual([code, ""]);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  test.each<[string[], RegExp]>([
    [[], /vectors are wanted: --vectors with a file or a column, or --text-column with --embed/],
    [["--embed", "hash"], /--embed needs --text-column/],
    [["--vectors", "v", "--text-column", "t"], /only one of --vectors and --text-column is wanted/],
  ])("import %j", async (args, message) => {
    const result = await run("import", "docs.jsonl", "--collection", "never", ...args);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(2);
  });

  test("a cursor does not go with groups", async () => {
    const result = await run("query", "--collection", "docs", "--group-by", "lang", "--cursor", "x");
    expect([result.code, result.stderr.split("\n")[0]]).toEqual([2, "lynse: --cursor does not go with --group-by"]);
  });
});
