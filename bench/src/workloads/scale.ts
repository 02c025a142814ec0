/**
 * Workload: do time, memory and disk grow as theory says?
 *
 * Our own engine at three sizes, and the exponent of each cost over the number of rows: 1 is linear, as an exact scan
 * is.
 */
import type { BenchContext } from "../bench-context.js";
import type { WorkloadReport } from "../report.js";
import type { ScaleFigures } from "../scale-data.js";
import { recallWanted, type ScaleIndexFigures } from "../scale-index.js";
import { fittedExponent } from "../statistics.js";

export const sizes: readonly number[] = [10_000, 100_000, 1_000_000];
export const quickSizes: readonly number[] = [5_000, 20_000, 80_000];

/** Costs whose growth is fitted. */
const costs: readonly { readonly label: string; readonly of: (figures: ScaleFigures) => number }[] = [
  { label: "exact search ms", of: (figures) => figures.exactMs },
  { label: "filtered search ms", of: (figures) => figures.filteredMs },
  { label: "import s", of: (figures) => figures.rows / figures.rowsPerSecond },
  { label: "reopen ms", of: (figures) => figures.reopenMs },
  { label: "disk bytes", of: (figures) => figures.diskBytesPerRow * figures.rows },
  { label: "memory bytes", of: (figures) => figures.memoryBytesPerRow * figures.rows },
];

export async function measureScale(context: BenchContext): Promise<WorkloadReport> {
  const wanted = context.settings.isQuick ? quickSizes : sizes;
  context.scale.prepare(Math.max(...wanted));
  const measured: ScaleFigures[] = [];
  for (const rows of wanted) measured.push(await context.scale.measure(rows));
  const largest = measured.at(-1)!;
  const facts: Record<string, number> = {
    longestBlockMs: largest.longestBlockMs,
    ...(largest.rows === 1_000_000 ? { memoryRatioAtMillion: largest.memoryRatio } : {}),
  };
  const notes = largest.index === null ? [] : [indexNote(largest.rows, largest.index)];
  if (largest.index !== null) {
    const { buildSeconds, queriesPerSecond, indexRecall, indexMemoryRatio } = largest.index;
    Object.assign(facts, { buildSeconds, queriesPerSecond, indexRecall, indexMemoryRatio });
  }
  const exponents: string[] = [];
  for (const cost of costs) {
    const exponent = fittedExponent(wanted, measured.map(cost.of));
    facts[`exponent of ${cost.label}`] = exponent;
    exponents.push(`${cost.label} ${exponent.toFixed(2)}`);
  }
  return {
    workload: "scale",
    title: `lynsedb by number of clustered rows × ${largest.dim}`,
    columns: [
      { key: "exactMs", label: "exact ms", digits: 3 },
      { key: "exactP99Ms", label: "p99 ms", digits: 3 },
      { key: "filteredMs", label: "filtered ms", digits: 3 },
      { key: "recall", label: "recall", digits: 4 },
      { key: "rowsPerSecond", label: "import rows/s", digits: 0 },
      { key: "checkpointMs", label: "checkpoint ms", digits: 0 },
      { key: "reopenMs", label: "reopen ms", digits: 1 },
      { key: "diskBytesPerRow", label: "disk B/row", digits: 0 },
      { key: "diskRatio", label: "/raw", digits: 3 },
      { key: "memoryBytesPerRow", label: "memory B/row", digits: 0 },
      { key: "memoryRatio", label: "/raw", digits: 3 },
      { key: "importMemoryRatio", label: "at import", digits: 3 },
      { key: "longestBlockMs", label: "loop block ms", digits: 1 },
      { key: "idleBlockMs", label: "(idle loop)", digits: 1 },
    ],
    primary: "exactMs",
    better: "lower",
    measurements: measured.map(({ index: _, ...figures }) => ({
      engine: `${figures.rows.toLocaleString("en")} rows`,
      role: "ours",
      figures,
      isComparable: true,
      note: "",
    })),
    absences: [],
    facts,
    notes: [`exponent over the number of rows: ${exponents.join(", ")}`, ...notes],
  };
}

function indexNote(rows: number, index: ScaleIndexFigures): string {
  const reached = index.indexRecall >= recallWanted ? "" : ` (${recallWanted} is not reached)`;
  return (
    `HNSW over ${rows.toLocaleString("en")} rows: built in ${index.buildSeconds.toFixed(1)} s, ` +
    `opened in ${index.openMs.toFixed(0)} ms, ${Math.round(index.queriesPerSecond).toLocaleString("en")} queries/s ` +
    `(p95 ${index.indexP95Ms.toFixed(3)} ms) at recall ${index.indexRecall.toFixed(4)}${reached}, ` +
    `nprobe ${index.effort}; memory ${index.indexMemoryRatio.toFixed(3)} of the raw vector bytes`
  );
}
