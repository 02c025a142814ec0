/**
 * How does a callback reorder what a server found?
 *
 * It runs here, over rows and metadata that were fetched for it. Groups are made here, too, of the new order: longer
 * rankings are asked for until they are full or nothing is left.
 */
import { FieldPath, ManyValues, type PathValue } from "../../metadata/field-path.js";
import { type GroupedRows, type GroupValue, groupRows } from "../../query/group-by.js";
import { type Reranker, type RerankQuery, rerank } from "../../query/rerank.js";
import type { Id, JsonValue } from "../../types.js";
import type { RankInput } from "../input/read-options.js";
import type { ResultParts } from "../result-view.js";
import type { ResultGroup } from "../search-options.js";

/** A search that is to be reranked. */
export interface RerankedSearch {
  readonly input: RankInput;
  readonly query: RerankQuery;
  /** The best `k` rows with their metadata. */
  find(k: number): Promise<ResultParts>;
  /** Most rows that can be asked for. */
  readonly kMax: number;
}

type FieldOf = Readonly<Record<string, JsonValue>>;

/** Places in a ranking, and scores of those that the callback judged. */
interface Order {
  readonly places: readonly number[];
  readonly scores: readonly (number | null)[];
}

const groupingMargin = 2;
const deeper = 4;

/** What the view of a reranked search is made of. */
export async function rerankedParts(search: RerankedSearch): Promise<ResultParts> {
  const { input, kMax } = search;
  const { k, rerankK, grouping } = input;
  if (grouping === null) {
    const found = await search.find(rerankK);
    const { places, scores } = await judged(search, found);
    const hasScores = found.ids.length > 0;
    return cut(found, places.slice(0, k), hasScores ? scores.slice(0, k) : null, null, input);
  }
  let depth = Math.min(kMax, Math.max(rerankK, k * grouping.groupSize * groupingMargin));
  const first = await search.find(depth);
  const order = await judged(search, first);
  const judgedIds = order.places.slice(0, rerankK).map((place) => first.ids[place]!);
  const scoreOf = new Map(order.places.map((place, at) => [first.ids[place]!, order.scores[at] ?? null]));
  let found = first;
  let places = order.places;
  const path = new FieldPath(grouping.field);
  for (;;) {
    const isExhausted = found.ids.length < depth || depth >= kMax;
    const grouped = groupRows(places, (place) => singleValues(path.read(fieldAt(found, place))), {
      k,
      groupSize: grouping.groupSize,
      isExhausted,
    });
    if (grouped.isComplete) {
      const { chosen, groups } = flattened(grouped, places);
      const scores = chosen.map((place) => scoreOf.get(found.ids[place]!) ?? null);
      return cut(found, chosen, first.ids.length > 0 ? scores : null, groups, input);
    }
    depth = Math.min(kMax, depth * deeper);
    found = await search.find(depth);
    places = judgedFirst(found.ids, judgedIds);
  }
}

/** The order that the callback gives to the first rows; those after them follow. */
async function judged({ input, query }: RerankedSearch, found: ResultParts): Promise<Order> {
  const { reranker, rerankK } = input;
  const rest = found.ids.slice(rerankK).map((_, at) => rerankK + at);
  const items = found.ids.slice(0, rerankK).map((id, place) => ({
    id,
    score: found.distances?.[place] ?? Number.NaN,
    field: fieldAt(found, place),
  }));
  if (items.length === 0) return { places: [], scores: [] };
  const { order, scores } = await rerank(reranker as Reranker, { query, items }, items.length);
  return { places: [...order, ...rest], scores: [...scores, ...rest.map(() => null)] };
}

function fieldAt(found: ResultParts, place: number): FieldOf {
  return (found.fields?.[place] ?? {}) as FieldOf;
}

/** Places of a longer ranking: what was judged keeps its place before the rest. */
function judgedFirst(ids: readonly Id[], judgedIds: readonly Id[]): number[] {
  const placeOf = new Map(ids.map((id, place) => [id, place]));
  const first = judgedIds.map((id) => placeOf.get(id)).filter((place) => place !== undefined);
  const isFirst = new Set(first);
  return [...first, ...ids.map((_, place) => place).filter((place) => !isFirst.has(place))];
}

/** The values that a row is grouped by: single ones, those of an array, each once. */
function singleValues(value: PathValue): readonly GroupValue[] {
  const found = new Set<GroupValue>();
  const add = (one: JsonValue | undefined): void => {
    if (typeof one === "string" || typeof one === "number" || typeof one === "boolean") found.add(one);
  };
  const addList = (one: JsonValue | undefined): void => {
    if (Array.isArray(one)) one.forEach(add);
    else add(one);
  };
  if (value instanceof ManyValues) value.values.forEach(addList);
  else addList(value);
  return [...found];
}

/** The rows of the groups one after another, each once. */
function flattened(
  { groups }: GroupedRows,
  places: readonly number[],
): { readonly chosen: number[]; readonly groups: ResultGroup[] } {
  const positions = new Map<number, number>();
  const chosen: number[] = [];
  const positionOf = (at: number): number => {
    let position = positions.get(at);
    if (position === undefined) {
      position = chosen.length;
      positions.set(at, position);
      chosen.push(places[at]!);
    }
    return position;
  };
  return { groups: groups.map(({ value, rows }) => ({ value, positions: rows.map(positionOf) })), chosen };
}

/** The rows at some places. */
function cut(
  found: ResultParts,
  places: readonly number[],
  rerankScores: readonly (number | null)[] | null,
  groups: readonly ResultGroup[] | null,
  { k, returnFields }: RankInput,
): ResultParts {
  const pick = <T>(column: readonly T[] | null | undefined): T[] | null =>
    column === null || column === undefined ? null : places.map((place) => column[place]!);
  return {
    ...found,
    ids: pick(found.ids)!,
    distances: Float32Array.from(places, (place) => found.distances![place]!),
    fields: returnFields ? pick(found.fields) : null,
    vectors: pick(found.vectors),
    parts: pick(found.parts),
    highlights: pick(found.highlights),
    k,
    groups,
    rerankScores,
  };
}
