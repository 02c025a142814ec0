import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Collection, type Id, VectorDBClient } from "../../src/index.js";
import { type LynseResult, lynsePath, runLynse } from "./run-lynse.js";

let folder = "";
const run = (...args: string[]): Promise<LynseResult> => runLynse(args, { folder, data: join(folder, "data") });
const write = (name: string, contents: string | Uint8Array): void => writeFileSync(join(folder, name), contents);

/** Looks into a collection as a program would that has the directory open beside the command. */
async function look<T>(collection: string, at: (collection: Collection) => Promise<T>): Promise<T> {
  const client = new VectorDBClient(join(folder, "data"), { readOnly: true });
  try {
    return await at(await (await client.getDatabase("default")).getCollection(collection));
  } finally {
    await client.close();
  }
}

/** All rows of a collection, in order, without vectors. */
function rowsOf(collection: string): Promise<{ id: Id; field: Record<string, unknown> }[]> {
  return look(collection, async (opened) => {
    const rows: { id: Id; field: Record<string, unknown> }[] = [];
    for await (const { id, field } of opened.scan()) rows.push({ id, field: { ...field } });
    return rows;
  });
}

function vectorOf(collection: string, id: Id): Promise<number[]> {
  return look(collection, async (opened) => Array.from((await opened.get(id)).vectors?.[0] ?? []));
}

const float32 = (...numbers: number[]): Uint8Array => new Uint8Array(new Float32Array(numbers).buffer);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-import-"));
  const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url));
  copyFileSync(join(fixtures, "rows.parquet"), join(folder, "rows.parquet"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("formats", () => {
  test("JSON Lines with vectors in a column; ids are consecutive", async () => {
    write("a.jsonl", '{"t":"one","v":[1,2]}\n\n{"t":"two","v":[3,4]}\n');
    const { code, stdout, stderr } = await run("import", "a.jsonl", "--collection", "a", "--vectors", "v");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^2 rows of dimension 2 imported in .+ \([\d,]+ rows\/s, 1 commit\)\n/);
    expect(stdout).toMatch(/default\/a has 2 rows now, index FLAT-IP, .* on disk\n$/);
    expect(await rowsOf("a")).toEqual([
      { id: 0, field: { t: "one" } },
      { id: 1, field: { t: "two" } },
    ]);
    expect(await vectorOf("a", 1)).toEqual([3, 4]);
    expect((await run("import", "a.jsonl", "--collection", "a", "--vectors", "v")).code).toBe(0);
    expect((await rowsOf("a")).map((row) => row.id)).toEqual([0, 1, 2, 3]);
  });

  test("CSV with vectors in a file of float32, typed columns, text where the user says so", async () => {
    write("b.csv", 'id,zip,n,ok,note\r\nx,007,1.5,true,"say ""hi"",\r\nbye"\r\ny,12,,false,\r\n');
    write("b.f32", float32(1, 2, 3, 4));
    const args = ["--collection", "b", "--vectors", "b.f32", "--dim", "2", "--id-column", "id", "--types", "n=text"];
    const { code, stdout } = await run("import", "b.csv", ...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^columns: id text, zip text, n text, ok boolean, note text; empty cells are missing values/,
    );
    expect(await rowsOf("b")).toEqual([
      { id: "x", field: { zip: "007", n: "1.5", ok: true, note: 'say "hi",\r\nbye' } },
      { id: "y", field: { zip: "12", ok: false } },
    ]);
    expect(await vectorOf("b", "y")).toEqual([3, 4]);
  });

  test("CSV from standard input with JSON arrays as vectors", async () => {
    const input = 'v,t\n"[1, 0]",first\n"[0, 1]",second\n';
    const args = ["import", "-", "--format", "csv", "--collection", "stdin", "--vectors", "v"];
    const { code } = await runLynse(args, { folder, data: join(folder, "data"), input });
    expect(code).toBe(0);
    expect(await rowsOf("stdin")).toEqual([
      { id: 0, field: { t: "first" } },
      { id: 1, field: { t: "second" } },
    ]);
  });

  test("Parquet with chosen columns, stored as float16 under an index", async () => {
    const options = ["--id-column", "doc_id", "--columns", "title,rank", "--dtype", "float16", "--index", "FLAT-L2"];
    const { code, stderr } = await run(
      "import",
      "rows.parquet",
      "--collection",
      "p",
      "--vectors",
      "embedding",
      ...options,
    );
    expect([code, stderr]).toEqual([0, ""]);
    const rows = await rowsOf("p");
    expect(rows).toHaveLength(10);
    expect(rows[3]).toEqual({ id: 103, field: { title: "Título 3 日本" } });
    expect(rows[4]).toEqual({ id: 104, field: { title: "Título 4 日本", rank: 4 } });
    expect(await vectorOf("p", 109)).toEqual([9, 9.25, 9.5, 9.75]);
    expect(await look("p", (collection) => collection.stats())).toMatchObject({
      dtype: "float16",
      metric: "l2",
      index: "FLAT-L2",
      dim: 4,
      rows: 10,
    });
  });

  test("a file without rows imports nothing and says so", async () => {
    write("empty.jsonl", "\n");
    const { code, stdout } = await run("import", "empty.jsonl", "--collection", "none", "--vectors", "v");
    expect([code, stdout]).toEqual([0, "empty.jsonl has no rows: nothing was imported\n"]);
    expect((await run("info")).stdout).not.toContain("none");
  });
});

describe("an import that fails", () => {
  test("stores nothing; with --no-check it keeps the rows ahead of the bad line, and --skip goes on", async () => {
    const good = Array.from({ length: 10 }, (_, row) => JSON.stringify({ doc: row, v: [row, 1] }));
    write("c.jsonl", [...good.slice(0, 7), '{"doc":7,"v":[7,', ...good.slice(8)].join("\n"));
    const args = ["--collection", "c", "--vectors", "v", "--id-column", "doc", "--batch", "3"];
    const none = await run("import", "c.jsonl", ...args);
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/line 8: .*\n {7}no row was imported\n$/)]);
    expect((await run("info")).stdout).not.toMatch(/ c /);
    const first = await run("import", "c.jsonl", ...args, "--no-check");
    expect(first.code).toBe(1);
    expect(first.stderr).toMatch(/^lynse: c\.jsonl line 8: not valid JSON \(.+\); one JSON object a line is wanted/);
    expect(first.stderr).toMatch(/\n {7}the first 7 rows of the file are in; continue with --skip 7\n$/);
    expect((await rowsOf("c")).map((row) => row.id)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    write("c.jsonl", good.join("\n"));
    const second = await run("import", "c.jsonl", ...args, "--skip", "7");
    expect([second.code, second.stderr]).toEqual([0, ""]);
    expect((await rowsOf("c")).map((row) => row.id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("--skip passes over the vectors of a file as well", async () => {
    write("d.jsonl", '{"t":0}\n{"t":1}\n{"t":2}\n');
    write("d.f32", float32(0, 0, 1, 1, 2, 2));
    const args = ["--collection", "d", "--vectors", "d.f32", "--dim", "2"];
    expect((await run("import", "d.jsonl", ...args, "--skip", "2")).code).toBe(0);
    expect(await rowsOf("d")).toEqual([{ id: 0, field: { t: 2 } }]);
    expect(await vectorOf("d", 0)).toEqual([2, 2]);
  });

  test("names the line of an id that exists; --upsert replaces", async () => {
    write("e.jsonl", '{"doc":"x","t":1,"v":[1]}\n{"doc":"y","t":2,"v":[2]}\n{"doc":"x","t":3,"v":[3]}\n');
    const args = ["--collection", "e", "--vectors", "v", "--id-column", "doc"];
    const refused = await run("import", "e.jsonl", ...args);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^lynse: e\.jsonl line 3: id "x" .*; --upsert replaces the earlier row\n/);
    expect(refused.stderr).toMatch(/no row was imported\n$/);
    expect((await run("import", "e.jsonl", ...args, "--upsert")).code).toBe(0);
    expect((await rowsOf("e")).map((row) => [row.id, row.field["t"]]).sort()).toEqual([
      ["x", 3],
      ["y", 2],
    ]);
  });

  test("can be interrupted: what was committed stays, and the way on is told", async () => {
    const options = ["--collection", "slow", "--vectors", "v", "--batch", "2"];
    const child = spawn(process.execPath, [lynsePath, "import", "-", "--format", "jsonl", ...options], {
      cwd: folder,
      env: { ...process.env, LYNSE_DATA_DIR: join(folder, "data") },
      stdio: ["pipe", "ignore", "pipe"],
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const told: string[] = [];
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => told.push(line));
    const linesEnded = new Promise((resolve) => lines.once("close", resolve));
    let row = 0;
    let isInterrupted = false;
    const feed = setInterval(() => {
      // On a busy machine the program may take a while to come up: it is interrupted once it has begun to write.
      if (!isInterrupted && row >= 40 && existsSync(join(folder, "data", "default", "slow", "manifest.json"))) {
        isInterrupted = true;
        setTimeout(() => child.kill("SIGINT"), 200);
      }
      if (child.stdin.writable) child.stdin.write(`{"v":[${row},1]}\n{"v":[${row},2]}\n`);
      row += 2;
    }, 20);
    child.stdin.on("error", () => {});
    try {
      expect(await ended).toBe(130);
      await linesEnded;
    } finally {
      clearInterval(feed);
    }
    expect(told[0]).toBe("lynse: the import was interrupted");
    const committed = Number(
      /the first ([\d,]+) rows of the file are in; continue with --skip \1$/.exec(told[1] ?? "")?.[1],
    );
    expect(committed % 2).toBe(0);
    expect(committed).toBeGreaterThan(0);
    expect(await rowsOf("slow")).toHaveLength(committed);
  });
});

describe.concurrent("bad input is refused with the place and the way out", () => {
  test.each<[string, string, string[], RegExp]>([
    ["json.jsonl", "{\n", [], /json\.jsonl line 1: not valid JSON/],
    ["array.jsonl", '[{"v":[1]}]\n', [], /array\.jsonl line 1: an array where a JSON object is wanted/],
    ["novec.jsonl", '{"w":[1]}\n', [], /novec\.jsonl line 1: no vector in column "v"; this row has w\n/],
    ["text.jsonl", '{"v":"x"}\n', [], /text\.jsonl line 1: column "v" is no array of numbers/],
    ["null.jsonl", '{"v":[1,null]}\n', [], /null\.jsonl line 1: number 2 of the vector is null/],
    ["huge.jsonl", '{"v":[1,1e39]}\n', [], /huge\.jsonl line 1: number 2 of the vector is 1e\+39; finite float32/],
    ["dims.jsonl", '{"v":[1]}\n{"v":[1,2]}\n', [], /dims\.jsonl line 2: a vector of 2 numbers where dimension 1/],
    ["id.jsonl", '{"v":[1],"i":-1}\n', ["--id-column", "i"], /line 1: the id in column "i" is -1; a whole number/],
    ["noid.jsonl", '{"v":[1]}\n', ["--id-column", "i"], /line 1: the id in column "i" is missing/],
    ["cells.csv", 'v,t\n"[1]"\n', [], /cells\.csv line 2: 1 cells where the header names 2 columns/],
    ["quote.csv", 'v,t\n"[1]",x"y\n', [], /quote\.csv line 2: a quote inside a bare cell/],
    ["bad.parquet", "PAR1 not really PAR1", [], /bad\.parquet: not a readable Parquet file/],
    ["rows.txt", "x\n", [], /rows\.txt: what \.txt files hold is not known; add --format/],
    ["types.jsonl", '{"v":[1]}\n', ["--types", "v=text"], /--types is for CSV and Parquet/],
    ["skip.jsonl", '{"v":[1]}\n', ["--skip", "2"], /--skip 2 passes over more rows than skip\.jsonl has \(1\)/],
    ["index.jsonl", '{"v":[1]}\n', ["--index", "FLAT-NO"], /FLAT-IP, FLAT-L2, FLAT-COS/],
  ])("%s", async (name, contents, options, message) => {
    write(name, contents);
    // A data directory of its own, since only one command at a time may write to one.
    const args = ["import", name, "--collection", "bad", "--vectors", "v", ...options];
    const { code, stdout, stderr } = await runLynse(args, { folder, data: join(folder, `${name}-data`) });
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.split("\n").length).toBeLessThanOrEqual(3);
  });
});

describe("vectors that do not fit are refused", () => {
  test("a file of vectors that does not fit its rows", async () => {
    write("f.jsonl", '{"t":0}\n{"t":1}\n');
    write("f.f32", float32(1, 2, 3, 4, 5, 6));
    const args = ["import", "f.jsonl", "--collection", "f", "--vectors", "f.f32"];
    expect((await run(...args)).stderr).toMatch(/f\.f32: a \.f32 file does not say its dimension; add --dim N/);
    expect((await run(...args, "--dim", "4")).stderr).toMatch(/24 bytes are no whole number of float32 vectors/);
    const more = await run(...args, "--dim", "2");
    expect(more.stderr).toMatch(/f\.f32 holds 3 vectors of dimension 2, but f\.jsonl has 2 rows/);
    expect(more.stderr).toMatch(/no row was imported/);
    const unchecked = await run(...args, "--dim", "2", "--no-check");
    expect(unchecked.stderr).toMatch(/the first 2 rows of the file are in/);
    const f6 = ["--collection", "f6", "--vectors", "f.f32", "--dim", "6", "--no-check"];
    const fewer = await run("import", "f.jsonl", ...f6);
    expect(fewer.stderr).toMatch(/f\.f32 holds 1 vector of dimension 6, but f\.jsonl has more rows/);
    expect(fewer.stderr).toMatch(/the first row of the file is in; continue with --skip 1/);
    write("f.bin", float32(1, 2));
    const other = await run("import", "f.jsonl", "--collection", "f", "--vectors", "f.bin");
    expect(other.stderr).toMatch(/--vectors f\.bin: a file of vectors ends in \.f32 .* or \.npy/);
    const npy = await run("import", "f.jsonl", "--collection", "f", "--vectors", "no.npy");
    expect(npy.stderr).toMatch(/cannot read no\.npy: there is no such file/);
  });

  test("vectors of another dimension than the collection's", async () => {
    write("g.jsonl", '{"v":[1,2]}\n');
    write("h.jsonl", '{"v":[1,2,3]}\n');
    await run("import", "g.jsonl", "--collection", "g", "--vectors", "v");
    const { code, stderr } = await run("import", "h.jsonl", "--collection", "g", "--vectors", "v");
    expect(code).toBe(1);
    expect(stderr).toMatch(/h\.jsonl line 1: a vector of 3 numbers where dimension 2 is wanted/);
  });
});

test.each([
  [
    "a data folder that is a file",
    ["--data", "file"],
    /open of file\/lynse\.json failed \(ENOTDIR\); a part of the path/,
  ],
  ["a data folder below a file", ["--data", "file/below"], /ENOTDIR.*choose another path/],
  [
    "bad rows into a folder that is none",
    ["--skip-bad", "no/where"],
    /cannot write no\/where: its folder does not exist/,
  ],
  ["bad rows below a file", ["--skip-bad", "file/bad"], /cannot write file\/bad: a part of the path is a file/],
  ["bad rows into a folder", ["--skip-bad", "."], /cannot write \.: it is a directory; name a file in it/],
])("nothing is imported where nothing can be written: %s", async (_, args, message) => {
  write("file", "");
  write("target.jsonl", '{"v":[1,2]}\n');
  const { code, stdout, stderr } = await run("import", "target.jsonl", "--collection", "t", "--vectors", "v", ...args);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(message);
});
