/**
 * How are measured indexes shown on a terminal?
 *
 * A line a measured effort, the name of the index at its first one. The recommended one is marked, and so are those
 * where the index was there but not used.
 */
import { formatBytes, formatDuration } from "../print/quantity.js";
import { formatTable, type TableColumn, type TableStyle } from "../print/table.js";
import type { Recommendation } from "./recommendation.js";
import type { TuneReport } from "./tune-report.js";

const columns: readonly TableColumn[] = [
  { title: "index", align: "left", canShrink: false },
  { title: "nprobe", align: "right", canShrink: false },
  { title: "recall", align: "right", canShrink: false },
  { title: "mean", align: "right", canShrink: false },
  { title: "p95", align: "right", canShrink: false },
  { title: "build", align: "right", canShrink: false },
  { title: "memory", align: "right", canShrink: false },
  { title: "", align: "left" },
];

export function tuneTable(report: TuneReport, chosen: Recommendation, style: TableStyle): readonly string[] {
  const rows: string[][] = [];
  for (const mode of report.modes) {
    if (mode.failure !== null) rows.push([mode.mode, "", "", "", "", "", "", `not measured: ${mode.failure}`]);
    mode.points.forEach((point, at) => {
      const isFirst = at === 0;
      rows.push([
        isFirst ? mode.mode : "",
        point.effort === null ? "" : String(point.effort),
        mode.isExact ? "exact" : point.recall.toFixed(4),
        formatDuration(point.meanMs),
        formatDuration(point.p95Ms),
        isFirst && !mode.isExact ? formatDuration(mode.buildSeconds * 1000) : "",
        isFirst ? formatBytes(mode.memoryBytes) : "",
        point === chosen.point ? "recommended" : point.usesIndex || mode.isExact ? "" : "scanned exactly",
      ]);
    });
  }
  return formatTable(columns, rows, style).lines;
}
