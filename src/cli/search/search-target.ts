/**
 * What does a search of the command line look for?
 *
 * Up to three signals: a vector (given, of a row, or of a text), words, a sparse vector. Which options go together is a
 * question of usage, answered before anything is opened.
 */

import { LynseError } from "../../errors.js";
import type { Collection, EmbedFunction, HybridQuery } from "../../index.js";
import type { Id } from "../../types.js";
import type { SearchFlags } from "../commands/search-command.js";
import { queryEmbedder } from "../embed/embed-option.js";
import { parseId } from "../id-text.js";
import { readQueryVector } from "../readers/query-vector.js";

/** Options that bring the vector of a search. */
const vectorOptions = ["vector", "vectorFile", "like", "document"] as const;
/** Options that only some kinds of search take. */
const textOnly = ["textFields", "operator"] as const;
const hybridOnly = ["fusion", "rrfK", "weights", "candidates"] as const;

/** The kind of search that the options ask for. */
export type SearchKind = "vector" | "text" | "sparse" | "hybrid";

export function searchKind(flags: SearchFlags): SearchKind {
  const hasVector = vectorOptions.some((name) => flags[name] !== undefined);
  const signals = Number(hasVector) + Number(flags.text !== undefined) + Number(flags.sparse !== undefined);
  if (flags.hybrid === true || signals > 1) return "hybrid";
  if (flags.text !== undefined) return "text";
  return flags.sparse === undefined ? "vector" : "sparse";
}

/** What is wrong with the options that say what is looked for; null where nothing is. */
export function targetMistake(flags: SearchFlags): string | null {
  const vectors = vectorOptions.filter((name) => flags[name] !== undefined);
  if (vectors.length > 1) return `only one of ${vectorOptions.map(flagOf).join(", ")} is wanted`;
  const signals = vectors.length + Number(flags.text !== undefined) + Number(flags.sparse !== undefined);
  if (signals === 0) {
    return "a query is wanted: --vector, --vector-file, --like or --document, --text, --sparse, or several of them";
  }
  const kind = searchKind(flags);
  if (flags.hybrid === true && signals === 1 && flags.text === undefined) {
    return "--hybrid joins several searches: add --text, or another query";
  }
  const isEmbedded = flags.document !== undefined || (flags.hybrid === true && vectors.length === 0);
  if (flags.embed !== undefined && !isEmbedded) return "--embed belongs to --document, or to --hybrid with --text";
  return misplaced(flags, kind);
}

function misplaced(flags: SearchFlags, kind: SearchKind): string | null {
  const texts = flags.text === undefined ? textOnly.find((name) => flags[name] !== undefined) : undefined;
  if (texts !== undefined) return `${flagOf(texts)} belongs to --text`;
  const hybrids = kind === "hybrid" ? undefined : hybridOnly.find((name) => flags[name] !== undefined);
  if (hybrids !== undefined) return `${flagOf(hybrids)} belongs to a hybrid search: add --hybrid and a second query`;
  if (flags.highlight === true && kind !== "text") return "--highlight belongs to a search by --text alone";
  if (flags.profile === true && kind !== "vector") return "--profile belongs to a search by vector alone";
  if (flags.profile === true && flags.document !== undefined) return "--profile does not go with --document";
  if (flags.vectorField !== undefined && (kind === "text" || kind === "sparse")) {
    return "--vector-field belongs to a search by vector";
  }
  return null;
}

/** The name of an option as it is written. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The row that `--like` names, or null. */
export function likedId(flags: SearchFlags): Id | null {
  return flags.like === undefined ? null : parseId(flags.like);
}

/** The vector that was given, in a file, on the command line, or by a row. */
export async function givenVector(collection: Collection, flags: SearchFlags): Promise<ArrayLike<number>> {
  const id = likedId(flags);
  if (id === null) return await readQueryVector(flags, await dimOf(collection, flags.vectorField ?? "default"));
  if (flags.vectorField !== undefined && flags.vectorField !== "default") {
    const what = `--like gives the primary vector of a row, not the one in ${flags.vectorField}`;
    throw new LynseError("INVALID_ARGUMENT", `${what}; give the vector with --vector or --vector-file`);
  }
  const vector = (await collection.get(id)).vectors?.[0];
  if (vector === undefined) throw new LynseError("INTERNAL", "the row that was found has no vector; please report it");
  return vector;
}

/** Length of a field's vectors, 0 where it is not known. */
async function dimOf(collection: Collection, vectorField: string): Promise<number> {
  const fields = await collection.listVectorFields();
  return fields.find((field) => field.name === vectorField)?.dim ?? 0;
}

/** The signals of a hybrid search. */
export async function hybridQuery(collection: Collection, flags: SearchFlags): Promise<HybridQuery> {
  const hasVector = vectorOptions.some((name) => name !== "document" && flags[name] !== undefined);
  const isSparse = flags.sparse !== undefined;
  // `--hybrid --text` alone: the words are looked for, and make the vector.
  const document = flags.document ?? (hasVector || isSparse ? undefined : flags.text);
  return {
    ...(hasVector ? { vector: await givenVector(collection, flags) } : {}),
    ...(document === undefined ? {} : await documentQuery(collection, document, flags)),
    ...(flags.text === undefined ? {} : { text: flags.text }),
    ...(flags.sparse === undefined ? {} : { sparse: sparseOf(flags.sparse) }),
  };
}

/** A text whose vector is searched for. */
export async function documentQuery(
  collection: Collection,
  document: string,
  flags: SearchFlags,
): Promise<{ readonly document: string; readonly embed: EmbedFunction }> {
  return { document, embed: await queryEmbedder(collection, flags.embed, flags.vectorField ?? "default") };
}

/** The sparse vector of `--sparse`. */
export function sparseOf(text: string): Readonly<Record<number, number>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const isSparse =
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([index, weight]) => /^\d+$/.test(index) && typeof weight === "number");
  if (isSparse) return value as Record<number, number>;
  const wanted = `a JSON object of index: weight is wanted, as {"3": 0.5, "77": 1.25}`;
  throw new LynseError("INVALID_ARGUMENT", `--sparse: ${wanted}`, { name: "--sparse" });
}
