import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Collection, type Database, type Id, VectorDBClient } from "../../src/index.js";
import { createServer } from "../../src/server/lynse-server.js";
import { hnswlibFile } from "../transfer/hnswlib-file.js";
import { type LynseResult, lynsePath, runLynse } from "./run-lynse.js";

let folder = "";
let data = "";
const run = (...args: string[]): Promise<LynseResult> => runLynse(args, { folder, data });
const at = (name: string): string => join(folder, name);

async function withDatabase<T>(use: (db: Database) => Promise<T>): Promise<T> {
  const client = new VectorDBClient(data, { threads: 1 });
  try {
    return await use(await client.createDatabase("default"));
  } finally {
    await client.close();
  }
}

interface PlainRow {
  readonly id: Id;
  readonly field: unknown;
  readonly vector: readonly number[];
}

const rowsOf = (name: string): Promise<PlainRow[]> =>
  withDatabase(async (db) => plainRows(await db.getCollection(name)));

async function plainRows(collection: Collection): Promise<PlainRow[]> {
  const rows: PlainRow[] = [];
  for await (const { id, field, vector } of collection.scan({ returnVectors: true })) {
    rows.push({ id, field: { ...field }, vector: Array.from(vector ?? []) });
  }
  return rows;
}

const blobsOf = (name: string): Promise<unknown> =>
  withDatabase(async (db) => (await db.getCollection(name)).listBlobs());

/** What hangs on the rows of a collection, and how its fields are made. */
const attachedOf = (name: string): Promise<{ readonly rows: readonly unknown[]; readonly fields: unknown }> =>
  withDatabase(async (db) => {
    const collection = await db.getCollection(name);
    const everything = [];
    for await (const row of collection.scan({ returnVectors: true, returnNamedVectors: true, returnSparse: true })) {
      everything.push({ ...row, field: { ...row.field } });
    }
    const { vectorFields } = await collection.stats();
    const fields = vectorFields.map(({ name: field, dim, metric, dtype, rows: count }) => ({
      field,
      dim,
      metric,
      dtype,
      count,
    }));
    return { rows: everything, fields };
  });

/** Runs the command that an export names, on another collection. */
async function importAs(told: string, collection: string): Promise<LynseResult> {
  const line = /^import them with: lynse (.*) --collection \S+$/m.exec(told)?.[1] ?? "";
  const args = (line.match(/'[^']*'|\S+/g) ?? []).map((part) => part.replace(/^'|'$/g, ""));
  return run(...args, "--collection", collection);
}

const texts = [
  "plain",
  'comma, "quotes"',
  "line\nbreak\r\nand more",
  "",
  " blanks ",
  "日本語 🎉",
  "007",
  "1e5",
  "true",
  "a\tb",
];
const rows = texts.map((text, row) => ({
  id: row % 2 === 0 ? row : String(row),
  vector: [row + 0.1, -row / 3, 1e-30],
  field: {
    text,
    number: row * 1.5,
    ...(row === 3 ? {} : { whole: row * 2 ** 40 }),
    yes: row > 4,
    nested: { list: [row, "x", null], deep: { at: new Date(row * 1e12).toISOString() } },
    mixed: row % 3 === 0 ? row : `${row}`,
  },
}));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynse-export-"));
  data = join(folder, "data");
  await withDatabase(async (db) => {
    const docs = await db.requireCollection("docs", { dim: 3 });
    await docs.add({
      ids: rows.map(({ id }) => id),
      vectors: rows.map(({ vector }) => vector),
      fields: rows.map(({ field }) => field),
    });
    const rich = await db.requireCollection("rich", { dim: 1 });
    await rich.createVectorField("image", { dim: 2 });
    await rich.add({
      ids: ["a", "b", "c", "d"],
      vectors: [[1], [2], [3], [4]],
      fields: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }],
    });
    await rich.createVectorField("tiny", { dim: 1, metric: "cos", dtype: "float16" });
    await rich.addNamedVectors(
      "image",
      [
        [1, 2],
        [3, 4],
      ],
      ["a", "d"],
    );
    await rich.addNamedVectors("tiny", [[0.5]], ["d"]);
    await rich.addSparseVectors([{ 7: 1.5 }, { 3: 0.1, 4000000000: -2 }], ["c", "d"]);
    await rich.writeBlob("k", new Uint8Array(3));
    await rich.delete("b");
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what is exported can be imported", () => {
  test.each(["out.jsonl", "out.csv", "out.tsv", "out.parquet", "vectors.npy", "directory"])("%s", async (name) => {
    const { code, stdout, stderr } = await run("export", "docs", name);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(new RegExp(`^10 rows exported to ${name} in .+ \\(.+, [\\d,]+ rows/s\\)\n`));
    const copy = `copy-${name.replace(/\W/g, "-")}`;
    const imported = await importAs(stdout, copy);
    expect([imported.code, imported.stderr]).toEqual([0, ""]);
    expect(await rowsOf(copy)).toEqual(await rowsOf("docs"));
    const again = await run("export", "docs", name);
    expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/exists; choose another/)]);
    expect(readdirSync(folder).filter((file) => file.endsWith(".tmp"))).toEqual([]);
  });

  test("some rows, some fields, no vectors, to standard output", async () => {
    const where = ["--where", "yes = true", "--fields", "text,nothing", "--no-vectors"];
    const { stdout, stderr } = await run("export", "docs", "-", ...where, "--format", "csv");
    expect(stdout).toBe('id,text\n"""5""",日本語 🎉\n6,007\n"""7""",1e5\n8,true\n"""9""",a\tb\n');
    expect(stderr).toMatch(/^5 rows exported to -/);
  });

  test("a field that is called as the ids are is told, and nothing is left", async () => {
    const { code, stderr } = await run("export", "docs", "taken.csv", "--id-column", "text");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/field called "text" itself; .* --id-column/)]);
    expect(existsSync(at("taken.csv"))).toBe(false);
  });

  test("what a format cannot hold is told on the error output; a directory holds it", async () => {
    const csv = await run("export", "rich", "rich.csv");
    expect(csv.code).toBe(0);
    expect(csv.stdout).not.toContain("left out");
    const all = "vectors of image, tiny, sparse vectors, soft-deleted rows, blobs are left out; a directory";
    expect(csv.stderr).toContain(all);
    expect((await run("export", "rich", "-", "--format", "csv")).stderr).toContain(all);
    expect((await run("export", "rich", "rich-array.npy")).stderr).toContain(all);
    const whole = await run("export", "rich", "rich");
    expect([whole.code, whole.stderr]).toEqual([0, ""]);
    await run("import", "rich", "--collection", "rich-copy");
    expect(await withDatabase(async (db) => (await db.getCollection("rich-copy")).listDeletedIds())).toEqual(["b"]);
    expect(await blobsOf("rich-copy")).toEqual([{ key: "k", bytes: 3 }]);
    expect((await run("import", "rich", "--collection", "rich-copy")).stderr).toMatch(/exists/);
    expect((await run("import", "rich", "--collection", "rich-copy", "--overwrite")).code).toBe(0);
    await run("export", "rich", "bare", "--no-blobs");
    await run("import", "bare", "--collection", "bare-copy");
    expect(await blobsOf("bare-copy")).toEqual([]);
  });

  test.each(["rich.jsonl", "rich.parquet"])("named and sparse vectors in %s", async (name) => {
    const { code, stdout, stderr } = await run("export", "rich", name);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^soft-deleted rows, blobs are left out; a directory/)]);
    const copy = `named-${name.slice(5)}`;
    const imported = await importAs(stdout, copy);
    expect([imported.code, imported.stderr]).toEqual([0, ""]);
    expect(await attachedOf(copy)).toEqual(await attachedOf("rich"));
    // A part of it, streamed as a file of this machine is.
    const part = await run(
      "export",
      "rich",
      `part-${name}`,
      "--where",
      "n >= 3",
      "--named-column",
      "v",
      "--sparse-column",
      "s",
    );
    expect((await importAs(part.stdout, `part-${copy}`)).code).toBe(0);
    expect((await attachedOf(`part-${copy}`)).rows).toEqual((await attachedOf("rich")).rows.slice(1));
    const bare = await run("export", "rich", `bare-${name}`, "--no-vectors");
    expect(bare.stdout).not.toContain("--named-column");
  });

  test("a line of JSON is an item", async () => {
    await run("export", "rich", "-", "--format", "jsonl", "--where", "n = 4");
    const { stdout } = await run("export", "rich", "-", "--format", "jsonl", "--where", "n = 4");
    expect(JSON.parse(stdout)).toEqual({
      ...{ id: "d", vector: [4], vectors: { image: [3, 4], tiny: [0.5] } },
      ...{ sparse: { indices: [3, 4_000_000_000], values: [0.1, -2] }, n: 4 },
    });
  });

  test("a field that is called as what holds other vectors are is told", async () => {
    for (const [name, option] of [
      ["vectors", "--named-column"],
      ["sparse", "--sparse-column"],
    ]) {
      await withDatabase(async (db) => {
        const rich = await db.getCollection("rich");
        await rich.upsert({ ids: "c", vectors: [[3]], fields: { n: 3, [name!]: 1 } });
      });
      for (const ending of ["jsonl", "parquet"]) {
        const { code, stderr } = await run("export", "rich", `taken-${name}.${ending}`);
        expect([code, stderr]).toEqual([1, expect.stringContaining(`choose another name with ${option}`)]);
        expect((await run("export", "rich", `taken-${name}.${ending}`, option!, "other")).code).toBe(0);
      }
      expect((await run("export", "rich", `taken-${name}.csv`)).code).toBe(0);
    }
    const same = await run("export", "rich", "x.jsonl", "--sparse-column", "vector");
    expect([same.code, same.stderr]).toEqual([2, expect.stringContaining("must differ")]);
  });

  test("rows whose other vectors cannot be are told by their line", async () => {
    const line = '{"id":1,"vector":[1],"vectors":{"image":[1,2]}}';
    const refused = async (vectors: string, message: RegExp): Promise<void> => {
      writeFileSync(
        at("bad.jsonl"),
        `${line}\n${line.replace('"id":1', '"id":2').replace('{"image":[1,2]}', vectors)}\n`,
      );
      const args = ["--vectors", "vector", "--id-column", "id", "--named-column", "vectors"];
      const { code, stderr } = await run("import", "bad.jsonl", "--collection", "bad", ...args);
      expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    };
    await refused("[1,2]", /line 2, column "vectors": it is no object/);
    await refused('{"image":[1,"x"]}', /line 2, column "vectors": "image" is no list of numbers/);
    await refused('{"image":[]}', /line 2, column "vectors": "image" is no list of numbers/);
    await refused('{"image":[1]}', /bad\.jsonl/);
    await refused('{"no/name":[1]}', /bad\.jsonl/);
    const bad = await run("import", "bad.jsonl", "--collection", "bad", "--vectors", "vector", "--vector-fields", "a");
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining("image=l2,title=cos:float16")]);
  });

  test("mistakes of usage", async () => {
    expect((await run("export", "docs", "x.npy", "--no-vectors")).code).toBe(2);
    expect((await run("export", "docs", "x.zip")).stderr).toMatch(/what \.zip files hold is not known/);
    expect((await run("export", "docs", "no/where.csv")).stderr).toMatch(/its folder does not exist/);
    expect((await run("export", "nothing", "y.csv")).stderr).toMatch(/there is no collection "nothing"/);
  });
});

/** A collection with all kinds of vectors on a server, and one like it here. */
async function withRich(origin: string): Promise<void> {
  const fill = async (db: Database, name: string): Promise<void> => {
    const rich = await db.requireCollection(name, { dim: 1 });
    await rich.add({ ids: [1, "two", 3], vectors: [[1], [2], [3]] });
    await rich.createVectorField("image", { dim: 2, metric: "l2", dtype: "float16" });
    await rich.addNamedVectors("image", [[0.5, 0.25]], ["two"]);
    await rich.addSparseVectors([{ 9: 0.1 }], ["two"]);
    await rich.writeBlob("k", new Uint8Array(9));
    await rich.delete(3);
  };
  const client = new VectorDBClient(origin);
  await fill(await client.createDatabase("default"), "rich");
  await client.close();
  await withDatabase((db) => fill(db, "rich-here"));
}

test("behind a server: rows, and directories of this machine, go both ways", async () => {
  const server = await createServer({ dataDir: at("served"), port: 0 });
  try {
    const { origin } = await server.listen();
    await withRich(origin);
    const rich = await run("export", "rich", "rich-from-server", "--uri", origin);
    expect([rich.code, rich.stderr]).toEqual([
      0,
      expect.stringMatching(/^soft-deleted rows are left out; a directory/),
    ]);
    expect((await run("import", "rich-from-server", "--collection", "rich-back")).stderr).toBe("");
    expect(await attachedOf("rich-back")).toEqual(await attachedOf("rich-here"));
    expect(await blobsOf("rich-back")).toEqual([{ key: "k", bytes: 9 }]);
    const lines = await run("export", "rich", "served.jsonl", "--uri", origin);
    expect((await importAs(lines.stdout, "rich-lines")).stderr).toBe("");
    expect(await attachedOf("rich-lines")).toEqual(await attachedOf("rich-here"));
    const bare = await run("import", "rich-from-server", "--collection", "rich-rows", "--uri", origin);
    expect(bare.stdout).toMatch(
      /^vectors of \w+(, \w+)*, sparse vectors, blobs were left out; a directory is imported whole/m,
    );
    const expected = await rowsOf("docs");
    expect((await run("export", "docs", "for-server")).code).toBe(0);
    const put = await run("import", "for-server", "--collection", "docs", "--uri", origin);
    expect([put.code, put.stderr]).toEqual([0, ""]);
    for (const name of ["from-server", "from-server.parquet"]) {
      const got = await run("export", "docs", name, "--uri", origin);
      expect([got.code, got.stderr]).toEqual([0, ""]);
      expect((await importAs(got.stdout, `back-${name.length}`)).stderr).toBe("");
      expect(await rowsOf(`back-${name.length}`)).toEqual(expected);
    }
  } finally {
    await server.close();
  }
});

describe("other databases", () => {
  test("points of Qdrant: unnamed, named and sparse vectors, numbers and UUIDs as ids", async () => {
    const uuid = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26";
    const points = [
      { id: 1, payload: { title: "one", points: [{ id: 9 }] }, vector: { text: [1, 0], image: [1, 2, 3] } },
      { id: uuid, payload: null, vector: { text: [0, 1], words: { indices: [7, 3], values: [0.5, 2] } } },
    ];
    writeFileSync(
      at("scroll.json"),
      JSON.stringify({ result: { points, next_page_offset: null }, status: "ok" }, null, 2),
    );
    const args = ["--format", "qdrant", "--collection", "qdrant"];
    const { code, stderr } = await run("import", "scroll.json", ...args, "--vectors", "text");
    expect([code, stderr]).toEqual([0, ""]);
    expect(await rowsOf("qdrant")).toEqual([
      { id: 1, field: { title: "one", points: [{ id: 9 }] }, vector: [1, 0] },
      { id: uuid, field: {}, vector: [0, 1] },
    ]);
    await withDatabase(async (db) => {
      const found = await db.getCollection("qdrant");
      expect((await found.search([1, 2, 3], { vectorField: "image" })).ids).toEqual([1]);
      expect((await found.searchSparse({ 3: 1 })).ids).toEqual([uuid]);
    });
    expect((await run("import", "scroll.json", ...args)).stderr).toMatch(
      /row 1: which of its vectors .*text, image; name/,
    );
    writeFileSync(
      at("points.jsonl"),
      points.map(({ id }) => JSON.stringify({ id, vector: [id === 1 ? 1 : 2] })).join("\n"),
    );
    expect((await run("import", "points.jsonl", "--format", "qdrant", "--collection", "plain")).code).toBe(0);
    expect((await rowsOf("plain")).map(({ id }) => id)).toEqual([1, uuid]);
  });

  test("an answer of Chroma, and rows with its columns", async () => {
    const ids = ["a", "b"];
    const answer = {
      ids,
      embeddings: [
        [1, 2],
        [3, 4],
      ],
      documents: ["text", null],
      metadatas: [{ n: 1 }, null],
    };
    writeFileSync(at("chroma.json"), JSON.stringify(answer));
    expect(await run("import", "chroma.json", "--format", "chroma", "--collection", "chroma")).toMatchObject({
      code: 0,
    });
    const expected = [
      { id: "a", field: { n: 1, document: "text" }, vector: [1, 2] },
      { id: "b", field: {}, vector: [3, 4] },
    ];
    expect(await rowsOf("chroma")).toEqual(expected);
    const lines = [
      { id: "a", embedding: [1, 2], document: "text", metadata: { n: 1 } },
      { id: "b", embedding: [3, 4], metadata: "{}" },
    ];
    writeFileSync(at("chroma.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
    await run("import", "chroma.jsonl", "--format", "chroma", "--collection", "chroma-rows");
    expect(await rowsOf("chroma-rows")).toEqual(expected);
  });

  test("rows of LanceDB have their vector in a column called so", async () => {
    writeFileSync(at("lance.jsonl"), '{"vector":[1,2],"item":"x"}\n');
    const args = ["--format", "lancedb", "--collection", "lance", "--id-column", "item"];
    expect((await run("import", "lance.jsonl", ...args)).code).toBe(0);
    expect(await rowsOf("lance")).toEqual([{ id: "x", field: {}, vector: [1, 2] }]);
  });

  test("an index file of hnswlib, without what is marked as deleted", async () => {
    const elements = [
      { label: 70, vector: [1, 2, 3] },
      { label: 71, vector: [4, 5, 6], isDeleted: true },
      { label: 5, vector: [7, 8, 9] },
    ];
    writeFileSync(at("index.bin"), hnswlibFile(elements));
    const { code, stdout } = await run("import", "index.bin", "--format", "hnswlib", "--collection", "hnswlib");
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^1 elements marked as deleted were passed over\n2 rows/),
    ]);
    expect(await rowsOf("hnswlib")).toEqual([
      { id: 70, field: {}, vector: [1, 2, 3] },
      { id: 5, field: {}, vector: [7, 8, 9] },
    ]);
    for (const bytes of [Buffer.alloc(10), Buffer.alloc(96, 1), hnswlibFile(elements).subarray(0, 200)]) {
      writeFileSync(at("bad.bin"), bytes);
      const bad = await run("import", "bad.bin", "--format", "hnswlib", "--collection", "bad");
      expect([bad.code, bad.stderr]).toEqual([1, expect.stringMatching(/^lynse: bad\.bin: /)]);
    }
  });
});

describe("bad rows and interruptions", () => {
  test("--skip-bad leaves bad rows out, and tells each with its line and reason", async () => {
    const lines = [
      '{"i":1,"v":[1,1]}',
      "{",
      '{"i":2,"v":[1]}',
      '{"i":-1,"v":[1,2]}',
      '{"i":1,"v":[2,2]}',
      '{"i":3,"v":[3,null]}',
      `{"i":4,"v":[4,4],"x":${"[".repeat(80)}${"]".repeat(80)}}`,
      '{"i":5,"v":[5,5]}',
    ];
    writeFileSync(at("some.jsonl"), lines.join("\n"));
    const args = ["some.jsonl", "--collection", "some", "--vectors", "v", "--id-column", "i"];
    expect((await run("import", ...args)).stderr).toMatch(/line 2: .*\n.*no row was imported/);
    const { code, stdout } = await run("import", ...args, "--skip-bad", "bad.jsonl");
    expect([code, stdout]).toEqual([0, expect.stringMatching(/\n6 rows left out; the reasons are in bad\.jsonl\n/)]);
    expect((await rowsOf("some")).map(({ id }) => id)).toEqual([1, 5]);
    const bad = readFileSync(at("bad.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(bad.map(({ line, id }) => [line, id]).sort()).toEqual([
      [2, undefined],
      [3, 2],
      [4, -1],
      [5, 1],
      [6, 3],
      [7, 4],
    ]);
    for (const { reason } of bad) expect(reason).toMatch(/some\.jsonl line/);
  });

  test("--skip-bad with vectors in a file of their own keeps rows and vectors together", async () => {
    writeFileSync(at("pairs.jsonl"), '{"n":0}\n[]\n{"n":2}\n{"n":3}\n{"n":4}\n');
    writeFileSync(at("pairs.f32"), new Uint8Array(new Float32Array([0, 1, 2, Number.NaN, 4]).buffer));
    const args = ["pairs.jsonl", "--collection", "pairs", "--vectors", "pairs.f32", "--dim", "1"];
    const { code, stdout } = await run("import", ...args, "--skip-bad", "bad-pairs.jsonl");
    expect([code, stdout]).toEqual([0, expect.stringMatching(/\n2 rows left out/)]);
    expect((await rowsOf("pairs")).map(({ field, vector }) => [field, ...vector])).toEqual([
      [{ n: 0 }, 0],
      [{ n: 2 }, 2],
      [{ n: 4 }, 4],
    ]);
  });

  test.each([
    ["ids of their own", ["--id-column", "n"]],
    ["no ids", []],
  ] as const)(
    "--resume goes on after a kill, without duplicates: rows with %s",
    async (label, options) => {
      const count = 3000;
      const name = `killed-${label.length}`;
      const file = `${name}.jsonl`;
      const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ n, m: n, v: [n, 1] }));
      writeFileSync(at(file), lines.join("\n"));
      const args = ["import", file, "--collection", name, "--vectors", "v", "--batch", "20", ...options];
      const child = spawn(process.execPath, [lynsePath, ...args, "--no-check"], {
        cwd: folder,
        env: { ...process.env, LYNSE_DATA_DIR: data },
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const manifest = join(data, "default", name, "manifest.json");
      while (!existsSync(manifest) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 60));
      child.kill("SIGKILL");
      await ended;
      const resumed = await run(...args, "--resume");
      expect(resumed.code, resumed.stderr).toBe(0);
      const found = await rowsOf(name);
      expect(found.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, n) => n));
      expect(found.every(({ id, vector, field }) => vector[0] === id && (field as { m: number }).m === id)).toBe(true);
      const again = await run(...args, "--resume");
      if (options.length > 0) expect(again.stdout).toMatch(/^3,000 rows were in already\n/);
      else expect(again.stderr).toMatch(/no import of .* was interrupted/);
    },
    30_000,
  );

  test("--resume begins at the start where not even the first row is in", async () => {
    const file = "hardly.jsonl";
    writeFileSync(at(file), [0, 1, 2].map((n) => JSON.stringify({ n, v: [n, 1] })).join("\n"));
    await withDatabase((db) => db.requireCollection("hardly", { dim: 2 }));
    const args = ["import", file, "--vectors", "v", "--resume", "--collection"];
    for (const name of ["hardly", "not-even-made"]) {
      expect(await run(...args, name)).toMatchObject({ code: 0, stderr: "" });
      expect((await rowsOf(name)).map(({ id }) => id)).toEqual([0, 1, 2]);
    }
  });
});
