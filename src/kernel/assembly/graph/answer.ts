/**
 * In which way is a query answered, with and without a mask?
 *
 * What is asked for is put into a walker once and holds for all queries that it answers afterwards. The host has chosen
 * the way to begin with; how many of the nodes that a first walk finds are allowed decides on how it goes on.
 */
import { countAllowed, scanMask, searchFiltered } from "./filter";
import { G_DIM } from "./layout";
import { listRows, MASKED_NODES, NODES, ROWS, search } from "./walk";
import {
  beginQuery,
  W_EF,
  W_FILTER_BELOW,
  W_FIRST_EF,
  W_FLOATS,
  W_LIMIT,
  W_RESULTS,
  W_ROW_COUNT,
  W_SCAN_BELOW,
  W_SCAN_MOST,
  W_SCORED,
  W_SURE,
  W_WAY,
} from "./walker";

// Ways.
const WALK: u32 = 0;
const SCAN: u32 = 1;
const FILTERED_WALK: u32 = 2;
const DISCARD_WALK: u32 = 3;

/** u32 before an answer's rows: how many they are, nodes scored, the way that was taken. */
const ANSWER_HEADER: usize = 12;

/**
 * Asks for rows below `rowCount`: `sure` of them and those that could be as good, `limit` at most.
 *
 * Without a mask (`way` 0) a walk keeps `ef` nodes. Under the walker's mask the codes of all allowed rows are looked at
 * (`way` 1), of which `scanMost` are kept; or (other ways) a walk over all nodes keeps `firstEf` of them. Where fewer of
 * those than `scanBelow` are allowed, the codes follow; where fewer than `filterBelow`, a walk over allowed nodes that
 * keeps `ef`.
 */
export function ask(
  walker: usize, way: u32, ef: u32, firstEf: u32, scanBelow: u32, filterBelow: u32, scanMost: u32,
  rowCount: u32, sure: u32, limit: u32,
): void {
  store<u32>(walker, way, W_WAY);
  store<u32>(walker, ef, W_EF);
  store<u32>(walker, firstEf, W_FIRST_EF);
  store<u32>(walker, scanBelow, W_SCAN_BELOW);
  store<u32>(walker, filterBelow, W_FILTER_BELOW);
  store<u32>(walker, scanMost, W_SCAN_MOST);
  store<u32>(walker, rowCount, W_ROW_COUNT);
  store<u32>(walker, sure, W_SURE);
  store<u32>(walker, limit, W_LIMIT);
}

/** Bytes of an answer of up to `limit` rows. */
export function answerBytes(limit: u32): usize {
  return ANSWER_HEADER + (<usize>limit << 2);
}

/** Answers the `count` queries at `queries`, float32, row-major. */
export function answer(graph: usize, walker: usize, queries: usize, count: u32, answers: usize): void {
  const queryBytes = <usize>load<u32>(graph, G_DIM) << 2;
  const bytes = answerBytes(load<u32>(walker, W_LIMIT));
  for (let i: u32 = 0; i < count; i++) {
    memory.copy(load<u32>(walker, W_FLOATS), queries, queryBytes);
    beginQuery(graph, walker);
    store<u32>(walker, <u32>(answers + ANSWER_HEADER), W_RESULTS);
    const way = load<u32>(walker, W_WAY) == WALK ? walk(graph, walker) : walkMasked(graph, walker);
    const what = way == WALK ? NODES : way == SCAN ? ROWS : MASKED_NODES;
    const listed = listRows(
      graph, walker, what, load<u32>(walker, W_ROW_COUNT), load<u32>(walker, W_SURE), load<u32>(walker, W_LIMIT),
    );
    store<u32>(answers, listed);
    store<u32>(answers, load<u32>(walker, W_SCORED), 4);
    store<u32>(answers, way, 8);
    queries += queryBytes;
    answers += bytes;
  }
}

function walk(graph: usize, walker: usize): u32 {
  search(graph, walker, load<u32>(walker, W_EF));
  return WALK;
}

function walkMasked(graph: usize, walker: usize): u32 {
  const rowCount = load<u32>(walker, W_ROW_COUNT);
  let isScan = load<u32>(walker, W_WAY) == SCAN;
  if (!isScan) {
    search(graph, walker, load<u32>(walker, W_FIRST_EF));
    const allowed = countAllowed(graph, walker, rowCount);
    isScan = allowed < load<u32>(walker, W_SCAN_BELOW);
    if (!isScan && allowed >= load<u32>(walker, W_FILTER_BELOW)) return DISCARD_WALK;
  }
  if (isScan) {
    scanMask(graph, walker, rowCount, load<u32>(walker, W_SCAN_MOST));
    return SCAN;
  }
  searchFiltered(graph, walker, rowCount, load<u32>(walker, W_EF));
  return FILTERED_WALK;
}
