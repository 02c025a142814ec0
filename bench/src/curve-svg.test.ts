import { describe, expect, test } from "vitest";
import { curveSvg, frontier, spread } from "./curve-svg.js";
import type { Curve, CurvePoint } from "./recall-curve.js";

const point = (effort: number, recall: number, queriesPerSecond: number): CurvePoint => ({
  effort,
  recall,
  queriesPerSecond,
  meanMs: 1000 / queriesPerSecond,
  p50Ms: 1000 / queriesPerSecond,
  p95Ms: 2000 / queriesPerSecond,
});

const curves: Curve[] = [
  { label: "a <fast> one", role: "ours", knob: "ef", points: [point(10, 0.9, 20_000), point(40, 0.99, 9_000)] },
  { label: "b", role: "peer", knob: "ef", points: [point(10, 0.85, 9_100), point(40, 1, 800)] },
  { label: "hopeless", role: "peer", knob: null, points: [point(0, 0.3, 5_000)] },
];

/** Every coordinate pair of the lines that are not axes. */
function xsOf(svg: string, colour: string): number[] {
  const path = new RegExp(`<path d="(M[^"]*)" fill="none" stroke="${colour}"`).exec(svg)?.[1] ?? "";
  return [...path.matchAll(/[ML]([\d.]+) /g)].map((match) => Number(match[1]));
}

describe("the picture of recall against speed", () => {
  const svg = curveSvg({ title: "HNSW & friends", machine: "2 cores", curves });

  test("names every line, escapes text, and tells which index is too poor to be drawn", () => {
    expect(svg).toContain("HNSW &amp; friends");
    expect(svg).toContain(">a &lt;fast&gt; one</text>");
    expect(svg).toContain("2 cores; below recall 0.8 throughout: hopeless");
    expect(svg).not.toContain(">hopeless</text>");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("from 0.9 to 0.99 is as far as the axis makes it from 0.99 to 0.999, and 1 has a place", () => {
    const xs = ["0.9", "0.99", "0.999", "1"].map((tick) =>
      Number(new RegExp(`<text x="([\\d.]+)"[^>]*class="tick">${tick.replace(".", "\\.")}</text>`).exec(svg)?.[1]),
    );
    expect(xs[1]! - xs[0]!).toBeCloseTo(xs[2]! - xs[1]!, 0);
    expect(xs[3]!).toBeGreaterThan(xs[2]! + 10);
    expect(xsOf(svg, "#c2410c").at(-1)).toBeCloseTo(xs[3]!, 0);
  });

  test("nothing measured is still a picture", () => {
    expect(curveSvg({ title: "none", machine: "", curves: [] })).not.toMatch(/NaN|Infinity|undefined/);
  });
});

test("a point that another one beats in recall and speed is no part of a line", () => {
  const points = [point(10, 0.9, 100), point(20, 0.95, 120), point(30, 0.94, 90), point(40, 0.99, 50)];
  expect(frontier(points).map(({ effort }) => effort)).toEqual([20, 40]);
});

test("names are kept apart, in order and within the picture", () => {
  const places = spread([100, 101, 102, 300, 299], 17, 90, 310);
  const sorted = [...places].sort((a, b) => a - b);
  for (let at = 1; at < sorted.length; at += 1) expect(sorted[at]! - sorted[at - 1]!).toBeGreaterThanOrEqual(17);
  expect(places[0]!).toBeLessThan(places[1]!);
  expect(places[4]!).toBeLessThan(places[3]!);
  expect(Math.max(...places)).toBeLessThanOrEqual(310);
});
