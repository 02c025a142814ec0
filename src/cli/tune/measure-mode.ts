/**
 * How good and how fast is an index on the copy?
 *
 * Built with its defaults, then asked all queries at every effort, cheapest first, until more effort cannot pay: the
 * recall is as good as complete, the planner prefers an exact scan, or a search takes longer than one. All queries once
 * to find the recall and to warm up, then a few times more against the clock, one at a time.
 */
import { type Collection, isLynseError, type SearchOptions } from "../../index.js";
import type { WhereParams } from "../../types.js";
import { recallByValue } from "./recall-by-value.js";
import { type Knob, knobOf } from "./tune-modes.js";
import type { TuneMode, TunePoint } from "./tune-report.js";

/** Beyond this recall, more effort shows nothing. */
const recallEnough = 0.9995;
/** A search that takes so many times as long as an exact one is no use, and the next would take even longer. */
const slowerThanExact = 1.5;
/** Passes over the queries against the clock: at least and at most so many, and no new one after so long. */
const passesMin = 3;
const passesMax = 9;
const steadyMs = 300;
/** The first searches with an index go on for so long before any counts: code is compiled while it runs. */
const warmUpMs = 200;
/** Queries that are asked how they are answered. */
const plansAsked = 9;

export interface TuneTask {
  readonly collection: Collection;
  readonly queries: readonly Float32Array[];
  readonly k: number;
  readonly where: string | null;
  readonly params: WhereParams | null;
}

/** True values of every query, best first, and what finding them exactly costs. */
export interface ExactAnswers {
  readonly values: readonly Float32Array[];
  readonly isHigherBetter: boolean;
  readonly point: TunePoint;
}

export async function measureExact(task: TuneTask): Promise<ExactAnswers> {
  const { metric } = await task.collection.stats();
  const values: Float32Array[] = [];
  const options = searchOptions(task, null);
  await warmUp(task, { ...options, exact: true });
  for (const query of task.queries) {
    values.push((await task.collection.search(query, { ...options, exact: true })).distances);
  }
  const times = await timeSearches(task, { ...options, exact: true });
  return {
    values,
    isHigherBetter: metric === "ip" || metric === "cos",
    point: { effort: null, recall: 1, usesIndex: false, ...times },
  };
}

export async function measureMode(
  task: TuneTask,
  mode: string,
  exact: ExactAnswers,
  onProgress: (share: number | null) => void,
): Promise<TuneMode> {
  const { collection } = task;
  const empty = { mode, isExact: false, knob: null, knobParameter: null, points: [], buildSeconds: 0, memoryBytes: 0 };
  try {
    const startedAt = performance.now();
    await collection.buildIndex(mode, {
      onProgress: ({ done, total }) => onProgress(total === undefined ? null : done / Math.max(1, total)),
    });
    const buildSeconds = (performance.now() - startedAt) / 1000;
    const { memory, index } = await collection.stats();
    const name = index ?? mode;
    const knob = knobOf(name, task.k);
    const points = await measurePoints(task, knob, exact);
    return {
      mode: name,
      isExact: false,
      knob: knob?.label ?? null,
      knobParameter: knob?.parameter ?? null,
      points,
      buildSeconds,
      memoryBytes: memory.totalBytes,
      failure: null,
    };
  } catch (error) {
    if (!isLynseError(error) || error.code === "ABORTED") throw error;
    return { ...empty, failure: error.message };
  } finally {
    await collection.removeIndex();
  }
}

async function measurePoints(task: TuneTask, knob: Knob | null, exact: ExactAnswers): Promise<TunePoint[]> {
  const points: TunePoint[] = [];
  await warmUp(task, searchOptions(task, knob?.efforts[0] ?? null));
  for (const effort of knob?.efforts ?? [null]) {
    const options = searchOptions(task, effort);
    let sum = 0;
    for (const [at, query] of task.queries.entries()) {
      const { distances } = await task.collection.search(query, options);
      sum += recallByValue(exact.values[at] ?? new Float32Array(0), distances, exact.isHigherBetter);
    }
    const recall = sum / task.queries.length;
    const usesIndex = await isIndexUsed(task, options);
    const point = { effort, recall, usesIndex, ...(await timeSearches(task, options)) };
    points.push(point);
    if (!usesIndex || recall >= recallEnough || point.meanMs > slowerThanExact * exact.point.meanMs) break;
  }
  return points;
}

async function warmUp({ collection, queries }: TuneTask, options: SearchOptions): Promise<void> {
  const endsAt = performance.now() + warmUpMs;
  for (let at = 0; performance.now() < endsAt; at += 1) {
    await collection.search(queries[at % queries.length] ?? [], options);
  }
}

/** The planner may scan exactly instead: where few rows match, it costs less. Most queries decide. */
async function isIndexUsed(task: TuneTask, options: SearchOptions): Promise<boolean> {
  const asked = task.queries.slice(0, plansAsked);
  let used = 0;
  for (const query of asked) {
    const { profile } = await task.collection.searchProfile(query, options);
    if (profile.plan === "index" || profile.plan === "index-filtered") used += 1;
  }
  return used * 2 > asked.length;
}

function searchOptions({ k, where, params }: TuneTask, nprobe: number | null): SearchOptions {
  return {
    k,
    ...(where === null ? {} : { where }),
    ...(params === null ? {} : { params }),
    ...(nprobe === null ? {} : { nprobe }),
  };
}

/** Times of one query at a time, each the median of its passes: a pause of the machine is no property of an index. */
async function timeSearches(task: TuneTask, options: SearchOptions): Promise<Pick<TunePoint, "meanMs" | "p95Ms">> {
  const passes: Float64Array[] = [];
  const startedAt = performance.now();
  while (passes.length < passesMin || (passes.length < passesMax && performance.now() - startedAt < steadyMs)) {
    const times = new Float64Array(task.queries.length);
    for (const [at, query] of task.queries.entries()) {
      const before = performance.now();
      await task.collection.search(query, options);
      times[at] = performance.now() - before;
    }
    passes.push(times);
  }
  const medians = Float64Array.from(task.queries, (_, at) => {
    const sorted = Float64Array.from(passes, (times) => times[at] ?? 0).sort();
    return sorted[sorted.length >> 1] ?? 0;
  });
  const meanMs = medians.reduce((sum, ms) => sum + ms, 0) / medians.length;
  medians.sort();
  return { meanMs, p95Ms: medians[Math.max(0, Math.ceil(medians.length * 0.95) - 1)] ?? meanMs };
}
