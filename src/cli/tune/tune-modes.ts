/**
 * Which indexes are worth trying for a metric, and with how much effort?
 *
 * Efforts are values of a search's `nprobe`; what they mean differs by family, and so does the build parameter that
 * makes one the default of later searches.
 */
import type { Metric } from "../../index.js";

/** Metrics that graphs, and those that inverted files are made for, beside the dense ones. */
const walkedMetrics: readonly Metric[] = [
  "l1",
  "chebyshev",
  "haversine",
  "correlation",
  "hellinger",
  "wasserstein",
  "jensen_shannon",
  "hamming",
  "jaccard",
];
const clusteredMetrics: readonly Metric[] = ["hamming", "jaccard"];

/** The metric as index names spell it. */
function metricToken(metric: Metric): string {
  return metric.toUpperCase().replaceAll("_", "-");
}

/** The index that is exact. */
export function exactMode(metric: Metric): string {
  return `FLAT-${metricToken(metric)}`;
}

/** Approximate indexes to try where none are named. Those on disk are for data that does not fit into memory. */
export function candidateModes(metric: Metric): string[] {
  const token = metricToken(metric);
  if (metric === "ip" || metric === "l2" || metric === "cos") {
    return [`HNSW-${token}`, `IVF-${token}`, `IVF-${token}-RABITQ`, `FLAT-${token}-SQ8`];
  }
  return [
    ...(walkedMetrics.includes(metric) ? [`HNSW-${token}`] : []),
    ...(clusteredMetrics.includes(metric) ? [`IVF-${token}`] : []),
  ];
}

export interface Knob {
  /** What an effort counts, for people. */
  readonly label: string;
  /** The build parameter that sets it for later searches; null where each search says it. */
  readonly parameter: string | null;
  /** Values to try, cheapest first. */
  readonly efforts: readonly number[];
}

const graphEfforts = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768];
const clusterEfforts = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];

/** The knob of an index, by its canonical name; null where it has none. Efforts below `k` are no use to a graph. */
export function knobOf(mode: string, k: number): Knob | null {
  const ofGraph = (efforts: readonly number[]): number[] => [...new Set(efforts.map((effort) => Math.max(effort, k)))];
  switch (mode.split("-")[0]) {
    case "HNSW":
      return { label: "rows in view", parameter: "efSearch", efforts: ofGraph(graphEfforts) };
    case "IVF":
    case "SPANN":
      return { label: "clusters", parameter: "nprobe", efforts: clusterEfforts };
    case "DISKANN":
      return { label: "list size", parameter: null, efforts: ofGraph(graphEfforts.slice(0, 10)) };
    default:
      return null;
  }
}
