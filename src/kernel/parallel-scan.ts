/**
 * How do several threads scan one table?
 *
 * Rows and values are those of `VectorTable.searchBatch`, to the bit: a row's score does not depend on who computes it, and
 * the k best of the k best of every part are the k best.
 *
 * Few queries: the calling thread and the pool's other threads have a lane each, with all of the queries, and share the
 * rows in small pieces that each takes when it is done with the one before; a thread that is late leaves more to the
 * others, and none has to be asked in between. Many queries: they are dealt out in groups to the pool's threads, and a
 * group's lane goes over all rows.
 */
import { assert } from "../errors.js";
import { TimeSlice } from "../time-slice.js";
import { abortedBy, callTask, type KernelPool, type KernelTask } from "./kernel-pool.js";
import { Lane, ScanPlan } from "./parallel-lane.js";
import type { ScanRequest, ScanResult } from "./scan-run.js";
import type { VectorTable } from "./vector-table.js";

export interface ParallelScanRequest extends Omit<ScanRequest, "query"> {
  /** Ends the scan with `ABORTED` when the tasks under way have ended. */
  readonly signal?: AbortSignal | undefined;
}

/** Components of all of a task's queries and rows, at most: a few milliseconds. */
const componentsPerTask = 48 << 20;
/** Components of a piece of shared rows: some tens of microseconds. */
const componentsPerPiece = 1 << 19;
/** Queries that go over the rows together, at most. */
const queriesPerLane = 16;
/** Components that a scan looks at in a microsecond, and microseconds for a row that is visited alone (see threads.md). */
const componentsPerUs = 27_000;
const usPerLoneRow = 0.04;
/**
 * Time that threads must be able to save, microseconds: several times what handing over a task costs, because a thread
 * that has to wait for a processor makes the scan wait too.
 */
const usSavedMin = 1200;

/** What a scan would look at. */
export interface ScanSize {
  readonly dim: number;
  readonly rowCount: number;
  /** Rows that match the filter; the row count where there is none. */
  readonly matching: number;
  readonly queries: number;
}

/** True when `scanParallel` is worth its cost on a pool of `threads` threads. */
export function isWorthThreads({ dim, rowCount, matching, queries }: ScanSize, threads: number): boolean {
  const isSparse = matching * 2 < rowCount;
  const usPerRow = Math.max(dim / componentsPerUs, isSparse ? usPerLoneRow : 0);
  return queries * matching * usPerRow * (1 - 1 / threads) >= usSavedMin;
}

/** The exact best rows for each of the row-major `queries`. Nothing of it runs on after it has settled. */
export async function scanParallel(
  table: VectorTable,
  queries: Float32Array,
  request: ParallelScanRequest,
  pool: KernelPool,
): Promise<ScanResult[]> {
  const { k, rowCount, mask, signal } = request;
  assert(queries.length % table.dim === 0, "queries have the table's dimension");
  assert(Number.isInteger(k) && k >= 1, "k is a positive integer");
  assert(rowCount >= 0 && rowCount <= table.rowCount, "the snapshot lies in the table");
  assert(mask === null || mask.length * 32 >= rowCount, "the mask covers the snapshot");
  if (queries.length === 0) return [];
  if (request.firstPass === "int8") table.encodePending(Number.POSITIVE_INFINITY);
  const plan = new ScanPlan(table, queries, request);
  const lanes: Lane[] = [];
  try {
    if (plan.queryCount >= 2 * pool.threads) await dealQueries(plan, lanes, pool, signal);
    else await shareRows(plan, lanes, pool, signal);
    return plan.results();
  } finally {
    for (const lane of lanes) lane.release();
    plan.release();
  }
}

/** Rows, a multiple of 64, that have about so many components for all queries. */
function rowsOf(components: number, plan: ScanPlan, queryCount: number): number {
  return Math.max(64, Math.ceil(components / (plan.table.dim * queryCount * 64)) * 64);
}

/** Gives each slot of the pool a group of queries after another, and all rows to each group. */
async function dealQueries(plan: ScanPlan, lanes: Lane[], pool: KernelPool, signal: AbortSignal | undefined) {
  const { queryCount } = plan;
  // In whole rounds, so that no slot is left with a group more than the others.
  const rounds = Math.ceil(queryCount / (pool.threads * queriesPerLane));
  const together = Math.ceil(queryCount / (pool.threads * rounds));
  const rows = rowsOf(componentsPerTask, plan, together);
  let dealt = 0;
  const next = (slot: number): KernelTask | null => {
    const before = lanes[slot];
    const task = before?.nextAlone(rows) ?? null;
    if (task !== null) return task;
    before?.harvest();
    before?.release();
    const lane = new Lane(plan, dealt, Math.min(together, queryCount - dealt));
    lanes[slot] = lane;
    dealt += lane.queryCount;
    return lane.queryCount === 0 ? null : lane.nextAlone(rows);
  };
  await pool.run(next, { signal });
}

/** Lets the pool's threads but one, and the calling thread in its place, take pieces of the rows. */
async function shareRows(plan: ScanPlan, lanes: Lane[], pool: KernelPool, signal: AbortSignal | undefined) {
  const pieceRows = rowsOf(componentsPerPiece, plan, plan.queryCount);
  const pieces = Math.max(1, Math.floor(componentsPerTask / (pieceRows * plan.table.dim * plan.queryCount)));
  for (let i = 0; i < pool.threads; i++) lanes.push(new Lane(plan, 0, plan.queryCount));
  const own = lanes.at(-1) as Lane;
  let underWay = 0;
  let isOver = false;
  const next = (slot: number): KernelTask | null => {
    const task = isOver ? null : (lanes[slot]?.nextShared(pieceRows, pieces) ?? null);
    if (task !== null) underWay += 1;
    return task;
  };
  const onResult = () => {
    underWay -= 1;
  };
  // The others first: scanning here holds this thread.
  const others = pool.threads > 1 ? pool.run(next, { threads: pool.threads - 1, signal, onResult }) : Promise.resolve();
  // Looked at below; until then a failure is not one that nobody handles.
  others.catch(() => {});
  try {
    await scanHere(() => own.nextShared(pieceRows, pieces), signal);
  } finally {
    isOver = true;
    // Where all threads are at other work, no piece was left for them, and their turn need not be waited for.
    if (underWay > 0) await others;
  }
  for (const lane of lanes) lane.harvest();
}

/** Runs tasks on the calling thread. */
async function scanHere(next: () => KernelTask | null, signal: AbortSignal | undefined): Promise<void> {
  const slice = new TimeSlice();
  for (let task = next(); task !== null; task = next()) {
    if (signal?.aborted === true) throw abortedBy(signal);
    callTask(task);
    if (slice.isDue()) await slice.giveWay();
  }
}
