/**
 * How do the rows of a collection get into a file?
 *
 * Formats with columns need to know them first: the rows are read twice then, without vectors the first time. What fails,
 * or is interrupted, leaves no file. Export part of the command line.
 */
import { LynseError } from "../../errors.js";
import type { Collection } from "../../index.js";
import { ColumnSchema } from "../writers/column-schema.js";
import { CsvWriter, typesOption } from "../writers/csv-writer.js";
import { type ColumnNames, JsonlWriter } from "../writers/jsonl-writer.js";
import { NpyWriter, rowsPath } from "../writers/npy-writer.js";
import { refuseExisting } from "../writers/output-file.js";
import type { RowWriter } from "../writers/row-writer.js";
import { type AttachedKinds, attachedKinds, nothingAttached, vectorFieldsOption } from "./attached-kinds.js";
import type { ExportFormat } from "./export-format.js";
import { outputRows, type RowSelection } from "./output-rows.js";

export interface RowsExport {
  readonly path: string;
  readonly format: Exclude<ExportFormat, "lynsedb">;
  readonly names: ColumnNames;
  /** What is written beside the rows' own vectors, where there are names for it. */
  readonly attached: AttachedKinds;
  readonly selection: RowSelection;
  readonly signal: AbortSignal;
  /** Called with the rows written so far. */
  readonly onProgress: (rows: number) => void;
}

export interface RowsSummary {
  readonly rows: number;
  readonly bytes: number;
  /** Options that make an import read the very same rows. */
  readonly importOptions: string;
}

export async function exportRows(collection: Collection, wanted: RowsExport): Promise<RowsSummary> {
  const { path, format, signal, selection } = wanted;
  // Before rows are read, which may take long.
  if (path !== "-") await refuseExisting(path);
  const schema = format === "jsonl" || format === "npy" ? null : await readSchema(collection, wanted);
  const writer = await openWriter(collection, wanted, schema);
  try {
    let rows = 0;
    for await (const batch of outputRows(collection, selection, signal)) {
      await writer.write(batch);
      rows += batch.length;
      wanted.onProgress(rows);
    }
    signal.throwIfAborted();
    return { rows, bytes: await writer.finish(), importOptions: importOptions(wanted, schema) };
  } catch (error) {
    await writer.abandon();
    throw signal.aborted ? new LynseError("ABORTED", "the export was interrupted; nothing was written") : error;
  }
}

async function readSchema(collection: Collection, { names, selection, signal }: RowsExport): Promise<ColumnSchema> {
  const [, dim] = await collection.shape();
  const schema = new ColumnSchema(names, selection.vectors && dim > 0 ? dim : null);
  for await (const rows of outputRows(collection, { ...selection, vectors: false, attached: false }, signal))
    schema.add(rows);
  return schema;
}

async function openWriter(
  collection: Collection,
  { path, format, names, attached }: RowsExport,
  schema: ColumnSchema | null,
): Promise<RowWriter> {
  if (format === "jsonl") return JsonlWriter.create(path, names);
  if (format === "npy") {
    await refuseExisting(rowsPath(path));
    const [, dim] = await collection.shape();
    if (dim > 0) return NpyWriter.create(path, names.id, dim);
    throw new LynseError("INVALID_ARGUMENT", `${collection.name} has no rows yet, and so no dimension for ${path}`);
  }
  if (schema === null) throw new LynseError("INTERNAL", `format ${format} has columns`);
  if (format !== "parquet") return CsvWriter.create(path, schema, format === "csv" ? "," : "\t");
  // Loaded when it is needed, as the reader is.
  const { ParquetWriter } = await import("../writers/parquet-writer.js");
  return ParquetWriter.create(path, schema, attached);
}

function importOptions({ path, format, names, attached, selection }: RowsExport, schema: ColumnSchema | null): string {
  const options = [`--id-column ${names.id}`];
  if (format === "npy") options.push(`--vectors ${path}`);
  else if (selection.vectors) options.push(`--vectors ${names.vector}`);
  if (names.named !== null) {
    options.push(`--named-column ${names.named}`, `--vector-fields ${vectorFieldsOption(attached)}`);
  }
  if (names.sparse !== null) options.push(`--sparse-column ${names.sparse}`);
  const types = schema === null || format === "parquet" ? "" : typesOption(schema);
  if (types !== "") options.push(`--types '${types}'`);
  return options.join(" ");
}

/** What is not in the files; null where that is nothing. */
export async function leftOut(
  collection: Collection,
  has: { readonly attached: boolean; readonly blobs: boolean },
): Promise<string | null> {
  const { deleted } = await collection.stats();
  const { fields, hasSparse } = has.attached ? nothingAttached : await attachedKinds(collection);
  const hasBlobs = !has.blobs && (await collection.listBlobs()).length > 0;
  const parts = [
    ...(fields.length === 0 ? [] : [`vectors of ${fields.map(({ name }) => name).join(", ")}`]),
    ...(hasSparse ? ["sparse vectors"] : []),
    ...(deleted === 0 ? [] : ["soft-deleted rows"]),
    ...(hasBlobs ? ["blobs"] : []),
  ];
  return parts.length === 0
    ? null
    : `${parts.join(", ")} are left out; a directory written on the machine of the collection keeps everything`;
}
