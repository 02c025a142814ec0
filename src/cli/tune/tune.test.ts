import { describe, expect, test } from "vitest";
import { recallByValue } from "./recall-by-value.js";
import { recommend } from "./recommendation.js";
import { SeededRandom } from "./seeded-random.js";
import { bestPoints, tuneCurve } from "./tune-curve.js";
import { tuneFacts } from "./tune-facts.js";
import { candidateModes, knobOf } from "./tune-modes.js";
import { tunePage } from "./tune-page.js";
import type { TuneMode, TunePoint, TuneReport } from "./tune-report.js";
import { tuneTable } from "./tune-table.js";

const point = (effort: number | null, recall: number, meanMs: number): TunePoint => ({
  effort,
  recall,
  meanMs,
  p95Ms: meanMs * 2,
  usesIndex: effort !== null,
});

function mode(name: string, points: readonly TunePoint[], more: Partial<TuneMode> = {}): TuneMode {
  const isExact = name.startsWith("FLAT");
  const knob = { knob: isExact ? null : "rows in view", knobParameter: isExact ? null : "efSearch" };
  return { mode: name, isExact, ...knob, points, buildSeconds: 1.5, memoryBytes: 2e6, failure: null, ...more };
}

function report(...modes: readonly TuneMode[]): TuneReport {
  return {
    database: "default",
    collection: "<docs>",
    metric: "cos",
    dim: 8,
    rows: 1000,
    copiedRows: 900,
    queries: 100,
    k: 10,
    where: null,
    targetRecall: 0.95,
    modes,
  };
}

const exact = mode("FLAT-COS", [point(null, 1, 1)]);

describe("the recommendation", () => {
  test("is the fastest search with the recall that is wanted, as a command", () => {
    const graph = mode("HNSW-COS", [point(10, 0.9, 0.05), point(32, 0.96, 0.1), point(64, 0.99, 0.2)]);
    const chosen = recommend(report(exact, graph), ["--collection", "docs"]);
    expect(chosen.point.effort).toBe(32);
    expect(chosen.command).toBe("lynse index HNSW-COS --param efSearch=32 --collection docs");
    expect(chosen.sentence).toMatch(
      /^HNSW-COS with nprobe 32 .* recall 0\.9600, 100 µs a query .* 10\.0 times as fast/,
    );
  });

  test("is exact search where no index has the recall, or none is clearly faster, or none was measured", () => {
    const poor = mode("HNSW-COS", [point(10, 0.94, 0.05)]);
    const slow = mode("IVF-COS", [point(10, 0.99, 0.9)]);
    const broken = mode("IVF-COS-PQ", [], { failure: "dim is odd" });
    for (const others of [[poor, slow, broken], [broken]]) {
      const chosen = recommend(report(exact, ...others), []);
      expect(chosen.mode).toBe(exact);
      expect(chosen.command).toBe("lynse index FLAT-COS");
      expect(chosen.sentence).toMatch(/^Exact search \(FLAT-COS\) is the best choice here/);
    }
  });
});

test("an index that was not used for its searches is not recommended for them", () => {
  const unused = mode("HNSW-COS", [{ ...point(10, 1, 0.5), usesIndex: false }]);
  const all = report(exact, unused);
  const chosen = recommend(all, []);
  expect(chosen.sentence).toMatch(/so few rows are scanned exactly even where there is an index\.$/);
  expect(tuneTable(all, chosen, { width: null, hasColour: false }).at(-1)).toMatch(/scanned exactly$/);
});

describe("recall by value", () => {
  test("counts ties, whichever of them is found", () => {
    expect(recallByValue([3, 2, 2], [3, 2, 2], true)).toBe(1);
    expect(recallByValue([3, 2, 2], [3, 2, 1], true)).toBeCloseTo(2 / 3);
    expect(recallByValue([1, 2, 2], [1, 2, 2.1], false)).toBeCloseTo(2 / 3);
  });

  test("a search that finds too few has missed the rest; one that could find nothing has missed nothing", () => {
    expect(recallByValue([0, 0, 0], [0], false)).toBeCloseTo(1 / 3);
    expect(recallByValue([], [], true)).toBe(1);
    expect(recallByValue([5, 4], [Number.NaN, 5], true)).toBe(0.5);
  });
});

test("candidates have the metric of the collection; graphs keep at least k rows in view", () => {
  for (const name of candidateModes("cos")) expect(name).toMatch(/^(HNSW|IVF|FLAT)-COS/);
  expect(candidateModes("jensen_shannon")).toEqual(["HNSW-JENSEN-SHANNON"]);
  expect(candidateModes("dice")).toEqual([]);
  expect(knobOf("HNSW-COS", 50)?.efforts.slice(0, 3)).toEqual([50, 64, 96]);
  expect(knobOf("IVF-COS-RABITQ", 50)?.efforts[0]).toBe(1);
  expect(knobOf("FLAT-COS-SQ8", 10)).toBeNull();
});

test("drawn rows are even and the same for a seed", () => {
  const random = new SeededRandom(7);
  const again = new SeededRandom(7);
  let sum = 0;
  for (let turn = 0; turn < 10_000; turn += 1) {
    const value = random.unit();
    expect(value).toBe(again.unit());
    sum += value;
  }
  expect(sum / 10_000).toBeCloseTo(0.5, 1);
});

describe("what is shown", () => {
  const graph = mode("HNSW-COS", [point(10, 0.3, 0.05), point(32, 0.96, 0.1), point(64, 1, 0.2), point(96, 0.99, 0.4)]);
  const broken = mode("IVF-COS", [], { failure: "no <room>" });
  const all = report(exact, graph, broken);
  const chosen = recommend(all, ["--collection", "'<docs>'"]);

  test("the table marks what is recommended and gives the reason of what failed", () => {
    const lines = tuneTable(all, chosen, { width: null, hasColour: false });
    expect(lines.filter((line) => line.endsWith("recommended"))).toEqual([
      expect.stringMatching(/^ +32 +0\.9600 +100 µs/),
    ]);
    expect(lines.at(-1)).toMatch(/^IVF-COS +not measured: no <room>$/);
  });

  test("the picture has a line of the points that no other beats, and every name", () => {
    expect(bestPoints(graph.points).map(({ effort }) => effort)).toEqual([10, 32, 64]);
    const picture = tuneCurve(all, chosen.point);
    expect(picture.match(/class="name"/g)).toHaveLength(2);
    expect(picture.match(/class="chosen"/g)).toHaveLength(1);
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("the page says everything without markup from names", () => {
    const page = tunePage(all, chosen);
    expect(page).toContain("default/&lt;docs&gt;");
    expect(page).toContain("no &lt;room&gt;");
    expect(page).not.toContain("<docs>");
    expect(page.match(/<tr class="chosen"/g)).toHaveLength(1);
  });

  test("a sample is called one", () => {
    const whole = new Map(tuneFacts(all));
    expect(whole.get("copy")).toBe("900 of 1,000 rows, in memory; the collection itself was only read");
    expect(whole.has("sample")).toBe(false);
    const sampled = new Map(tuneFacts({ ...all, rows: 9000 }));
    expect(sampled.get("copy")).toMatch(/^a sample of 900 of 9,000 rows, in memory/);
    expect(sampled.get("sample")).toMatch(/about 10\.0 times as long/);
  });
});
