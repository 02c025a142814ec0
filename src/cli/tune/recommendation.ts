/**
 * Which index is the best for the recall that is wanted?
 *
 * The fastest measured search that reaches it, in one sentence, with the command that applies it. Exact search is
 * preferred where nothing is clearly faster: it has no recall to lose and nothing to build.
 */
import { formatDuration } from "../print/quantity.js";
import type { TuneMode, TunePoint, TuneReport } from "./tune-report.js";

/** An index must take at most this share of an exact search's time to be worth its upkeep. */
const worthwhileShare = 0.8;

export interface Recommendation {
  readonly mode: TuneMode;
  readonly point: TunePoint;
  readonly sentence: string;
  /** The command that applies it. */
  readonly command: string;
}

/** `placeOptions` name the collection on the command line. */
export function recommend(report: TuneReport, placeOptions: readonly string[]): Recommendation {
  const exact = report.modes.find((mode) => mode.isExact) as TuneMode;
  const exactPoint = exact.points[0] as TunePoint;
  let best = { mode: exact, point: exactPoint };
  for (const mode of report.modes) {
    if (mode.isExact) continue;
    for (const point of mode.points) {
      const bound = best.mode.isExact ? exactPoint.meanMs * worthwhileShare : best.point.meanMs;
      if (point.usesIndex && point.recall >= report.targetRecall && point.meanMs < bound) best = { mode, point };
    }
  }
  const { mode, point } = best;
  const { effort } = point;
  const parameter = mode.knobParameter !== null && effort !== null ? [`--param ${mode.knobParameter}=${effort}`] : [];
  const command = ["lynse index", mode.mode, ...parameter, ...placeOptions].join(" ");
  return { mode, point, sentence: sentenceFor(report, mode, point, exactPoint), command };
}

function sentenceFor(report: TuneReport, mode: TuneMode, point: TunePoint, exact: TunePoint): string {
  if (mode.isExact) {
    const others = report.modes.flatMap((other) => (other.isExact ? [] : other.points));
    const reason =
      others.length === 0
        ? "no index could be measured beside it"
        : others.some(({ usesIndex }) => usesIndex)
          ? `no index was clearly faster at recall ${report.targetRecall} or better`
          : "so few rows are scanned exactly even where there is an index";
    return `Exact search (${mode.mode}) is the best choice here: ${formatDuration(point.meanMs)} a query, and ${reason}.`;
  }
  const effort = point.effort === null ? "" : ` with nprobe ${point.effort}`;
  const times = (exact.meanMs / point.meanMs).toFixed(1);
  const remark =
    mode.knobParameter === null && point.effort !== null ? " Every search has to ask for that nprobe itself." : "";
  return (
    `${mode.mode}${effort} is the fastest at recall ${report.targetRecall} or better: recall ${point.recall.toFixed(4)}, ` +
    `${formatDuration(point.meanMs)} a query (95% within ${formatDuration(point.p95Ms)}), ` +
    `${times} times as fast as exact search, built in ${formatDuration(mode.buildSeconds * 1000)}.${remark}`
  );
}
