import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { db, folder, newPath, useTransferDatabase } from "./transfer-database.js";

useTransferDatabase();

/** What LynseDB writes for two rows of two components. */
const manifest = {
  export_type: "lynsedb-collection-export",
  collection_name: "docs",
  export_format: "lynsedb-collection-jsonl-binary-export",
  export_version: 1,
  dimension: 2,
  chunk_size: 100000,
  count: 2,
  vector_dtype: "float32",
  byte_order: "little-endian",
  vectors_file: "vectors.f32",
  metadata_file: "metadata.jsonl",
};
const lines = ['{"id": 0, "external_id": "a", "field": {"title": "one"}}', '{"id":7,"external_id":12,"field":{}}'];
const vectors = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);

interface Files {
  readonly manifest?: object | string;
  readonly lines?: readonly (string | Uint8Array)[];
  readonly vectors?: Uint8Array;
}

async function write(files: Files = {}): Promise<string> {
  const path = newPath();
  await mkdir(path);
  const head = files.manifest ?? manifest;
  await writeFile(join(path, "export_manifest.json"), typeof head === "string" ? head : JSON.stringify(head));
  const text = (files.lines ?? lines).map((line) => Buffer.concat([Buffer.from(line as string), Buffer.from("\n")]));
  await writeFile(join(path, "metadata.jsonl"), Buffer.concat(text));
  await writeFile(join(path, "vectors.f32"), files.vectors ?? vectors);
  return path;
}

describe("exports by LynseDB", () => {
  test("float32, ids of both types, gaps in the numbers of rows", async () => {
    expect((await db.importCollection("docs", await write())).rows).toBe(2);
    const docs = await db.getCollection("docs");
    const found = await docs.get(["a", 12]);
    expect(found.fields).toEqual([{ title: "one" }, {}]);
    expect(found.vectors?.map((vector) => Array.from(vector))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await docs.indexMode()).toBe("FLAT-IP");
  });

  test("float16, version 2", async () => {
    const halves = new Uint8Array(new Uint16Array([0x3c00, 0x4000, 0xc000, 0x3555]).buffer);
    const head = { ...manifest, export_version: 2, vector_dtype: "float16" };
    await db.importCollection("docs", await write({ manifest: head, vectors: halves }));
    const found = await (await db.getCollection("docs")).get(["a", 12]);
    expect(found.vectors?.map((vector) => Array.from(vector))).toEqual([
      [1, 2],
      [-2, 0.333251953125],
    ]);
    expect((await (await db.getCollection("docs")).stats()).dtype).toBe("float16");
  });

  test("members that it does not know are passed over, lines may end in CRLF", async () => {
    const head = { ...manifest, blobs: 3 };
    await db.importCollection("docs", await write({ manifest: head, lines: lines.map((line) => `${line}\r`) }));
    expect(await (await db.getCollection("docs")).count()).toBe(2);
  });

  test("what this package writes has LynseDB's members, its files and nothing else in them", async () => {
    await db.importCollection("docs", await write());
    const docs = await db.getCollection("docs");
    await docs.delete(12);
    const path = newPath();
    await docs.exportTo(path);
    const { lynsedb_typescript: _, ...theirs } = JSON.parse(await readFile(join(path, "export_manifest.json"), "utf8"));
    expect(theirs).toEqual({ ...manifest, count: 1 });
    expect(await readFile(join(path, "metadata.jsonl"), "utf8")).toBe(
      '{"id":0,"external_id":"a","field":{"title":"one"}}\n',
    );
    expect(new Uint8Array(await readFile(join(path, "vectors.f32")))).toEqual(vectors.subarray(0, 8));
  });
});

describe("what cannot be taken is refused, and nothing is there", () => {
  const nan = new Uint8Array(new Float32Array([1, 2, Number.NaN, 4]).buffer);
  const half = (bits: number): Uint8Array => new Uint8Array(new Uint16Array([0, 0, 0, bits]).buffer);
  const version2 = { ...manifest, export_version: 2, vector_dtype: "float16" };
  const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
  const cases: readonly (readonly [string, Files, string, RegExp])[] = [
    ["no JSON", { manifest: "{" }, "CORRUPT", /manifest\.json: the manifest is no JSON/],
    ["another format", { manifest: { ...manifest, export_format: "x" } }, "INVALID_ARGUMENT", /manifest\.json/],
    ["a newer version", { manifest: { ...manifest, export_version: 3 } }, "FORMAT_TOO_NEW", /version 3/],
    ["the wrong version", { manifest: { ...manifest, export_version: 2 } }, "INVALID_ARGUMENT", /float32/],
    ["big endian", { manifest: { ...manifest, byte_order: "big-endian" } }, "INVALID_ARGUMENT", /little-endian/],
    ["a huge count", { manifest: { ...manifest, count: 1e15 } }, "LIMIT_EXCEEDED", /rowsMax/],
    ["a negative count", { manifest: { ...manifest, count: -1 } }, "INVALID_ARGUMENT", /count is -1/],
    ["a count of text", { manifest: { ...manifest, count: "2" } }, "INVALID_ARGUMENT", /count is "2"/],
    ["a huge dimension", { manifest: { ...manifest, dimension: 1e9 } }, "INVALID_ARGUMENT", /dim must be/],
    [
      "a path that leads out",
      { manifest: { ...manifest, vectors_file: "../vectors.f32" } },
      "INVALID_ARGUMENT",
      /no name/,
    ],
    ["one file for both", { manifest: { ...manifest, metadata_file: "vectors.f32" } }, "INVALID_ARGUMENT", /no name/],
    [
      "a file that is missing",
      { manifest: { ...manifest, vectors_file: "x.f32" } },
      "CORRUPT",
      /x\.f32: the file is missing/,
    ],
    ["vectors cut short", { vectors: vectors.subarray(0, 15) }, "CORRUPT", /15 bytes; 2 float32 vectors of 2 take 16/],
    ["too many vectors", { vectors: new Uint8Array(24) }, "CORRUPT", /vectors\.f32: the file has 24 bytes/],
    ["a line too few", { lines: lines.slice(1) }, "CORRUPT", /there are 1 lines, not the 2/],
    ["a line too many", { lines: [...lines, lines[0]!] }, "CORRUPT", /more lines than the 2/],
    ["a line that is no JSON", { lines: [lines[0]!, "{"] }, "INVALID_ARGUMENT", /metadata\.jsonl line 2: .*no JSON/],
    ["bytes that are no text", { lines: [lines[0]!, Uint8Array.of(0x22, 0xff, 0x22)] }, "INVALID_ARGUMENT", /line 2/],
    ["an array", { lines: ["[1]", lines[1]!] }, "INVALID_ARGUMENT", /line 1: a JSON object/],
    ["an id twice", { lines: [lines[0]!, lines[0]!] }, "ID_EXISTS", /line 2: id "a" stands twice/],
    ["a negative id", { lines: [lines[0]!, '{"id":1,"external_id":-1,"field":{}}'] }, "INVALID_ARGUMENT", /line 2/],
    [
      "an id beyond the safe ones",
      { lines: ['{"external_id":9007199254740993}', lines[1]!] },
      "INVALID_ARGUMENT",
      /line 1/,
    ],
    ["metadata that is a list", { lines: ['{"external_id":1,"field":[]}', lines[1]!] }, "INVALID_ARGUMENT", /line 1/],
    [
      "an infinite number",
      { lines: ['{"external_id":1,"field":{"a":1e999}}', lines[1]!] },
      "INVALID_ARGUMENT",
      /line 1.*finite/,
    ],
    ["deep metadata", { lines: [`{"external_id":1,"field":{"a":${deep}}}`, lines[1]!] }, "LIMIT_EXCEEDED", /line 1/],
    ["a NaN", { vectors: nan }, "INVALID_VECTOR", /vectors\.f32 vector 2: component 0 is NaN/],
    [
      "an infinite half",
      { manifest: version2, vectors: half(0x7c00) },
      "INVALID_VECTOR",
      /vector 2: component 1 is Inf/,
    ],
  ];
  test.each(cases)("%s", async (_, files, code, message) => {
    const kept = await db.requireCollection("kept", { dim: 2 });
    await kept.add({ ids: ["here"], vectors: [[1, 1]] });
    const path = await write(files);
    const refusal = { code, message: expect.stringMatching(message) };
    await expect(db.importCollection("docs", path)).rejects.toMatchObject(refusal);
    await expect(db.importCollection("kept", path, { overwrite: true })).rejects.toMatchObject(refusal);
    expect(await db.listCollections()).toEqual(["kept"]);
    expect((await kept.get("here")).length).toBe(1);
  });

  test("a line of a gigabyte is not read into memory", async () => {
    const path = await write();
    await truncate(join(path, "metadata.jsonl"), 2 ** 30);
    const before = process.memoryUsage().rss;
    await expect(db.importCollection("docs", path)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringMatching(/line 3: longer than/),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 2 ** 20);
  });

  test("no folder, a file in place of one, a folder without a manifest", async () => {
    await expect(db.importCollection("docs", join(folder, "nowhere"))).rejects.toMatchObject({ code: "IO_ERROR" });
    const file = join(folder, "file");
    await writeFile(file, "x");
    await expect(db.importCollection("docs", file)).rejects.toMatchObject({ code: "IO_ERROR" });
    await expect(db.importCollection("docs", folder)).rejects.toMatchObject({
      code: "IO_ERROR",
      message: expect.stringContaining("export_manifest.json"),
    });
  });

  test("the name is taken; overwrite replaces at once, handles go on", async () => {
    const docs = await db.requireCollection("docs", { dim: 5 });
    await docs.add({ ids: [1], vectors: [[1, 2, 3, 4, 5]] });
    const path = await write();
    await expect(db.importCollection("docs", path)).rejects.toMatchObject({ code: "TARGET_EXISTS" });
    await expect(db.importCollection("../x", path)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await db.importCollection("docs", path, { overwrite: true });
    expect(await docs.shape()).toEqual([2, 2]);
  });
});
