/**
 * What do the codes of a graph stand for?
 *
 * A common centre and one scale for all components and rows, from a sample of the rows: the mean, and the greatest deviation
 * from it in 127 steps. Under inner product rows of uneven length have no centre, and their nodes are linked by inner
 * product.
 */
import { TimeSlice } from "../../time-slice.js";
import type { BuildContext, IndexRows } from "../vector-index.js";
import { chunkRowsOf, isSet, readMapped, throwIfAborted } from "./mapped-rows.js";
import type { RowGraph } from "./row-graph.js";

/** Rows of a sample, about. */
const sampleRows = 65_536;
/** Greatest standard deviation of lengths, in mean lengths, of rows that count as equally long. */
const lengthSpreadMax = 0.17;
/** Spaces from here on have no codes. */
const firstFloatSpace = 3;
const ip = 0;
const cos = 2;

class CodeSample {
  readonly #isNormalised: boolean;
  readonly #sums: Float64Array;
  readonly #least: Float64Array;
  readonly #most: Float64Array;
  #lengths = 0;
  #squares = 0;
  #count = 0;

  constructor(dim: number, isNormalised: boolean) {
    this.#isNormalised = isNormalised;
    this.#sums = new Float64Array(dim);
    this.#least = new Float64Array(dim).fill(Number.POSITIVE_INFINITY);
    this.#most = new Float64Array(dim).fill(Number.NEGATIVE_INFINITY);
  }

  add(rows: Float32Array, start: number): void {
    const sums = this.#sums;
    const least = this.#least;
    const most = this.#most;
    let square = 0;
    for (let i = 0; i < sums.length; i++) square += (rows[start + i] as number) ** 2;
    const length = Math.sqrt(square);
    const factor = this.#isNormalised ? 1 / (length || 1) : 1;
    for (let i = 0; i < sums.length; i++) {
      const x = (rows[start + i] as number) * factor;
      sums[i] = (sums[i] as number) + x;
      if (x < (least[i] as number)) least[i] = x;
      if (x > (most[i] as number)) most[i] = x;
    }
    this.#lengths += length;
    this.#squares += square;
    this.#count++;
  }

  get areLengthsUneven(): boolean {
    const mean = this.#lengths / Math.max(1, this.#count);
    return this.#squares / Math.max(1, this.#count) > mean ** 2 * (1 + lengthSpreadMax ** 2);
  }

  mean(): Float32Array {
    return Float32Array.from(this.#sums, (sum) => sum / Math.max(1, this.#count));
  }

  /** What one step stands for. */
  scaleAround(centre: Float32Array): number {
    let widest = 0;
    for (let i = 0; i < centre.length && this.#count > 0; i++) {
      const middle = centre[i] as number;
      widest = Math.max(widest, (this.#most[i] as number) - middle, middle - (this.#least[i] as number));
    }
    return widest > 0 ? widest / 127 : 1;
  }
}

/** Chooses what the codes of an empty graph stand for. */
export async function trainCodes(graph: RowGraph, rows: IndexRows, { dead, signal }: BuildContext): Promise<void> {
  const { dim, number } = graph.space;
  if (number >= firstFloatSpace) return;
  const chunkRows = chunkRowsOf(dim);
  const step = Math.max(1, Math.ceil(rows.rowCount / sampleRows));
  const chunk = new Float32Array(Math.min(chunkRows, rows.rowCount) * dim);
  const sample = new CodeSample(dim, number === cos);
  const slice = new TimeSlice();
  for (let from = 0; from < rows.rowCount; from += chunkRows * step) {
    const to = Math.min(rows.rowCount, from + chunkRows);
    await readMapped(graph.space, rows, from, to, chunk.subarray(0, (to - from) * dim));
    for (let row = from; row < to; row++) if (!isSet(dead, row)) sample.add(chunk, (row - from) * dim);
    throwIfAborted(signal);
    if (slice.isDue()) await slice.giveWay();
  }
  const isByDot = number === ip && sample.areLengthsUneven;
  const centre = isByDot ? new Float32Array(dim) : sample.mean();
  new Float32Array(graph.memory.buffer, graph.kernel.centrePlace(graph.address) >>> 0, dim).set(centre);
  graph.kernel.setScale(graph.address, sample.scaleAround(centre));
  graph.kernel.setByDot(graph.address, isByDot ? 1 : 0);
}
