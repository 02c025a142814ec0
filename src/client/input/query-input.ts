/**
 * What is searched for?
 *
 * Checks the first argument of searches that take more than a vector.
 */
import { describe, isVectorLike } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import type { SignalName } from "../../query/fusion.js";
import { type CheckedSparse, checkSparse } from "../../sparse/sparse-vector.js";
import type { Id, Vector } from "../../types.js";
import { checkFunction, checkOptions, checkText } from "../check-options.js";
import type { DocumentQuery, HybridQuery, RecommendQuery, SearchTarget } from "../search-options.js";

/** True for a text to be embedded, in whatever state. */
export function isDocumentQuery(target: SearchTarget): target is DocumentQuery {
  return typeof target === "object" && target !== null && !isVectorLike(target) && "document" in target;
}

export function documentInput(query: DocumentQuery): DocumentQuery {
  checkOptions(query, ["document", "embed"], "a search by document");
  const document = checkText(query.document, "document");
  if (document.trim() === "") throw new LynseError("INVALID_ARGUMENT", "document must have text, got an empty one");
  const embed = checkFunction(query.embed, "embed");
  return embed === undefined ? { document } : { document, embed };
}

export interface HybridQueryInput {
  readonly document: DocumentQuery | null;
  readonly text: string | null;
  readonly sparse: CheckedSparse | null;
  readonly signals: readonly SignalName[];
}

export function hybridQueryInput(query: HybridQuery): HybridQueryInput {
  checkOptions(query ?? null, ["vector", "document", "embed", "text", "sparse"], "the query of hybridSearch");
  const { vector, document, embed, text, sparse } = query;
  if (vector !== undefined && document !== undefined) {
    throw new LynseError("INVALID_ARGUMENT", "hybridSearch takes a vector or a document to make one of, not both");
  }
  if (embed !== undefined && document === undefined) {
    throw new LynseError("INVALID_ARGUMENT", "embed was given without a document", { option: "embed" });
  }
  const signals: SignalName[] = [];
  if (vector !== undefined || document !== undefined) signals.push("vector");
  if (text !== undefined) signals.push("text");
  if (sparse !== undefined) signals.push("sparse");
  if (signals.length === 0) {
    throw new LynseError("INVALID_ARGUMENT", "hybridSearch needs at least one of vector, document, text and sparse");
  }
  return {
    document: document === undefined ? null : documentInput(embed === undefined ? { document } : { document, embed }),
    text: text === undefined ? null : checkText(text, "text"),
    sparse: sparse === undefined ? null : checkSparse(sparse, () => "the sparse query vector"),
    signals,
  };
}

/** Examples as lists of ids and vectors. */
export function recommendInput(query: RecommendQuery): {
  readonly positive: readonly (Id | Vector)[];
  readonly negative: readonly (Id | Vector)[];
} {
  checkOptions(query ?? null, ["positive", "negative"], "the query of recommend");
  return { positive: exampleList(query.positive, "positive"), negative: exampleList(query.negative ?? [], "negative") };
}

/** A list of numbers is a list of ids: a vector stands in a list of its own, `[vector]`. */
function exampleList(examples: unknown, name: string): readonly (Id | Vector)[] {
  if (typeof examples === "string" || typeof examples === "number") return [examples];
  if (Array.isArray(examples)) return examples;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${name} must be an id or a list of ids and vectors, got ${describe(examples)}`,
    {
      option: name,
    },
  );
}
