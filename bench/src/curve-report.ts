/**
 * How do the curves of a sweep become a table?
 *
 * One line an index: queries per second at three recalls, each at the fastest measured effort that reaches it, the best
 * recall seen, and the seconds that the build took. Ratios and targets are about one of the three.
 */
import type { BenchContext } from "./bench-context.js";
import type { Sweep } from "./index-sweep.js";
import { type CurvePoint, fastestAt } from "./recall-curve.js";
import { bestOf, type Column, type Measurement, type WorkloadReport } from "./report.js";

export const recallLevels = [0.95, 0.98, 0.99] as const;
export type RecallLevel = (typeof recallLevels)[number];

/** Key of a column: queries per second at a recall. */
export const speedKey = (recall: RecallLevel): string => `at${Math.round(recall * 100)}`;

export const curveColumns: readonly Column[] = [
  ...recallLevels.map((recall) => ({ key: speedKey(recall), label: `q/s at ≥ ${recall}`, digits: 0 })),
  { key: "recallMax", label: "best recall", digits: 4 },
  { key: "buildSeconds", label: "build s", digits: 2 },
];

/** The table's lines; `level` is the recall whose point is told in the note and compared with others. */
export function curveMeasurements(context: BenchContext, sweep: Sweep, level: RecallLevel): Measurement[] {
  const measurements: Measurement[] = [];
  for (const [participant, curve] of sweep.curves) {
    const figures: Record<string, number> = {
      recallMax: Math.max(...curve.points.map((point) => point.recall)),
      buildSeconds: context.indexed.figuresOf(participant).buildMs / 1000,
    };
    for (const recall of recallLevels) {
      const point = fastestAt(curve.points, recall);
      if (point !== null) figures[speedKey(recall)] = point.queriesPerSecond;
    }
    const at = fastestAt(curve.points, level);
    if (at !== null) Object.assign(figures, { meanMs: at.meanMs, p50Ms: at.p50Ms, p95Ms: at.p95Ms, recall: at.recall });
    const { engine, variant, label } = participant;
    const note =
      at === null ? `${variant.method}; never reaches ${level}` : `${variant.method}; ${pointText(variant.knob, at)}`;
    measurements.push({ engine: label, role: engine.role, figures, isComparable: true, note });
  }
  return measurements;
}

/**
 * Our best figure in the report, for a target: `unreached` where an index of ours was measured but never had the recall,
 * undefined where none was measured.
 */
export function ownFigureAt(report: WorkloadReport, key: string, unreached: number): number | undefined {
  if (!report.measurements.some(({ role }) => role === "ours")) return undefined;
  return bestOf(report, "ours", key)?.figures[key] ?? unreached;
}

/** A point in words: `ef 48: 0.9832`. */
function pointText(knob: string | null, point: CurvePoint): string {
  const recall = `recall ${point.recall.toFixed(4)}`;
  return knob === null ? recall : `${knob} ${point.effort}: ${recall}`;
}
