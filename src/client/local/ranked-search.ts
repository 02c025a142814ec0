/**
 * What becomes of a ranking before it is returned?
 *
 * Any search is something that gives its best rows, as many as are asked for. Here they are reranked, grouped, counted by
 * value and fetched, in that order. Grouping asks for longer rankings until its groups are full or nothing is left.
 */
import type { Generation } from "../../engine/generation.js";
import { limits } from "../../limits.js";
import { facetCounts } from "../../metadata/column-facets.js";
import { rowValues } from "../../metadata/column-row-values.js";
import type { FacetRequest, FacetResult } from "../../query/facet-counts.js";
import type { SignalPart } from "../../query/fusion.js";
import { type GroupedRows, groupRows } from "../../query/group-by.js";
import { groupCompletely } from "../../query/group-by-rest.js";
import { applyMmr, type MmrReranker } from "../../query/mmr-reranker.js";
import { type Reranker, type RerankQuery, rerank } from "../../query/rerank.js";
import type { RowFilter } from "../../query/row-filter.js";
import type { Fields } from "../../types.js";
import type { GroupingInput, RankInput } from "../input/read-options.js";
import { type ResultMetric, ResultView } from "../result-view.js";
import type { Highlight, ResultGroup, SignalScores } from "../search-options.js";
import { vectorsOfRows } from "./vector-target.js";

/** Rows, best first. */
export interface Ranking {
  readonly rows: Uint32Array;
  readonly values: Float64Array;
  /** What the signals of a hybrid search said. */
  readonly parts?: readonly SignalPart[];
}

/** A search over one snapshot of a collection. */
export interface RankedSearch {
  readonly metric: ResultMetric;
  readonly index: string;
  readonly isHigherBetter: boolean;
  /** What a reranker is told. */
  readonly query: RerankQuery;
  /** The field whose vectors come back, and tell how alike rows are. */
  readonly vectorField: string;
  /** The query in that field; null where there is none. */
  readonly vector: Float32Array | null;
  /** Rows of the snapshot. */
  readonly rowCount: number;
  /** The best rows, at most `count`; fewer only where no more match. */
  find(count: number): Ranking | Promise<Ranking>;
  /** Rows that it looks at, and the best of some of them; absent where a row's place depends on the others. */
  readonly among?: {
    readonly filter: RowFilter;
    find(filter: RowFilter, count: number): Ranking | Promise<Ranking>;
  };
  /** Every row that could be returned, one bit each; null: all rows. */
  matches(): Uint32Array | null | Promise<Uint32Array | null>;
  /** Words found, for rows by their metadata. */
  highlight?(fields: readonly Fields[]): readonly (readonly Highlight[])[];
}

/** Rows by their places in a ranking, in the order in which they are returned. */
interface Chosen {
  readonly rows: readonly number[];
  /** Place of each in the ranking. */
  readonly places: readonly number[];
  readonly rerankScores: readonly (number | null)[] | null;
  readonly groups: readonly ResultGroup[] | null;
}

/** Rankings that a grouping begins with are this many times as long as what is wanted at least. */
const groupingMargin = 2;
const deeper = 4;

/** Rows that a search is asked for at first. */
export function firstDepth({ k, rerankK, grouping }: RankInput): number {
  const depth = grouping === null ? rerankK : Math.max(rerankK, k * grouping.groupSize * groupingMargin);
  return Math.min(depth, limits.kMax);
}

/** Runs a search and everything that follows it. */
export async function runRanked<F extends Fields>(
  generation: Generation,
  search: RankedSearch,
  input: RankInput,
): Promise<ResultView<F>> {
  const { grouping, facets } = input;
  const wanted = firstDepth(input);
  const found = search.find(wanted);
  const ranking = found instanceof Promise ? await found : found;
  const chosen =
    grouping === null
      ? await chooseRows(generation, search, ranking, input)
      : await chooseGroups(generation, search, { ranking, wanted }, input, grouping);
  const counts = facets.length === 0 ? null : await countFacets(generation, facets, await search.matches(), search);
  return viewOf<F>(generation, search, chosen.ranking, chosen, counts, input);
}

async function chooseRows(
  generation: Generation,
  search: RankedSearch,
  ranking: Ranking,
  input: RankInput,
): Promise<Chosen & { ranking: Ranking }> {
  const { k } = input;
  if (input.reranker === null) {
    const count = Math.min(k, ranking.rows.length);
    const rows = new Array<number>(count);
    const places = new Array<number>(count);
    for (let place = 0; place < count; place++) {
      rows[place] = ranking.rows[place]!;
      places[place] = place;
    }
    return { ranking, rows, places, groups: null, rerankScores: null };
  }
  const { order, scores } = await reordered(generation, search, ranking, input);
  const places = order.slice(0, k);
  const rows = places.map((place) => ranking.rows[place]!);
  return { ranking, rows, places, groups: null, rerankScores: scores?.slice(0, k) ?? null };
}

/** The order that the reranker gives to the first rows; those after them follow. */
async function reordered(
  generation: Generation,
  search: RankedSearch,
  ranking: Ranking,
  { reranker, rerankK }: RankInput,
): Promise<{ readonly order: number[]; readonly scores: (number | null)[] | null }> {
  const all = Array.from(ranking.rows, (_, place) => place);
  if (reranker === null || all.length === 0) return { order: all, scores: null };
  const first = all.slice(0, rerankK);
  const rest = all.slice(first.length);
  const rows = first.map((place) => ranking.rows[place]!);
  if (typeof reranker !== "function") {
    const order = await diverse(generation, search, ranking, rows, reranker);
    return { order: [...order, ...rest], scores: null };
  }
  const fields = await generation.fieldsOf(rows);
  const items = rows.map((row, place) => ({
    id: generation.rows.idAt(row),
    score: ranking.values[place]!,
    field: fields[place]!,
  }));
  const judged = await rerank(reranker as Reranker, { query: search.query, items }, items.length);
  return { order: [...judged.order, ...rest], scores: [...judged.scores, ...rest.map(() => null)] };
}

async function diverse(
  generation: Generation,
  search: RankedSearch,
  ranking: Ranking,
  rows: readonly number[],
  reranker: MmrReranker,
): Promise<number[]> {
  const { vectorField, vector: query, isHigherBetter } = search;
  const dim = generation.vectorField(vectorField).field?.dim ?? 0;
  const found = await vectorsOfRows(generation, vectorField, rows);
  const vectors = new Float32Array(rows.length * dim);
  found.forEach((vector, at) => void (vector !== null && vectors.set(vector, at * dim)));
  const scores = Float64Array.from(rows, (_, place) => ranking.values[place]!);
  const order = applyMmr(reranker, { query, scores, isHigherBetter, vectors, dim }, rows.length);
  return Array.from(order);
}

async function chooseGroups(
  generation: Generation,
  search: RankedSearch,
  begun: { readonly ranking: Ranking; readonly wanted: number },
  input: RankInput,
  grouping: GroupingInput,
): Promise<Chosen & { ranking: Ranking }> {
  const first = await reordered(generation, search, begun.ranking, input);
  if (search.among !== undefined) return chooseAmong(generation, search.among, begun, first, input, grouping);
  const scores = new Map(first.order.map((place, at) => [begun.ranking.rows[place]!, first.scores?.[at] ?? null]));
  let { ranking, wanted } = begun;
  let order = first.order;
  for (;;) {
    const isExhausted = ranking.rows.length < wanted || wanted >= limits.kMax;
    const rows = order.map((place) => ranking.rows[place]!);
    const grouped = await groupedBy(generation, rows, input, grouping, isExhausted, search.rowCount);
    if (grouped.isComplete) {
      const rerankScores = first.scores === null ? null : (row: number) => scores.get(row) ?? null;
      return { ranking, ...flattened(grouped, rows, order, rerankScores) };
    }
    wanted = Math.min(wanted * deeper, limits.kMax);
    ranking = await search.find(wanted);
    // What was reranked keeps its place before the rest.
    const places = new Map(Array.from(ranking.rows, (row, place) => [row, place]));
    const reranked = first.order
      .map((place) => places.get(begun.ranking.rows[place]!))
      .filter((at) => at !== undefined);
    const isReranked = new Set(reranked);
    order = [...reranked, ...Array.from(ranking.rows, (_, place) => place).filter((place) => !isReranked.has(place))];
  }
}

/** Groups that are completed by searches among the rows that have a place in them. */
async function chooseAmong(
  generation: Generation,
  { filter, find }: NonNullable<RankedSearch["among"]>,
  { ranking, wanted }: { readonly ranking: Ranking; readonly wanted: number },
  { order, scores }: Awaited<ReturnType<typeof reordered>>,
  { k, signal }: RankInput,
  { field, groupSize }: GroupingInput,
): Promise<Chosen & { ranking: Ranking }> {
  const { columns } = generation;
  await columns.ensure([field], filter.rowCount, signal);
  const first = {
    rows: Uint32Array.from(order, (place) => ranking.rows[place]!),
    values: Float64Array.from(order, (place) => ranking.values[place]!),
  };
  const task = { columns, field, filter, find, k, groupSize };
  const { ranking: whole, grouped } = await groupCompletely(task, first, ranking.rows.length < wanted);
  const rows = Array.from(whole.rows);
  const places = rows.map((_, place) => place);
  const chosen = flattened(grouped, rows, places, null);
  const rerankScores = scores === null ? null : chosen.places.map((place) => scores[place] ?? null);
  return { ...chosen, rerankScores, ranking: whole };
}

async function groupedBy(
  generation: Generation,
  rows: readonly number[],
  { k, signal }: Pick<RankInput, "k" | "signal">,
  { field, groupSize }: GroupingInput,
  isExhausted: boolean,
  rowCount: number,
): Promise<GroupedRows> {
  const { columns } = generation;
  await columns.ensure([field], rowCount, signal);
  const column = columns.columnOf(field);
  return groupRows(rows, (row) => rowValues(column, row), { k, groupSize, isExhausted });
}

/** The rows of the groups one after another, each once. */
function flattened(
  { groups }: GroupedRows,
  rows: readonly number[],
  order: readonly number[],
  scoreOf: ((row: number) => number | null) | null,
): Chosen {
  const positions = new Map<number, number>();
  const places: number[] = [];
  const positionOf = (place: number): number => {
    let position = positions.get(place);
    if (position === undefined) {
      position = places.length;
      positions.set(place, position);
      places.push(place);
    }
    return position;
  };
  const result = groups.map(({ value, rows: members }) => ({ value, positions: members.map(positionOf) }));
  return {
    rows: places.map((place) => rows[place]!),
    places: places.map((place) => order[place]!),
    rerankScores: scoreOf === null ? null : places.map((place) => scoreOf(rows[place]!)),
    groups: result,
  };
}

/** Counts the values of fields among the rows of a mask. */
export async function countFacets(
  generation: Generation,
  facets: readonly FacetRequest[],
  mask: Uint32Array | null,
  { rowCount, signal }: { readonly rowCount: number; readonly signal?: AbortSignal | undefined },
): Promise<FacetResult> {
  const { columns } = generation;
  await columns.ensure(
    facets.map(({ field }) => field),
    rowCount,
    signal,
  );
  const counts: Record<string, FacetResult[string]> = Object.create(null);
  for (const { field, limit } of facets) counts[field] = facetCounts(columns, field, mask, rowCount, limit);
  return { ...counts };
}

/** Groups rows of a query, which has no ranking. */
export async function groupQuery(
  generation: Generation,
  rows: readonly number[],
  limit: number,
  grouping: GroupingInput,
  reach: { readonly rowCount: number; readonly signal: AbortSignal | undefined },
): Promise<{ readonly rows: readonly number[]; readonly groups: readonly ResultGroup[] }> {
  const grouped = await groupedBy(generation, rows, { k: limit, signal: reach.signal }, grouping, true, reach.rowCount);
  const order = rows.map((_, place) => place);
  const chosen = flattened(grouped, rows, order, null);
  return { rows: chosen.rows, groups: chosen.groups ?? [] };
}

async function viewOf<F extends Fields>(
  generation: Generation,
  search: RankedSearch,
  ranking: Ranking,
  { rows, places, groups, rerankScores }: Chosen,
  facets: FacetResult | null,
  input: RankInput,
): Promise<ResultView<F>> {
  const { metric, index } = search;
  const needsFields = input.returnFields || search.highlight !== undefined;
  const fields = needsFields && rows.length > 0 ? ((await generation.fieldsOf(rows)) as F[]) : [];
  return new ResultView<F>({
    type: "search",
    ids: rows.map((row) => generation.rows.idAt(row)),
    distances: valuesAt(ranking.values, places),
    fields: input.returnFields ? fields : null,
    vectors: input.returnVectors ? await fetchedVectors(generation, search.vectorField, rows) : null,
    highlights: search.highlight === undefined ? null : search.highlight(fields),
    parts: ranking.parts === undefined ? null : places.map((place) => signalScores(ranking.parts!, place)),
    k: input.k,
    ...{ metric, index, groups, facets, rerankScores },
  });
}

function valuesAt(values: Float64Array, places: readonly number[]): Float32Array {
  const found = new Float32Array(places.length);
  for (let at = 0; at < places.length; at++) found[at] = values[places[at]!]!;
  return found;
}

/** Vectors of rows; an empty one where a row has none in the field. */
async function fetchedVectors(
  generation: Generation,
  fieldName: string,
  rows: readonly number[],
): Promise<Float32Array[]> {
  const vectors = await vectorsOfRows(generation, fieldName, rows);
  return vectors.map((vector) => vector ?? new Float32Array(0));
}

function signalScores(parts: readonly SignalPart[], place: number): SignalScores {
  const scores: { -readonly [name in keyof SignalScores]: SignalScores[name] } = {};
  for (const { name, values, ranks, shares } of parts) {
    const rank = ranks[place]!;
    if (!Number.isNaN(rank)) scores[name] = { value: values[place]!, rank, share: shares[place]! };
  }
  return scores;
}
