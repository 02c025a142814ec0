/**
 * How does a report look on a terminal?
 *
 * One aligned table a workload, ours first and then from the best to the worst; then the ratio to the best peer, the
 * targets, and who is missing and why.
 */
import type { Curve } from "./recall-curve.js";
import { bestPeer, type Measurement, ratioToBestPeer, type WorkloadReport } from "./report.js";
import type { Verdict } from "./targets.js";

const formatted = (value: number | undefined, digits: number): string =>
  value === undefined
    ? "-"
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function sorted(report: WorkloadReport): Measurement[] {
  if (report.workload === "scale") return [...report.measurements];
  const rank = { ours: 0, reference: 1, peer: 2 };
  const sign = report.better === "lower" ? 1 : -1;
  return [...report.measurements].sort((left, right) => {
    if (left.role !== right.role) return rank[left.role] - rank[right.role];
    const [first, second] = [left.figures[report.primary], right.figures[report.primary]];
    if (first === undefined || second === undefined) return Number(first === undefined) - Number(second === undefined);
    return sign * (first - second);
  });
}

/** The lines of an aligned table; the first column is aligned left, all others right, the last one is free text. */
function alignedLines(rows: readonly (readonly string[])[]): string[] {
  const width = rows[0]!.length;
  const widths = Array.from({ length: width }, (_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      if (column === width - 1) return cell;
      return column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
    });
    return `  ${cells.join("  ")}`.trimEnd();
  });
}

/** Every measured point of a curve: effort, recall, queries per second. */
function curveLine({ label, knob, points }: Curve): string {
  const texts = points.map(
    (point) => `${point.effort}: ${point.recall.toFixed(4)} at ${formatted(point.queriesPerSecond, 0)}`,
  );
  return `  ${label}, recall at q/s by ${knob ?? "nothing"}: ${texts.join("; ")}`;
}

/** The report as text. */
export function reportText(report: WorkloadReport, verdicts: readonly Verdict[]): string {
  const rows = [["engine", ...report.columns.map((column) => column.label), ""]];
  for (const measurement of sorted(report)) {
    const cells = report.columns.map((column) => formatted(measurement.figures[column.key], column.digits));
    rows.push([measurement.engine, ...cells, measurement.note]);
  }
  const lines = [`${report.workload}: ${report.title}`];
  lines.push(...(report.measurements.length > 0 ? alignedLines(rows) : ["  nothing could be measured"]));
  for (const curve of report.curves ?? []) lines.push(curveLine(curve));
  const ratio = ratioToBestPeer(report);
  if (ratio !== null)
    lines.push(`  ours against the best peer (${bestPeer(report)!.engine}): ${ratio.toFixed(2)} times as good`);
  for (const verdict of verdicts) {
    const judgement =
      verdict.isMet === null ? `not judged, set for ${verdict.holdsFor}` : verdict.isMet ? "met" : "NOT MET";
    const bound = `${verdict.relation === "at most" ? "≤" : "≥"} ${verdict.value.toLocaleString("en")}`;
    lines.push(`  target: ${verdict.label} ${bound}: ${formatted(verdict.got, verdict.digits)}, ${judgement}`);
  }
  for (const absence of report.absences) lines.push(`  absent: ${absence.engine}: ${absence.reason}`);
  for (const note of report.notes) lines.push(`  note: ${note}`);
  return `${lines.join("\n")}\n`;
}
