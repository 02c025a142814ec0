/**
 * How much of anything is allowed?
 *
 * One constant a limit, each with its reason. Passing one raises `LIMIT_EXCEEDED` with the limit's name. Importable by
 * every layer; imports nothing but the errors.
 */
import { LynseError } from "./errors.js";

export const limits = {
  /** Longest vector: 64 KiB of float32, far above any embedding model in use. */
  dimMax: 16_384,
  /** Rows ever written to one collection generation: row numbers are unsigned 32-bit, one value stays free. */
  rowsMax: 0xffff_fffe,
  /** Results of one search; the kernel's heap is sized by it. */
  kMax: 100_000,
  /** Characters of a database, collection or vector field name: fits every file system. */
  nameLengthMax: 128,
  /** Named vector fields of one collection: each has files and memory of its own. */
  vectorFieldsMax: 64,
  /** Non-zero components of one sparse vector: far above any lexical model in use. */
  sparseValuesMax: 65_536,
  /** Distinct words, exclusions and phrase positions of one text query: each costs a list to be merged. */
  queryTermsMax: 1_024,
  /** Characters of one text query: room for that many long words. */
  queryLengthMax: 64 * 1024,
  /** Stop words of one collection: they are kept in its manifest. */
  stopWordsMax: 10_000,
  /** UTF-8 bytes of a string id: ids live in memory. */
  idBytesMax: 1_024,
  /** UTF-8 bytes of one row's metadata as JSON: a row is metadata, not a document store. */
  fieldBytesMax: 16 * 1024 * 1024,
  /** Nesting of a row's metadata: recursion over user data is bounded. */
  fieldDepthMax: 64,
  /** Distinct metadata field names of one collection: known ones stay in memory, each may become a column. */
  fieldNamesMax: 10_000,
  /** UTF-8 bytes of a blob's key: a path or an address, as in LynseDB. */
  blobKeyBytesMax: 1_024,
  /** Bytes of one blob: it is written and read as one array; a server's payload limit is the same by default. */
  blobBytesMax: 512 * 1024 * 1024,
  /** Characters of a collection description. */
  descriptionLengthMax: 10_000,
  /** UTF-8 bytes of a where text: longer ones are programs, not filters. */
  whereBytesMax: 64 * 1024,
  /** Nesting of a where expression: keeps parser and evaluator off the stack's limit. */
  whereDepthMax: 64,
  /** Values of one IN list. */
  whereInListMax: 100_000,
  /** Rows of one log frame: bounds the memory that a replay needs. */
  frameRowsMax: 16_384,
  /** Payload bytes of one log frame: bounds what a damaged length can make a reader allocate. */
  frameBytesMax: 256 * 1024 * 1024,
} as const;

/** Name of a limit. */
export type LimitName = keyof typeof limits;

/** Throws `LIMIT_EXCEEDED` when `value` is above the limit called `name`; `what` begins the message. */
export function checkLimit(name: LimitName, value: number, what: string): void {
  if (value <= limits[name]) return;
  throw new LynseError("LIMIT_EXCEEDED", `${what} is ${value}, above the limit ${name} = ${limits[name]}`, {
    limit: name,
    max: limits[name],
    got: value,
  });
}
