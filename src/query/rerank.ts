/**
 * How does a caller's own judgement reorder what a search found?
 *
 * A reranker is a callback that sees the query and the candidates, best first, and says in one of several shapes how
 * they stand. `rerank-result` reads the shapes; here the order is made: scores descending, equal ones as they stood;
 * ids that are no candidates and repeated ids are skipped; candidates that were not named follow in their original
 * order.
 */
import type { Id, JsonValue } from "../types.js";
import { type Judgement, readRerankResult } from "./rerank-result.js";

/** Which call a reranker is asked by. */
export type RerankQueryType =
  | "vector_search"
  | "document_search"
  | "batch_vector_search"
  | "sparse_search"
  | "bm25_search"
  | "hybrid_search"
  | "recommend";

/** What was searched for; members that the search did not have are absent. */
export interface RerankQuery {
  readonly type: RerankQueryType;
  readonly vector?: Float32Array;
  readonly document?: string;
  readonly text?: string;
  readonly sparse?: { readonly indices: Uint32Array; readonly values: Float32Array };
  /** Number of the query in a batch, from 0. */
  readonly queryIndex?: number;
}

/** A candidate. */
export interface RerankItem<F = Readonly<Record<string, JsonValue>>> {
  readonly id: Id;
  /** What the search gave it: a distance where the metric ranks by distance. */
  readonly score: number;
  readonly field: F | null;
}

export interface RerankPayload<F = Readonly<Record<string, JsonValue>>> {
  readonly query: RerankQuery;
  /** Best first. */
  readonly items: readonly RerankItem<F>[];
}

/**
 * What a reranker may answer:
 *
 * - nothing (`undefined`, `null`): the order stays;
 * - ids in their new order: an array of strings or numbers, or a typed array of integers;
 * - `[id, score]` pairs, `{ id, score }` objects, a `Map` or a record from id to score, `{ ids, scores? }`;
 * - one score for each item, in the items' order: a `Float32Array`, a `Float64Array` or an array of numbers.
 *
 * An array of numbers is read as ids where all of them are ids of candidates and none stands twice; else as scores
 * where it is as long as the items; else as ids where it names at least one candidate. Where ids are small integers,
 * say what is meant: a `Float64Array` is always scores, `{ ids }` always ids.
 */
export type RerankResult =
  | undefined
  | null
  | readonly Id[]
  | readonly number[]
  | Float32Array
  | Float64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | readonly (readonly [id: Id, score: number])[]
  | readonly { readonly id: Id; readonly score: number }[]
  | ReadonlyMap<Id, number>
  | Readonly<Record<string, number>>
  | { readonly ids: ArrayLike<Id>; readonly scores?: ArrayLike<number> };

/** A reranker; what it throws ends the search, unchanged. */
export type Reranker<F = Readonly<Record<string, JsonValue>>> = (
  payload: RerankPayload<F>,
) => RerankResult | Promise<RerankResult>;

/** The new order of the items. */
export interface RerankOrder {
  /** Positions in the items. */
  readonly order: readonly number[];
  /** The reranker's scores, in the new order; null where it gave none. */
  readonly scores: readonly (number | null)[];
}

/** Asks the reranker, and gives the new order of the payload's items, at most `k` of them. */
export async function rerank<F>(reranker: Reranker<F>, payload: RerankPayload<F>, k: number): Promise<RerankOrder> {
  return applyRerank(payload.items, await reranker(payload), k);
}

/**
 * The order that a reranker's answer gives to the items, at most `k` of them. `INVALID_ARGUMENT` for a senseless
 * answer.
 */
export function applyRerank(
  items: readonly Pick<RerankItem, "id">[],
  result: unknown,
  k: number = items.length,
): RerankOrder {
  const positions = new Map<Id, number>();
  for (let at = 0; at < items.length; at++) positions.set(items[at]!.id, at);
  const judgements = readRerankResult(result, items, positions);
  const isNamed = new Uint8Array(items.length);
  const named: Judgement[] = [];
  for (const judgement of judgements) {
    if (isNamed[judgement.position] === 1) continue;
    isNamed[judgement.position] = 1;
    named.push(judgement);
  }
  // The sort is stable, and leaves ids without scores as they are.
  named.sort((a, b) => (a.score === b.score ? 0 : (b.score ?? 0) - (a.score ?? 0)));
  for (let position = 0; position < items.length && named.length < k; position++) {
    if (isNamed[position] === 0) named.push({ position, score: null });
  }
  const kept = named.slice(0, k);
  return { order: kept.map(({ position }) => position), scores: kept.map(({ score }) => score) };
}
