/**
 * Where are new vectors before they are sealed into a segment?
 *
 * In arrays that they are appended to, with a header as segments have it; only that they name their features themselves. A
 * vector is dead when its row is `noRow`.
 */
import { limits } from "../limits.js";
import type { MemoryPlaces } from "./memory-places.js";
import { header, headerBytes, noRow } from "./sparse-kernel.js";
import type { CheckedSparse } from "./sparse-vector.js";

/** Loose vectors are searched one by one: what a search spends on them stays below a tenth of a millisecond. */
const slotsLimit = 512;
const weightsLimit = 65_536;
const firstCapacity = 4_096;

export class LooseVectors {
  readonly address: number;
  slots = 0;
  weights = 0;
  /** Vectors that are not dead, and their weights. */
  live = 0;
  liveWeights = 0;
  readonly #places: MemoryPlaces;
  readonly #rows: number;
  readonly #starts: number;
  #features: number;
  #values: number;
  /** Weights that there is room for. */
  #capacity = firstCapacity;

  constructor(places: MemoryPlaces) {
    this.#places = places;
    this.address = places.take(headerBytes);
    this.#rows = places.take(4 * slotsLimit);
    this.#starts = places.take(4 * (slotsLimit + 1));
    this.#features = places.take(4 * firstCapacity);
    this.#values = places.take(4 * firstCapacity);
    this.#writeHeader();
  }

  /** True where a vector can be appended only after these were sealed. */
  get isFull(): boolean {
    return this.slots === slotsLimit || this.weights >= weightsLimit;
  }

  /** True where it is better to tighten them than to seal them. */
  get isMostlyDead(): boolean {
    return this.live * 2 <= this.slots && this.liveWeights * 2 <= this.weights;
  }

  /** Appends a vector that is not empty, and gives its slot; not where they are full. */
  append(row: number, { indices, values }: CheckedSparse): number {
    const count = indices.length;
    this.#makeRoom(this.weights + count);
    const { words } = this.#places;
    const slot = this.slots;
    words[this.#rows / 4 + slot] = row;
    words[this.#starts / 4 + slot + 1] = this.weights + count;
    words.set(indices, this.#features / 4 + this.weights);
    new Float32Array(words.buffer, this.#values + 4 * this.weights, count).set(values);
    this.slots += 1;
    this.live += 1;
    this.weights += count;
    this.liveWeights += count;
    words[this.address / 4 + header.slots] = this.slots;
    return slot;
  }

  /** Forgets all of them. */
  clear(): void {
    this.slots = 0;
    this.weights = 0;
    this.live = 0;
    this.liveWeights = 0;
    this.#writeHeader();
  }

  /** Moves the live ones to the front; `moved` hears of the slot of each. */
  tighten(moved: (row: number, slot: number) => void): void {
    const { words } = this.#places;
    const [rows, starts] = [this.#rows / 4, this.#starts / 4];
    const [features, values] = [this.#features / 4, this.#values / 4];
    let slots = 0;
    let weights = 0;
    let start = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const end = words[starts + slot + 1]!;
      const row = words[rows + slot]!;
      if (row !== noRow) {
        words.copyWithin(features + weights, features + start, features + end);
        words.copyWithin(values + weights, values + start, values + end);
        weights += end - start;
        words[rows + slots] = row;
        moved(row, slots);
        slots += 1;
        words[starts + slots] = weights;
      }
      start = end;
    }
    this.slots = slots;
    this.weights = weights;
    this.#writeHeader();
  }

  #makeRoom(needed: number): void {
    if (needed <= this.#capacity) return;
    const places = this.#places;
    const capacity = Math.min(weightsLimit + limits.sparseValuesMax, Math.max(needed, 2 * this.#capacity));
    const features = places.take(4 * capacity);
    const values = places.take(4 * capacity);
    const { words } = places;
    words.copyWithin(features / 4, this.#features / 4, this.#features / 4 + this.weights);
    words.copyWithin(values / 4, this.#values / 4, this.#values / 4 + this.weights);
    places.give(this.#features, 4 * this.#capacity);
    places.give(this.#values, 4 * this.#capacity);
    this.#features = features;
    this.#values = values;
    this.#capacity = capacity;
    this.#writeHeader();
  }

  #writeHeader(): void {
    const { words } = this.#places;
    const at = this.address / 4;
    words[at + header.slots] = this.slots;
    words[at + header.width] = 4;
    words[at + header.rows] = this.#rows;
    words[at + header.starts] = this.#starts;
    words[at + header.values] = this.#values;
    words[at + header.numbers] = this.#features;
    words[this.#starts / 4] = 0;
  }
}
