/**
 * `lynse import`: bring the rows of a file, or an exported directory, into a collection.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { limits } from "../../limits.js";
import { addEmbedOption } from "../embed/embed-option.js";
import { importFile } from "../import/import-file.js";
import type { ImportFlags } from "../import/import-flags.js";
import { type VectorFieldKinds, vectorFieldKindsOf } from "../import/named-vectors.js";
import { bringsOwn, type RowFormat, rowFormatOf, rowFormats } from "../import/open-rows.js";
import { idColumnOf } from "../import/row-source.js";
import type { ColumnType } from "../readers/row-reader.js";
import type { Terminal } from "../terminal.js";
import { addCommonOptions, nameList, wholeNumber } from "./common-options.js";
import { useClient } from "./open-client.js";

const examples = `
A file is read to its end first: a bad row is told by its line, and nothing is stored (not so where texts
are embedded, nor from standard input). Then rows are committed a batch at a time; --resume goes on with
an import that was ended in between. A directory is imported whole, or not at all. In CSV, numbers and
booleans are recognised by column; an empty cell is a missing value.

Examples:
  lynse import docs.jsonl --collection docs --vectors docs.npy
  lynse import docs.parquet --collection docs --vectors embedding --id-column doc_id --index FLAT-COS
  lynse import docs.csv --collection docs --vectors docs.f32 --dim 384 --types zip=text,tags=json
  lynse import docs.jsonl --collection docs --embed openai --text-column body
  gunzip -c docs.jsonl.gz | lynse import - --format jsonl --collection docs --vectors embedding
  lynse import backup/docs --collection docs --overwrite
  lynse import points.json --format qdrant --collection docs --skip-bad rejects.jsonl
`;

export function addImportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("import")
    .description("import rows from JSON Lines, CSV, Parquet, NumPy or other databases, or an exported directory")
    .argument("<rows>", 'file of rows (.jsonl, .csv, .tsv, .parquet, .npy), directory, or "-" for standard input')
    .requiredOption("--collection <name>", "collection to import into; created where it is missing")
    .option("--vectors <file|column>", "vectors: a .npy or .f32 file, or a column that holds arrays");
  addEmbedOption(command, "makes the vectors of --text-column (default: the collection's embedder)")
    .option("--text-column <name>", "column whose text an embedder makes the vector of; it stays a field")
    .option("--dim <n>", "dimension of the vectors; needed for .f32", wholeNumber(1, limits.dimMax))
    .option("--id-column <name>", "column that holds the ids (default: the format's own, or consecutive numbers)")
    .option("--sparse-column <name>", "column that holds sparse vectors: JSON objects of index: weight")
    .option("--named-column <name>", "column that holds vectors of named fields: JSON objects of field: vector")
    .option("--vector-fields <list>", "named fields to make: name=metric or name=metric:dtype,…", vectorFieldKinds)
    .option("--columns <names>", "columns to keep as fields, separated by commas (default: all)", nameList)
    .option("--types <list>", "types of CSV or Parquet columns: name=text|number|boolean|json,…", columnTypes)
    .addOption(new Option("--format <name>", "format of the rows (default: by extension)").choices(rowFormats))
    .addOption(new Option("--dtype <name>", "numbers of a new collection").choices(["float32", "float16"]))
    .option("--index <name>", "index to build, as FLAT-COS")
    .option("--batch <n>", "rows of one commit (default: 5000, with --text-column 500)", wholeNumber(1, 1_000_000))
    .addOption(
      new Option("--skip <n>", "rows of the file to pass over")
        .argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
        .conflicts("resume"),
    )
    .option("--resume", "go on with an import that was ended: rows that are in are passed over")
    .option("--skip-bad <file>", "leave bad rows out, and write their lines and reasons to a file")
    .option("--no-check", "do not read the file beforehand: rows ahead of a bad one are stored then")
    .option("--upsert", "replace rows whose id exists; needs ids")
    .option("--overwrite", "replace the collection by an exported directory")
    .addHelpText("after", examples);
  addCommonOptions(command).action(async (path: string, flags: ImportFlags) => {
    const format = await rowFormatOf(path, flags.format);
    const mistake = importMistake(path, format, flags);
    if (mistake !== null) command.error(`error: ${mistake}`);
    await useClient(flags, "write", (client) => importFile({ client, path, format, flags, terminal }));
  });
}

/** What is wrong with options that go together; null where nothing is. */
function importMistake(path: string, format: RowFormat, flags: ImportFlags): string | null {
  if (flags.upsert === true && idColumnOf(format, flags) === null) return "--upsert needs --id-column";
  if (flags.embed !== undefined && flags.textColumn === undefined) return "--embed needs --text-column";
  if (flags.overwrite === true && format !== "lynsedb") return "--overwrite is for exported directories; see --upsert";
  if (flags.resume === true && path === "-") return "--resume needs a file that can be read again";
  const hasOwn = bringsOwn(format).vector || format === "npy" || format === "lynsedb" || format === "lancedb";
  if (flags.vectors === undefined && flags.textColumn === undefined && !hasOwn) {
    return "vectors are wanted: --vectors with a file or a column, or --text-column with --embed";
  }
  const isBoth = flags.vectors !== undefined && flags.textColumn !== undefined;
  return isBoth ? "only one of --vectors and --text-column is wanted" : null;
}

function vectorFieldKinds(text: string): VectorFieldKinds {
  const kinds = vectorFieldKindsOf(text);
  if (kinds !== null) return kinds;
  throw new InvalidArgumentError("A list as image=l2,title=cos:float16 is wanted; see docs/indexes.md for metrics.");
}

function columnTypes(text: string): ReadonlyMap<string, ColumnType> {
  const types = new Map<string, ColumnType>();
  for (const part of text.split(",")) {
    const [, name, type] = /^(.+)=(text|number|boolean|json)$/.exec(part.trim()) ?? [];
    if (name === undefined || type === undefined) {
      throw new InvalidArgumentError("A list as zip=text,tags=json is wanted; types: text, number, boolean, json.");
    }
    types.set(name, type as ColumnType);
  }
  return types;
}
