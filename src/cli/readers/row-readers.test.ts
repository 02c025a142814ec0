import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ByteSource } from "./byte-source.js";
import { CsvReader } from "./csv-reader.js";
import { JsonlReader } from "./jsonl-reader.js";
import { ParquetReader } from "./parquet-reader.js";
import type { ColumnType, RowReader, SourceRow } from "./row-reader.js";
import { readTextBlocks } from "./text-blocks.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-readers-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(contents: string | Uint8Array, extension: string): string {
  files += 1;
  const path = join(folder, `${files}.${extension}`);
  writeFileSync(path, contents);
  return path;
}

/** All rows up to an error, and the error's message. */
async function readAll(reader: RowReader): Promise<{ rows: SourceRow[]; error: string | null }> {
  const rows: SourceRow[] = [];
  try {
    for await (const piece of reader.pieces()) {
      for (const row of piece) {
        if (row.failure !== undefined) throw row.failure;
        rows.push(row);
      }
    }
  } catch (error) {
    return { rows, error: error instanceof Error ? error.message : String(error) };
  } finally {
    await reader.close();
  }
  return { rows, error: null };
}

const valuesOf = (rows: readonly SourceRow[]): unknown[] => rows.map((row) => row.values);
const csv = async (text: string | Uint8Array, types: [string, ColumnType][] = []): Promise<RowReader> =>
  await CsvReader.open(file(text, "csv"), { delimiter: ",", types: new Map(types) });

describe("JSON Lines", () => {
  test("objects, blank lines, CRLF, a byte order mark and no last line break", async () => {
    const reader = await JsonlReader.open(file('\ufeff{"a":1}\r\n\n  {"b":"é日💡"}\n\n{"__proto__":2}', "jsonl"));
    const { rows, error } = await readAll(reader);
    expect(error).toBeNull();
    expect(rows.map((row) => row.line)).toEqual([1, 3, 5]);
    expect(valuesOf(rows.slice(0, 2))).toEqual([{ a: 1 }, { b: "é日💡" }]);
    expect(Object.keys(rows[2]?.values ?? {})).toEqual(["__proto__"]);
    expect(reader.shareRead()).toBe(1);
  });

  test.each([
    ['{"a":1}\n{"a":\n', 2, /line 2: not valid JSON \(.+\); one JSON object a line is wanted/],
    ['{"a":1}\n[1,2]\n', 2, /line 2: an array where a JSON object is wanted/],
    ['{"a":1}\nnull\n', 2, /line 2: null where a JSON object/],
    ['{"a":1}\n\n7\n', 3, /line 3: a number where a JSON object/],
  ])("a bad line is named, the rows ahead of it are read: %j", async (text, _line, message) => {
    const { rows, error } = await readAll(await JsonlReader.open(file(text, "jsonl")));
    expect(valuesOf(rows)).toEqual([{ a: 1 }]);
    expect(error).toMatch(message);
  });

  test("an array over several lines says how to make JSON Lines of it", async () => {
    const { error } = await readAll(await JsonlReader.open(file('[\n{"a":1}\n]', "jsonl")));
    expect(error).toMatch(/line 1: not valid JSON .* jq -c/);
  });

  test("bytes that are not UTF-8 are named with their line", async () => {
    const bytes = Buffer.concat([Buffer.from('{"a":1}\n{"b":"caf'), Buffer.from([0xe9]), Buffer.from('"}\n')]);
    const { rows, error } = await readAll(await JsonlReader.open(file(bytes, "jsonl")));
    expect(valuesOf(rows)).toEqual([{ a: 1 }]);
    expect(error).toMatch(/line 2: not UTF-8 text; .*iconv/);
  });

  test("characters cut apart by the chunks of a large file come out whole", async () => {
    const line = JSON.stringify({ text: "é日💡".repeat(300) });
    const count = Math.ceil(3_200_000 / Buffer.byteLength(line));
    const { rows, error } = await readAll(await JsonlReader.open(file(`${line}\n`.repeat(count), "jsonl")));
    expect(error).toBeNull();
    expect(rows.length).toBe(count);
    expect(new Set(rows.map((row) => row.values["text"]))).toEqual(new Set(["é日💡".repeat(300)]));
    expect(rows.at(-1)?.line).toBe(count);
  });

  test("a line longer than the limit is refused by its number instead of being held in memory", async () => {
    const source = await ByteSource.open(file(`{"a":1}\n${"x".repeat(3_000_000)}`, "jsonl"));
    const blocks: string[] = [];
    const read = async (): Promise<void> => {
      for await (const block of readTextBlocks(source, 1_000_000)) blocks.push(block.text);
    };
    await expect(read()).rejects.toThrow(/line 2: longer than 1000000 bytes/);
    expect(blocks).toEqual(['{"a":1}\n']);
  });

  test("a file that cannot be opened is named with the reason", async () => {
    await expect(JsonlReader.open(join(folder, "none.jsonl"))).rejects.toThrow(/none\.jsonl: there is no such file/);
    await expect(JsonlReader.open(folder)).rejects.toThrow(/it is a directory/);
  });
});

describe("CSV", () => {
  test("types by column, empty cells missing, what was decided is told", async () => {
    const reader = await csv('\ufeffname,zip,rank,ok,note\r\n"a, b",007,1,true,\r\nc,8,,FALSE,"x\ny"\r\n');
    const { rows, error } = await readAll(reader);
    expect(error).toBeNull();
    expect(valuesOf(rows)).toEqual([
      { name: "a, b", zip: "007", rank: 1, ok: true },
      { name: "c", zip: "8", ok: false, note: "x\ny" },
    ]);
    expect(rows.map((row) => row.line)).toEqual([2, 3]);
    expect(reader.notes()).toEqual([
      "columns: name text, zip text, rank number, ok boolean, note text; empty cells are missing values",
    ]);
  });

  test("the user's types go first", async () => {
    const types: [string, ColumnType][] = [
      ["a", "text"],
      ["b", "json"],
    ];
    const { rows } = await readAll(await csv('a,b,__proto__\n1,"[1,2]",x\n', types));
    expect(Object.entries(rows[0]?.values ?? {})).toEqual([
      ["a", "1"],
      ["b", [1, 2]],
      ["__proto__", "x"],
    ]);
  });

  test("a column that turns out to be text far behind is an error with the way out", async () => {
    const many = Array.from({ length: 1200 }, (_, row) => `${row}`).join("\n");
    const { rows, error } = await readAll(await csv(`n\n${many}\nunknown\n`));
    expect(rows.length).toBe(1200);
    expect(error).toMatch(/line 1202: column "n" holds "unknown", but its first 1000 rows .* --types n=text/);
  });

  test.each([
    ["a,b\n1,2\n3\n", 1, /line 3: 1 cells where the header names 2 columns/],
    ["a,b\n1,2\n3,4,5\n", 1, /line 3: 3 cells where the header names 2 columns/],
    ['a,b\n1,2\n3,"4\n', 1, /line 3: a quote is opened and never closed/],
    ["a,a\n1,2\n", 0, /line 1: two columns are called "a"/],
    ["a,\n1,2\n", 0, /line 1: column 2 has no name/],
  ])("mistakes are named, the rows ahead of them are read: %j", async (text, count, message) => {
    const { rows, error } = await readAll(await csv(text));
    expect(rows.length).toBe(count);
    expect(error).toMatch(message);
  });

  test("rows ahead of a bad byte are read", async () => {
    const bytes = Buffer.concat([Buffer.from("a\nx\n"), Buffer.from([0xe9, 10])]);
    const { rows, error } = await readAll(await csv(bytes));
    expect(valuesOf(rows)).toEqual([{ a: "x" }]);
    expect(error).toMatch(/line 3: not UTF-8/);
  });

  test("--types that names no column of the file", async () => {
    const { error } = await readAll(await csv("a,b\n1,2\n", [["c", "text"]]));
    expect(error).toMatch(/--types names column "c"; there are a, b/);
  });

  test("a file of only a header, and an empty one, have no rows", async () => {
    expect(await readAll(await csv("a,b\n"))).toEqual({ rows: [], error: null });
    expect(await readAll(await csv(""))).toEqual({ rows: [], error: null });
  });
});

describe("Parquet", () => {
  const fixture = (name: string): string =>
    fileURLToPath(new URL(`../../../tests/cli/fixtures/${name}`, import.meta.url));
  const all = { columns: null, types: new Map<string, ColumnType>() };

  test.each(["rows.parquet", "rows-zstd-indexed.parquet"])("%s: every type as JSON", async (name) => {
    const reader = await ParquetReader.open(fixture(name), all);
    expect(reader.rowCount).toBe(10);
    const { rows, error } = await readAll(reader);
    expect(error).toBeNull();
    expect(rows.map((row) => row.line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(rows[1]?.values).toEqual({
      doc_id: 101,
      title: "Título 1 日本",
      rank: 1,
      price: 1.5,
      ok: false,
      created: "2024-02-29T23:59:58.000Z",
      day: "2024-02-29T00:00:00.000Z",
      tags: ["t1", "all"],
      source: { name: "n1", page: 1 },
      embedding: [1, 1.25, 1.5, 1.75],
    });
    expect(Object.hasOwn(rows[3]?.values ?? {}, "rank")).toBe(false);
    expect(rows[5]?.values["tags"]).toEqual([]);
    expect(rows[9]?.values["embedding"]).toEqual([9, 9.25, 9.5, 9.75]);
    expect(reader.shareRead()).toBe(1);
  });

  test("rows that go over the ends of pages come out whole", async () => {
    const { rows, error } = await readAll(await ParquetReader.open(fixture("pages.parquet"), all));
    expect(error).toBeNull();
    expect(rows.length).toBe(50);
    rows.forEach(({ values }, row) => {
      const parts = Array.from({ length: row % 4 }, (_, part) => ({ n: part, s: `${row}-${part}` }));
      expect(values).toEqual({
        row,
        embedding: Array.from({ length: 16 }, (_, component) => row + component / 4),
        ...(parts.length === 0 ? {} : { parts }),
      });
    });
  });

  test("only the wanted columns are read", async () => {
    const reader = await ParquetReader.open(fixture("rows.parquet"), { ...all, columns: ["rank", "doc_id"] });
    expect(valuesOf((await readAll(reader)).rows)[0]).toEqual({ doc_id: 100, rank: 0 });
  });

  test("whole numbers that JSON cannot keep are refused, or read as text", async () => {
    const refused = await readAll(await ParquetReader.open(fixture("odd.parquet"), { ...all, columns: ["hash"] }));
    expect(valuesOf(refused.rows)).toEqual([{ hash: 7 }]);
    expect(refused.error).toMatch(/row 2, column "hash": 9007199254740993 is beyond .* --types/);
    const types = new Map<string, ColumnType>([["hash", "text"]]);
    const text = await readAll(await ParquetReader.open(fixture("odd.parquet"), { columns: ["hash"], types }));
    expect(valuesOf(text.rows)).toEqual([
      { hash: "7" },
      { hash: "9007199254740993" },
      { hash: "-1152921504606846976" },
    ]);
  });

  test("binary values are refused by their column", async () => {
    const { error } = await readAll(await ParquetReader.open(fixture("odd.parquet"), { ...all, columns: ["blob"] }));
    expect(error).toMatch(/row 1, column "blob": binary values cannot be stored/);
  });

  test("a column that is not there, a cut file, another format", async () => {
    const missing = ParquetReader.open(fixture("odd.parquet"), { ...all, columns: ["vector"] });
    await expect(missing).rejects.toThrow(/no column "vector"; there are hash, blob, half/);
    await expect(ParquetReader.open(file("a,b\n1,2\n3,4\n", "parquet"), all)).rejects.toThrow(/not a readable Parquet/);
    await expect(ParquetReader.open(file("", "parquet"), all)).rejects.toThrow(/too short/);
  });
});
