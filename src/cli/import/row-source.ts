/**
 * Which rows, with which vectors, does an import read?
 *
 * A reader of the rows and the source of their vectors, opened together; opened again to read them a second time. Import part
 * of the command line.
 */
import { stat } from "node:fs/promises";
import type { Embedder } from "../../embed/embedder.js";
import { LynseError } from "../../errors.js";
import { countOf } from "../print/quantity.js";
import { BareRows } from "../readers/bare-rows.js";
import { ownId, ownVector, type RowReader } from "../readers/row-reader.js";
import { isVectorFileName, VectorFile } from "../readers/vector-file.js";
import { EmbeddedVectors } from "./embedded-vectors.js";
import { openExportRows } from "./export-rows-reader.js";
import type { ImportFlags } from "./import-flags.js";
import { bringsOwn, openRows, type RowFormat } from "./open-rows.js";
import { ColumnVectors, FileVectors, type VectorSource } from "./vector-source.js";

export interface SourceOptions {
  readonly path: string;
  readonly format: RowFormat;
  readonly flags: ImportFlags;
  /** Length that vectors must have; null where nothing says. */
  readonly dim: number | null;
  /** Makes the vectors of texts; null where rows bring them. */
  readonly embedder: Embedder | null;
  readonly signal: AbortSignal;
  readonly onEmbedded: (rows: number, shareOfRead: number) => void;
}

export interface OpenSource {
  readonly reader: RowReader;
  readonly vectors: VectorSource;
  /** The file that vectors come from; null where they stand in the rows. */
  readonly vectorFile: VectorFile | null;
  close(): Promise<void>;
}

/** Column of the ids; null where rows have none. */
export function idColumnOf(format: RowFormat, flags: ImportFlags): string | null {
  return flags.idColumn ?? (bringsOwn(format).id || format === "lynsedb" ? ownId : null);
}

export async function openSource(options: SourceOptions): Promise<OpenSource> {
  const { path, format, dim } = options;
  if (format === "npy") {
    const vectorFile = await VectorFile.open(path, dim);
    const reader = new BareRows(path, vectorFile.rowCount);
    return source(reader, new FileVectors(reader, vectorFile), vectorFile);
  }
  if (format === "lynsedb") {
    const { reader, vectorFile } = await openExportRows(path);
    return source(reader, new FileVectors(reader, vectorFile), vectorFile);
  }
  const { flags } = options;
  const reader = await openRows({
    path,
    format,
    types: flags.types ?? new Map(),
    columns: readColumns(format, flags),
    vectorName: format === "qdrant" ? (flags.vectors ?? null) : null,
    vectorColumn: vectorColumn(format, flags),
  });
  try {
    return await withVectors(reader, options);
  } catch (error) {
    await reader.close();
    throw error;
  }
}

function source(reader: RowReader, vectors: VectorSource, vectorFile: VectorFile | null): OpenSource {
  const close = async (): Promise<void> => {
    await vectorFile?.close();
    await reader.close();
  };
  return { reader, vectors, vectorFile, close };
}

async function withVectors(reader: RowReader, options: SourceOptions): Promise<OpenSource> {
  const { format, flags, dim, embedder, signal, onEmbedded: onProgress } = options;
  if (embedder !== null) {
    const column = flags.textColumn ?? "";
    return source(reader, new EmbeddedVectors(reader, { column, embedder, dim, signal, onProgress }), null);
  }
  if (bringsOwn(format).vector) return source(reader, new ColumnVectors(reader, ownVector, dim), null);
  const column = vectorColumn(format, flags);
  const vectors = flags.vectors ?? "";
  if (column !== null || !isVectorFileName(vectors)) {
    await refuseOtherFiles(vectors);
    return source(reader, new ColumnVectors(reader, column ?? vectors, dim), null);
  }
  const file = await VectorFile.open(vectors, dim);
  if (reader.rowCount === null || reader.rowCount === file.rowCount) {
    return source(reader, new FileVectors(reader, file), file);
  }
  await file.close();
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${file.name} holds ${countOf(file.rowCount, "vector")} of dimension ${file.dim}, but ${reader.name} has ` +
      `${countOf(reader.rowCount, "row")}; the two files must have one vector a row`,
    { vectors: file.rowCount, rows: reader.rowCount, dim: file.dim },
  );
}

/** A file of another kind is no column: without this, the message would be about a column that is missing. */
async function refuseOtherFiles(vectors: string): Promise<void> {
  const status = /[./\\]/.test(vectors) ? await stat(vectors).catch(() => null) : null;
  if (status?.isFile() !== true) return;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `--vectors ${vectors}: a file of vectors ends in .f32 (bare float32) or .npy (NumPy); rename or convert it`,
    { file: vectors },
  );
}

/** Column that the rows' vectors are in; null where they are elsewhere. */
function vectorColumn(format: RowFormat, flags: ImportFlags): string | null {
  const areElsewhere = bringsOwn(format).vector || flags.textColumn !== undefined;
  if (areElsewhere || isVectorFileName(flags.vectors ?? "")) return null;
  return flags.vectors ?? (format === "lancedb" ? "vector" : null);
}

/** Columns that have to be read; null for all. */
function readColumns(format: RowFormat, flags: ImportFlags): string[] | null {
  if (flags.columns === undefined || bringsOwn(format).vector) return null;
  const others = [vectorColumn(format, flags), flags.textColumn, flags.idColumn, flags.sparseColumn, flags.namedColumn];
  return [...flags.columns, ...others.filter((name) => name !== undefined && name !== null)];
}
