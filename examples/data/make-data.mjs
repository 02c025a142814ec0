/**
 * Where do the example's rows and vectors come from?
 *
 * Reads the package lists of a Debian system (`apt-get update` fetches them), keeps the well-described programs, and
 * writes `packages.jsonl` (one row a line) and `packages.f32` (their vectors, row-major float32, in the same order).
 * The vectors are a latent semantic analysis of name, description and tags (Deerwester et al., 1990): TF-IDF weights,
 * then the dominant subspace by orthogonal iteration (Golub & Van Loan, Matrix Computations, 8.2.4) from a seeded
 * start. The same package lists give the same files, byte by byte.
 *
 *   node examples/data/make-data.mjs
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const rowCount = 4000;
const dim = 64;
const iterations = 6;
/** A word in fewer rows says nothing about other rows, one in more rows hardly anything. */
const rowsPerWordMin = 3;
const shareOfRowsMax = 0.25;

/** Paragraphs of `apt-cache dumpavail` as records of their fields. */
async function* readParagraphs() {
  const child = spawn("apt-cache", ["dumpavail"], { stdio: ["ignore", "pipe", "inherit"] });
  let paragraph = {};
  let name = null;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "") {
      if (paragraph.Package !== undefined) yield paragraph;
      paragraph = {};
      name = null;
    } else if (/^\s/.test(line)) {
      if (name !== null) paragraph[name] += `\n${line.trim()}`;
    } else {
      const colon = line.indexOf(":");
      name = line.slice(0, colon);
      paragraph[name] = line.slice(colon + 1).trim();
    }
  }
  if (paragraph.Package !== undefined) yield paragraph;
}

function toRow(paragraph) {
  return {
    name: paragraph.Package,
    description: paragraph.Description.replace(/\s+/g, " "),
    section: paragraph.Section.split("/").at(-1),
    priority: paragraph.Priority ?? "optional",
    version: paragraph.Version,
    size: Number(paragraph.Size),
    installed_kb: Number(paragraph["Installed-Size"] ?? 0),
    homepage: paragraph.Homepage,
    tags: (paragraph.Tag ?? "").split(",").map((tag) => tag.trim()),
  };
}

/** The programs with the most tags, which their maintainers described best; ordered by name. */
async function chooseRows() {
  const byName = new Map();
  for await (const paragraph of readParagraphs()) {
    const isDescribed = paragraph.Description && paragraph.Section && paragraph.Homepage && paragraph.Tag;
    if (!isDescribed || !paragraph.Tag.includes("role::program") || byName.has(paragraph.Package)) continue;
    byName.set(paragraph.Package, toRow(paragraph));
  }
  const byTags = [...byName.values()].sort((a, b) => b.tags.length - a.tags.length || compare(a.name, b.name));
  return byTags.slice(0, rowCount).sort((a, b) => compare(a.name, b.name));
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function wordsOf(row) {
  return `${row.name} ${row.description} ${row.tags.join(" ")}`.toLowerCase().match(/[a-z][a-z0-9+]+/g) ?? [];
}

/** The TF-IDF matrix, a row a package, in compressed rows: `words` and `weights` between two `starts`. */
function weigh(rows) {
  const counts = rows.map((row) => {
    const count = new Map();
    for (const word of wordsOf(row)) count.set(word, (count.get(word) ?? 0) + 1);
    return count;
  });
  const rowsOfWord = new Map();
  for (const count of counts) for (const word of count.keys()) rowsOfWord.set(word, (rowsOfWord.get(word) ?? 0) + 1);
  const vocabulary = [...rowsOfWord]
    .filter(([, found]) => found >= rowsPerWordMin && found <= rows.length * shareOfRowsMax)
    .map(([word]) => word)
    .sort(compare);
  const numberOf = new Map(vocabulary.map((word, number) => [word, number]));
  const starts = [0];
  const words = [];
  const weights = [];
  for (const count of counts) {
    const first = weights.length;
    let squares = 0;
    for (const [word, times] of count) {
      if (!numberOf.has(word)) continue;
      const weight = (1 + Math.log(times)) * Math.log(rows.length / rowsOfWord.get(word));
      words.push(numberOf.get(word));
      weights.push(weight);
      squares += weight * weight;
    }
    for (let at = first; at < weights.length; at += 1) weights[at] /= Math.sqrt(squares);
    starts.push(weights.length);
  }
  return { starts, words, weights, rowCount: rows.length, wordCount: vocabulary.length };
}

/** A · Q: the rows in the subspace. */
function project({ starts, words, weights, rowCount: rows }, basis) {
  const projected = new Float64Array(rows * dim);
  for (let row = 0; row < rows; row += 1) {
    for (let at = starts[row]; at < starts[row + 1]; at += 1) {
      for (let j = 0; j < dim; j += 1) projected[row * dim + j] += weights[at] * basis[words[at] * dim + j];
    }
  }
  return projected;
}

/** Aᵀ · P: back to the words. */
function unproject({ starts, words, weights, rowCount: rows, wordCount }, projected) {
  const basis = new Float64Array(wordCount * dim);
  for (let row = 0; row < rows; row += 1) {
    for (let at = starts[row]; at < starts[row + 1]; at += 1) {
      for (let j = 0; j < dim; j += 1) basis[words[at] * dim + j] += weights[at] * projected[row * dim + j];
    }
  }
  return basis;
}

/** Makes the columns of a row-major matrix orthonormal, in place (modified Gram-Schmidt). */
function orthonormalise(matrix) {
  const rows = matrix.length / dim;
  for (let j = 0; j < dim; j += 1) {
    for (let other = 0; other < j; other += 1) {
      let dot = 0;
      for (let i = 0; i < rows; i += 1) dot += matrix[i * dim + other] * matrix[i * dim + j];
      for (let i = 0; i < rows; i += 1) matrix[i * dim + j] -= dot * matrix[i * dim + other];
    }
    let squares = 0;
    for (let i = 0; i < rows; i += 1) squares += matrix[i * dim + j] ** 2;
    if (squares === 0) throw new Error(`the texts span fewer than ${dim} dimensions`);
    for (let i = 0; i < rows; i += 1) matrix[i * dim + j] /= Math.sqrt(squares);
  }
}

/** Uniform numbers in [-0.5, 0.5) from a linear congruence (Numerical Recipes), the same in every run. */
function seededNumbers(count) {
  const numbers = new Float64Array(count);
  let state = 20240229;
  for (let at = 0; at < count; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    numbers[at] = state / 2 ** 32 - 0.5;
  }
  return numbers;
}

/** Unit vectors of the rows of a matrix. */
function embed(matrix) {
  let basis = seededNumbers(matrix.wordCount * dim);
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    orthonormalise(basis);
    basis = unproject(matrix, project(matrix, basis));
  }
  orthonormalise(basis);
  const projected = project(matrix, basis);
  const vectors = new Float32Array(projected.length);
  for (let row = 0; row < matrix.rowCount; row += 1) {
    let squares = 0;
    for (let j = 0; j < dim; j += 1) squares += projected[row * dim + j] ** 2;
    if (squares === 0) throw new Error(`row ${row} shares no word with any other`);
    for (let j = 0; j < dim; j += 1) vectors[row * dim + j] = projected[row * dim + j] / Math.sqrt(squares);
  }
  return vectors;
}

const rows = await chooseRows();
const matrix = weigh(rows);
const vectors = embed(matrix);
const folder = new URL(".", import.meta.url);
writeFileSync(new URL("packages.jsonl", folder), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
writeFileSync(new URL("packages.f32", folder), new Uint8Array(vectors.buffer));
process.stdout.write(`${rows.length} packages, ${matrix.wordCount} words, ${dim} dimensions\n`);
