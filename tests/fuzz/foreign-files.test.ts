/**
 * Whole files of other databases and NumPy, damaged: what is read ends in rows or in an error of the catalogue, in bounded
 * time and memory.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ChromaColumnsReader, chromaRow } from "../../src/cli/readers/chroma-row.js";
import { ElementsReader } from "../../src/cli/readers/elements-reader.js";
import { HnswlibReader } from "../../src/cli/readers/hnswlib-reader.js";
import { MappedReader } from "../../src/cli/readers/mapped-reader.js";
import { qdrantPoint } from "../../src/cli/readers/qdrant-point.js";
import type { RowReader } from "../../src/cli/readers/row-reader.js";
import { VectorFile } from "../../src/cli/readers/vector-file.js";
import { isLynseError } from "../../src/errors.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { hnswlibFile } from "../transfer/hnswlib-file.js";
import { mangled } from "./mangled.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-foreign-fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const count = 12;
const numbers = Array.from({ length: count }, (_, at) => at);
const vectorOf = (at: number): number[] => [at, 0.5, -at];
const textBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const qdrant = textBytes({
  result: {
    points: numbers.map((id) => ({
      id,
      vector: { a: vectorOf(id) },
      payload: { title: `ü ${id}`, tags: ["x", null] },
    })),
    next_page_offset: null,
  },
});
const chroma = textBytes({
  ids: numbers.map((at) => `id-${at}`),
  embeddings: numbers.map(vectorOf),
  metadatas: numbers.map((at) => (at % 3 === 0 ? null : { n: at, isEven: at % 2 === 0 })),
  documents: numbers.map((at) => `document ${at}`),
});
const hnswlib = Uint8Array.from(
  hnswlibFile(numbers.map((label) => ({ label, vector: vectorOf(label), isDeleted: label === 5 }))),
);

function npy(): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, 3), }\n`;
  const head = [0x93, ...Buffer.from("NUMPY\u0001\u0000"), text.length, 0, ...Buffer.from(text)];
  return Uint8Array.from([...head, ...new Uint8Array(Float32Array.from(numbers.flatMap(vectorOf)).buffer)]);
}

/** One damaged copy after the other: a bit turned over, or bytes cut, doubled, zeroed or made anew. */
function* damaged(intact: Uint8Array, runs: number): Generator<Uint8Array> {
  const random = new SeededRandom(intact.length);
  for (let run = 0; run < runs; run++) {
    if (random.oneIn(2)) {
      yield mangled(intact, random);
      continue;
    }
    const copy = intact.slice();
    for (let flips = 1 + random.below(3); flips > 0; flips--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    yield copy;
  }
}

async function rowsIn(bytes: Uint8Array, name: string, open: (path: string) => Promise<RowReader>): Promise<number> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const reader = await open(path);
  try {
    let rows = 0;
    for await (const piece of reader.pieces()) for (const { failure } of piece) rows += failure === undefined ? 1 : 0;
    return rows;
  } finally {
    await reader.close();
  }
}

test.each([
  {
    kind: "points of Qdrant",
    intact: qdrant,
    name: "q.json",
    open: (path: string) => ElementsReader.open(path, qdrantPoint("a")),
  },
  {
    kind: "an answer of Chroma",
    intact: chroma,
    name: "c.json",
    open: async (path: string) => new MappedReader(await ChromaColumnsReader.open(path), chromaRow),
  },
  { kind: "an index of hnswlib", intact: hnswlib, name: "h.bin", open: (path: string) => HnswlibReader.open(path) },
])("$kind", async ({ intact, name, open }) => {
  expect(await rowsIn(intact, name, open)).toBe(name === "h.bin" ? count - 1 : count);
  let refused = 0;
  for (const bytes of damaged(intact, 300)) {
    try {
      // Nothing is made up: every row costs bytes.
      expect(await rowsIn(bytes, name, open)).toBeLessThanOrEqual(bytes.length);
    } catch (error) {
      expect(isLynseError(error) && error.code !== "INTERNAL", String(error)).toBe(true);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(20);
});

test("an array of NumPy", async () => {
  const path = join(folder, "a.npy");
  let refused = 0;
  for (const bytes of [npy(), ...damaged(npy(), 300)]) {
    writeFileSync(path, bytes);
    try {
      const file = await VectorFile.open(path, null);
      const { dim, rowCount } = file;
      const read = await file.read(rowCount);
      expect(read.length).toBe(dim * rowCount);
      expect(read.length).toBeLessThanOrEqual(bytes.length);
      await file.close();
    } catch (error) {
      expect(isLynseError(error) && error.code !== "INTERNAL", String(error)).toBe(true);
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(20);
  expect(refused).toBeLessThan(290);
});
