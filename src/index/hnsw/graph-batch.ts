/**
 * How are many queries put to a graph at once?
 *
 * By tasks of some queries each, on the threads of a pool; each slot has a searcher of its own. The graph may grow
 * meanwhile: searchers renew their walkers between tasks, and new rows are linked only when all have room for them.
 */
import type { KernelPool, KernelTask } from "../../kernel/kernel-pool.js";
import type { IndexCandidates } from "../vector-index.js";
import type { GraphQuestion } from "./graph-question.js";
import { GraphSearcher } from "./graph-searcher.js";
import type { RowGraph } from "./row-graph.js";

/** Cost of a task at most, in exact comparisons of 128 int8 components: about two milliseconds. */
const taskCost = 100_000;
/** Queries of a task at least, where they are short: it takes some time to hand one out. */
const taskQueriesMin = 8;
/** Tasks for each thread at least. */
const turns = 2;
/** Bytes of the answers of a task, about. */
const answerBytesMax = 1 << 20;

/** Candidates for each of the queries, row-major. */
export async function searchGraph(
  graph: RowGraph,
  queries: { readonly data: Float32Array; readonly count: number },
  question: GraphQuestion,
  { pool, signal }: { readonly pool: KernelPool; readonly signal: AbortSignal | undefined },
): Promise<IndexCandidates[]> {
  const { data, count } = queries;
  const dim = data.length / Math.max(1, count);
  const most = taskQueries(graph, question, count, pool.threads);
  const results: IndexCandidates[] = [];
  const searchers: GraphSearcher[] = [];
  const starts: number[] = [];
  let next = 0;
  const task = (slot: number): KernelTask | null => {
    if (next >= count) return null;
    const from = next;
    next = Math.min(count, from + most);
    const searcher = (searchers[slot] ??= new GraphSearcher(graph));
    starts[slot] = from;
    return searcher.lend(data.subarray(from * dim, next * dim), next - from, question);
  };
  const onResult = (_: number, slot: number): void => {
    const answers = (searchers[slot] as GraphSearcher).takeAnswers();
    for (let i = 0; i < answers.length; i++) results[(starts[slot] as number) + i] = answers[i] as IndexCandidates;
  };
  try {
    await pool.run(task, { signal, onResult });
  } finally {
    for (const searcher of searchers) searcher?.release();
  }
  return results;
}

/** Queries of a task: a few milliseconds, and a few tasks for each thread. */
function taskQueries(graph: RowGraph, { costMax, limit }: GraphQuestion, count: number, threads: number): number {
  const cost = costMax * Math.max(1, graph.space.rowBytes / 128);
  const most = Math.min(taskCost / cost, answerBytesMax / (4 * limit));
  return Math.max(1, Math.floor(Math.min(most, Math.max(taskQueriesMin, Math.ceil(count / (turns * threads))))));
}
