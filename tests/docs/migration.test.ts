/**
 * Do the commands of the guide to migration work?
 *
 * They are run as they stand there, on files of the shapes that its scripts write.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parquetWriteFile } from "hyparquet-writer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VectorDBClient } from "../../src/index.js";
import { runLynse } from "../cli/run-lynse.js";

const page = readFileSync(fileURLToPath(new URL("../../docs/guides/migration.md", import.meta.url)), "utf8");
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, code]) => code!.trim().split("\n"));
const vectors = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 1],
];
const texts = ["a vector database", "a document store", "something else"];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-migration-"));
  writeExport(join(folder, "exports", "docs"));
  const point = (vector: readonly number[], at: number): object => ({
    id: at === 0 ? 7 : `0d5b1f5e-0000-4000-8000-00000000000${at}`,
    payload: { title: texts[at], nested: { at } },
    vector: { "": vector, words: { indices: [1, 5 + at], values: [0.5, 1] } },
  });
  writeFileSync(
    join(folder, "qdrant.jsonl"),
    vectors.map((vector, at) => `${JSON.stringify(point(vector, at))}\n`).join(""),
  );
  const columns = {
    ids: ["a", "b", "c"],
    embeddings: vectors,
    metadatas: [{ lang: "en" }, null, { lang: "de" }],
    documents: texts,
  };
  writeFileSync(join(folder, "chroma.json"), JSON.stringify(columns));
  parquetWriteFile({
    filename: join(folder, "lance.parquet"),
    columnData: [
      { name: "id", data: [1, 2, 3], type: "INT32" },
      { name: "vector", data: vectors, type: "JSON" },
      { name: "text", data: texts, type: "STRING" },
    ],
  });
  writeFileSync(join(folder, "index.bin"), hnswlibFile());
  const row = (vector: readonly number[], at: number): object => ({ key: `k${at}`, embedding: vector, n: at });
  writeFileSync(join(folder, "rows.jsonl"), vectors.map((vector, at) => JSON.stringify(row(vector, at))).join("\n"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An export directory as LynseDB 0.8 writes it. */
function writeExport(path: string): void {
  mkdirSync(path, { recursive: true });
  const manifest = {
    ...{ export_type: "lynsedb-collection-export", collection_name: "docs", export_version: 1 },
    ...{ export_format: "lynsedb-collection-jsonl-binary-export", dimension: 4, chunk_size: 100_000, count: 3 },
    ...{ vector_dtype: "float32", byte_order: "little-endian" },
    ...{ vectors_file: "vectors.f32", metadata_file: "metadata.jsonl" },
  };
  writeFileSync(join(path, "export_manifest.json"), JSON.stringify(manifest));
  writeFileSync(join(path, "vectors.f32"), new Uint8Array(Float32Array.from(vectors.flat()).buffer));
  const line = (at: number): string =>
    JSON.stringify({ id: at, external_id: at === 1 ? "one" : at, field: { title: texts[at] } });
  writeFileSync(join(path, "metadata.jsonl"), `${[0, 1, 2].map(line).join("\n")}\n`);
}

/** An index of hnswlib over the three vectors, on its lowest level, as `saveIndex` writes it (m 2, 64-bit). */
function hnswlibFile(): Uint8Array {
  const m = 2;
  const linksBytes = 4 + m * 2 * 4;
  const dataBytes = 4 * 4;
  const elementBytes = linksBytes + dataBytes + 8;
  const bytes = new Uint8Array(96 + vectors.length * (elementBytes + 4));
  const view = new DataView(bytes.buffer);
  let at = 0;
  const size = (value: number): void => {
    view.setBigUint64(at, BigInt(value), true);
    at += 8;
  };
  const int = (value: number): void => {
    view.setInt32(at, value, true);
    at += 4;
  };
  size(0);
  size(vectors.length);
  size(vectors.length);
  size(elementBytes);
  size(linksBytes + dataBytes);
  size(linksBytes);
  int(0);
  int(0);
  size(m);
  size(m * 2);
  size(m);
  view.setFloat64(at, 1 / Math.log(m), true);
  at += 8;
  size(200);
  vectors.forEach((vector, label) => {
    const start = at;
    view.setUint16(at, 1, true);
    view.setUint32(at + 4, label === 0 ? 1 : 0, true);
    vector.forEach((value, component) => void view.setFloat32(start + linksBytes + component * 4, value, true));
    view.setBigUint64(start + linksBytes + dataBytes, BigInt(label + 10), true);
    at += elementBytes;
  });
  return bytes;
}

test("every command of the guide runs, and the rows are what they were", { timeout: 120_000 }, async () => {
  expect(commands.length).toBeGreaterThanOrEqual(9);
  const data = join(folder, "data");
  for (const command of commands) {
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    expect(words.shift()).toBe("lynse");
    const result = await runLynse(words, { data, folder });
    expect(result.code, `${command}\n${result.stdout}${result.stderr}`).toBe(0);
    if (words[0] === "search") expect(result.stdout).toContain("a vector database");
  }
  await using client = new VectorDBClient(data, { readOnly: true });
  const database = await client.getDatabase("default");
  const expected = {
    docs: [0, "one", 2],
    "from-qdrant": [7, "0d5b1f5e-0000-4000-8000-000000000001", "0d5b1f5e-0000-4000-8000-000000000002"],
    "from-chroma": ["a", "b", "c"],
    "from-lancedb": [1, 2, 3],
    "from-hnswlib": [10, 11, 12],
    others: ["k0", "k1", "k2"],
  };
  expect(await database.listCollections()).toEqual(Object.keys(expected).sort());
  for (const [name, ids] of Object.entries(expected)) {
    const rows = await (await database.getCollection(name)).get(ids);
    expect(
      [...rows].map(({ vector }) => Array.from(vector!)),
      name,
    ).toEqual(vectors);
  }
  const qdrant = await database.getCollection("from-qdrant");
  expect((await qdrant.searchSparse({ 7: 1 })).ids).toEqual(["0d5b1f5e-0000-4000-8000-000000000002"]);
  expect((await qdrant.query({ where: "nested.at = 1" })).ids).toHaveLength(1);
});
