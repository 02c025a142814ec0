import { describe, expect, it } from "vitest";
import type { DenseMetric, Dtype } from "../types.js";
import { CodeTable } from "./code-table.js";
import { type Kind, kindNames, makeRows, randomFrom, storedBytes } from "./row-kinds.arbitraries.js";
import { VectorTable } from "./vector-table.js";

const metrics: readonly DenseMetric[] = ["ip", "l2", "cos"];

interface Tables {
  readonly whole: VectorTable;
  readonly codes: CodeTable;
  readonly bytes: Uint8Array;
}

function makeTables(data: Float32Array, dim: number, dtype: Dtype, segmentBytesMax?: number): Tables {
  const whole = new VectorTable({ dim, dtype });
  whole.appendFloats(data);
  const codes = new CodeTable({ dim, dtype, ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }) });
  const bytes = storedBytes(data, dtype);
  const rows = data.length / dim;
  for (let row = 0; row < rows; ) {
    const place = codes.beginAppend(Math.min(rows - row, 1 + ((row * 7) % 300)));
    place.target.set(bytes.subarray(row * codes.bytesPerRow, (row + place.rows) * codes.bytesPerRow));
    codes.finishAppend(place.rows);
    row += place.rows;
  }
  return { whole, codes, bytes };
}

interface Search {
  readonly metric: DenseMetric;
  readonly query: Float32Array;
  readonly k: number;
  readonly mask?: Uint32Array | null;
  readonly rowCount?: number;
  readonly fromRow?: number;
  readonly floor?: number;
}

/** What the scan of the codes leaves, scored from `bytes`, best first. */
function searchCodes({ codes, bytes }: Tables, { metric, query, k, ...search }: Search) {
  const { mask = null, rowCount = codes.rowCount, fromRow = 0, floor = Number.NEGATIVE_INFINITY } = search;
  const scan = codes.beginScan({ metric, query, k, mask, rowCount, fromRow, floor });
  while (!scan.step(1000));
  const noted = scan.take();
  scan.release();
  const values = new Float64Array(noted.length);
  for (let done = 0; done < noted.length; ) {
    const fetched = codes.beginFetch(noted.subarray(done));
    for (const [i, row] of fetched.rows.entries()) {
      const start = row * codes.bytesPerRow;
      fetched.target.set(bytes.subarray(start, start + codes.bytesPerRow), i * codes.bytesPerRow);
    }
    expect(fetched.accept()).toBeNull();
    fetched.scoreInto(metric, query, values, done);
    done += fetched.rows.length;
    fetched.release();
  }
  const sign = metric === "l2" ? 1 : -1;
  const order = Array.from(noted.keys()).sort((a, b) => sign * (values[a]! - values[b]!) || noted[a]! - noted[b]!);
  const best = order.slice(0, k);
  return { rows: best.map((at) => noted[at]!), values: best.map((at) => values[at]!), noted: noted.length };
}

function expectSame(tables: Tables, search: Search, what: string): number {
  const { metric, query, k, mask = null, rowCount = tables.whole.rowCount, fromRow = 0 } = search;
  const wanted = tables.whole.search({ metric, query, k, mask, rowCount, fromRow, firstPass: "none" });
  const found = searchCodes(tables, search);
  const same = found.rows.length === wanted.rows.length && found.rows.every((row, i) => row === wanted.rows[i]);
  if (!same) throw new Error(`${what}: rows ${found.rows.slice(0, 20)}, not ${Array.from(wanted.rows.slice(0, 20))}`);
  expect(found.values, what).toEqual(Array.from(wanted.values));
  return found.noted;
}

function randomMask(rows: number, share: number, random: () => number): Uint32Array {
  const mask = new Uint32Array(Math.ceil(rows / 32));
  for (let row = 0; row < rows; row++) if (random() < share) mask[row >>> 5]! |= 1 << (row & 31);
  return mask;
}

function queryFor(kind: Kind, dim: number, data: Float32Array, random: () => number): Float32Array {
  return random() < 0.5 ? data.slice(dim, 2 * dim) : makeRows(kind, 1, dim, "float32", random);
}

describe("a search over codes", () => {
  for (const kind of kindNames) {
    it(`leaves the rows that the whole search finds (${kind})`, () => {
      const random = randomFrom(kind.length * 131 + 5);
      for (const dim of [1, 3, 16, 33, 100, 260]) {
        const dtype: Dtype = dim % 2 ? "float16" : "float32";
        const rows = dim < 50 ? 1300 : 700;
        const data = makeRows(kind, rows, dim, dtype, random);
        const tables = makeTables(data, dim, dtype);
        for (const metric of metrics) {
          for (const k of [1, 10, 400, rows + 5]) {
            const query = queryFor(kind, dim, data, random);
            const mask = k === 10 ? randomMask(rows, random(), random) : null;
            expectSame(tables, { metric, query, k, mask }, `${kind} ${dim} ${dtype} ${metric} k=${k}`);
          }
        }
      }
    });
  }

  it("counts on what codes leave out to be as bad as it can", () => {
    const step = 1 / 127;
    // The code of the second row is that of (1, 0); the others are exact. It is the best by more than they could be.
    const products = Float32Array.of(0.1, 0.4 * step, 1, 0.49 * step, 0.1, 0.3 * step);
    expectSame(makeTables(products, 2, "float32"), { metric: "ip", query: Float32Array.of(0, 1), k: 1 }, "ip");
    expectSame(makeTables(products, 2, "float32"), { metric: "ip", query: Float32Array.of(0, -1), k: 1 }, "-ip");
    const angles = Float32Array.of(1, 0.4 * step, 1, 0.49 * step, 127, -1);
    expectSame(makeTables(angles, 2, "float32"), { metric: "cos", query: Float32Array.of(0, 1), k: 1 }, "cos");
    // The code of the first row is the query itself, and it is farther than the second.
    const distances = Float32Array.of(1, 0.49 * step, 1 + 0.4 * step, 0, 1 + 0.45 * step, 0);
    expectSame(makeTables(distances, 2, "float32"), { metric: "l2", query: Float32Array.of(1, 0), k: 1 }, "l2");
  });

  it("leaves few rows where vectors differ", () => {
    const random = randomFrom(3);
    const data = makeRows("gaussian", 20_000, 64, "float32", random);
    const tables = makeTables(data, 64, "float32");
    for (const metric of metrics) {
      const noted = expectSame(
        tables,
        { metric, query: makeRows("gaussian", 1, 64, "float32", random), k: 10 },
        metric,
      );
      expect(noted).toBeLessThan(60);
    }
  });

  it("answers a zero query with the oldest rows, and hardly fetches any", () => {
    const data = makeRows("offset", 5000, 24, "float32", randomFrom(9));
    const tables = makeTables(data, 24, "float32");
    const query = new Float32Array(24);
    expect(expectSame(tables, { metric: "cos", query, k: 7 }, "cos")).toBe(7);
  });

  it("sees its snapshot only", () => {
    const random = randomFrom(8);
    const data = makeRows("gaussian", 3000, 40, "float32", random);
    const tables = makeTables(data, 40, "float32");
    for (const [rowCount, fromRow] of [
      [1, 0],
      [2999, 64],
      [1500, 1472],
      [2048, 2048 - 64],
    ] as const) {
      const query = makeRows("gaussian", 1, 40, "float32", random);
      expectSame(tables, { metric: "l2", query, k: 9, rowCount, fromRow }, `${fromRow} to ${rowCount}`);
    }
  });

  it("gives no row below the floor that it needs, and all that reach it", () => {
    const random = randomFrom(18);
    const data = makeRows("gaussian", 2500, 30, "float32", random);
    const tables = makeTables(data, 30, "float32");
    for (const metric of metrics) {
      const query = makeRows("gaussian", 1, 30, "float32", random);
      const all = tables.whole.search({ metric, query, k: 2500, rowCount: 2500, mask: null });
      const threshold = all.values[40]!;
      const floor = metric === "l2" ? -threshold : threshold;
      const found = searchCodes(tables, { metric, query, k: 2500, floor });
      expect(found.rows.slice(0, 41)).toEqual(Array.from(all.rows.slice(0, 41)));
      expect(found.noted).toBeLessThan(200);
    }
  });

  it("goes over several segments", () => {
    const random = randomFrom(77);
    const data = makeRows("offset", 6000, 200, "float32", random);
    const tables = makeTables(data, 200, "float32", 1 << 20);
    expect(new Set(tables.codes.blocks.map(({ segment }) => segment)).size).toBeGreaterThan(1);
    for (const metric of metrics) {
      const query = makeRows("offset", 1, 200, "float32", random);
      expectSame(tables, { metric, query, k: 30 }, metric);
      expectSame(tables, { metric, query, k: 30, mask: randomMask(6000, 0.1, random) }, `${metric} masked`);
    }
  });

  it("asks for what it has noted to be scored where codes cannot tell rows apart, and learns from it", () => {
    const dim = 8;
    const rows = 150_000;
    const data = makeRows("all equal", rows, dim, "float32", () => 0);
    for (let row = 100; row < rows; row += 1000) data[row * dim] = 9;
    const { codes } = makeTables(data, dim, "float32");
    const query = data.slice(0, dim);
    const scan = codes.beginScan({
      metric: "l2",
      query,
      k: 5,
      rowCount: rows,
      fromRow: 0,
      mask: null,
      floor: -Infinity,
    });
    let isDone = scan.step(rows);
    expect(isDone).toBe(false);
    expect(scan.isFull).toBe(true);
    const noted = scan.take();
    expect(noted[0]).toBe(0);
    expect(scan.isFull).toBe(false);
    scan.raise(0);
    while (!isDone) {
      isDone = scan.step(rows);
      scan.take();
    }
    scan.release();
  });

  it("gives its scratch back", () => {
    const data = makeRows("gaussian", 9000, 64, "float32", randomFrom(4));
    const tables = makeTables(data, 64, "float32");
    const search = {
      metric: "ip",
      query: data.slice(0, 64),
      k: 20,
      mask: randomMask(9000, 0.3, randomFrom(1)),
    } as const;
    for (let i = 0; i < 4; i++) searchCodes(tables, search);
    const before = tables.codes.memory().totalBytes;
    for (let i = 0; i < 20; i++) searchCodes(tables, search);
    expect(tables.codes.memory().totalBytes).toBe(before);
  });
});

describe("rows of a table of codes", () => {
  it("can be taken over from a table", () => {
    for (const [dim, dtype] of [
      [16, "float32"],
      [33, "float16"],
    ] as const) {
      const data = makeRows("gaussian", 5000, dim, dtype, randomFrom(dim));
      const { whole, bytes } = makeTables(data, dim, dtype);
      const codes = new CodeTable({ dim, dtype });
      codes.appendTable(whole, 0, 1234);
      codes.appendTable(whole, 1234, 5000);
      expect(codes.rowCount).toBe(5000);
      expectSame({ whole, codes, bytes }, { metric: "cos", query: data.slice(0, dim), k: 10 }, dtype);
    }
  });

  it("take less than half of what they do with their vectors", () => {
    const data = makeRows("gaussian", 8192, 128, "float32", randomFrom(2));
    const { whole, codes } = makeTables(data, 128, "float32");
    const bytes = codes.memory().codeBytes;
    expect(bytes / 8192).toBeLessThanOrEqual(160);
    expect(bytes).toBeLessThan(whole.memory().vectorBytes / 3);
  });

  it("are recognised: any byte that was changed shows", () => {
    for (const [dim, dtype] of [
      [5, "float32"],
      [64, "float32"],
      [7, "float16"],
    ] as const) {
      const data = makeRows("gaussian", 3, dim, dtype, randomFrom(dim));
      const { codes, bytes } = makeTables(data, dim, dtype);
      for (let at = 0; at < codes.bytesPerRow; at++) {
        for (const change of [1, 0x80, 0xff]) {
          const fetched = codes.beginFetch(Uint32Array.of(0, 1, 2));
          fetched.target.set(bytes);
          fetched.target[codes.bytesPerRow + at]! ^= change;
          expect(fetched.accept()).toBe(1);
          fetched.release();
        }
      }
    }
  });

  it("are recognised: two changed signs and swapped components show", () => {
    const data = makeRows("gaussian", 2, 32, "float32", randomFrom(12));
    const { codes, bytes } = makeTables(data, 32, "float32");
    const changed = (change: (row: Float32Array) => void): number | null => {
      const fetched = codes.beginFetch(Uint32Array.of(0));
      fetched.target.set(bytes.subarray(0, 128));
      const row = new Float32Array(32);
      new Uint8Array(row.buffer).set(fetched.target);
      change(row);
      fetched.target.set(new Uint8Array(row.buffer));
      const bad = fetched.accept();
      fetched.release();
      return bad;
    };
    expect(changed(() => {})).toBeNull();
    expect(changed((row) => row.fill(0))).toBe(0);
    for (let i = 0; i < 31; i++) {
      for (let j = i + 1; j < 32; j++) {
        const both = (row: Float32Array): void => void ([row[i], row[j]] = [-row[i]!, -row[j]!]);
        expect(changed(both)).toBe(0);
        expect(changed((row) => void ([row[i], row[j]] = [row[j]!, row[i]!]))).toBe(0);
      }
    }
  });
});
