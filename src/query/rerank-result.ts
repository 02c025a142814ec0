/**
 * What did a reranker answer?
 *
 * Reads every shape that `RerankResult` names into judgements, in the answer's order: positions of candidates, with
 * scores where the answer has them. Either all have one or none. Unknown ids are dropped here; whatever is none of the
 * shapes is refused with what came and what is accepted.
 */
import { LynseError } from "../errors.js";
import type { Id } from "../types.js";
import { shownValue } from "./option-error.js";

/** What the answer says of one candidate. */
export interface Judgement {
  readonly position: number;
  readonly score: number | null;
}

type Items = readonly { readonly id: Id }[];
type Positions = ReadonlyMap<Id, number>;

const accepted =
  "undefined (keep the order), ids in order, [id, score] pairs, { id, score } objects, one score for each item, " +
  "a Map or record from id to score, or { ids, scores? }";

/** The judgements of an answer about `items`, whose ids are at `positions`. */
export function readRerankResult(result: unknown, items: Items, positions: Positions): Judgement[] {
  if (result === undefined || result === null) return [];
  if (result instanceof Float32Array || result instanceof Float64Array) return alignedScores(result, items);
  if (isIntegerArray(result)) return orderedIds(result, positions);
  if (Array.isArray(result)) return readArray(result, items, positions);
  if (result instanceof Map) return readScoredIds([...result.entries()], positions, "the Map");
  if (isRecord(result)) return readRecord(result, positions);
  throw refused(shownValue(result));
}

function readArray(result: readonly unknown[], items: Items, positions: Positions): Judgement[] {
  if (result.length === 0) return [];
  const first = result[0];
  if (Array.isArray(first)) return readScoredIds(result, positions, "the array of pairs");
  if (typeof first === "object" && first !== null) return readScoredIds(result.map(pairOf), positions, "the array");
  const odd = result.findIndex((entry) => typeof entry !== "number" && typeof entry !== "string");
  if (odd !== -1) throw refused(`an array with ${shownValue(result[odd])} at ${odd}`);
  if (result.some((entry) => typeof entry === "string")) return orderedIds(result as Id[], positions);
  return readNumbers(result as number[], items, positions);
}

/** Numbers alone may be ids or scores; the rule stands at `RerankResult`. */
function readNumbers(numbers: readonly number[], items: Items, positions: Positions): Judgement[] {
  const known = numbers.filter((number) => positions.has(number)).length;
  if (known === numbers.length && new Set(numbers).size === known) return orderedIds(numbers, positions);
  if (numbers.length === items.length) return alignedScores(numbers, items);
  if (known > 0 && numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    return orderedIds(numbers, positions);
  }
  throw refused(
    `${numbers.length} numbers for ${items.length} items, which are neither one score for each item nor ids of items`,
  );
}

function alignedScores(scores: ArrayLike<number>, items: Items): Judgement[] {
  if (scores.length !== items.length) {
    throw refused(`${scores.length} scores for ${items.length} items, of which each needs one`);
  }
  return items.map((_, position) => ({ position, score: checkScore(scores[position], `score ${position}`) }));
}

function orderedIds(ids: ArrayLike<unknown>, positions: Positions): Judgement[] {
  const judgements: Judgement[] = [];
  for (let at = 0; at < ids.length; at++) {
    const position = positions.get(checkId(ids[at], at));
    if (position !== undefined) judgements.push({ position, score: null });
  }
  return judgements;
}

function readScoredIds(pairs: readonly unknown[], positions: Positions, what: string): Judgement[] {
  const judgements: Judgement[] = [];
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at];
    if (!Array.isArray(pair) || pair.length !== 2) throw refused(`${what} with ${shownValue(pair)} at ${at}`);
    const position = positions.get(checkId(pair[0], at));
    const score = checkScore(pair[1], `the score of ${shownValue(pair[0])}`);
    if (position !== undefined) judgements.push({ position, score });
  }
  return judgements;
}

/** `{ id, score }` as a pair; anything else as it is, to be refused as no pair. */
function pairOf(entry: unknown): unknown {
  if (!isRecord(entry) || !("id" in entry) || !("score" in entry)) return entry;
  return [entry["id"], entry["score"]];
}

function readRecord(record: Readonly<Record<string, unknown>>, positions: Positions): Judgement[] {
  const { ids, scores, ...others } = record;
  if (isList(ids) && Object.keys(others).length === 0) {
    if (scores === undefined || scores === null) return orderedIds(ids, positions);
    if (!isList(scores) || scores.length !== ids.length) {
      const got = isList(scores) ? `${scores.length} of them` : shownValue(scores);
      throw refused(`{ ids, scores } with ${ids.length} ids, where scores is ${got}`);
    }
    return readScoredIds(
      Array.from(ids, (id, at) => [id, scores[at]]),
      positions,
      "{ ids, scores }",
    );
  }
  const pairs = Object.entries(record).map(([key, score]) => [idOfKey(key, positions), score]);
  return readScoredIds(pairs, positions, "the record");
}

/** A record's keys are texts: the candidate with that text, or with the number that the text stands for. */
function idOfKey(key: string, positions: Positions): Id {
  const number = Number(key);
  if (String(number) !== key || !positions.has(number)) return key;
  if (!positions.has(key)) return number;
  throw refused(
    `a record with the key ${JSON.stringify(key)}, where number and text are both ids of items; answer with a Map`,
  );
}

function checkId(id: unknown, at: number): Id {
  if (typeof id === "string" || typeof id === "number") return id;
  throw refused(`${shownValue(id)} where the id at ${at} is expected`);
}

function checkScore(score: unknown, what: string): number {
  if (typeof score === "number" && !Number.isNaN(score)) return score;
  throw refused(`${shownValue(score)} as ${what}, which must be a number other than NaN`);
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return (
    Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array || isIntegerArray(value)
  );
}

function isIntegerArray(value: unknown): value is ArrayLike<number> {
  return (
    value instanceof Uint32Array ||
    value instanceof Int32Array ||
    value instanceof Uint16Array ||
    value instanceof Int16Array ||
    value instanceof Uint8Array ||
    value instanceof Int8Array
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function refused(got: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `the reranker answered with ${got}; it may answer with ${accepted}`, {
    option: "reranker",
  });
}
