/**
 * How do recall and speed look side by side?
 *
 * One picture of several curves, as SVG text: recall on a stretched axis, since the way from 0.99 to 0.999 is as long as
 * that from 0.9 to 0.99, and queries per second on a logarithmic one. Every line has its name beside it, moved apart
 * where names would meet. Colours are of its own on white, so that it reads the same on any page.
 */
import type { Curve, CurvePoint } from "./recall-curve.js";

export interface CurvePicture {
  readonly title: string;
  /** What was measured where, in a line below the title. */
  readonly machine: string;
  readonly curves: readonly Curve[];
}

const width = 980;
const height = 600;
const plot = { left: 80, right: 760, top: 84, bottom: 530 } as const;
const recallTicks = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1];
/** Recall is drawn from here on; the rest of a curve is of no use to anybody. */
const recallMin = 0.8;
/** Where -log(1 - recall) is cut off, so that a recall of 1 has a place. */
const missMin = 0.0005;
const labelGap = 17;
/** Told apart without colour, too: every line also has marks of a shape of its own, and its name. */
const palette = ["#0b5cad", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0f766e", "#a16207", "#475569", "#be185d"];
const shapes = ["circle", "square", "diamond", "triangle"] as const;

const stretched = (recall: number): number => -Math.log10(Math.max(missMin, 1 - recall));
const xOf = (recall: number): number => {
  const share = (stretched(recall) - stretched(recallMin)) / (stretched(1) - stretched(recallMin));
  return plot.left + share * (plot.right - plot.left);
};
const fixed = (value: number): string => String(Math.round(value * 10) / 10);
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

interface SpeedAxis {
  readonly yOf: (queriesPerSecond: number) => number;
  readonly ticks: readonly number[];
}

/** A logarithmic axis about all speeds, with ticks at 1, 2 and 5 times the powers of ten. */
function speedAxis(speeds: readonly number[]): SpeedAxis {
  const steps: number[] = [];
  for (let power = -3; power < 9; power += 1) steps.push(10 ** power, 2 * 10 ** power, 5 * 10 ** power);
  const least = speeds.length === 0 ? 1 : Math.min(...speeds);
  const most = speeds.length === 0 ? 10 : Math.max(...speeds);
  const low = steps.filter((step) => step <= least).at(-1)!;
  const high = steps.find((step) => step >= most && step > low)!;
  const span = Math.log(high / low);
  return {
    yOf: (speed) => plot.bottom - (Math.log(speed / low) / span) * (plot.bottom - plot.top),
    ticks: steps.filter((step) => step >= low && step <= high),
  };
}

/** The points in the picture, by recall; of those that another one beats in both, none. */
export function frontier(points: readonly CurvePoint[]): CurvePoint[] {
  const kept: CurvePoint[] = [];
  for (const point of [...points].sort((a, b) => b.recall - a.recall || b.queriesPerSecond - a.queriesPerSecond)) {
    if (point.recall < recallMin) continue;
    if (kept.length === 0 || point.queriesPerSecond > kept.at(-1)!.queriesPerSecond) kept.push(point);
  }
  return kept.reverse();
}

/** Places for names, each as near to where it is wanted as the others let it, in the same order. */
export function spread(wanted: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, at) => at).sort((a, b) => wanted[a]! - wanted[b]!);
  const places = [...wanted];
  let next = top;
  for (const at of order) {
    places[at] = Math.max(next, wanted[at]!);
    next = places[at]! + gap;
  }
  let last = bottom;
  for (const at of order.reverse()) {
    places[at] = Math.min(last, places[at]!);
    last = places[at]! - gap;
  }
  return places;
}

function mark(shape: (typeof shapes)[number], x: number, y: number, colour: string, text: string): string {
  const title = `<title>${escaped(text)}</title>`;
  const path = {
    square: `M${fixed(x - 4)} ${fixed(y - 4)}h8v8h-8z`,
    diamond: `M${fixed(x)} ${fixed(y - 5.5)}l5.5 5.5l-5.5 5.5l-5.5 -5.5z`,
    triangle: `M${fixed(x)} ${fixed(y - 5)}l5 9h-10z`,
    circle: `M${fixed(x - 4)} ${fixed(y)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z`,
  }[shape];
  return `<path d="${path}" fill="${colour}">${title}</path>`;
}

function gridLines(axis: SpeedAxis): string[] {
  const lines: string[] = [];
  for (const recall of recallTicks) {
    const x = fixed(xOf(recall));
    lines.push(`<path d="M${x} ${plot.top}V${plot.bottom}" stroke="#e2e8f0"/>`);
    lines.push(`<text x="${x}" y="${plot.bottom + 20}" text-anchor="middle" class="tick">${recall}</text>`);
  }
  for (const tick of axis.ticks) {
    const y = fixed(axis.yOf(tick));
    const text = tick >= 1 ? tick.toLocaleString("en") : String(tick);
    lines.push(`<path d="M${plot.left} ${y}H${plot.right}" stroke="#e2e8f0"/>`);
    lines.push(`<text x="${plot.left - 8}" y="${y}" dy="0.35em" text-anchor="end" class="tick">${text}</text>`);
  }
  return lines;
}

/** A line with its marks, and its name at `labelY` with a leader from its last point. */
function curveLines(
  curve: Curve,
  points: readonly CurvePoint[],
  at: number,
  axis: SpeedAxis,
  labelY: number,
): string[] {
  const colour = palette[at % palette.length]!;
  const shape = shapes[at % shapes.length]!;
  const weight = curve.role === "ours" ? 3 : 1.75;
  const places = points.map((point) => ({ point, x: xOf(point.recall), y: axis.yOf(point.queriesPerSecond) }));
  const path = places.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${fixed(x)} ${fixed(y)}`).join("");
  const last = places.at(-1)!;
  return [
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${weight}" stroke-linejoin="round"/>`,
    ...places.map(({ point, x, y }) => {
      const speed = Math.round(point.queriesPerSecond).toLocaleString("en");
      const knob = curve.knob === null ? "" : `, ${curve.knob} ${point.effort}`;
      return mark(shape, x, y, colour, `${curve.label}${knob}: recall ${point.recall.toFixed(4)}, ${speed} queries/s`);
    }),
    `<path d="M${fixed(last.x + 6)} ${fixed(last.y)}L${plot.right + 14} ${fixed(labelY)}" ` +
      `stroke="${colour}" stroke-width="0.75" stroke-dasharray="2 3" fill="none"/>`,
    mark(shape, plot.right + 22, labelY, colour, curve.label),
    `<text x="${plot.right + 32}" y="${fixed(labelY)}" dy="0.35em" fill="${colour}"` +
      `${curve.role === "ours" ? ' font-weight="700"' : ""}>${escaped(curve.label)}</text>`,
  ];
}

/** The picture as an SVG document. */
export function curveSvg({ title, machine, curves }: CurvePicture): string {
  const shown = curves
    .map((curve) => ({ curve, points: frontier(curve.points) }))
    .filter(({ points }) => points.length > 0);
  const absent = curves.filter((curve) => frontier(curve.points).length === 0).map((curve) => curve.label);
  const axis = speedAxis(shown.flatMap(({ points }) => points.map((point) => point.queriesPerSecond)));
  const wanted = shown.map(({ points }) => axis.yOf(points.at(-1)!.queriesPerSecond));
  const labels = spread(wanted, labelGap, plot.top + 6, plot.bottom - 6);
  const middle = (plot.top + plot.bottom) / 2;
  const notes = absent.length === 0 ? "" : `; below recall ${recallMin} throughout: ${absent.join(", ")}`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `role="img" aria-label="${escaped(title)}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="13">`,
    "<style>.tick{fill:#475569;font-size:12px}.note{fill:#475569}</style>",
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="24" y="34" font-size="17" font-weight="600" fill="#0f172a">${escaped(title)}</text>`,
    `<text x="24" y="56" class="note">${escaped(machine + notes)}</text>`,
    ...gridLines(axis),
    `<path d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}" fill="none" stroke="#94a3b8"/>`,
    ...shown.flatMap(({ curve, points }, at) => curveLines(curve, points, at, axis, labels[at]!)),
    `<text x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 48}" text-anchor="middle" class="note">recall</text>`,
    `<text transform="translate(22 ${middle}) rotate(-90)" text-anchor="middle" class="note">queries/s, one at a time</text>`,
    "</svg>",
  ].join("\n")}\n`;
}
