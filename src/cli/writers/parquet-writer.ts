/**
 * How do rows become Parquet?
 *
 * A row group at a time: ids and plain fields in columns of their types, vectors as lists of floats, nested values and
 * columns of several types as JSON. Encoded by hyparquet-writer. Writer layer of the command line.
 */
import type { SchemaElement } from "hyparquet";
import { ByteWriter, type ColumnSource, ParquetWriter as Encoder } from "hyparquet-writer";
import { LynseError } from "../../errors.js";
import type { Id, JsonValue } from "../../types.js";
import type { AttachedKinds } from "../export/attached-kinds.js";
import type { ColumnSchema, OutputType } from "./column-schema.js";
import { checkColumns } from "./csv-writer.js";
import { OutputFile } from "./output-file.js";
import type { OutputRow, RowWriter } from "./row-writer.js";

/** Rows of a row group, and bytes of its vectors: what is in memory at a time. */
const groupRowsMax = 10_000;
const groupVectorBytes = 32 << 20;

/** Bytes that go to the file when a row group is done. */
class FileBytes extends ByteWriter {
  readonly #file: OutputFile;

  constructor(file: OutputFile) {
    super(1 << 20);
    this.#file = file;
  }

  async flush(): Promise<void> {
    const bytes = this.getBytes().slice();
    this.index = 0;
    await this.#file.write(bytes);
  }
}

export class ParquetWriter implements RowWriter {
  readonly #file: OutputFile;
  readonly #schema: ColumnSchema;
  readonly #bytes: FileBytes;
  readonly #encoder: Encoder;
  readonly #groupRows: number;
  readonly #fieldNames: readonly string[];
  #waiting: OutputRow[] = [];

  private constructor(file: OutputFile, schema: ColumnSchema, attached: AttachedKinds) {
    this.#file = file;
    this.#schema = schema;
    this.#fieldNames = attached.fields.map(({ name }) => name);
    this.#bytes = new FileBytes(file);
    this.#encoder = new Encoder({ writer: this.#bytes, schema: elementsOf(schema, attached), createdBy: "lynsedb" });
    const vectorBytes = attached.fields.reduce((sum, { dim }) => sum + (dim ?? 0), schema.dim ?? 1) * 4;
    this.#groupRows = Math.max(1, Math.min(groupRowsMax, Math.floor(groupVectorBytes / vectorBytes)));
  }

  /** `attached` is written where the schema has names for it. */
  static async create(path: string, schema: ColumnSchema, attached: AttachedKinds): Promise<ParquetWriter> {
    return new ParquetWriter(await OutputFile.create(path), schema, attached);
  }

  async write(rows: readonly OutputRow[]): Promise<void> {
    for (const row of rows) {
      checkColumns(row.field, this.#schema, row.id);
      this.#checkAttached(row);
      this.#waiting.push(row);
      if (this.#waiting.length === this.#groupRows) await this.#writeGroup();
    }
  }

  async #writeGroup(): Promise<void> {
    const rows = this.#waiting;
    this.#waiting = [];
    const { names, idType, columns, dim } = this.#schema;
    const ids = rows.map(({ id }) => columnValue(id, idType));
    const columnData: ColumnSource[] = [{ name: names.id, data: ids }];
    // Without statistics: the least number of many vectors is of no use, and costs time to find.
    if (dim !== null) {
      columnData.push({
        name: names.vector,
        data: rows.map(({ vector }) => Array.from(vector ?? [])),
        statistics: false,
      });
    }
    if (names.named !== null) {
      columnData.push({ name: names.named, data: rows.map(({ vectors }) => plainVectors(vectors)), statistics: false });
    }
    if (names.sparse !== null) {
      columnData.push({ name: names.sparse, data: rows.map(({ sparse }) => plainSparse(sparse)), statistics: false });
    }
    for (const { name, type } of columns) {
      columnData.push({ name, data: rows.map(({ field }) => columnValue(own(field, name), type)) });
    }
    await this.#encoder.write({ columnData, rowGroupSize: rows.length });
  }

  /** The columns are those of the vectors that were there when the export began. */
  #checkAttached({ id, vectors, sparse }: OutputRow): void {
    const field = Object.keys(vectors ?? {}).find((name) => !this.#fieldNames.includes(name));
    const isNew = field !== undefined || (sparse !== undefined && this.#schema.names.sparse === null);
    if (!isNew) return;
    throw new LynseError(
      "UNAVAILABLE",
      `row ${JSON.stringify(id)} has a vector of ${field ?? "features"} that came up while the rows were read; export again`,
      { id },
    );
  }

  async finish(): Promise<number> {
    if (this.#waiting.length > 0) await this.#writeGroup();
    await this.#encoder.finish();
    await this.#bytes.flush();
    return this.#file.finish();
  }

  abandon(): Promise<void> {
    return this.#file.abandon();
  }
}

function own(field: OutputRow["field"], name: string): JsonValue {
  return Object.hasOwn(field, name) ? (field[name] ?? null) : null;
}

function plainVectors(vectors: OutputRow["vectors"]): Readonly<Record<string, number[]>> | undefined {
  if (vectors === undefined) return undefined;
  return Object.fromEntries(Object.entries(vectors).map(([name, vector]) => [name, Array.from(vector)]));
}

function plainSparse(sparse: OutputRow["sparse"]): { indices: bigint[]; values: number[] } | undefined {
  return sparse && { indices: Array.from(sparse.indices, BigInt), values: Array.from(sparse.values) };
}

/** A value as the encoder wants it; undefined for none. */
function columnValue(value: JsonValue | Id, type: OutputType): unknown {
  if (value === null) return undefined;
  if (type === "integer") return BigInt(value as number);
  return value;
}

function elementsOf({ names, idType, columns, dim }: ColumnSchema, { fields }: AttachedKinds): SchemaElement[] {
  const vectorColumns = [dim, names.named, names.sparse].filter((each) => each !== null).length;
  const elements: SchemaElement[] = [
    { name: "root", num_children: 1 + vectorColumns + columns.length },
    { ...elementOf(names.id, idType), repetition_type: "REQUIRED" },
  ];
  if (dim !== null) {
    elements.push(...listOf(names.vector, "REQUIRED", "FLOAT"));
  }
  if (names.named !== null) {
    elements.push({ name: names.named, repetition_type: "OPTIONAL", num_children: fields.length });
    for (const { name } of fields) elements.push(...listOf(name, "OPTIONAL", "FLOAT"));
  }
  if (names.sparse !== null) {
    elements.push({ name: names.sparse, repetition_type: "OPTIONAL", num_children: 2 });
    elements.push(...listOf("indices", "REQUIRED", "INT64"), ...listOf("values", "REQUIRED", "FLOAT"));
  }
  return [...elements, ...columns.map(({ name, type }) => elementOf(name, type))];
}

function listOf(name: string, repetition: "REQUIRED" | "OPTIONAL", type: "FLOAT" | "INT64"): SchemaElement[] {
  return [
    { name, repetition_type: repetition, num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "REQUIRED", type },
  ];
}

function elementOf(name: string, type: OutputType): SchemaElement {
  const element = { name, repetition_type: "OPTIONAL" } as const;
  if (type === "integer") return { ...element, type: "INT64" };
  if (type === "number") return { ...element, type: "DOUBLE" };
  if (type === "boolean") return { ...element, type: "BOOLEAN" };
  return { ...element, type: "BYTE_ARRAY", converted_type: type === "json" ? "JSON" : "UTF8" };
}
