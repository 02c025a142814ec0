/**
 * What does a workload tell?
 */
import type { WorkloadName } from "./engine.js";
import type { Curve } from "./recall-curve.js";

export interface Column {
  readonly key: string;
  readonly label: string;
  /** Decimals printed; in the JSON every digit is kept. */
  readonly digits: number;
}

/** One engine's figures in one workload. */
export interface Measurement {
  readonly engine: string;
  readonly role: "ours" | "peer" | "reference";
  readonly figures: Readonly<Record<string, number>>;
  /** False where the figure does not stand for the same work; it is printed but no ratio is taken to it. */
  readonly isComparable: boolean;
  readonly note: string;
}

export interface Absence {
  readonly engine: string;
  readonly reason: string;
}

export interface WorkloadReport {
  readonly workload: WorkloadName;
  readonly title: string;
  readonly columns: readonly Column[];
  /** Key of the column that ratios and targets are about. */
  readonly primary: string;
  readonly better: "lower" | "higher";
  readonly measurements: readonly Measurement[];
  readonly absences: readonly Absence[];
  /** Recall against speed, where a knob was turned. */
  readonly curves?: readonly Curve[];
  /** Further facts of our own that targets are about, by the names in `targets`. */
  readonly facts: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

/** The comparable engine of a role with the best figure; null where none has it. */
export function bestOf(
  report: WorkloadReport,
  role: Measurement["role"],
  key: string = report.primary,
): Measurement | null {
  let best: Measurement | null = null;
  for (const candidate of report.measurements) {
    const figure = candidate.figures[key];
    if (candidate.role !== role || figure === undefined || !candidate.isComparable) continue;
    if (best === null || isBetter(report, figure, best.figures[key]!)) best = candidate;
  }
  return best;
}

/** The comparable peer with the best primary figure. */
export function bestPeer(report: WorkloadReport): Measurement | null {
  return bestOf(report, "peer");
}

function isBetter(report: WorkloadReport, figure: number, than: number): boolean {
  return report.better === "lower" ? figure < than : figure > than;
}

/** How many times as good our best figure is as the best peer's; null where one of them is missing. */
export function ratioToBestPeer(report: WorkloadReport): number | null {
  const ours = bestOf(report, "ours")?.figures[report.primary];
  const peer = bestPeer(report)?.figures[report.primary];
  if (ours === undefined || peer === undefined) return null;
  return report.better === "lower" ? peer / ours : ours / peer;
}
