/**
 * Where do the vectors of an index live, and how does space come back?
 *
 * New vectors are *loose*: a few hundred, in arrays that they are appended to. When there are enough of them they are sealed
 * into a segment. Four segments of about one size become one, up to the largest size; a segment of which more than half
 * is dead is written again without it. Merges go on in steps whenever loose vectors are sealed; their sources serve until
 * they are done.
 *
 * A place is the number of a segment and a slot in it, `number * slotsMax + slot`; segment 0 stands for the loose vectors.
 */
import type { KernelMemory } from "../kernel/kernel-memory.js";
import { LooseVectors } from "./loose-vectors.js";
import { MemoryPlaces } from "./memory-places.js";
import { nowhere, RowPlaces } from "./row-places.js";
import {
  finished,
  type MergeSteps,
  mergeSteps,
  type Segment,
  type SegmentSource,
  sealLoose,
} from "./segment-builder.js";
import { header, instantiateSparseKernel, noRow, type SparseKernel, slotsMax } from "./sparse-kernel.js";
import type { CheckedSparse } from "./sparse-vector.js";

/** Most weights of a merged segment: it is written in 10 ms. */
const weightsMax = 819_200;
/** Segments of one size that are merged. */
const fanIn = 4;
/** Weights gone over in merges for each that is sealed: two merges copy it; the rest is reserve. */
const creditPerWeight = 5;
/** Weights gone over after which the rest waits for the next seal. */
const stepWeights = 131_072;

interface Values {
  readonly values: Float32Array;
}

/** Vectors one after the other. */
export interface VectorArrays extends Values {
  readonly rows: Uint32Array;
  /** Weights of each vector. */
  readonly lengths: Uint32Array;
  readonly indices: Uint32Array;
}

export class VectorStore {
  readonly kernel: SparseKernel;
  readonly places: MemoryPlaces;
  readonly rows = new RowPlaces();
  /** By number; what is undefined is free, number 0 always. */
  readonly segments: (Segment | undefined)[] = [undefined];
  readonly #loose: LooseVectors;
  /** The merge under way, and how many weights it may go over before the next seal. */
  #pending: {
    readonly numbers: readonly number[];
    readonly sources: readonly SegmentSource[];
    readonly steps: MergeSteps;
  } | null = null;
  #credit = 0;

  constructor(memory: KernelMemory) {
    this.kernel = instantiateSparseKernel(memory.memory);
    this.places = new MemoryPlaces(memory);
    this.#loose = new LooseVectors(this.places);
  }

  /** Rows that have a vector. */
  get count(): number {
    return this.rows.count;
  }

  /** Weights of all vectors. */
  get weights(): number {
    let weights = this.#loose.liveWeights;
    for (const segment of this.segments) weights += segment?.liveWeights ?? 0;
    return weights;
  }

  has(row: number): boolean {
    return this.rows.get(row) !== nowhere;
  }

  get memoryBytes(): number {
    return this.places.heldBytes + this.rows.memoryBytes;
  }

  /** Address of the loose vectors; 0 where there are none. */
  get looseAddress(): number {
    return this.#loose.live > 0 ? this.#loose.address : 0;
  }

  /** Lists of the segment that has most. */
  get listsMax(): number {
    let lists = 0;
    for (const segment of this.segments) if (segment !== undefined) lists = Math.max(lists, segment.lists);
    return lists;
  }

  /** Gives a row a vector in place of what it had. */
  set(row: number, sparse: CheckedSparse): void {
    if (sparse.indices.length === 0) {
      this.remove(row);
      return;
    }
    if (this.#loose.isFull) this.#emptyLoose();
    const former = this.rows.get(row);
    this.rows.set(row, this.#loose.append(row, sparse));
    if (former !== nowhere) this.#kill(former);
  }

  /** Takes a row's vector away. */
  remove(row: number): void {
    const place = this.rows.get(row);
    if (place === nowhere) return;
    this.rows.delete(row);
    this.#kill(place);
  }

  /** Gives the vector of row `from`, where it has one, to row `to`. */
  move(from: number, to: number): void {
    const place = this.rows.get(from);
    if (place === nowhere || from === to) return;
    this.remove(to);
    // To remove a vector can move others.
    const now = this.rows.get(from);
    const { words } = this.places;
    const { address } = this.segments[Math.floor(now / slotsMax)] ?? this.#loose;
    words[words[address / 4 + header.rows]! / 4 + (now % slotsMax)] = to;
    this.rows.delete(from);
    this.rows.set(to, now);
  }

  /** A copy of a row's vector. */
  get(row: number): CheckedSparse | null {
    const place = this.rows.get(row);
    if (place === nowhere) return null;
    const owner = this.segments[Math.floor(place / slotsMax)] ?? this.#loose;
    const { starts, values } = this.#arrays(owner);
    const start = starts[place % slotsMax]!;
    const end = starts[(place % slotsMax) + 1]!;
    const indices = new Uint32Array(end - start);
    this.#readIndices(owner, start, indices);
    return { indices, values: values.slice(start, end) };
  }

  /** Copies all vectors to arrays of `count` rows and lengths and of `weights` indices and values. */
  copyTo(target: VectorArrays): void {
    let at = 0;
    let end = 0;
    for (const segment of [this.#loose, ...this.segments]) {
      if (segment === undefined) continue;
      const { rows, starts, values } = this.#arrays(segment);
      for (let slot = 0; slot < segment.slots; slot++) {
        if (rows[slot] === noRow) continue;
        const start = starts[slot]!;
        const stop = starts[slot + 1]!;
        target.rows[at] = rows[slot]!;
        target.lengths[at] = stop - start;
        target.values.set(values.subarray(start, stop), end);
        this.#readIndices(segment, start, target.indices.subarray(end, end + stop - start));
        at += 1;
        end += stop - start;
      }
    }
  }

  /** Marks the vector at a place as dead, and writes its segment again where most of it is. */
  #kill(place: number): void {
    const { words } = this.places;
    const number = Math.floor(place / slotsMax);
    const slot = place % slotsMax;
    const segment = this.segments[number];
    const owner = segment ?? this.#loose;
    const starts = words[owner.address / 4 + header.starts]! / 4 + slot;
    words[words[owner.address / 4 + header.rows]! / 4 + slot] = noRow;
    owner.live -= 1;
    owner.liveWeights -= words[starts + 1]! - words[starts]!;
    if (segment !== undefined) this.#tidy(number);
  }

  /** Views of what a segment or the loose vectors hold. */
  #arrays({ address, slots, weights }: Segment | LooseVectors): Record<"rows" | "starts", Uint32Array> & Values {
    const { words } = this.places;
    const at = address / 4;
    const rows = words[at + header.rows]! / 4;
    const starts = words[at + header.starts]! / 4;
    return {
      rows: words.subarray(rows, rows + slots),
      starts: words.subarray(starts, starts + slots + 1),
      values: new Float32Array(words.buffer, words[at + header.values]!, weights),
    };
  }

  /** Reads the feature ids of the weights from `start` on into `target`. */
  #readIndices(owner: Segment | LooseVectors, start: number, target: Uint32Array): void {
    const { words } = this.places;
    const at = owner.address / 4;
    const numbersAt = words[at + header.numbers]!;
    const count = target.length;
    if (owner === this.#loose) {
      target.set(words.subarray(numbersAt / 4 + start, numbersAt / 4 + start + count));
      return;
    }
    const isNarrow = words[at + header.width] === 2;
    const numbers = isNarrow
      ? new Uint16Array(words.buffer, numbersAt + 2 * start, count)
      : new Uint32Array(words.buffer, numbersAt + 4 * start, count);
    const features = words[at + header.features]! / 4;
    for (let i = 0; i < count; i++) target[i] = words[features + numbers[i]!]!;
  }

  /** Seals the loose vectors into a segment, or makes room among them. */
  #emptyLoose(): void {
    const loose = this.#loose;
    if (loose.isMostlyDead) {
      loose.tighten((row, slot) => this.rows.set(row, slot));
      return;
    }
    this.#add(sealLoose(this.kernel, this.places, loose));
    this.#credit += creditPerWeight * loose.weights;
    loose.clear();
    this.#goOn();
    if (this.#pending !== null) return;
    const group = this.#groupToMerge();
    if (group.length > 1) this.#beginMerge(group);
  }

  /** Four segments of about one size, or as many of them as one segment can hold. */
  #groupToMerge(): number[] {
    const small: number[] = [];
    const middle: number[] = [];
    this.segments.forEach((segment, number) => {
      if (segment === undefined) return;
      const size = sizeOf(segment);
      if (size < 0.25) small.push(number);
      else if (size < 0.5) middle.push(number);
    });
    const group = small.length >= fanIn ? small : middle;
    if (group.length < fanIn) return [];
    group.sort((a, b) => sizeOf(this.segments[a]!) - sizeOf(this.segments[b]!));
    let size = 0;
    const chosen: number[] = [];
    for (const number of group) {
      size += sizeOf(this.segments[number]!);
      if (size > 1 || chosen.length === fanIn) break;
      chosen.push(number);
    }
    return chosen;
  }

  /** Begins to make one segment of the live vectors of some. */
  #beginMerge(numbers: readonly number[]): void {
    const sources = numbers.map((number) => {
      const segment = this.segments[number]!;
      const { address, lists, slots, weights } = segment;
      segment.isMerging = true;
      const rowsAt = this.places.words[address / 4 + header.rows]! / 4;
      return { address, lists, weights, rows: this.places.words.slice(rowsAt, rowsAt + slots) };
    });
    this.#pending = { numbers, sources, steps: mergeSteps(this.kernel, this.places, sources) };
  }

  /** Goes on with the merge under way, for as long as there is credit. */
  #goOn(): void {
    const least = this.#credit - stepWeights;
    while (this.#pending !== null && this.#credit > Math.max(0, least)) {
      const { numbers, sources, steps } = this.#pending;
      let step: IteratorResult<number, Segment>;
      try {
        step = steps.next();
      } catch (error) {
        // No memory left: the sources stay as they are.
        for (const number of numbers) this.segments[number]!.isMerging = false;
        this.#pending = null;
        throw error;
      }
      if (step.done === true) {
        this.#pending = null;
        this.#endMerge(numbers, sources, step.value);
      } else {
        this.#credit -= step.value;
      }
    }
    if (this.#pending === null) this.#credit = 0;
  }

  /** Puts a merged segment in the place of its sources, with what has happened to their vectors meanwhile. */
  #endMerge(numbers: readonly number[], sources: readonly SegmentSource[], merged: Segment): void {
    const { words } = this.places;
    const rows = words[merged.address / 4 + header.rows]! / 4;
    const starts = words[merged.address / 4 + header.starts]! / 4;
    let slot = 0;
    for (const source of sources) {
      const rowsNow = words[source.address / 4 + header.rows]! / 4;
      for (let i = 0; i < source.rows.length; i++) {
        if (source.rows[i] === noRow) continue;
        const row = words[rowsNow + i]!;
        words[rows + slot] = row;
        if (row === noRow) {
          merged.live -= 1;
          merged.liveWeights -= words[starts + slot + 1]! - words[starts + slot]!;
        }
        slot += 1;
      }
    }
    for (const number of numbers) this.#free(number);
    this.#tidy(this.#add(merged));
  }

  /** Frees a segment without live vectors, and writes one again of which most is dead. */
  #tidy(number: number): void {
    const segment = this.segments[number]!;
    if (segment.isMerging) return;
    if (segment.live === 0) {
      this.#free(number);
      return;
    }
    if (segment.live * 2 >= segment.slots && segment.liveWeights * 2 >= segment.weights) return;
    const { address, lists, slots, weights } = segment;
    const rowsAt = this.places.words[address / 4 + header.rows]! / 4;
    const rows = this.places.words.slice(rowsAt, rowsAt + slots);
    const again = finished(mergeSteps(this.kernel, this.places, [{ address, lists, weights, rows }]));
    this.#free(number);
    this.#add(again);
  }

  #free(number: number): void {
    const { address, bytes } = this.segments[number]!;
    this.places.give(address, bytes);
    this.segments[number] = undefined;
  }

  /** Gives a segment a number, and its rows their places. */
  #add(segment: Segment): number {
    const free = this.segments.indexOf(undefined, 1);
    const number = free < 0 ? this.segments.length : free;
    this.segments[number] = segment;
    const { words } = this.places;
    const rows = words[segment.address / 4 + header.rows]! / 4;
    for (let slot = 0; slot < segment.slots; slot++) {
      const row = words[rows + slot]!;
      if (row !== noRow) this.rows.set(row, number * slotsMax + slot);
    }
    return number;
  }
}

/** Share of the largest size that a segment's live vectors have. */
function sizeOf({ live, liveWeights }: Segment): number {
  return Math.max(live / slotsMax, liveWeights / weightsMax);
}
