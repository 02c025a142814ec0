/**
 * What does an index cost at a given recall?
 *
 * A curve is the points that were measured, one an effort. The cost at a recall is that of the fastest measured point
 * that reaches it: nothing is interpolated, and an index that never reaches it has none.
 */

export interface CurvePoint {
  readonly effort: number;
  readonly recall: number;
  readonly queriesPerSecond: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface Curve {
  /** Name in the report. */
  readonly label: string;
  readonly role: "ours" | "peer" | "reference";
  /** Name of the knob; null where there is none. */
  readonly knob: string | null;
  readonly points: readonly CurvePoint[];
}

/** The fastest point with at least this recall; null where there is none. */
export function fastestAt(points: readonly CurvePoint[], recall: number): CurvePoint | null {
  let best: CurvePoint | null = null;
  for (const point of points) {
    if (point.recall < recall) continue;
    if (best === null || point.meanMs < best.meanMs) best = point;
  }
  return best;
}
