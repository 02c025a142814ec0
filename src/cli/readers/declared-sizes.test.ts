import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SchemaElement } from "hyparquet";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLynseError, type LynseError } from "../../errors.js";
import { HnswlibReader } from "./hnswlib-reader.js";
import { ParquetReader } from "./parquet-reader.js";
import { VectorFile } from "./vector-file.js";
import { zstdBytesMax } from "./zstd-size.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-declared-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const uint32Max = 2 ** 31 - 1;

/** Bytes of Thrift's compact protocol: numbers as zigzag varints, each behind the step to its field. */
function int(value: number): number[] {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

interface PageSizes {
  readonly uncompressed: number;
  readonly compressed: number;
  readonly values: number;
}

/** The header of a data page of plain values, or of a dictionary page. */
function pageHeader({ uncompressed, compressed, values }: PageSizes, isDictionary = false): number[] {
  const i32 = 0x15;
  const sizes = [i32, ...int(isDictionary ? 2 : 0), i32, ...int(uncompressed), i32, ...int(compressed)];
  const inner = [i32, ...int(values), i32, ...int(0), ...(isDictionary ? [] : [i32, ...int(3), i32, ...int(3)]), 0];
  return [...sizes, isDictionary ? 0x4c : 0x2c, ...inner, 0];
}

const numbers: SchemaElement[] = [{ name: "n", type: "DOUBLE", repetition_type: "REQUIRED" }];
const lists: SchemaElement[] = [
  { name: "n", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "DOUBLE", repetition_type: "OPTIONAL" },
];

/** A sound file of one column, whose pages are written over from the first on. */
function parquet(name: string, bytes: readonly number[] | Uint8Array, schema = numbers, codec?: "ZSTD"): string {
  const values = Array.from({ length: 20_000 }, (_, at) => at + 0.5);
  const column: ColumnSource = { name: "n", data: schema === lists ? values.map((value) => [value]) : values };
  const root: SchemaElement = { name: "schema", repetition_type: "REQUIRED", num_children: 1 };
  const file = new Uint8Array(
    parquetWriteBuffer({
      ...{ columnData: [{ ...column, encoding: "PLAIN" }], schema: [root, ...schema], codec: codec ?? "UNCOMPRESSED" },
      compressors: { ZSTD: rawFrame },
      rowGroupSize: values.length,
    }),
  );
  file.set(bytes, 4);
  const path = join(folder, name);
  writeFileSync(path, file);
  return path;
}

/** Why a file cannot be read to its end. */
async function readParquet(path: string): Promise<LynseError> {
  const reader = await ParquetReader.open(path, { columns: null, types: new Map() });
  try {
    for await (const _ of reader.pieces());
  } catch (error) {
    if (isLynseError(error)) return error;
    throw error;
  } finally {
    await reader.close();
  }
  throw new Error("the file was read");
}

/** A frame of Zstandard with one block, as it is; longer contents in more blocks. */
function rawFrame(contents: Uint8Array): Uint8Array {
  const blocks: number[] = [];
  for (let at = 0; at < contents.length; at += 65_536) {
    const part = contents.subarray(at, at + 65_536);
    const isLast = at + 65_536 >= contents.length;
    const head = part.length * 8 + (isLast ? 1 : 0);
    blocks.push(head & 255, (head >> 8) & 255, head >> 16, ...part);
  }
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, ...blocks]);
}

/** Blocks of one byte, repeated 128 KiB times each. */
function repeatedFrame(count: number): Uint8Array {
  const size = 128 * 1024;
  const blocks = Array.from({ length: count }, (_, at) => {
    const head = size * 8 + 2 + (at === count - 1 ? 1 : 0);
    return [head & 255, (head >> 8) & 255, head >> 16, 0];
  });
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, ...blocks.flat()]);
}

describe("a Parquet file that declares more than it may", () => {
  test("a page of two billion values", async () => {
    const header = pageHeader({ uncompressed: 100, compressed: 100, values: uint32Max });
    const error = await readParquet(parquet("values.parquet", header));
    expect(error.message).toMatch(
      /values\.parquet: the rows from 1 on cannot be read: a page of 2147483647 values; at/,
    );
    expect([error.code, error.details["limit"]]).toEqual(["LIMIT_EXCEEDED", "pageValuesMax"]);
  });

  test("a page of two billion bytes", async () => {
    const header = pageHeader({ uncompressed: uint32Max, compressed: 100, values: 10 });
    const error = await readParquet(parquet("bytes.parquet", header));
    expect(error.message).toMatch(/bytes\.parquet: .* a page of 2147483647 bytes; at most 268435456 are read/);
    expect([error.code, error.details["limit"]]).toEqual(["LIMIT_EXCEEDED", "pageBytesMax"]);
  });

  test("a dictionary of two billion values", async () => {
    const header = pageHeader({ uncompressed: 100, compressed: 100, values: uint32Max }, true);
    const error = await readParquet(parquet("dictionary.parquet", header));
    expect([error.code, error.details["limit"]]).toEqual(["LIMIT_EXCEEDED", "pageValuesMax"]);
  });

  test("fewer values than none", async () => {
    const header = pageHeader({ uncompressed: 100, compressed: 100, values: 10 });
    // The zigzag number behind the two of the sizes: 9 is -5.
    header[header.indexOf(0x2c) + 2] = 9;
    expect((await readParquet(parquet("negative.parquet", header))).message).toMatch(/negative\.parquet: .* -5 values/);
  });

  test("a page that is more, decompressed, than its header says", async () => {
    const bomb = repeatedFrame(10_000);
    const header = pageHeader({ uncompressed: 80_000, compressed: bomb.length, values: 10 });
    const error = await readParquet(parquet("bomb.parquet", Uint8Array.from([...header, ...bomb]), numbers, "ZSTD"));
    expect(error.message).toMatch(/bomb\.parquet: .* a page of 1310720000 bytes; at most/);
    expect(error.code).toBe("LIMIT_EXCEEDED");
  });

  test("a row that goes on from page to page", async () => {
    // Levels as runs, each in a few bytes: all but the first go on with the row, and all are nulls in it.
    const count = 2 ** 22;
    const page = (isFirst: boolean): number[] => {
      const repetition = isFirst ? [...int(1), 0, ...int(count - 1), 1] : [...int(count), 1];
      const definition = [...int(count), 2];
      const body = [repetition, definition].flatMap((run) => [run.length, 0, 0, 0, ...run]);
      return [...pageHeader({ uncompressed: body.length, compressed: body.length, values: count }), ...body];
    };
    const error = await readParquet(parquet("row.parquet", [...page(true), ...page(false), ...page(false)], lists));
    expect(error.message).toMatch(/row\.parquet: .* values in one row; at most 8388608/);
    expect(error.code).toBe("LIMIT_EXCEEDED");
  });
});

describe("how much a stream of Zstandard can become", () => {
  test("exactly what it holds, where its blocks say so", () => {
    expect(zstdBytesMax(rawFrame(new Uint8Array(300_000)))).toBe(2 ** 21);
    expect(zstdBytesMax(rawFrame(new Uint8Array(3_000_000)))).toBe(3_000_000);
    expect(zstdBytesMax(repeatedFrame(100))).toBe(100 * 128 * 1024);
    expect(zstdBytesMax(new Uint8Array(0))).toBe(0);
  });

  test("frames add up, and what may be skipped is nothing", () => {
    const skipped = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    const frame = repeatedFrame(50);
    expect(zstdBytesMax(Uint8Array.from([...frame, ...skipped, ...frame]))).toBe(100 * 128 * 1024);
  });

  test("the contents and the window that a header names count, whatever follows", () => {
    // One segment whose size takes eight bytes; a window of 2^41 bytes.
    const contents = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0];
    expect(zstdBytesMax(Uint8Array.from(contents))).toBe(2 ** 40);
    expect(zstdBytesMax(Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0]))).toBe(2 ** 41);
  });

  test("damaged: no end", () => {
    for (const bytes of [
      [1, 2, 3, 4, 5],
      [0x28, 0xb5, 0x2f],
      [0x28, 0xb5, 0x2f, 0xfd],
      [...rawFrame(new Uint8Array(9))].slice(0, 7),
    ]) {
      expect(zstdBytesMax(Uint8Array.from(bytes))).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

describe("other files that declare more than they may", () => {
  function npy(name: string, shape: string, length: number): string {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }\n`;
    const path = join(folder, name);
    writeFileSync(
      path,
      Buffer.from(`\u0093NUMPY\u0001\u0000${String.fromCharCode(header.length, 0)}${header}`, "latin1"),
    );
    if (length > 0) truncateSync(path, 10 + header.length + length);
    return path;
  }

  test("a .npy array of more numbers than its file has", async () => {
    await expect(VectorFile.open(npy("a.npy", "1000000000, 128", 0), null)).rejects.toThrow(
      /a\.npy: \d+ bytes where shape \(1000000000, 128\) needs 512000000\d+; copy the file again/,
    );
    await expect(VectorFile.open(npy("b.npy", `${2 ** 50}, 128`, 0), null)).rejects.toThrow(/b\.npy: \d+ bytes where/);
    await expect(VectorFile.open(npy("c.npy", "99999999999999999999, 1", 0), null)).rejects.toThrow(/c\.npy: a shape/);
  });

  test("a .npy array of vectors too long for a collection, all there: a file with a hole is soon written", async () => {
    await expect(VectorFile.open(npy("d.npy", "1, 1000000000", 4e9), null)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringMatching(/d\.npy: vectors of 1000000000 numbers; 1 to \d+ are possible/),
    });
  });

  function hnswlib(name: string, words: readonly number[], length: number): string {
    const bytes = new Uint8Array(96);
    const view = new DataView(bytes.buffer);
    words.forEach((word, at) => void view.setBigUint64(at * 8, BigInt(word), true));
    const path = join(folder, name);
    writeFileSync(path, bytes);
    truncateSync(path, length);
    return path;
  }

  test("an index of hnswlib with more elements than its file has", async () => {
    const path = hnswlib("many.bin", [0, 2 ** 40, 2 ** 40, 28, 20, 4], 96);
    await expect(HnswlibReader.open(path)).rejects.toThrow(
      /many\.bin: 96 bytes cannot hold its 1099511627776 elements/,
    );
  });

  test("an index of hnswlib with elements of gigabytes", async () => {
    const path = hnswlib("large.bin", [0, 1, 1, 3e9 + 24, 3e9 + 16, 3e9], 3e9 + 200);
    await expect(HnswlibReader.open(path)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringMatching(/large\.bin: elements of 3000000024 bytes; at most 1048576 are read/),
    });
  });
});
