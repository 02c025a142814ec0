/**
 * What rows are measured where no corpus is given, and at sizes that no corpus has?
 *
 * A seeded mixture: unit centres, normal noise about them, rows normalised. Every row is a function of its number
 * alone, so any stretch of rows can be made again, and the first n rows are a sample of the same mixture. Metadata
 * follows the cluster four times out of five, as sections follow subjects in a real corpus. Noise is the sum of two
 * windows of one table of normal numbers, at places drawn for the row: millions of rows in seconds.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RowFields } from "./engine.js";
import { filterField } from "./filter-field.js";
import { Random } from "./random.js";

const clusterCount = 1_000;
const noiseNorm = 0.7;
const noiseTableLength = 1 << 20;
/** The first section is the one that filters ask for: seven of a hundred rows. */
const sections = [
  "doc",
  "libs",
  "python",
  "perl",
  "devel",
  "utils",
  "net",
  "rust",
  "java",
  "science",
  "admin",
  "games",
];
const filterSectionShare = 0.07;
const words = [
  "fast",
  "small",
  "shared",
  "library",
  "server",
  "client",
  "tools",
  "data",
  "files",
  "image",
  "network",
  "text",
];
/** The most frequent word is in fewer than half of the rows. */
const vocabulary = 20_000;
const tags = ["role::program", "role::shared-lib", "interface::commandline", "scope::utility", "use::viewing"];

function sectionFor(random: Random): string {
  if (random.unit() < filterSectionShare) return sections[0]!;
  return sections[1 + random.integer(sections.length - 1)]!;
}

/** A word of a vocabulary with frequencies by Zipf's law: the logarithm of its rank is uniform. */
function wordFor(random: Random): string {
  const rank = Math.floor(vocabulary ** random.unit()) - 1;
  const stem = words[rank % words.length]!;
  return rank < words.length ? stem : `${stem}${rank}`;
}

/** Metadata of the row with number `row`. */
export function clusteredFields(row: number): RowFields {
  const random = new Random(row * 2 + 1);
  const follows = random.unit() < 0.8;
  const section = follows ? sectionFor(new Random(clusterOf(row) * 2 + 0x5eed)) : sectionFor(random);
  const text: string[] = [];
  for (let word = 0; word < 8; word += 1) text.push(wordFor(random));
  return {
    title: `package-${row}`,
    text: text.join(" "),
    [filterField]: section,
    size: random.integer(10_000_000),
    has_homepage: random.unit() < 0.7,
    tags: [tags[random.integer(tags.length)]!, tags[random.integer(tags.length)]!],
  };
}

function clusterOf(row: number): number {
  return new Random(row * 2).integer(clusterCount);
}

export class ClusteredVectors {
  readonly #dim: number;
  readonly #centres: Float32Array;
  readonly #noise: Float32Array;

  constructor(dim: number, seed: number) {
    this.#dim = dim;
    const random = new Random(seed);
    this.#centres = new Float32Array(clusterCount * dim);
    this.#noise = new Float32Array(noiseTableLength);
    for (let index = 0; index < this.#centres.length; index += 1)
      this.#centres[index] = random.normal() / Math.sqrt(dim);
    const noiseScale = noiseNorm / Math.sqrt(2 * dim);
    for (let index = 0; index < noiseTableLength; index += 1) this.#noise[index] = random.normal() * noiseScale;
  }

  /** Writes the vector of row `row` to `target` at `start`. */
  write(row: number, target: Float32Array, start: number): void {
    const dim = this.#dim;
    const centre = clusterOf(row) * dim;
    const random = new Random(row + 0x7a11);
    const first = random.integer(noiseTableLength - dim);
    const second = random.integer(noiseTableLength - dim);
    let square = 0;
    for (let index = 0; index < dim; index += 1) {
      const value = this.#centres[centre + index]! + this.#noise[first + index]! + this.#noise[second + index]!;
      target[start + index] = value;
      square += value * value;
    }
    const factor = 1 / Math.sqrt(square);
    for (let index = start; index < start + dim; index += 1) target[index] = target[index]! * factor;
  }

  /** The vectors of rows `from` to `from + count`, row-major. */
  rows(from: number, count: number): Float32Array {
    const made = new Float32Array(count * this.#dim);
    for (let row = 0; row < count; row += 1) this.write(from + row, made, row * this.#dim);
    return made;
  }

  /** Writes rows 0 to `count` to a file. */
  writeFile(file: string, count: number): void {
    const chunkRows = 16_384;
    const descriptor = openSync(file, "w");
    for (let from = 0; from < count; from += chunkRows) {
      const made = this.rows(from, Math.min(chunkRows, count - from));
      writeSync(descriptor, new Uint8Array(made.buffer));
    }
    closeSync(descriptor);
  }
}

/** Makes a corpus directory of `rowCount` clustered rows. */
export function writeClusteredCorpus(
  directory: string,
  name: string,
  dim: number,
  rowCount: number,
  seed: number,
): void {
  mkdirSync(directory, { recursive: true });
  new ClusteredVectors(dim, seed).writeFile(join(directory, `${name}-${dim}.f32`), rowCount);
  const lines = Array.from({ length: rowCount }, (_, row) => JSON.stringify(clusteredFields(row)));
  writeFileSync(join(directory, `${name}.jsonl`), lines.join("\n"));
}
