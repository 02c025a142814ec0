/**
 * What sparse rows are measured?
 *
 * Seeded rows like those of a learned sparse encoder: features drawn by Zipf's law over a vocabulary, so that a few
 * are in nearly every row and most in few, and log-normal weights. Rows and queries are of one kind and differ in
 * their number of features. Written to files, from where the engines' processes read them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "./random.js";
import { readFloats } from "./read-floats.js";
import type { SparseRow } from "./sparse-store.js";

const featureCount = 30_000;
/** Deviation of the weights' logarithms. */
const weightDeviation = 0.5;
const nonZerosOfRow = 100;
const nonZerosOfQuery = 40;

/** Rows of equally many features, back to back. */
export interface SparseFiles {
  readonly count: number;
  readonly nonZeros: number;
  readonly indicesFile: string;
  readonly valuesFile: string;
}

export interface SparseData {
  readonly rows: SparseFiles;
  readonly queries: SparseFiles;
}

export function writeSparseData(directory: string, rowCount: number, queryCount: number, seed: number): SparseData {
  const random = new Random(seed);
  const features = new FeatureSource(random);
  const write = (name: string, count: number, nonZeros: number): SparseFiles => {
    const files = {
      count,
      nonZeros,
      indicesFile: join(directory, `sparse-${name}.u32`),
      valuesFile: join(directory, `sparse-${name}.f32`),
    };
    const indices = new Uint32Array(count * nonZeros);
    const values = new Float32Array(count * nonZeros);
    for (let row = 0; row < count; row += 1) {
      features.draw(indices.subarray(row * nonZeros, (row + 1) * nonZeros));
    }
    for (let place = 0; place < values.length; place += 1) {
      values[place] = Math.exp(weightDeviation * random.normal());
    }
    writeFileSync(files.indicesFile, indices);
    writeFileSync(files.valuesFile, values);
    return files;
  };
  return { rows: write("rows", rowCount, nonZerosOfRow), queries: write("queries", queryCount, nonZerosOfQuery) };
}

class FeatureSource {
  readonly #random: Random;
  readonly #cumulative = new Float64Array(featureCount);
  readonly #isDrawn = new Uint8Array(featureCount);

  constructor(random: Random) {
    this.#random = random;
    let sum = 0;
    for (let feature = 0; feature < featureCount; feature += 1) this.#cumulative[feature] = sum += 1 / (feature + 1);
  }

  /** Fills `target` with distinct features, ascending. */
  draw(target: Uint32Array): void {
    for (let place = 0; place < target.length; ) {
      const feature = this.#one();
      if (this.#isDrawn[feature] === 1) continue;
      this.#isDrawn[feature] = 1;
      target[place] = feature;
      place += 1;
    }
    for (const feature of target) this.#isDrawn[feature] = 0;
    target.sort();
  }

  #one(): number {
    const wanted = this.#random.unit() * this.#cumulative[featureCount - 1]!;
    let low = 0;
    let high = featureCount - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulative[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The rows of the files, as views. */
export function readSparseRows(files: SparseFiles): SparseRow[] {
  const bytes = readFileSync(files.indicesFile);
  const indices = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  const values = readFloats(files.valuesFile);
  return Array.from({ length: files.count }, (_, row) => {
    const [from, to] = [row * files.nonZeros, (row + 1) * files.nonZeros];
    return { indices: indices.subarray(from, to), values: values.subarray(from, to) };
  });
}
