/**
 * How do several threads scan one table?
 *
 * Rows and values are those of `VectorTable.searchBatch`, to the bit: a row's score does not depend on who computes it, and
 * the k best of the k best of every part are the k best. A lane is one or more queries going over rows in ascending order,
 * with states of its own, so that within a lane ties go to the older row as ever; lanes are merged by the same order.
 *
 * Few queries: every slot has a lane for all of them, and the lanes share the rows, in pieces that get smaller towards the
 * end so that the slots end together. Many queries: they are dealt out in groups, and a group's lane goes over all rows.
 * A lane is never under way twice at a time. Its scratch lies in the memory of the segment being scanned.
 */
import { assert } from "../errors.js";
import * as scanModule from "./generated/scan-module.js";
import { type Kernel, metricNumbers } from "./kernel-module.js";
import type { KernelPool, KernelTask } from "./kernel-pool.js";
import type { FirstPass, ScanRequest, ScanResult } from "./scan-run.js";
import type { Scratch, Segment } from "./segment.js";
import type { VectorTable } from "./vector-table.js";

/** The functions of `assembly/scan/scan-table.ts` beside those of `Kernel`. */
interface TableKernel extends Kernel {
  progressBytes(): number;
  beginProgress(progress: number, pass: number, isForced: number): void;
  progressPass(progress: number): number;
  progressRows(progress: number): number;
}

export interface ParallelScanRequest extends Omit<ScanRequest, "query"> {
  /** Ends the scan with `ABORTED` when the tasks under way have ended. */
  readonly signal?: AbortSignal | undefined;
}

const passes = ["int8", "float", "none"] as const satisfies readonly FirstPass[];

/** Fewer rows than this are scored in float64 straight away. */
const smallRows = 64;
/** Components of all of a task's queries and rows, at most: a few milliseconds. */
const componentsPerTask = 48 << 20;
/** The same, at least, where the rows are shared: several times what handing over a task costs. */
const componentsPerTaskMin = 8 << 20;
/** Queries that go over the rows together, at most. */
const queriesPerLane = 16;
/** Bytes of codes that several queries visit in turn: they stay in the second-level cache. */
const sharedBytes = 131_072;
/** Components that a scan looks at in a microsecond, and microseconds for a row that is visited alone (see threads.md). */
const componentsPerUs = 27_000;
const usPerLoneRow = 0.04;
/** Time on one thread from which on a scan gains by several, microseconds: many times what handing over a task costs. */
const usWorth = 1200;

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
  if (threads === 1) return false;
  const isSparse = matching * 2 < rowCount;
  const usPerRow = Math.max(dim / componentsPerUs, isSparse ? usPerLoneRow : 0);
  return queries * matching * usPerRow >= usWorth;
}

/** The exact best rows for each of the row-major `queries`. Nothing of it runs on after it has settled. */
export async function scanParallel(
  table: VectorTable,
  queries: Float32Array,
  request: ParallelScanRequest,
  pool: KernelPool,
): Promise<ScanResult[]> {
  const { k, rowCount, mask } = request;
  assert(queries.length % table.dim === 0, "queries have the table's dimension");
  assert(Number.isInteger(k) && k >= 1, "k is a positive integer");
  assert(rowCount >= 0 && rowCount <= table.rowCount, "the snapshot lies in the table");
  assert(mask === null || mask.length * 32 >= rowCount, "the mask covers the snapshot");
  if (request.firstPass === "int8") table.encodePending(Number.POSITIVE_INFINITY);
  const scan = new ParallelScan(table, queries, request, pool.threads);
  try {
    await pool.run((slot) => scan.next(slot), { signal: request.signal });
    return scan.results();
  } finally {
    scan.release();
  }
}

/** The rows of one segment in the snapshot, with what all lanes share. */
interface Part {
  readonly segment: Segment;
  readonly kernel: TableKernel;
  readonly rows: number;
  /** Addresses of the blocks. */
  readonly blocks: Scratch;
  readonly mask: Scratch | null;
}

/** Where a lane is, or several that share the rows: `row` counts from the part's first row. */
interface Cursor {
  part: number;
  row: number;
}

interface Lane {
  readonly firstQuery: number;
  readonly queryCount: number;
  readonly cursor: Cursor;
  /** Per part: progress records, states, list; null where the lane has not been. */
  readonly places: (Scratch | null)[];
}

/** Best rows of a query so far, and what it took. */
interface Best {
  rows: Uint32Array;
  scores: Float64Array;
  rowsScored: number;
  rowsRescored: number;
  pass: number;
}

class ParallelScan {
  readonly #table: VectorTable;
  readonly #queries: Float32Array;
  readonly #request: ParallelScanRequest;
  readonly #slots: number;
  readonly #queryCount: number;
  /** Rows that a state keeps, at most. */
  readonly #capacity: number;
  readonly #pass: number;
  readonly #parts: Part[] = [];
  readonly #lanes: (Lane | null)[] = [];
  readonly #best: Best[] = [];
  /** Null where each lane has a cursor of its own. */
  readonly #shared: Cursor | null;
  readonly #queriesPerLane: number;
  #nextQuery = 0;

  constructor(table: VectorTable, queries: Float32Array, request: ParallelScanRequest, slots: number) {
    this.#table = table;
    this.#queries = queries;
    this.#request = request;
    this.#slots = slots;
    this.#queryCount = queries.length / table.dim;
    this.#capacity = Math.max(1, Math.min(request.k, request.rowCount, request.maskCount ?? request.rowCount));
    this.#pass = this.#firstPass();
    for (let i = 0; i < this.#queryCount; i++) {
      const [rows, scores] = [new Uint32Array(0), new Float64Array(0)];
      this.#best.push({ rows, scores, rowsScored: 0, rowsRescored: 0, pass: this.#pass });
    }
    const isSplitByQuery = this.#queryCount >= 2 * slots;
    // In whole rounds, so that no slot is left with a group more than the others.
    const rounds = Math.ceil(this.#queryCount / (slots * queriesPerLane));
    this.#queriesPerLane = isSplitByQuery ? Math.ceil(this.#queryCount / (slots * rounds)) : this.#queryCount;
    this.#shared = isSplitByQuery ? null : { part: 0, row: 0 };
    if (this.#queryCount > 0) this.#makeParts();
  }

  /** The next piece for a slot. */
  next(slot: number): KernelTask | null {
    let lane = this.#lanes[slot] ?? null;
    if (lane !== null && this.#shared === null && lane.cursor.part >= this.#parts.length) {
      this.#harvest(lane);
      lane = null;
    }
    lane ??= this.#newLane();
    this.#lanes[slot] = lane;
    if (lane === null) return null;
    const { cursor } = lane;
    const part = this.#parts[cursor.part];
    if (part === undefined) return null;
    const place = (lane.places[cursor.part] ??= this.#enter(part, lane));
    const from = cursor.row;
    const to = Math.min(part.rows, from + this.#rowsOfPiece(lane, part.rows - from));
    const task = this.#task(part, lane, place, from, to);
    cursor.row = to;
    if (to === part.rows) {
      cursor.part += 1;
      cursor.row = 0;
    }
    return task;
  }

  /** The results; all tasks have ended. */
  results(): ScanResult[] {
    for (const lane of this.#lanes) if (lane !== null) this.#harvest(lane);
    this.#lanes.length = 0;
    return this.#best.map(({ rows, scores, rowsScored, rowsRescored, pass }) => {
      if (this.#request.metric === "l2") for (let i = 0; i < scores.length; i++) scores[i] = 0 - (scores[i] as number);
      return { rows, values: scores, rowsScored, rowsRescored, firstPass: passes[pass] as FirstPass };
    });
  }

  /** Gives scratch back. */
  release(): void {
    for (const lane of this.#lanes) if (lane !== null) this.#leave(lane);
    this.#lanes.length = 0;
    for (const { segment, blocks, mask } of this.#parts) {
      segment.releaseScratch(blocks);
      if (mask !== null) segment.releaseScratch(mask);
    }
    this.#parts.length = 0;
  }

  #firstPass(): number {
    const { firstPass = "auto", maskCount, rowCount, k } = this.#request;
    if (firstPass !== "auto") return passes.indexOf(firstPass);
    if (Math.min(rowCount, maskCount ?? rowCount) <= Math.max(smallRows, 4 * k)) return passes.indexOf("none");
    return passes.indexOf(this.#table.encodedRows < rowCount ? "float" : "int8");
  }

  #makeParts(): void {
    const { blocks, blockRows } = this.#table;
    const { rowCount, mask } = this.#request;
    const blockCount = Math.ceil(rowCount / blockRows);
    for (let from = 0; from < blockCount; ) {
      const segment = blocks[from]?.segment as Segment;
      let to = from + 1;
      while (to < blockCount && blocks[to]?.segment === segment) to += 1;
      const addresses = Uint32Array.from(blocks.slice(from, to), (block) => block.address);
      const first = from * blockRows;
      const rows = Math.min(rowCount, to * blockRows) - first;
      const words = mask?.subarray(first >>> 5, Math.ceil((first + rows) / 32)) ?? null;
      this.#parts.push({
        segment,
        kernel: segment.kernel as TableKernel,
        rows,
        blocks: placeWords(segment, addresses),
        mask: words === null ? null : placeWords(segment, words),
      });
      from = to;
    }
  }

  #newLane(): Lane | null {
    const places = new Array<Scratch | null>(this.#parts.length).fill(null);
    if (this.#shared !== null) {
      return { firstQuery: 0, queryCount: this.#queryCount, cursor: this.#shared, places };
    }
    const firstQuery = this.#nextQuery;
    const queryCount = Math.min(this.#queriesPerLane, this.#queryCount - firstQuery);
    if (queryCount === 0) return null;
    this.#nextQuery += queryCount;
    return { firstQuery, queryCount, cursor: { part: 0, row: 0 }, places };
  }

  /** Rows of the next piece, a multiple of 64, where `rowsLeft` are left of the part. */
  #rowsOfPiece(lane: Lane, rowsLeft: number): number {
    const componentsPerRow = this.#table.dim * lane.queryCount;
    let rows = componentsPerTask / componentsPerRow;
    if (this.#shared !== null) {
      rows = Math.min(rows, Math.max(rowsLeft / (2 * this.#slots), componentsPerTaskMin / componentsPerRow));
    }
    return Math.max(64, Math.ceil(rows / 64) * 64);
  }

  /** Scratch of a lane in a part: progress records, then states, then the list of a block's matching rows. */
  #enter({ segment, kernel, mask }: Part, { firstQuery, queryCount }: Lane): Scratch {
    const { dim, blockRows } = this.#table;
    const { metric, firstPass = "auto" } = this.#request;
    const { progress, stateBytes, list } = this.#layout(kernel, queryCount);
    const place = segment.acquireScratch(list + (mask === null ? 0 : blockRows * 4 + 16));
    for (let i = 0; i < queryCount; i++) {
      const query = this.#queries.subarray((firstQuery + i) * dim, (firstQuery + i + 1) * dim);
      const state = place.address + progress + i * stateBytes;
      new Float32Array(segment.buffer, kernel.queryPlace(state) >>> 0, dim).set(query);
      kernel.beginQuery(state, metricNumbers[metric], dim, this.#capacity, Number.NEGATIVE_INFINITY);
      const isForced = firstPass === "auto" ? 0 : 1;
      kernel.beginProgress(place.address + i * kernel.progressBytes(), this.#pass, isForced);
    }
    return place;
  }

  /** Bytes of a lane's progress records, of a state, and of both together. */
  #layout(
    kernel: TableKernel,
    queryCount: number,
  ): { readonly progress: number; readonly stateBytes: number; readonly list: number } {
    const progress = Math.ceil((queryCount * kernel.progressBytes()) / 64) * 64;
    const stateBytes = kernel.stateBytes(this.#table.dim, this.#capacity) >>> 0;
    return { progress, stateBytes, list: progress + queryCount * stateBytes };
  }

  #task(part: Part, { queryCount }: Lane, place: Scratch, from: number, to: number): KernelTask {
    const { blockRows, codeStride } = this.#table;
    const { progress, stateBytes, list } = this.#layout(part.kernel, queryCount);
    const { address } = place;
    const mask = part.mask?.address ?? 0;
    const shared = Math.max(64, (sharedBytes / codeStride) & ~63);
    const states = address + progress;
    return {
      module: scanModule,
      memory: part.segment.memory,
      name: "scanTable",
      args: [
        states,
        stateBytes,
        address,
        queryCount,
        part.blocks.address,
        blockRows,
        from,
        to,
        mask,
        address + list,
        shared,
      ],
    };
  }

  /** Merges what a lane has found into the best rows, and gives its scratch back. */
  #harvest(lane: Lane): void {
    for (const [index, place] of lane.places.entries()) {
      if (place === null) continue;
      const { segment, kernel } = this.#parts[index] as Part;
      const { progress, stateBytes } = this.#layout(kernel, lane.queryCount);
      for (let i = 0; i < lane.queryCount; i++) {
        const best = this.#best[lane.firstQuery + i] as Best;
        const record = place.address + i * kernel.progressBytes();
        best.rowsScored += kernel.progressRows(record) >>> 0;
        best.pass = Math.max(best.pass, kernel.progressPass(record));
        addBest(best, segment, place.address + progress + i * stateBytes, this.#capacity);
      }
    }
    this.#leave(lane);
  }

  #leave({ places }: Lane): void {
    for (const [index, place] of places.entries()) {
      if (place !== null) this.#parts[index]?.segment.releaseScratch(place);
      places[index] = null;
    }
  }
}

/** A copy of `words` in scratch of the segment, readable in groups of eight bytes. */
function placeWords(segment: Segment, words: Uint32Array): Scratch {
  const scratch = segment.acquireScratch(words.length * 4 + 8);
  new Uint32Array(segment.buffer, scratch.address, words.length).set(words);
  return scratch;
}

/** Merges the rows of a state into `best`, which keeps `capacity` of them. */
function addBest(best: Best, { kernel, buffer }: Segment, state: number, capacity: number): void {
  kernel.endQuery(state);
  best.rowsRescored += kernel.rescoredCount(state) >>> 0;
  const count = kernel.resultCount(state) >>> 0;
  const rows = new Uint32Array(buffer, kernel.resultRows(state) >>> 0, count);
  const scores = new Float64Array(buffer, kernel.resultScores(state) >>> 0, count);
  const total = Math.min(capacity, best.rows.length + count);
  const mergedRows = new Uint32Array(total);
  const mergedScores = new Float64Array(total);
  for (let i = 0, mine = 0, its = 0; i < total; i++) {
    const isMine = its >= count || (mine < best.rows.length && isBetter(best, mine, scores[its]!, rows[its]!));
    mergedScores[i] = isMine ? best.scores[mine]! : scores[its]!;
    mergedRows[i] = isMine ? best.rows[mine++]! : rows[its++]!;
  }
  best.rows = mergedRows;
  best.scores = mergedScores;
}

/** True when the entry `index` of `best` comes before a row of that score. */
function isBetter({ rows, scores }: Best, index: number, score: number, row: number): boolean {
  const mine = scores[index]!;
  return mine > score || (mine === score && rows[index]! < row);
}
