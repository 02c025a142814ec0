import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLynseError } from "../../errors.js";
import { ChromaColumnsReader } from "./chroma-row.js";
import { CsvReader } from "./csv-reader.js";
import { ElementsReader } from "./elements-reader.js";
import { HnswlibReader } from "./hnswlib-reader.js";
import { JsonlReader } from "./jsonl-reader.js";
import { ParquetReader } from "./parquet-reader.js";
import { qdrantPoint } from "./qdrant-point.js";
import type { RowReader } from "./row-reader.js";
import { VectorFile } from "./vector-file.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Reads the bytes to their end: any input gives rows or an error of the catalogue that is no bug of the package. */
async function readWhatever(
  bytes: Uint8Array,
  name: string,
  open: (path: string) => Promise<RowReader>,
): Promise<void> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  try {
    const reader = await open(path);
    try {
      for await (const piece of reader.pieces()) for (const row of piece) expect(typeof row.values).toBe("object");
    } finally {
      await reader.close();
    }
  } catch (error) {
    expect(isLynseError(error) && error.code !== "INTERNAL", String(error)).toBe(true);
  }
}

const textLike = fc
  .array(fc.constantFrom('"', ",", "\n", "\r\n", "{", "}", "[", "]", ":", "a", "1", "é", " ", "\\", "null"), {
    maxLength: 60,
  })
  .map((parts) => new TextEncoder().encode(parts.join("")));
const bytes = fc.oneof(textLike, fc.uint8Array({ maxLength: 200 }));

test("any bytes as points of Qdrant, as an answer of Chroma", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, async (input) => {
      await readWhatever(input, "q.json", (path) => ElementsReader.open(path, qdrantPoint(null)));
      await readWhatever(input, "c.json", (path) => ChromaColumnsReader.open(path));
    }),
  );
});

test("any JSON as points of Qdrant", async () => {
  const member = fc.constantFrom("id", "vector", "payload", "points", "result", "indices", "values");
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(1, "a", null, [1, 2], { indices: [1], values: [2] }),
      fc.dictionary(member, tie("json"), { maxKeys: 4 }),
      fc.array(tie("json"), { maxLength: 3 }),
    ),
  }));
  const encoder = new TextEncoder();
  await fc.assert(
    fc.asyncProperty(json, (value) =>
      readWhatever(encoder.encode(JSON.stringify(value)), "p.json", (path) =>
        ElementsReader.open(path, qdrantPoint(null)),
      ),
    ),
  );
});

test("any header as an index file of hnswlib", async () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 200 }).map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { minLength: 6, maxLength: 6 }),
      fc.uint8Array({ maxLength: 400 }),
      (sizes, rest) => {
        const head = new BigUint64Array(12);
        head.set(sizes);
        const input = new Uint8Array(96 + rest.length);
        input.set(new Uint8Array(head.buffer));
        input.set(rest, 96);
        return readWhatever(input, "h.bin", (path) => HnswlibReader.open(path));
      },
    ),
  );
});

test("any bytes as JSON Lines", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, (input) => readWhatever(input, "f.jsonl", (path) => JsonlReader.open(path))),
    { numRuns: 300 },
  );
});

test("any bytes as CSV", async () => {
  const open = (path: string): Promise<RowReader> => CsvReader.open(path, { delimiter: ",", types: new Map() });
  await fc.assert(
    fc.asyncProperty(bytes, (input) => readWhatever(input, "f.csv", open)),
    { numRuns: 300 },
  );
});

test("damaged Parquet files: flipped bytes, cut ends, bytes in between", async () => {
  const all = { columns: null, types: new Map() };
  const fixtures = ["rows.parquet", "rows-zstd-indexed.parquet", "pages.parquet", "odd.parquet"].map((name) =>
    readFileSync(fileURLToPath(new URL(`../../../tests/cli/fixtures/${name}`, import.meta.url))),
  );
  const damage = fc.record({
    fixture: fc.constantFrom(...fixtures),
    flips: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    }),
    cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ fixture, flips, cut }) => {
      const copy = Uint8Array.from(fixture);
      for (const [place, mask] of flips) {
        const at = Math.floor(place * copy.length);
        copy[at] = (copy[at] ?? 0) ^ mask;
      }
      const input = cut === null ? copy : copy.subarray(0, Math.floor(cut * copy.length));
      await readWhatever(input, "f.parquet", (path) => ParquetReader.open(path, all));
    }),
    { numRuns: 400 },
  );
});

test("any bytes as vectors", async () => {
  const head = Buffer.from(
    "\u0093NUMPY\u0001\u0000v\u0000{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
    "latin1",
  );
  const npy = fc
    .tuple(fc.nat({ max: head.length - 1 }), fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 80 }))
    .map(([at, value, tail]) => {
      const copy = Uint8Array.from(head);
      copy[at] = value;
      return Buffer.concat([copy, tail]);
    });
  await fc.assert(
    fc.asyncProperty(fc.oneof(npy, bytes), fc.constantFrom("f.npy", "f.f32"), async (input, name) => {
      const path = join(folder, name);
      writeFileSync(path, input);
      try {
        const file = await VectorFile.open(path, 2);
        expect((await file.read(10)).length).toBeLessThanOrEqual(20);
        await file.close();
      } catch (error) {
        expect(isLynseError(error) && error.code !== "INTERNAL", String(error)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
