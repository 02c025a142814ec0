import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SchemaElement } from "hyparquet";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ImportFlags } from "./import-flags.js";
import type { RowFormat } from "./open-rows.js";
import { readBatches } from "./row-batches.js";
import { idColumnOf, openSource } from "./row-source.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-parquet-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const leaf = (name: string, type: "FLOAT" | "DOUBLE" | "INT64" | "BYTE_ARRAY"): SchemaElement => ({
  ...{ name, type, repetition_type: "OPTIONAL" },
  ...(type === "BYTE_ARRAY" ? { converted_type: "UTF8" as const } : {}),
});
const group = (name: string, children: number): SchemaElement => ({
  ...{ name, repetition_type: "OPTIONAL", num_children: children },
});
/** As pyarrow writes a list, of any length or a fixed one: Parquet has only one kind. */
const list = (name: string, type: "FLOAT" | "DOUBLE", item: string): SchemaElement[] => [
  { ...group(name, 1), converted_type: "LIST" },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  leaf(item, type),
];

function write(name: string, columns: ColumnSource[], schema: readonly SchemaElement[]): string {
  const path = join(folder, name);
  const root: SchemaElement = { name: "schema", repetition_type: "REQUIRED", num_children: columns.length };
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData: columns, schema: [root, ...schema] })));
  return path;
}

/** The rows as they are handed to a collection. */
async function rowsOf(path: string, format: RowFormat, flags: Partial<ImportFlags> = {}): Promise<unknown[]> {
  const all: ImportFlags = { collection: "docs", database: "default", check: true, ...flags } as ImportFlags;
  const source = await openSource({
    ...{ path, format, flags: all, dim: null, embedder: null },
    ...{ signal: new AbortController().signal, onEmbedded: () => {} },
  });
  const options = {
    ...{ batchRows: 100, skip: 0, idColumn: idColumnOf(format, all), firstId: null },
    ...{ sparseColumn: null, namedColumn: null, vectorFields: new Map(), columns: all.columns ?? null, reject: null },
  };
  const rows: unknown[] = [];
  try {
    for await (const { ids, data, dim, fields } of readBatches(source.reader, source.vectors, options)) {
      fields.forEach((field, at) => {
        rows.push([ids?.[at], Array.from(data.subarray(at * dim, (at + 1) * dim)), field]);
      });
    }
  } finally {
    await source.close();
  }
  return rows;
}

describe("Chroma: the answer of get() as a data frame, written by pandas", () => {
  const ids = ["a", "b"];
  const embeddings = [
    [0.5, 1],
    [2, -0.25],
  ];
  const documents = ["one", null];

  test("metadata as a struct: the keys of other rows are none of this one", async () => {
    const metadatas = [
      { page: 1n, lang: null },
      { page: null, lang: "de" },
    ];
    const path = write(
      "struct.parquet",
      [
        { name: "ids", data: ids },
        { name: "embeddings", data: embeddings },
        { name: "metadatas", data: metadatas },
        { name: "documents", data: documents },
      ],
      [
        leaf("ids", "BYTE_ARRAY"),
        ...list("embeddings", "DOUBLE", "element"),
        ...[group("metadatas", 2), leaf("page", "INT64"), leaf("lang", "BYTE_ARRAY")],
        leaf("documents", "BYTE_ARRAY"),
      ],
    );
    expect(await rowsOf(path, "chroma")).toEqual([
      ["a", [0.5, 1], { page: 1, document: "one" }],
      ["b", [2, -0.25], { lang: "de" }],
    ]);
  });

  test("metadata as JSON text, columns in the singular, another one beside them", async () => {
    const path = write(
      "text.parquet",
      [
        { name: "id", data: ids },
        { name: "embedding", data: embeddings },
        { name: "metadata", data: ['{"page":1,"tags":["x"]}', null] },
        { name: "document", data: documents },
        { name: "uri", data: ["s3://a", null] },
      ],
      [
        leaf("id", "BYTE_ARRAY"),
        ...list("embedding", "FLOAT", "item"),
        ...[leaf("metadata", "BYTE_ARRAY"), leaf("document", "BYTE_ARRAY"), leaf("uri", "BYTE_ARRAY")],
      ],
    );
    expect(await rowsOf(path, "chroma")).toEqual([
      ["a", [0.5, 1], { uri: "s3://a", page: 1, tags: ["x"], document: "one" }],
      ["b", [2, -0.25], {}],
    ]);
  });

  test("rows without embeddings are told, with what to do", async () => {
    const path = write("bare.parquet", [{ name: "ids", data: ids }], [leaf("ids", "BYTE_ARRAY")]);
    await expect(rowsOf(path, "chroma")).rejects.toThrow(/bare\.parquet row 1: .*include "embeddings"/);
  });
});

describe("LanceDB: a table written by pyarrow", () => {
  const columns = [
    {
      name: "vector",
      data: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    },
    { name: "id", data: [7n, 8n] },
    { name: "item", data: ["foo", null] },
    { name: "meta", data: [{ price: 10.5 }, null] },
  ];
  const schema = [
    ...list("vector", "FLOAT", "item"),
    ...[leaf("id", "INT64"), leaf("item", "BYTE_ARRAY"), group("meta", 1), leaf("price", "DOUBLE")],
  ];

  test("vectors of a fixed length, a struct, a null", async () => {
    const path = write("lance.parquet", columns, schema);
    expect(await rowsOf(path, "lancedb", { idColumn: "id" })).toEqual([
      [7, [1, 2, 3], { item: "foo", meta: { price: 10.5 } }],
      [8, [4, 5, 6], {}],
    ]);
  });

  test("chosen fields, and a vector column of another name", async () => {
    const path = write("lance2.parquet", columns, schema);
    expect(await rowsOf(path, "lancedb", { columns: ["item"] })).toEqual([
      [undefined, [1, 2, 3], { item: "foo" }],
      [undefined, [4, 5, 6], {}],
    ]);
    await expect(rowsOf(path, "lancedb", { vectors: "embedding" })).rejects.toThrow(
      /lance2\.parquet row 1: no vector in column "embedding"; this row has vector, id, item/,
    );
  });

  test("vectors of two lengths", async () => {
    const uneven = [{ name: "vector", data: [[1, 2], [3]] }];
    const path = write("uneven.parquet", uneven, list("vector", "FLOAT", "item"));
    await expect(rowsOf(path, "lancedb")).rejects.toMatchObject({
      code: "DIMENSION_MISMATCH",
      message: expect.stringMatching(/uneven\.parquet row 2: a vector of 1 numbers where dimension 2 is wanted/),
    });
  });
});
