import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DenseMetric, Dtype } from "../types.js";
import { type Kind, kindNames, makeRows, randomFrom, storedBytes } from "./row-kinds.arbitraries.js";
import { type AppendPlace, type FirstPass, type ScanResult, VectorTable } from "./vector-table.js";

const metrics: readonly DenseMetric[] = ["ip", "l2", "cos"];
const passes: readonly FirstPass[] = ["int8", "float", "none"];
const dims = [1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 100, 127, 128, 129, 256, 768, 1024, 1536] as const;

/** Appends rows in pieces of the given sizes, in turn. */
function append(table: VectorTable, data: Float32Array, pieces: readonly number[] = [Number.MAX_SAFE_INTEGER]): void {
  const bytes = storedBytes(data, table.dtype);
  const rows = data.length / table.dim;
  let turn = 0;
  for (let row = 0; row < rows; turn++) {
    const wanted = Math.min(rows - row, pieces[turn % pieces.length] as number);
    const place = table.beginAppend(wanted);
    expect(place.rows).toBeLessThanOrEqual(wanted);
    place.target.set(bytes.subarray(row * table.bytesPerRow, (row + place.rows) * table.bytesPerRow));
    table.finishAppend(place.rows);
    row += place.rows;
  }
}

function makeTable(data: Float32Array, dim: number, dtype: Dtype, pieces?: readonly number[]): VectorTable {
  const table = new VectorTable({ dim, dtype });
  append(table, data, pieces);
  return table;
}

/** Value of one row in float64, and the scale that its rounding error is relative to. */
function naiveValue(metric: DenseMetric, query: Float32Array, row: Float32Array): { value: number; scale: number } {
  let dot = 0;
  let distance = 0;
  let queryNorm = 0;
  let rowNorm = 0;
  for (let i = 0; i < query.length; i++) {
    const q = query[i] as number;
    const x = row[i] as number;
    dot += q * x;
    distance += (q - x) ** 2;
    queryNorm += q * q;
    rowNorm += x * x;
  }
  const product = Math.sqrt(queryNorm) * Math.sqrt(rowNorm);
  if (metric === "ip") return { value: dot, scale: product };
  if (metric === "l2") return { value: distance, scale: distance };
  return { value: product === 0 ? 0 : dot / product, scale: 1 };
}

/** Exact values of all rows, checked against the naive ones. */
function checkedValues(table: VectorTable, metric: DenseMetric, query: Float32Array, data: Float32Array): Float64Array {
  const { dim } = table;
  const rows = Array.from({ length: data.length / dim }, (_, row) => row);
  const values = table.scoreRows(metric, query, rows);
  for (const row of rows) {
    const { value, scale } = naiveValue(metric, query, data.subarray(row * dim, (row + 1) * dim));
    const error = Math.abs((values[row] as number) - value);
    if (!(error <= 1e-12 * scale)) throw new Error(`row ${row}: ${values[row]} is not ${value} (${metric})`);
  }
  return values;
}

/** Rows in order: best value first, ties to the older row. */
function ranked(values: Float64Array, metric: DenseMetric, isWanted: (row: number) => boolean): number[] {
  const sign = metric === "l2" ? 1 : -1;
  const rows = Array.from(values.keys()).filter(isWanted);
  return rows.sort((a, b) => sign * ((values[a] as number) - (values[b] as number)) || a - b);
}

function expectResult(result: ScanResult, wanted: readonly number[], values: Float64Array, what: string): void {
  const rows = Array.from(result.rows);
  const same = rows.length === wanted.length && rows.every((row, i) => row === wanted[i]);
  if (!same) throw new Error(`${what}: rows ${rows.slice(0, 20)} instead of ${wanted.slice(0, 20)}`);
  for (const [i, row] of rows.entries()) {
    if (result.values[i] !== values[row]) throw new Error(`${what}: value ${result.values[i]} not ${values[row]}`);
  }
}

function makeMask(rows: number, share: number, random: () => number): { mask: Uint32Array; count: number } {
  const mask = new Uint32Array(Math.ceil(rows / 32));
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (random() >= share) continue;
    mask[row >>> 5] = (mask[row >>> 5] as number) | (1 << (row & 31));
    count++;
  }
  return { mask, count };
}

/** Searches with every plan and compares each with the ranking of all values. */
function checkSearches(
  table: VectorTable,
  data: Float32Array,
  query: Float32Array,
  k: number,
  share: number,
  random: () => number,
): void {
  const rowCount = data.length / table.dim;
  const { mask, count } = makeMask(rowCount, share, random);
  const isSet = (row: number) => ((mask[row >>> 5] as number) >>> (row & 31)) % 2 === 1;
  for (const metric of metrics) {
    const values = checkedValues(table, metric, query, data);
    const all = ranked(values, metric, () => true);
    const wanted = all.slice(0, k);
    const wantedMasked = all.filter(isSet).slice(0, k);
    for (const firstPass of [...passes, "auto"] as const) {
      const request = { metric, query, k, rowCount, firstPass };
      expectResult(table.search({ ...request, mask: null }), wanted, values, `${metric} ${firstPass}`);
      const masked = table.search({ ...request, mask });
      expectResult(masked, wantedMasked, values, `${metric} ${firstPass} masked`);
      expect(masked.rowsScored).toBe(count);
      const counted = table.search({ ...request, mask, maskCount: count });
      expectResult(counted, wantedMasked, values, `${metric} ${firstPass} masked, counted`);
    }
  }
}

const shares = [1, 0.9, 0.5, 0.3, 0.07, 0.01, 0.001, 0];

describe("exact search", () => {
  it("finds the rows of a naive search, whatever the data, metric, mask and first pass", () => {
    const parameters = fc.record({
      kind: fc.constantFrom(...kindNames),
      queryKind: fc.constantFrom(...kindNames),
      dim: fc.constantFrom(...dims),
      dtype: fc.constantFrom<Dtype>("float32", "float16"),
      rows: fc.integer({ min: 1, max: 300 }),
      k: fc.oneof(fc.constantFrom(1, 2, 10), fc.integer({ min: 1, max: 400 })),
      share: fc.constantFrom(...shares),
      seed: fc.integer(),
      isQueryStored: fc.boolean(),
    });
    fc.assert(
      fc.property(parameters, ({ kind, queryKind, dim, dtype, rows, k, share, seed, isQueryStored }) => {
        const random = randomFrom(seed);
        const data = makeRows(kind, rows, dim, dtype, random);
        const row = Math.floor(random() * rows);
        const query = isQueryStored
          ? data.slice(row * dim, (row + 1) * dim)
          : makeRows(queryKind, 1, dim, "float32", random);
        const table = makeTable(data, dim, dtype, [1, 7, 64, 33]);
        checkSearches(table, data, query, k, share, random);
      }),
      { numRuns: 600 },
    );
  });

  it("holds across blocks and their centres, for every kind of data", () => {
    for (const [i, kind] of kindNames.entries()) {
      const random = randomFrom(100 + i);
      const dim = i % 2 ? 2_048 : 1_021;
      const dtype = i % 3 ? "float32" : "float16";
      const data = makeRows(kind, 1_100, dim, dtype, random);
      const table = makeTable(data, dim, dtype);
      expect(table.blocks.length).toBeGreaterThan(2);
      checkSearches(table, data, makeRows(kind, 1, dim, dtype, random), 10, 0.3, random);
    }
  });

  it("holds when later rows are unlike those that the centre was made of", () => {
    const random = randomFrom(4);
    const dim = 4_096;
    for (let i = 0; i < 14; i++) {
      const pick = () => kindNames[Math.floor(random() * kindNames.length)] as Kind;
      const [first, second, third] = [pick(), pick(), pick()];
      const data = new Float32Array(170 * dim);
      data.set(makeRows(first, 64, dim, "float32", random));
      data.set(makeRows(second, 106, dim, "float32", random), 64 * dim);
      const table = makeTable(data, dim, "float32");
      checkSearches(table, data, makeRows(third, 1, dim, "float32", random), 4, 0.5, random);
    }
  });

  it("holds at the longest vectors, where integer sums come closest to overflow", () => {
    for (const dim of [4_097, 16_384]) {
      const random = randomFrom(dim);
      const data = new Float32Array(80 * dim).map((_, i) => (Math.floor(i / dim) % 2 ? 1 : -1));
      for (let row = 0; row < 80; row++) data[row * dim + row] = random();
      const table = makeTable(data, dim, "float32");
      checkSearches(table, data, new Float32Array(dim).fill(1), 5, 0.5, random);
      checkSearches(table, data, new Float32Array(dim).fill(-3e38), 5, 0.5, random);
      checkSearches(table, data, makeRows("all scales", 1, dim, "float32", random), 5, 0.5, random);
    }
  });

  it("holds over many short rows", () => {
    for (const [i, dim] of [1, 3, 16, 67].entries()) {
      const random = randomFrom(dim);
      const data = makeRows(i % 2 ? "positive" : "gaussian", 9_001, dim, "float32", random);
      const table = makeTable(data, dim, "float32", [1_000, 999]);
      checkSearches(table, data, makeRows("gaussian", 1, dim, "float32", random), 12, 0.1, random);
    }
  });

  it("returns the oldest rows when everything is equal", () => {
    for (const kind of ["all equal", "all zero"] as const) {
      const data = makeRows(kind, 5_000, 8, "float32", randomFrom(1));
      const table = makeTable(data, 8, "float32");
      for (const metric of metrics) {
        for (const firstPass of [...passes, "auto"] as const) {
          const query = new Float32Array(8).fill(0.5);
          const result = table.search({ metric, query, k: 5, rowCount: 5_000, mask: null, firstPass });
          expect(Array.from(result.rows)).toEqual([0, 1, 2, 3, 4]);
        }
      }
    }
  });

  it("excludes nearly all rows by their codes on ordinary data, and gives up codes that exclude none", () => {
    const random = randomFrom(5);
    const ordinary = makeRows("gaussian", 20_000, 64, "float32", random);
    const query = makeRows("gaussian", 1, 64, "float32", random);
    for (const metric of metrics) {
      const request = { metric, query, k: 10, rowCount: 20_000, mask: null };
      const result = makeTable(ordinary, 64, "float32").search(request);
      expect(result.firstPass).toBe("int8");
      expect(result.rowsScored).toBe(20_000);
      expect(result.rowsRescored).toBeLessThan(2_000);
    }
    const table = makeTable(makeRows("all equal", 20_000, 64, "float32", random), 64, "float32");
    const alike = table.search({ metric: "ip", query, k: 10, rowCount: 20_000, mask: null });
    expect(alike.firstPass).not.toBe("int8");
  });

  it("looks at the rows of the snapshot only", () => {
    const data = makeRows("gaussian", 500, 12, "float32", randomFrom(3));
    const table = makeTable(data, 12, "float32");
    const query = data.slice(12 * 499);
    for (const rowCount of [1, 31, 32, 33, 63, 65, 499]) {
      const values = checkedValues(table, "l2", query, data);
      for (const firstPass of passes) {
        const result = table.search({ metric: "l2", query, k: 20, rowCount, mask: null, firstPass });
        const wanted = ranked(values, "l2", (row) => row < rowCount).slice(0, 20);
        expectResult(result, wanted, values, `snapshot of ${rowCount}`);
      }
    }
    const empty = table.search({ metric: "ip", query, k: 3, rowCount: 0, mask: null });
    expect(empty.rows.length).toBe(0);
  });

  it("answers a query of zeros: cosine is 0 everywhere, and the oldest rows win", () => {
    const data = makeRows("gaussian", 300, 20, "float32", randomFrom(8));
    const table = makeTable(data, 20, "float32");
    for (const metric of ["ip", "cos"] as const) {
      const result = table.search({ metric, query: new Float32Array(20), k: 4, rowCount: 300, mask: null });
      expect(Array.from(result.rows)).toEqual([0, 1, 2, 3]);
      expect(Array.from(result.values)).toEqual([0, 0, 0, 0]);
    }
  });
});

describe("range search", () => {
  it("finds every row whose value reaches the threshold, inclusive, best first", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Kind>("gaussian", "small integers", "offset", "half zero"),
        fc.constantFrom(...metrics),
        fc.constantFrom<FirstPass | "auto">("auto", ...passes),
        fc.integer({ min: 1, max: 600 }),
        fc.integer(),
        (kind, metric, firstPass, maxResults, seed) => {
          const random = randomFrom(seed);
          const data = makeRows(kind, 400, 6, "float32", random);
          const table = makeTable(data, 6, "float32");
          const query = makeRows(kind, 1, 6, "float32", random);
          const values = checkedValues(table, metric, query, data);
          const threshold = values[Math.floor(random() * 400)] as number;
          const reaches = (row: number) =>
            metric === "l2" ? (values[row] as number) <= threshold : (values[row] as number) >= threshold;
          const request = { metric, query, threshold, maxResults, rowCount: 400, mask: null, firstPass };
          const wanted = ranked(values, metric, reaches).slice(0, maxResults);
          expectResult(table.searchRange(request), wanted, values, `${metric} ${firstPass} from ${threshold}`);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("finds nothing below a distance of zero", () => {
    const table = makeTable(new Float32Array(30), 3, "float32");
    const query = new Float32Array(3);
    const request = { metric: "l2", query, threshold: -1, maxResults: 5, rowCount: 10, mask: null } as const;
    expect(table.searchRange(request).rows.length).toBe(0);
    expect(table.searchRange({ ...request, threshold: 0 }).rows.length).toBe(5);
  });
});

describe("several searches", () => {
  const random = randomFrom(77);
  const dim = 40;
  const rowCount = 10_000;
  const data = makeRows("gaussian", rowCount, dim, "float32", random);
  const table = makeTable(data, dim, "float32");
  const queries = makeRows("gaussian", 70, dim, "float32", random);
  const queryOf = (i: number) => queries.subarray(i * dim, (i + 1) * dim);

  it("give the same answers together as one at a time", () => {
    for (const metric of metrics) {
      for (const mask of [null, makeMask(rowCount, 0.2, random).mask]) {
        const request = { metric, k: 7, rowCount, mask };
        const together = table.searchBatch(queries, request);
        expect(together.length).toBe(70);
        for (const [i, result] of together.entries()) {
          const alone = table.search({ ...request, query: queryOf(i) });
          expect(result.rows).toEqual(alone.rows);
          expect(result.values).toEqual(alone.values);
        }
      }
    }
  });

  it("go on in steps side by side without disturbing each other, while rows are added", () => {
    const local = makeTable(data, dim, "float32");
    const runs = [0, 1, 2].map((i) => {
      const request = { metric: metrics[i] as DenseMetric, query: queryOf(i), k: 9, rowCount, mask: null };
      return { request, run: local.beginSearch(request) };
    });
    let isDone = false;
    while (!isDone) {
      isDone = true;
      for (const { run } of runs) isDone = run.step(700) && isDone;
      append(local, queries);
    }
    for (const { request, run } of runs) {
      const alone = table.search(request);
      const result = run.finish();
      expect(result.rows).toEqual(alone.rows);
      expect(result.values).toEqual(alone.values);
    }
  });

  it("use the scratch of searches that are over or cancelled again", () => {
    const request = { metric: "ip", query: queryOf(0), k: 9, rowCount, mask: null } as const;
    table.search(request);
    const before = table.memory().totalBytes;
    for (let i = 0; i < 50; i++) {
      const run = table.beginSearch(request);
      run.step(100);
      if (i % 2) run.cancel();
      else run.finish();
    }
    expect(table.memory().totalBytes).toBe(before);
  });
});

describe("rows", () => {
  it("come back as they were written, however they were appended", () => {
    for (const dtype of ["float32", "float16"] as const) {
      for (const dim of [1, 3, 4, 130]) {
        const data = makeRows("gaussian", 777, dim, dtype, randomFrom(dim));
        const table = makeTable(data, dim, dtype, [1, 300, 5]);
        expect(table.rowCount).toBe(777);
        expect(table.readRows([500])).toEqual(data.slice(500 * dim, 501 * dim));
        expect(table.readRows([0, 776, 3])).toEqual(
          Float32Array.of(...data.slice(0, dim), ...data.slice(776 * dim), ...data.slice(3 * dim, 4 * dim)),
        );
      }
    }
  });

  it("can be cut off and appended anew", () => {
    const random = randomFrom(9);
    const dim = 1_500;
    const first = makeRows("offset", 700, dim, "float32", random);
    const second = makeRows("gaussian", 600, dim, "float32", random);
    const table = makeTable(first, dim, "float32");
    table.truncate(333);
    append(table, second, [100]);
    const data = new Float32Array(933 * dim);
    data.set(first.subarray(0, 333 * dim));
    data.set(second, 333 * dim);
    expect(table.rowCount).toBe(933);
    checkSearches(table, data, makeRows("gaussian", 1, dim, "float32", random), 10, 0.4, random);
  });

  it("that were written but not taken over do not count", () => {
    const table = makeTable(Float32Array.of(1, 2, 3), 3, "float32");
    table.beginAppend(10).target.fill(7);
    expect(table.rowCount).toBe(1);
    table.beginAppend(5).target.fill(0);
    table.finishAppend(2);
    expect(table.rowCount).toBe(3);
    expect(table.readRows([0, 1, 2])).toEqual(Float32Array.of(1, 2, 3, 0, 0, 0, 0, 0, 0));
  });

  it("spread over several memories and are searched as one", () => {
    const random = randomFrom(12);
    const dim = 512;
    const data = makeRows("offset", 6_000, dim, "float32", random);
    const table = new VectorTable({ dim, dtype: "float32", segmentBytesMax: 4 << 20 });
    append(table, data, [1_111]);
    expect(new Set(table.blocks.map((block) => block.segment)).size).toBeGreaterThan(3);
    checkSearches(table, data, makeRows("offset", 1, dim, "float32", random), 10, 0.2, random);
    const [result] = table.searchBatch(data.subarray(0, 2 * dim), { metric: "l2", k: 1, rowCount: 6_000, mask: null });
    expect(Array.from((result as ScanResult).rows)).toEqual([0]);
  });

  it("can be written ahead while those before are taken over", () => {
    const dim = 64;
    const data = makeRows("positive", 30_000, dim, "float32", randomFrom(5));
    const bytes = storedBytes(data, "float32");
    const table = new VectorTable({ dim, dtype: "float32" });
    const fill = (target: Uint8Array, row: number): void => {
      target.set(bytes.subarray(row * table.bytesPerRow, row * table.bytesPerRow + target.length));
    };
    let ahead: AppendPlace | null = null;
    let placedAhead = 0;
    for (let row = 0; row < 30_000; ) {
      const place: AppendPlace = ahead ?? table.beginAppend(30_000 - row);
      if (ahead === null) fill(place.target, row);
      ahead = row + place.rows < 30_000 ? table.beginAppendAhead(30_000 - row - place.rows) : null;
      if (ahead !== null) {
        fill(ahead.target, row + place.rows);
        placedAhead += 1;
      }
      table.finishAppend(place.rows);
      row += place.rows;
    }
    expect(placedAhead).toBeGreaterThan(0);
    // Two million numbers: a comparison one by one would take ten seconds.
    const read = table.readRows(Array.from({ length: 30_000 }, (_, row) => row));
    expect(Buffer.from(read.buffer, read.byteOffset, read.byteLength).equals(Buffer.from(data.buffer))).toBe(true);
    const plain = makeTable(data, dim, "float32");
    const query = data.subarray(0, dim);
    const request = { metric: "l2", query, k: 20, rowCount: 30_000, mask: null } as const;
    expect(table.search(request)).toEqual(plain.search(request));
  });

  it("whose codes wait are found all the same, before, while and after the codes are derived", () => {
    for (const kind of ["gaussian", "offset", "half zero", "huge", "all equal"] as const) {
      for (const dtype of ["float32", "float16"] as const) {
        const dim = 33;
        const random = randomFrom(11);
        const data = makeRows(kind, 6_000, dim, dtype, random);
        const bytes = storedBytes(data, dtype);
        const table = new VectorTable({ dim, dtype });
        for (let row = 0; row < 6_000; ) {
          const place = table.beginAppend(Math.min(1_000, 6_000 - row));
          place.target.set(bytes.subarray(row * table.bytesPerRow, (row + place.rows) * table.bytesPerRow));
          // The first stretch has codes, the later ones wait; the last is appended the ordinary way behind them.
          table.finishAppend(place.rows, row >= 1_000 && row < 5_000);
          row += place.rows;
        }
        expect(table.encodedRows).toBeLessThan(6_000);
        const query = data.subarray(7 * dim, 8 * dim);
        const plain = makeTable(data, dim, dtype);
        const { mask } = makeMask(6_000, 0.3, random);
        const ask = (): void => {
          for (const metric of metrics) {
            for (const masks of [null, mask]) {
              const request = { metric, query, k: 12, rowCount: 6_000, mask: masks };
              const { rows, values } = table.search(request);
              const wanted = plain.search(request);
              expect([rows, values], `${kind} ${dtype} ${metric}`).toEqual([wanted.rows, wanted.values]);
            }
          }
        };
        const before = table.search({ metric: "ip", query, k: 12, rowCount: 6_000, mask: null });
        expect(before.firstPass).not.toBe("int8");
        expect(table.encodePending(500)).toBe(false);
        ask();
        while (!table.encodePending(500));
        expect(table.encodedRows).toBe(6_000);
        ask();
      }
    }
  });

  it("are counted in the table's memory and given back", () => {
    const table = makeTable(new Float32Array(128 * 1_000).fill(1), 128, "float32");
    const { vectorBytes, codeBytes, totalBytes } = table.memory();
    expect(vectorBytes).toBe(128 * 4 * 1_000);
    expect(codeBytes).toBeLessThan(vectorBytes * 0.32);
    expect(totalBytes).toBeGreaterThanOrEqual(vectorBytes + codeBytes);
    table.release();
    expect(table.memory().totalBytes).toBe(0);
    expect(() => table.beginAppend(1)).toThrow("released");
  });
});
