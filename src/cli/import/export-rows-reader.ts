/**
 * Which rows are in a directory that `lynse export`, or LynseDB, wrote, for a server that cannot see it?
 *
 * The live rows, with the settings of vectors as its manifest tells them. Import part of the command line.
 */
import { readExportDirectory } from "../../client/local/local-import.js";
import { JsonlReader } from "../readers/jsonl-reader.js";
import { MappedReader, type RowMapping } from "../readers/mapped-reader.js";
import { ownId, type RowReader } from "../readers/row-reader.js";
import { VectorFile } from "../readers/vector-file.js";

const wholeAdvice = "a directory is imported whole on the machine that has the data";

export async function openExportRows(path: string): Promise<{ reader: RowReader; vectorFile: VectorFile }> {
  const { dim, dtype, vectorsFile, metadataFile, others } = await readExportDirectory(path);
  const lines = await JsonlReader.open(`${path}/${metadataFile}`);
  const rowOf: RowMapping = ({ id, external_id, field }) => {
    if (typeof field !== "object" || field === null || Array.isArray(field)) throw new Error("its field is no object");
    return { ...field, [ownId]: external_id ?? id };
  };
  const notes = others.length === 0 ? [] : [`${others.join(", ")} were left out; ${wholeAdvice}`];
  const reader = new MappedReader(lines, rowOf, notes);
  const vectorFile = await VectorFile.openBare(`${path}/${vectorsFile}`, dim, dtype === "float16" ? 2 : 4);
  return { reader, vectorFile };
}
