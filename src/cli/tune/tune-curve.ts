/**
 * How do recall and latency look side by side?
 *
 * One picture, as an SVG element for an HTML page: recall on a stretched axis (from 0.9 to 0.99 is as far as from 0.99
 * to 0.999), milliseconds a query on a logarithmic one, so that the best place is at the bottom right. Colours are the
 * page's custom properties `--line-1`, …; every line also has marks of its own shape and its name beside it.
 */
import { formatDuration } from "../print/quantity.js";
import { escapeHtml } from "./escape-html.js";
import type { TuneMode, TunePoint, TuneReport } from "./tune-report.js";

const width = 940;
const height = 520;
const plot = { left: 84, right: 740, top: 24, bottom: 452 } as const;
const recallTicks = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1];
/** Where the stretching ends, so that a recall of 1 has a place. */
const missMin = 0.0005;
const nameGap = 18;
/** Lines that have a colour of their own. */
const lineColours = 7;

const stretched = (recall: number): number => -Math.log10(Math.max(missMin, 1 - recall));
const rounded = (value: number): string => String(Math.round(value * 10) / 10);

interface Axes {
  readonly recallMin: number;
  readonly msTicks: readonly number[];
  readonly xOf: (recall: number) => number;
  readonly yOf: (ms: number) => number;
}

/** Axes about all points and the recall that is wanted, but not below the first tick. */
function axesFor(points: readonly TunePoint[], targetRecall: number): Axes {
  const worst = Math.min(0.9, targetRecall - 0.01, ...points.map((point) => point.recall));
  const recallMin = recallTicks.filter((tick) => tick <= worst).at(-1) ?? recallTicks[0]!;
  const steps = Array.from({ length: 36 }, (_, at) => [1, 2, 5][at % 3]! * 10 ** (Math.floor(at / 3) - 5));
  const low = steps.filter((step) => step <= Math.min(...points.map((point) => point.meanMs))).at(-1) ?? 1e-5;
  const most = Math.max(...points.map((point) => point.meanMs));
  const high = steps.find((step) => step >= most && step > low) ?? most * 2;
  const from = stretched(recallMin);
  const recallSpan = stretched(1) - from;
  return {
    recallMin,
    msTicks: steps.filter((step) => step >= low && step <= high),
    xOf: (recall) => plot.left + ((stretched(recall) - from) / recallSpan) * (plot.right - plot.left),
    yOf: (ms) => plot.bottom - (Math.log(ms / low) / Math.log(high / low)) * (plot.bottom - plot.top),
  };
}

/** Points that no other point beats in both recall and time, by recall. */
export function bestPoints(points: readonly TunePoint[]): TunePoint[] {
  const kept: TunePoint[] = [];
  const byRecall = [...points].sort((a, b) => b.recall - a.recall || a.meanMs - b.meanMs);
  for (const point of byRecall) {
    const before = kept.at(-1);
    if (before === undefined || point.meanMs < before.meanMs) kept.push(point);
  }
  return kept.reverse();
}

/** Places near `wanted` that are `nameGap` apart, in the order of `wanted`. */
function apart(wanted: readonly number[]): number[] {
  const order = wanted.map((y, at) => ({ y, at })).sort((a, b) => a.y - b.y);
  const places = new Array<number>(wanted.length).fill(0);
  let free: number = plot.top;
  for (const { y, at } of order) {
    places[at] = Math.max(free, y);
    free = (places[at] ?? y) + nameGap;
  }
  let last: number = plot.bottom;
  for (const { at } of order.reverse()) {
    places[at] = Math.min(last, places[at] ?? last);
    last = (places[at] ?? last) - nameGap;
  }
  return places;
}

function grid(axes: Axes, targetRecall: number): string[] {
  const lines: string[] = [];
  for (const tick of recallTicks.filter((recall) => recall >= axes.recallMin)) {
    const x = rounded(axes.xOf(tick));
    lines.push(`<path class="grid" d="M${x} ${plot.top}V${plot.bottom}"/>`);
    lines.push(`<text class="tick" x="${x}" y="${plot.bottom + 20}" text-anchor="middle">${tick}</text>`);
  }
  for (const tick of axes.msTicks) {
    const y = rounded(axes.yOf(tick));
    lines.push(`<path class="grid" d="M${plot.left} ${y}H${plot.right}"/>`);
    lines.push(
      `<text class="tick" x="${plot.left - 8}" y="${y}" dy="0.35em" text-anchor="end">${formatDuration(tick)}</text>`,
    );
  }
  if (targetRecall >= axes.recallMin) {
    const x = rounded(axes.xOf(targetRecall));
    lines.push(`<path class="target" d="M${x} ${plot.top - 6}V${plot.bottom}"/>`);
    lines.push(`<text class="note" x="${x}" y="${plot.top - 10}" text-anchor="middle">wanted: ${targetRecall}</text>`);
  }
  return lines;
}

const shapes: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `M${rounded(x - 4.5)} ${rounded(y)}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z`,
  (x, y) => `M${rounded(x - 4)} ${rounded(y - 4)}h8v8h-8z`,
  (x, y) => `M${rounded(x)} ${rounded(y - 5.5)}l5.5 5.5l-5.5 5.5l-5.5 -5.5z`,
  (x, y) => `M${rounded(x)} ${rounded(y - 5)}l5 9h-10z`,
];

function modeLine(mode: TuneMode, at: number, chosen: TunePoint, axes: Axes, nameY: number): string[] {
  const colour = `var(--line-${(at % lineColours) + 1})`;
  const shape = shapes[at % shapes.length]!;
  const places = drawnPoints(mode, axes.recallMin).map((point) => ({
    point,
    x: axes.xOf(point.recall),
    y: axes.yOf(point.meanMs),
  }));
  const last = places.at(-1)!;
  const path = places.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${rounded(x)} ${rounded(y)}`).join("");
  return [
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(({ point, x, y }) => {
      const effort = point.effort === null ? "" : `, nprobe ${point.effort}`;
      const text = `${mode.mode}${effort}: recall ${point.recall.toFixed(4)}, ${formatDuration(point.meanMs)}`;
      const ring = point === chosen ? ' class="chosen"' : "";
      return `<path d="${shape(x, y)}" fill="${colour}"${ring}><title>${escapeHtml(text)}</title></path>`;
    }),
    `<path d="M${rounded(last.x + 7)} ${rounded(last.y)}L${plot.right + 12} ${rounded(nameY)}" fill="none" ` +
      `stroke="${colour}" stroke-dasharray="2 3"/>`,
    `<path d="${shape(plot.right + 22, nameY)}" fill="${colour}"/>`,
    `<text class="name" x="${plot.right + 34}" y="${rounded(nameY)}" dy="0.35em">${escapeHtml(mode.mode)}</text>`,
  ];
}

const drawnPoints = (mode: TuneMode, recallMin: number): TunePoint[] =>
  bestPoints(mode.points.filter((point) => point.recall >= recallMin));

/** The picture; `chosen` is ringed. */
export function tuneCurve(report: TuneReport, chosen: TunePoint): string {
  const points = report.modes.flatMap((mode) => mode.points).filter((point) => point.recall >= recallTicks[0]!);
  const axes = axesFor(points, report.targetRecall);
  const drawn = report.modes.filter((mode) => drawnPoints(mode, axes.recallMin).length > 0);
  const names = apart(drawn.map((mode) => axes.yOf(drawnPoints(mode, axes.recallMin).at(-1)!.meanMs)));
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="curve-title">`,
    '<title id="curve-title">Recall and milliseconds a query of every index; the table below has the figures</title>',
    ...grid(axes, report.targetRecall),
    `<path class="axis" d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}"/>`,
    ...drawn.flatMap((mode, at) => modeLine(mode, at, chosen, axes, names[at]!)),
    `<text class="note" x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 46}" text-anchor="middle">` +
      `recall@${report.k} (more is better)</text>`,
    `<text class="note" transform="translate(18 ${(plot.top + plot.bottom) / 2}) rotate(-90)" text-anchor="middle">` +
      "mean time a query (less is better)</text>",
    "</svg>",
  ].join("\n");
}
