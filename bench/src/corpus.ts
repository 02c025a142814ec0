/**
 * What rows and queries are measured?
 *
 * A corpus is a directory with `<name>-<dim>.f32` (row-major float32, L2-normalised) and `<name>.jsonl` (one metadata
 * object a line). Rows drawn by a seed are held out as queries; all others, in their order, are the rows searched.
 * Both are written to the scratch directory, from where the engines' processes read them. The filter is equality on
 * `section`, with the value whose share of the rows is nearest to 7%.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FieldColumn, RowFields } from "./engine.js";
import { columnsOf } from "./field-columns.js";
import { filterField } from "./filter-field.js";
import { Random } from "./random.js";
import { readFloats } from "./read-floats.js";
import { textField } from "./text-field.js";
import { drawTextQueries, type TextQuery } from "./text-queries.js";

const filterShare = 0.07;

/** The files and facts of a corpus; all that an engine's process is told. */
export interface CorpusFiles {
  readonly dim: number;
  readonly rowCount: number;
  readonly vectorsFile: string;
  /** Metadata, one JSON object a line; null where the rows are `clusteredFields`. */
  readonly rowsFile: string | null;
  readonly queriesFile: string;
  readonly queryCount: number;
  /** One byte a row: 1 where the filter matches. */
  readonly matchesFile: string;
  readonly filterValue: string;
  readonly columns: readonly FieldColumn[];
}

export interface Corpus {
  readonly name: string;
  readonly files: CorpusFiles;
  readonly vectors: Float32Array;
  readonly queries: Float32Array;
  readonly matches: Uint8Array;
  readonly matchCount: number;
  readonly vectorBytes: number;
  readonly jsonBytes: number;
  /** The text field of each row, empty where a row has none. */
  readonly texts: readonly string[];
  readonly textQueries: readonly TextQuery[];
}

/** Reads a corpus, holds `queryCount` rows out and writes both parts to `scratch`. */
export function loadCorpus(
  source: { readonly directory: string; readonly name: string; readonly dim: number },
  scratch: string,
  queryCount: number,
  seed: number,
): Corpus {
  const { directory, name, dim } = source;
  const vectorsPath = join(directory, `${name}-${dim}.f32`);
  const rowsPath = join(directory, `${name}.jsonl`);
  for (const path of [vectorsPath, rowsPath]) if (!existsSync(path)) throw new Error(`the corpus lacks ${path}`);
  const all = readFloats(vectorsPath);
  const lines = readFileSync(rowsPath, "utf8").trimEnd().split("\n");
  if (all.length !== lines.length * dim) {
    throw new Error(`${vectorsPath} holds ${all.length / dim} rows of ${dim}, ${rowsPath} holds ${lines.length}`);
  }
  checkNormalised(all, dim);
  const isQuery = drawQueries(lines.length, queryCount, seed);
  const vectors = new Float32Array((lines.length - queryCount) * dim);
  const queries = new Float32Array(queryCount * dim);
  const kept: string[] = [];
  const heldOut: RowFields[] = [];
  for (let row = 0; row < lines.length; row += 1) {
    const vector = all.subarray(row * dim, (row + 1) * dim);
    if (isQuery[row] === 1) queries.set(vector, heldOut.push(JSON.parse(lines[row]!) as RowFields) * dim - dim);
    else vectors.set(vector, kept.push(lines[row]!) * dim - dim);
  }
  return writeCorpus({
    name,
    scratch,
    dim,
    vectors,
    queries,
    lines: kept,
    textQueries: drawTextQueries(heldOut, seed),
  });
}

function checkNormalised(vectors: Float32Array, dim: number): void {
  for (let row = 0; row * dim < vectors.length; row += 97) {
    let square = 0;
    for (let index = row * dim; index < (row + 1) * dim; index += 1) square += vectors[index]! ** 2;
    if (Math.abs(square - 1) < 1e-3) continue;
    throw new Error(`row ${row} of the corpus has squared norm ${square}; inner product needs normalised rows`);
  }
}

function drawQueries(rowCount: number, queryCount: number, seed: number): Uint8Array {
  const isQuery = new Uint8Array(rowCount);
  const random = new Random(seed);
  for (let drawn = 0; drawn < queryCount; ) {
    const row = random.integer(rowCount);
    if (isQuery[row] === 1) continue;
    isQuery[row] = 1;
    drawn += 1;
  }
  return isQuery;
}

interface CorpusParts {
  readonly name: string;
  readonly scratch: string;
  readonly dim: number;
  readonly vectors: Float32Array;
  readonly queries: Float32Array;
  readonly lines: readonly string[];
  readonly textQueries: readonly TextQuery[];
}

function writeCorpus({ name, scratch, dim, vectors, queries, lines, textQueries }: CorpusParts): Corpus {
  const rows = lines.map((line) => JSON.parse(line) as RowFields);
  const filterValue = filterValueNear(rows);
  const matches = Uint8Array.from(rows, (row) => (row[filterField] === filterValue ? 1 : 0));
  const text = lines.join("\n");
  const rowsFile = join(scratch, "rows.jsonl");
  const files: CorpusFiles = {
    dim,
    rowCount: rows.length,
    vectorsFile: join(scratch, "vectors.f32"),
    rowsFile,
    queriesFile: join(scratch, "queries.f32"),
    queryCount: queries.length / dim,
    matchesFile: join(scratch, "matches.u8"),
    filterValue,
    columns: columnsOf(rows),
  };
  writeFileSync(files.vectorsFile, vectors);
  writeFileSync(rowsFile, text);
  writeFileSync(files.queriesFile, queries);
  writeFileSync(files.matchesFile, matches);
  const matchCount = matches.reduce((sum, match) => sum + match, 0);
  const jsonBytes = Buffer.byteLength(text);
  const texts = rows.map((row) => (typeof row[textField] === "string" ? row[textField] : ""));
  const sizes = { matchCount, vectorBytes: vectors.byteLength, jsonBytes };
  return { name, files, vectors, queries, matches, ...sizes, texts, textQueries };
}

function filterValueNear(rows: readonly RowFields[]): string {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const value = row[filterField];
    if (typeof value === "string") counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  let best = "";
  let bestGap = Number.POSITIVE_INFINITY;
  for (const [value, count] of counts) {
    const gap = Math.abs(count / rows.length - filterShare);
    if (gap >= bestGap || value.includes("'")) continue;
    best = value;
    bestGap = gap;
  }
  if (best === "") throw new Error(`no row of the corpus has a text field "${filterField}" to filter by`);
  return best;
}
