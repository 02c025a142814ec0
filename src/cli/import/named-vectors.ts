/**
 * Which vectors of named fields does a row of a file bring, and how are those fields made?
 *
 * A column holds them by field, as rows of a scan do: `{"image":[1,2],"title":[3]}`, or that as text in a CSV cell. Lengths
 * and components are checked by the collection. Import part of the command line.
 */
import { LynseError } from "../../errors.js";
import type { Dtype, Metric } from "../../types.js";
import type { AttachedVectors, RowReader, SourceRow } from "../readers/row-reader.js";

/** Metric and number type of fields, by name. */
export type VectorFieldKinds = ReadonlyMap<string, { readonly metric: Metric; readonly dtype?: Dtype }>;

/** From a list as `image=l2,title=cos:float16`; null where the text is none. */
export function vectorFieldKindsOf(text: string): VectorFieldKinds | null {
  const kinds = new Map<string, { metric: Metric; dtype?: Dtype }>();
  for (const part of text.split(",")) {
    const [, name, given, dtype] = /^\s*([^=]+)=([a-z][a-z0-9_]*)(?::(float32|float16))?\s*$/.exec(part) ?? [];
    if (name === undefined || given === undefined) return null;
    // Whether there is such a metric is said by the collection.
    kinds.set(name, { metric: given as Metric, ...(dtype === undefined ? {} : { dtype: dtype as Dtype }) });
  }
  return kinds;
}

/** The vectors of a row, which are not kept as a field as well; the reason, where they are none. */
export function takeNamed(
  reader: RowReader,
  row: SourceRow,
  column: string,
): AttachedVectors["named"] | undefined | LynseError {
  const given = Object.hasOwn(row.values, column) ? row.values[column] : undefined;
  delete row.values[column];
  if (given === undefined || given === null || given === "") return undefined;
  const value = typeof given === "string" ? parsed(given) : given;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refused(reader, row, column, "it");
  const vectors: [string, readonly number[]][] = [];
  for (const [name, vector] of Object.entries(value)) {
    // A column of a struct is there for every row.
    if (vector === null || vector === undefined) continue;
    if (!Array.isArray(vector) || vector.length === 0 || vector.some((component) => typeof component !== "number")) {
      return refused(reader, row, column, JSON.stringify(name));
    }
    vectors.push([name, vector]);
  }
  return Object.fromEntries(vectors);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(reader: RowReader, row: SourceRow, column: string, what: string): LynseError {
  return new LynseError(
    "INVALID_VECTOR",
    `${reader.name} ${reader.placeUnit} ${row.line}, column ${JSON.stringify(column)}: ${what} is no ` +
      `${what === "it" ? "object of vectors by field" : "list of numbers"}; {"image":[0.5,1]} is wanted`,
    { file: reader.name, [reader.placeUnit]: row.line, column },
  );
}
