/**
 * What does one thread of a parallel scan work with?
 *
 * A plan is what all threads share: the table's rows in the snapshot, a part a segment, each with the addresses of its
 * blocks and a copy of the mask in the segment's memory. A lane is one or more queries with states of their own, in every
 * part that it comes to; it is never under way twice at a time, and sees the rows of a part in ascending order, so that
 * ties go to the older row as ever. What lanes have found is merged by the same order.
 */
import * as scanModule from "./generated/scan-module.js";
import { type Kernel, metricNumbers } from "./kernel-module.js";
import type { KernelTask } from "./kernel-pool.js";
import type { FirstPass, ScanRequest, ScanResult } from "./scan-run.js";
import type { Scratch, Segment } from "./segment.js";
import type { VectorTable } from "./vector-table.js";

/** The functions of `assembly/scan/scan-table.ts` that are called here, beside those of `Kernel`. */
interface TableKernel extends Kernel {
  progressBytes(): number;
  beginProgress(progress: number, pass: number, isForced: number): void;
  progressPass(progress: number): number;
  progressRows(progress: number): number;
}

/** The rows of one segment in the snapshot. */
export interface Part {
  readonly segment: Segment;
  readonly rows: number;
  /** Addresses of the blocks; behind them the cursor of lanes that share the rows. */
  readonly blocks: Scratch;
  readonly cursor: number;
  readonly mask: Scratch | null;
}

/** Best rows of a query so far, and what it took. */
interface Best {
  rows: Uint32Array;
  scores: Float64Array;
  rowsScored: number;
  rowsRescored: number;
  pass: number;
}

/** Passes by their numbers in the kernel. */
const passes = ["int8", "float", "none"] as const satisfies readonly FirstPass[];
/** Fewer rows than this are scored in float64 straight away. */
const smallRows = 64;
/** Bytes of codes that several queries visit in turn: they stay in the second-level cache. */
const sharedBytes = 131_072;

export class ScanPlan {
  readonly table: VectorTable;
  readonly queries: Float32Array;
  readonly request: Omit<ScanRequest, "query">;
  readonly queryCount: number;
  /** Rows that a query keeps, at most. */
  readonly capacity: number;
  /** Pass that queries begin with. */
  readonly pass: number;
  readonly parts: readonly Part[];
  readonly #best: Best[] = [];

  constructor(table: VectorTable, queries: Float32Array, request: Omit<ScanRequest, "query">) {
    const { k, rowCount, maskCount = rowCount, firstPass = "auto" } = request;
    this.table = table;
    this.queries = queries;
    this.request = request;
    this.queryCount = queries.length / table.dim;
    this.capacity = Math.max(1, Math.min(k, rowCount, maskCount));
    const isSmall = Math.min(rowCount, maskCount) <= Math.max(smallRows, 4 * k);
    const auto = isSmall ? "none" : table.encodedRows < rowCount ? "float" : "int8";
    this.pass = passes.indexOf(firstPass === "auto" ? auto : firstPass);
    for (let i = 0; i < this.queryCount; i++) {
      const [rows, scores] = [new Uint32Array(0), new Float64Array(0)];
      this.#best.push({ rows, scores, rowsScored: 0, rowsRescored: 0, pass: this.pass });
    }
    this.parts = this.#makeParts();
  }

  /** Takes over what a lane has found. */
  merge(query: number, kernel: TableKernel, record: number, buffer: ArrayBufferLike, state: number): void {
    const best = this.#best[query] as Best;
    best.rowsScored += kernel.progressRows(record) >>> 0;
    best.rowsRescored += kernel.rescoredCount(state) >>> 0;
    best.pass = Math.max(best.pass, kernel.progressPass(record));
    kernel.endQuery(state);
    const count = kernel.resultCount(state) >>> 0;
    const rows = new Uint32Array(buffer, kernel.resultRows(state) >>> 0, count);
    addBest(best, rows, new Float64Array(buffer, kernel.resultScores(state) >>> 0, count), this.capacity);
  }

  /** The results of all queries; the plan is used no more. */
  results(): ScanResult[] {
    const isNegated = this.request.metric === "l2";
    return this.#best.map(({ rows, scores, rowsScored, rowsRescored, pass }) => {
      if (isNegated) for (let i = 0; i < scores.length; i++) scores[i] = 0 - (scores[i] as number);
      return { rows, values: scores, rowsScored, rowsRescored, firstPass: passes[pass] as FirstPass };
    });
  }

  /** Gives scratch back. */
  release(): void {
    for (const { segment, blocks, mask } of this.parts) {
      segment.releaseScratch(blocks);
      if (mask !== null) segment.releaseScratch(mask);
    }
  }

  #makeParts(): Part[] {
    const { blocks, blockRows } = this.table;
    const { rowCount, mask } = this.request;
    const blockCount = Math.ceil(rowCount / blockRows);
    const parts: Part[] = [];
    for (let from = 0; from < blockCount; ) {
      const segment = blocks[from]?.segment as Segment;
      let to = from + 1;
      while (to < blockCount && blocks[to]?.segment === segment) to += 1;
      const first = from * blockRows;
      const rows = Math.min(rowCount, to * blockRows) - first;
      const addresses = new Uint32Array(to - from + 1);
      for (let i = from; i < to; i++) addresses[i - from] = blocks[i]?.address as number;
      const words = mask?.subarray(first >>> 5, Math.ceil((first + rows) / 32)) ?? null;
      const place = placeWords(segment, addresses);
      const cursor = place.address + (to - from) * 4;
      parts.push({ segment, rows, blocks: place, cursor, mask: words === null ? null : placeWords(segment, words) });
      from = to;
    }
    return parts;
  }
}

export class Lane {
  readonly queryCount: number;
  readonly #plan: ScanPlan;
  readonly #firstQuery: number;
  /** Per part: progress records, states, list of matching rows; null where the lane has not been. */
  readonly #places: (Scratch | null)[];
  /** The part where the lane is, and the first row of it that is still to be seen where it goes alone. */
  #part = 0;
  #row = 0;

  constructor(plan: ScanPlan, firstQuery: number, queryCount: number) {
    this.#plan = plan;
    this.#firstQuery = firstQuery;
    this.queryCount = queryCount;
    this.#places = new Array<Scratch | null>(plan.parts.length).fill(null);
  }

  /** The next `rows` rows (a multiple of 64) for a lane that goes alone; null: it has seen all. */
  nextAlone(rows: number): KernelTask | null {
    const part = this.#plan.parts[this.#part];
    if (part === undefined) return null;
    const from = this.#row;
    const to = Math.min(part.rows, from + rows);
    const task = this.#task("scanTable", part, [from, to]);
    this.#row = to === part.rows ? 0 : to;
    if (to === part.rows) this.#part += 1;
    return task;
  }

  /** At most `pieces` of the pieces of `pieceRows` rows (a multiple of 64) that lanes share; null: none is left. */
  nextShared(pieceRows: number, pieces: number): KernelTask | null {
    for (; this.#part < this.#plan.parts.length; this.#part++) {
      const part = this.#plan.parts[this.#part] as Part;
      const cursor = Atomics.load(new Uint32Array(part.segment.buffer, part.cursor, 1), 0);
      if (cursor < part.rows) return this.#task("scanShared", part, [part.rows, part.cursor, pieceRows, pieces]);
    }
    return null;
  }

  /** Hands what it has found to the plan. No task of it is under way. */
  harvest(): void {
    for (const [index, place] of this.#places.entries()) {
      if (place === null) continue;
      const { segment } = this.#plan.parts[index] as Part;
      const kernel = segment.kernel as TableKernel;
      const { states, stateBytes } = this.#layout(kernel, place);
      for (let i = 0; i < this.queryCount; i++) {
        const record = place.address + i * kernel.progressBytes();
        this.#plan.merge(this.#firstQuery + i, kernel, record, segment.buffer, states + i * stateBytes);
      }
    }
  }

  /** Gives scratch back; harmless when that was done. */
  release(): void {
    for (const [index, place] of this.#places.entries()) {
      if (place !== null) this.#plan.parts[index]?.segment.releaseScratch(place);
      this.#places[index] = null;
    }
  }

  #task(name: string, part: Part, extent: readonly number[]): KernelTask {
    const { blockRows, codeStride } = this.#plan.table;
    const kernel = part.segment.kernel as TableKernel;
    const place = (this.#places[this.#part] ??= this.#enter(part, kernel));
    const { states, stateBytes, list } = this.#layout(kernel, place);
    const shared = Math.max(64, (sharedBytes / codeStride) & ~63);
    const fromLane = [states, stateBytes, place.address, this.queryCount, part.blocks.address, blockRows];
    const args = [...fromLane, ...extent, part.mask?.address ?? 0, list, shared];
    return { module: scanModule, memory: part.segment.memory, name, args };
  }

  /** Takes scratch in a part and begins the queries there. */
  #enter({ segment, mask }: Part, kernel: TableKernel): Scratch {
    const { dim, blockRows } = this.#plan.table;
    const { queries, capacity, pass } = this.#plan;
    const { metric, firstPass = "auto" } = this.#plan.request;
    const { list } = this.#layout(kernel, { address: 0, bytes: 0 });
    const place = segment.acquireScratch(list + (mask === null ? 0 : blockRows * 4 + 16));
    const { states, stateBytes } = this.#layout(kernel, place);
    for (let i = 0; i < this.queryCount; i++) {
      const query = this.#firstQuery + i;
      const state = states + i * stateBytes;
      const target = new Float32Array(segment.buffer, kernel.queryPlace(state) >>> 0, dim);
      target.set(queries.subarray(query * dim, (query + 1) * dim));
      kernel.beginQuery(state, metricNumbers[metric], dim, capacity, Number.NEGATIVE_INFINITY);
      kernel.beginProgress(place.address + i * kernel.progressBytes(), pass, firstPass === "auto" ? 0 : 1);
    }
    return place;
  }

  /** Where states and list lie behind the progress records at the beginning of a place. */
  #layout(
    kernel: TableKernel,
    { address }: Scratch,
  ): { readonly states: number; readonly stateBytes: number; readonly list: number } {
    const states = address + Math.ceil((this.queryCount * kernel.progressBytes()) / 64) * 64;
    const stateBytes = kernel.stateBytes(this.#plan.table.dim, this.#plan.capacity) >>> 0;
    return { states, stateBytes, list: states + this.queryCount * stateBytes };
  }
}

/** A copy of `words` in scratch of the segment, readable in groups of eight bytes. */
function placeWords(segment: Segment, words: Uint32Array): Scratch {
  const scratch = segment.acquireScratch(words.length * 4 + 8);
  new Uint32Array(segment.buffer, scratch.address, words.length).set(words);
  return scratch;
}

/** Merges rows, best first, into `best`, which keeps `capacity` of them. */
function addBest(best: Best, rows: Uint32Array, scores: Float64Array, capacity: number): void {
  const total = Math.min(capacity, best.rows.length + rows.length);
  const mergedRows = new Uint32Array(total);
  const mergedScores = new Float64Array(total);
  for (let i = 0, mine = 0, its = 0; i < total; i++) {
    const isMine =
      its >= rows.length ||
      (mine < best.rows.length && isBetter(best, mine, scores[its] as number, rows[its] as number));
    mergedScores[i] = (isMine ? best.scores[mine] : scores[its]) as number;
    mergedRows[i] = (isMine ? best.rows[mine++] : rows[its++]) as number;
  }
  best.rows = mergedRows;
  best.scores = mergedScores;
}

/** True when the entry `index` of `best` comes before a row of that score. */
function isBetter({ rows, scores }: Best, index: number, score: number, row: number): boolean {
  const mine = scores[index] as number;
  return mine > score || (mine === score && (rows[index] as number) < row);
}
