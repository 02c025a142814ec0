import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeFloat16 } from "../../kernel/float16.js";
import { VectorTable } from "../../kernel/vector-table.js";
import type { Dtype } from "../../types.js";
import type { ScannedMetric } from "./metric-order.js";
import { beginMetricRange, beginMetricScan, scoreMetricRows } from "./metric-scan.js";

type Distance = (a: readonly number[], b: readonly number[]) => number;

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
const isSet = (values: readonly number[]) => values.map((value) => (value > 0.5 ? 1 : 0));
const common: Distance = (a, b) => sumOf(a.map((value, i) => (value > 0.5 && b[i]! > 0.5 ? 1 : 0)));

function jaccard(a: readonly number[], b: readonly number[]): number {
  const union = sumOf(isSet(a)) + sumOf(isSet(b)) - common(a, b);
  return union === 0 ? 0 : 1 - common(a, b) / union;
}

function shares(values: readonly number[]): number[] {
  const mass = sumOf(values);
  return values.map((value) => value / mass);
}

/** The given value where a mass is zero: both, or one. */
function emptyOr(a: readonly number[], b: readonly number[], one: number, distance: () => number): number {
  const empty = (sumOf(a) === 0 ? 1 : 0) + (sumOf(b) === 0 ? 1 : 0);
  return empty === 2 ? 0 : empty === 1 ? one : distance();
}

/** p·ln p + q·ln q with p = 1 + t, q = 1 − t, without cancellation for small t. */
function divergenceOf(t: number): number {
  if (t > 0.05) return (1 + t) * Math.log1p(t) + (t === 1 ? 0 : (1 - t) * Math.log1p(-t));
  let sum = 0;
  for (let k = 12; k >= 1; k--) sum += t ** (2 * k) / (k * (2 * k - 1));
  return sum;
}

/** The definitions, one component after the other. */
const plain: Record<ScannedMetric, Distance> = {
  hamming: (a, b) => sumOf(a.map((value, i) => (value > 0.5 === b[i]! > 0.5 ? 0 : 1))),
  jaccard,
  tanimoto: jaccard,
  dice: (a, b) => {
    const bits = sumOf(isSet(a)) + sumOf(isSet(b));
    return bits === 0 ? 0 : 1 - (2 * common(a, b)) / bits;
  },
  l1: (a, b) => sumOf(a.map((x, i) => Math.abs(x - b[i]!))),
  chebyshev: (a, b) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!))),
  canberra: (a, b) =>
    sumOf(a.map((x, i) => (x === 0 && b[i] === 0 ? 0 : Math.abs(x - b[i]!) / (Math.abs(x) + Math.abs(b[i]!))))),
  bray_curtis: (a, b) => {
    const difference = sumOf(a.map((x, i) => Math.abs(x - b[i]!)));
    return difference === 0 ? 0 : difference / sumOf(a.map((x, i) => Math.abs(x + b[i]!)));
  },
  haversine: ([lon1, lat1], [lon2, lat2]) => {
    const radians = Math.PI / 180;
    const place = (lon: number, lat: number) => [
      Math.cos(lat * radians) * Math.cos(lon * radians),
      Math.cos(lat * radians) * Math.sin(lon * radians),
      Math.sin(lat * radians),
    ];
    const [x1, y1, z1] = place(lon1!, lat1!) as [number, number, number];
    const [x2, y2, z2] = place(lon2!, lat2!) as [number, number, number];
    const cross = Math.hypot(y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2);
    return 6371008.8 * Math.atan2(cross, x1 * x2 + y1 * y2 + z1 * z2);
  },
  correlation: (a, b) => {
    const [meanA, meanB] = [sumOf(a) / a.length, sumOf(b) / b.length];
    const x = a.map((value) => value - meanA);
    const y = b.map((value) => value - meanB);
    const deviation = Math.sqrt(sumOf(x.map((v) => v * v)) * sumOf(y.map((v) => v * v)));
    if (deviation <= 2.2e-16) return a.every((value, i) => value === b[i]) ? 0 : 1;
    return 1 - Math.max(-1, Math.min(1, sumOf(x.map((v, i) => v * y[i]!)) / deviation));
  },
  hellinger: (a, b) =>
    emptyOr(a, b, 1, () => {
      const [p, q] = [shares(a), shares(b)];
      return Math.sqrt(sumOf(p.map((x, i) => (Math.sqrt(x) - Math.sqrt(q[i]!)) ** 2)) / 2);
    }),
  wasserstein: (a, b) =>
    emptyOr(a, b, Number.POSITIVE_INFINITY, () => {
      const [p, q] = [shares(a), shares(b)];
      let [moved, sum] = [0, 0];
      for (let i = 0; i < p.length - 1; i++) {
        moved += p[i]! - q[i]!;
        sum += Math.abs(moved);
      }
      return sum;
    }),
  jensen_shannon: (a, b) =>
    emptyOr(a, b, Math.sqrt(Math.LN2), () => {
      const [p, q] = [shares(a), shares(b)];
      const terms = p.map((x, i) => {
        const sum = x + q[i]!;
        return sum === 0 ? 0 : sum * divergenceOf(Math.abs(x - q[i]!) / sum);
      });
      return Math.sqrt(sumOf(terms) / 4);
    }),
};
const metrics = Object.keys(plain) as ScannedMetric[];
const distributions = ["hellinger", "wasserstein", "jensen_shannon"];

function tableOf(
  rows: readonly (readonly number[])[],
  dtype: Dtype = "float32",
  segmentBytesMax?: number,
): VectorTable {
  const dim = rows[0]!.length;
  const table = new VectorTable({ dim, dtype, ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }) });
  for (let at = 0; at < rows.length; ) {
    const { target, rows: room } = table.beginAppend(rows.length - at);
    const values = Float32Array.from(rows.slice(at, at + room).flat());
    if (dtype === "float32") target.set(new Uint8Array(values.buffer));
    else encodeFloat16(values, new Uint16Array(target.buffer, target.byteOffset, values.length));
    table.finishAppend(room);
    at += room;
  }
  return table;
}

function valueBetween(
  metric: ScannedMetric,
  a: readonly number[],
  b: readonly number[],
  dtype: Dtype = "float32",
): number {
  const table = tableOf([b], dtype);
  const [value] = scoreMetricRows(table, metric, Float32Array.from(a), [0]);
  table.release();
  return value!;
}

/** Pseudo-random numbers, the same every time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Rows that suit the metric, some of them equal, some empty. */
function rowsFor(metric: ScannedMetric, count: number, dim: number, seed: number): number[][] {
  const random = randomOf(seed);
  const rows: number[][] = [];
  for (let i = 0; i < count; i++) {
    if (metric === "haversine") rows.push([random() * 720 - 360, random() * 180 - 90]);
    else if (i % 17 === 3) rows.push(rows[i >> 1]!.slice());
    else if (i % 29 === 5) rows.push(new Array<number>(dim).fill(0));
    else if (distributions.includes(metric)) {
      rows.push(Array.from({ length: dim }, () => (random() < 0.3 ? 0 : random() ** 3)));
    } else rows.push(Array.from({ length: dim }, () => (random() < 0.1 ? 0 : random() * 2 - 1)));
  }
  return rows.map((row) => row.map(Math.fround));
}

function expectClose(actual: number, expected: number, what: string): void {
  const isClose = actual === expected || Math.abs(actual - expected) <= 1e-9 * Math.abs(expected) + 1e-13;
  if (!isClose) expect.fail(`${what}: ${actual} instead of ${expected}`);
}

describe("values of a metric", () => {
  it("are those of the reference", () => {
    expect(valueBetween("l1", [1, 2, 3], [3, 0, 4])).toBe(5);
    expectClose(valueBetween("correlation", [1, 2, 3], [2, 4, 6]), 0, "pearson");
    expect(valueBetween("correlation", [1, 2, 3], [3, 2, 1])).toBe(2);
    expect(valueBetween("hellinger", [1, 0], [0, 1])).toBe(1);
    expect(valueBetween("wasserstein", [1, 0, 0], [0, 0, 1])).toBe(2);
    expect(valueBetween("dice", [1, 1, 0], [1, 0, 1])).toBe(0.5);
    expect(valueBetween("tanimoto", [1, 1, 0], [1, 0, 1])).toBeCloseTo(2 / 3, 15);
    expect(valueBetween("hamming", [1, 1, 0], [1, 0, 1])).toBe(2);
    expect(valueBetween("jensen_shannon", [1, 0], [0, 1])).toBeCloseTo(Math.sqrt(Math.LN2), 15);
    expect(valueBetween("chebyshev", [1, 2, 3], [4, 0, 3])).toBe(3);
    expect(valueBetween("canberra", [1, 0, 3], [2, 0, 1])).toBeCloseTo(5 / 6, 15);
    expect(valueBetween("bray_curtis", [1, 2], [2, 4])).toBeCloseTo(1 / 3, 15);
    const kilometres = valueBetween("haversine", [121.4737, 31.2304], [116.4074, 39.9042]) / 1000;
    expect(Math.abs(kilometres - 1067)).toBeLessThan(10);
  });

  it("are defined where nothing is there", () => {
    const [none, some] = [
      [0, 0, 0],
      [0, 2, 1],
    ];
    const expected: Partial<Record<ScannedMetric, number>> = {
      hamming: 2,
      jaccard: 1,
      tanimoto: 1,
      dice: 1,
      canberra: 2,
      bray_curtis: 1,
      correlation: 1,
      hellinger: 1,
      wasserstein: Number.POSITIVE_INFINITY,
      jensen_shannon: Math.sqrt(Math.LN2),
    };
    for (const [metric, value] of Object.entries(expected) as [ScannedMetric, number][]) {
      expect(valueBetween(metric, none, none), metric).toBe(0);
      expect(valueBetween(metric, none, some), metric).toBe(value);
      expect(valueBetween(metric, some, none), metric).toBe(value);
    }
    expect(valueBetween("bray_curtis", [1, -2], [-1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(valueBetween("correlation", [3, 3], [3, 3])).toBe(0);
    expect(valueBetween("correlation", [3, 3], [4, 4])).toBe(1);
  });

  it("are infinite for rows outside the metric's contract", () => {
    for (const metric of ["hellinger", "wasserstein", "jensen_shannon"] as const) {
      expect(valueBetween(metric, [1, 2, 3], [1, -0.5, 3])).toBe(Number.POSITIVE_INFINITY);
      expect(valueBetween(metric, [1, 2, 3, 4, 5], [1, 1, 3, 4, -1e-30])).toBe(Number.POSITIVE_INFINITY);
      expect(valueBetween(metric, [1, 2, 3], [1, -0, 3])).toBeLessThan(1);
    }
    expect(valueBetween("haversine", [1, 2], [1, 90.5])).toBe(Number.POSITIVE_INFINITY);
    expect(valueBetween("haversine", [1, 2], [1, -90])).toBeLessThan(2e7);
  });

  it("are the definition's, the same in both directions, and zero from a row to itself", () => {
    for (const metric of metrics) {
      const dims = metric === "haversine" ? [2] : [1, 2, 3, 4, 5, 7, 8, 67];
      for (const dim of dims) {
        const rows = rowsFor(metric, 30, dim, dim + 1);
        for (const dtype of ["float32", "float16"] as const) {
          const table = tableOf(rows, dtype);
          const stored = rows.map((_, i) => Array.from(table.readRows([i])));
          const all = rows.map((_, i) => i);
          const values = stored.map((query) => scoreMetricRows(table, metric, Float32Array.from(query), all));
          for (let i = 0; i < rows.length; i++) {
            expect(values[i]![i], `${metric} ${dim}`).toBe(0);
            for (let j = 0; j < rows.length; j++) {
              const value = values[i]![j]!;
              expectClose(value, plain[metric](stored[i]!, stored[j]!), `${metric} ${dim} ${dtype} ${i} ${j}`);
              // Which of the latitudes is the query's may decide a rounding.
              expectClose(value, values[j]![i]!, `${metric} backwards`);
              if (metric !== "haversine") expect(value).toBe(values[j]![i]);
            }
          }
          table.release();
        }
      }
    }
  });

  it("are the definition's for any numbers", () => {
    const component = fc.float({
      noNaN: true,
      noDefaultInfinity: true,
      min: Math.fround(-1e18),
      max: Math.fround(1e18),
    });
    const pair = fc
      .integer({ min: 1, max: 40 })
      .chain((dim) =>
        fc.tuple(
          fc.array(component, { minLength: dim, maxLength: dim }),
          fc.array(component, { minLength: dim, maxLength: dim }),
        ),
      );
    for (const metric of metrics) {
      if (metric === "haversine" || metric === "correlation") continue;
      fc.assert(
        fc.property(pair, (given) => {
          const [a, b] = distributions.includes(metric) ? given.map((row) => row.map(Math.abs)) : given;
          const value = valueBetween(metric, a!, b!);
          const expected = plain[metric](a!, b!);
          if (value === expected) return;
          const absolute = metric === "wasserstein" ? 1e-12 : 1e-15;
          expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected) + absolute);
        }),
        { numRuns: 150, seed: 7 },
      );
    }
  });

  it("keep their digits for distributions that hardly differ", () => {
    const random = randomOf(5);
    for (const scale of [1e-2, 1e-4, 1e-6]) {
      const a = Array.from({ length: 50 }, () => Math.fround(random() + 0.1));
      const b = a.map((x) => Math.fround(x * (1 + scale * random())));
      for (const metric of ["hellinger", "jensen_shannon"] as const) {
        const expected = plain[metric](a, b);
        expect(expected).toBeGreaterThan(0);
        expect(Math.abs(valueBetween(metric, a, b) / expected - 1)).toBeLessThan(1e-9);
      }
    }
  });

  it("keep their digits for places next to each other, antipodes and poles", () => {
    const near = (actual: number, expected: number) => expect(Math.abs(actual / expected - 1)).toBeLessThan(1e-6);
    const metresPerDegree = (6371008.8 * Math.PI) / 180;
    for (const degrees of [1e-12, 1e-9, 1e-6, 1e-3, 1, 30]) {
      near(valueBetween("haversine", [0, 0], [degrees, 0]), metresPerDegree * Math.fround(degrees));
      near(valueBetween("haversine", [0, 0], [0, degrees]), metresPerDegree * Math.fround(degrees));
      near(valueBetween("haversine", [180, 0], [-180, degrees]), metresPerDegree * Math.fround(degrees));
      near(valueBetween("haversine", [0, 0], [180, degrees]), metresPerDegree * (180 - Math.fround(degrees)));
      near(valueBetween("haversine", [-90, degrees], [90, -degrees]), metresPerDegree * 180);
    }
    const offAntipode = Math.fround(90.001) - 90;
    near(
      180 * metresPerDegree - valueBetween("haversine", [-90, 0], [Math.fround(90.001), 0]),
      offAntipode * metresPerDegree,
    );
    expect(valueBetween("haversine", [17, 90], [-120, 90])).toBeLessThan(1e-9);
    near(valueBetween("haversine", [17, 90], [-120, -90]), 180 * metresPerDegree);
    expectClose(valueBetween("haversine", [10, 20], [370, 20]), 0, "a turn");
    near(valueBetween("haversine", [10, 0], [-350 * 3 - 10, 0]), 10 * metresPerDegree);
    expect(Number.isFinite(valueBetween("haversine", [3e38, 0], [-3e38, 0]))).toBe(true);
  });
});

describe("scans by a metric", () => {
  function best(values: ArrayLike<number>, k: number, isAllowed: (row: number) => boolean): number[] {
    const rows = Array.from(values, (_, row) => row).filter(isAllowed);
    return rows.sort((a, b) => (values[a] === values[b] ? a - b : values[a]! < values[b]! ? -1 : 1)).slice(0, k);
  }

  it("give the best rows of all, of a mask, of a part and in steps", () => {
    for (const metric of metrics) {
      const rows = rowsFor(metric, 900, metric === "haversine" ? 2 : 24, 3);
      for (const dtype of ["float32", "float16"] as const) {
        const table = tableOf(rows, dtype);
        const query = table.readRows([850]);
        const all = rows.map((_, i) => i);
        const values = scoreMetricRows(table, metric, query, all);
        const random = randomOf(1);
        const mask = Uint32Array.from({ length: 29 }, () => (random() < 0.3 ? 0 : (random() * 2 ** 32) >>> 0));
        const isInMask = (row: number) => ((mask[row >>> 5]! >>> (row & 31)) & 1) === 1;
        for (const [k, rowCount, fromRow] of [
          [1, 900, 0],
          [10, 900, 0],
          [10, 777, 130],
          [2000, 800, 0],
        ] as const) {
          for (const given of [null, mask]) {
            const request = { metric, query, k, rowCount, fromRow, mask: given };
            const isAllowed = (row: number) => row >= fromRow && row < rowCount && (given === null || isInMask(row));
            const expected = best(values, k, isAllowed);
            const whole = beginMetricScan(table, request).finish();
            expect(Array.from(whole.rows), metric).toEqual(expected);
            expect(Array.from(whole.values)).toEqual(expected.map((row) => values[row]));
            expect(whole.rowsScored).toBe(all.filter(isAllowed).length);
            const stepped = beginMetricScan(table, request);
            while (!stepped.step(100)) expect(stepped.rowsDone).toBeLessThan(rowCount - fromRow);
            expect(stepped.finish()).toEqual(whole);
          }
        }
        table.release();
      }
    }
  });

  it("lose no row to a bound, however near, far, small or large the rows are", () => {
    for (const metric of ["hellinger", "jensen_shannon"] as const) {
      const random = randomOf(12);
      const dim = 37;
      const first = Array.from({ length: dim }, () => (random() < 0.3 ? 0 : random()));
      const rows = Array.from({ length: 1500 }, (_, i) => {
        const noise = 10 ** -(random() * 7);
        const mass = i % 5 === 0 ? 10 ** (random() * 70 - 38) : 1;
        return first.map((x) => Math.fround(mass * (x * (1 + noise * random()) + (random() < noise ? noise : 0))));
      });
      for (const dtype of ["float32", "float16"] as const) {
        const table = tableOf(dtype === "float32" ? rows : rows.filter((_, i) => i % 5 !== 0), dtype);
        const { rowCount } = table;
        for (const at of [0, 7, 700, 1100]) {
          const query = table.readRows([at]);
          const values = scoreMetricRows(
            table,
            metric,
            query,
            Array.from({ length: rowCount }, (_, i) => i),
          );
          for (const k of [1, 10, 300]) {
            const found = beginMetricScan(table, { metric, query, k, rowCount, mask: null }).finish();
            const expected = best(values, k, () => true);
            expect(Array.from(found.rows)).toEqual(expected);
            const threshold = values[expected.at(-1)!]!;
            const within = best(values, rowCount, (row) => values[row]! <= threshold);
            const range = beginMetricRange(table, { metric, query, rowCount, mask: null, threshold, maxResults: 2000 });
            expect(Array.from(range.finish().rows)).toEqual(within);
          }
        }
        table.release();
      }
    }
  });

  it("lose no row to a bound where each is a little nearer than the one before", () => {
    const random = randomOf(3);
    for (const metric of ["hellinger", "jensen_shannon"] as const) {
      for (const difference of [0.02, 0.3, 0.9]) {
        const rows = Array.from({ length: 600 }, (_, i) => {
          const t = difference * (1 - i * 2e-6);
          const more = Array.from({ length: 18 }, () => random() < 0.5);
          return more.flatMap((isMore) => (isMore ? [1 + t, 1 - t] : [1 - t, 1 + t]));
        });
        const table = tableOf(rows);
        const query = new Float32Array(36).fill(1);
        const values = scoreMetricRows(
          table,
          metric,
          query,
          rows.map((_, i) => i),
        );
        const found = beginMetricScan(table, { metric, query, k: 1, rowCount: 600, mask: null }).finish();
        expect(Array.from(found.rows)).toEqual(best(values, 1, () => true));
        table.release();
      }
    }
  });

  it("go on from one memory to the next", () => {
    for (const [metric, count, dim, segmentBytes] of [
      ["l1", 900, 600, 2_000_000],
      ["hamming", 900, 600, 2_000_000],
      ["haversine", 20_000, 2, 600_000],
    ] as const) {
      const rows = rowsFor(metric, count, dim, 4);
      const table = tableOf(rows, "float32", segmentBytes);
      expect(new Set(table.blocks.map((block) => block.segment)).size).toBeGreaterThan(1);
      const query = table.readRows([count - 1]);
      const values = scoreMetricRows(
        table,
        metric,
        query,
        rows.map((_, i) => i),
      );
      const mask = new Uint32Array(Math.ceil(count / 32)).fill(0x7777_7777);
      const isInMask = (row: number) => row % 4 !== 3;
      const request = { metric, query, k: 30, rowCount: count };
      const found = beginMetricScan(table, { ...request, mask });
      while (!found.step(64));
      expect(Array.from(found.finish().rows)).toEqual(best(values, 30, isInMask));
      const last = beginMetricScan(table, { ...request, mask, fromRow: count - 100 }).finish();
      expect(Array.from(last.rows)).toEqual(best(values, 30, (row) => row >= count - 100 && isInMask(row)));
      expect(Array.from(beginMetricScan(table, { ...request, mask: null }).finish().rows)).toEqual(
        best(values, 30, () => true),
      );
      table.release();
    }
  });

  it("give all rows up to a threshold, it included", () => {
    for (const metric of metrics) {
      const rows = rowsFor(metric, 300, metric === "haversine" ? 2 : 9, 8);
      const table = tableOf(rows);
      const query = table.readRows([0]);
      const values = scoreMetricRows(
        table,
        metric,
        query,
        rows.map((_, i) => i),
      );
      const threshold = [...values].sort((a, b) => a - b)[40]!;
      const expected = best(values, 300, (row) => values[row]! <= threshold);
      const request = { metric, query, rowCount: 300, mask: null };
      const found = beginMetricRange(table, { ...request, threshold, maxResults: 1000 }).finish();
      expect(Array.from(found.rows)).toEqual(expected);
      const few = beginMetricRange(table, { ...request, threshold, maxResults: 7 }).finish();
      expect(Array.from(few.rows)).toEqual(expected.slice(0, 7));
      expect(beginMetricRange(table, { ...request, threshold: -1, maxResults: 7 }).finish().rows.length).toBe(0);
      const everything = { ...request, threshold: Number.POSITIVE_INFINITY, maxResults: 1000 };
      expect(beginMetricRange(table, everything).finish().rows.length).toBe(300);
      table.release();
    }
  });

  it("give nothing where nothing is allowed, and back their scratch", () => {
    const table = tableOf(rowsFor("l1", 200, 5, 1));
    const query = table.readRows([0]);
    const request = { metric: "l1", query, k: 5, rowCount: 200, mask: new Uint32Array(7) } as const;
    expect(beginMetricScan(table, request).finish().rows.length).toBe(0);
    expect(beginMetricScan(table, { ...request, rowCount: 0 }).finish().rows.length).toBe(0);
    const one = new Uint32Array(7);
    one[6] = 1 << 7;
    expect(Array.from(beginMetricScan(table, { ...request, mask: one }).finish().rows)).toEqual([199]);
    const bytes = table.memory().totalBytes;
    for (let i = 0; i < 50; i++) {
      const search = beginMetricScan(table, { ...request, mask: one });
      search.step(64);
      search.cancel();
      beginMetricScan(table, { ...request, mask: null }).finish();
    }
    expect(table.memory().totalBytes).toBe(bytes);
  });

  it("go over vectors of any length", () => {
    for (const metric of metrics) {
      if (metric === "haversine") continue;
      const rows = rowsFor(metric, 20, 1536, 2);
      const table = tableOf(rows);
      const query = Float32Array.from(rows[19]!);
      const found = beginMetricScan(table, { metric, query, k: 20, rowCount: 20, mask: null }).finish();
      for (let i = 0; i < 20; i++) {
        expectClose(found.values[i]!, plain[metric](rows[19]!, rows[found.rows[i]!]!), metric);
      }
      table.release();
    }
  });
});
