/**
 * What must our own figures reach?
 *
 * The aims that the project set itself for the Debian corpus at 128 dimensions on two cores. Aims that are ratios
 * hold for any corpus; absolute ones are judged only where they were set.
 */
import type { WorkloadName } from "./engine.js";
import type { WorkloadReport } from "./report.js";

interface Target {
  readonly workload: WorkloadName;
  /** A key of the report's facts. */
  readonly fact: string;
  readonly label: string;
  readonly relation: "at most" | "at least";
  readonly value: number;
  readonly holdsFor: "any corpus" | "debian × 128";
  readonly digits: number;
}

export interface Verdict extends Target {
  readonly got: number;
  /** Null where the target was set for another corpus. */
  readonly isMet: boolean | null;
}

const targets: readonly Target[] = [
  {
    workload: "exact",
    fact: "meanMs",
    label: "exact search, mean ms",
    relation: "at most",
    value: 0.4,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "exact",
    fact: "ratioToFloatScan",
    label: "exact search / our own plain f32 scan",
    relation: "at most",
    value: 0.35,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "filtered",
    fact: "meanMs",
    label: "exact search under the filter, mean ms",
    relation: "at most",
    value: 0.15,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "ingest",
    fact: "rowsPerSecond",
    label: "durable ingest, rows/s (the aim counts a text index: see ingest-text)",
    relation: "at least",
    value: 120_000,
    holdsFor: "debian × 128",
    digits: 0,
  },
  {
    workload: "disk",
    fact: "ratio",
    label: "bytes on disk / raw bytes",
    relation: "at most",
    value: 1.25,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "reopen",
    fact: "ms",
    label: "reopen + first query, ms",
    relation: "at most",
    value: 60,
    holdsFor: "debian × 128",
    digits: 1,
  },
  {
    workload: "budget",
    fact: "ratio",
    label: "exact search with a third of the vectors' bytes / in memory",
    relation: "at most",
    value: 2,
    holdsFor: "any corpus",
    digits: 2,
  },
  {
    workload: "memory",
    fact: "ratioAtMillion",
    label: "resident memory / raw vector bytes, at 1,000,000 × 128",
    relation: "at most",
    value: 1.7,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "scale",
    fact: "memoryRatioAtMillion",
    label: "resident memory / raw vector bytes, at 1,000,000 × 128",
    relation: "at most",
    value: 1.7,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "build",
    fact: "seconds",
    label: "HNSW build, s",
    relation: "at most",
    value: 3.5,
    holdsFor: "debian × 128",
    digits: 2,
  },
  {
    workload: "build",
    fact: "shareOfFastestPeer",
    label: "HNSW build / the fastest peer's",
    relation: "at most",
    value: 0.65,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "hnsw",
    fact: "queriesPerSecond.at98",
    label: "HNSW, queries/s at recall ≥ 0.98",
    relation: "at least",
    value: 20_000,
    holdsFor: "debian × 128",
    digits: 0,
  },
  {
    workload: "hnsw",
    fact: "timesBestPeer.at98",
    label: "HNSW, queries/s at recall ≥ 0.98 / the best peer's",
    relation: "at least",
    value: 2,
    holdsFor: "any corpus",
    digits: 2,
  },
  {
    workload: "filtered-hnsw",
    fact: "meanMs",
    label: "HNSW under the filter at recall ≥ 0.99, mean ms",
    relation: "at most",
    value: 0.15,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "filtered-hnsw",
    fact: "shareOfFastestPeer",
    label: "HNSW under the filter at recall ≥ 0.99 / the fastest peer",
    relation: "at most",
    value: 0.3,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "ivf",
    fact: "rabitqTimesPlain",
    label: "IVF-RaBitQ, queries/s at recall ≥ 0.95 / plain IVF",
    relation: "at least",
    value: 2,
    holdsFor: "any corpus",
    digits: 2,
  },
  {
    workload: "diskann",
    fact: "p95Ms",
    label: "DiskANN at recall ≥ 0.95, p95 ms",
    relation: "at most",
    value: 5,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "ingest-text",
    fact: "rowsPerSecond",
    label: "durable ingest with a text index, rows/s",
    relation: "at least",
    value: 120_000,
    holdsFor: "debian × 128",
    digits: 0,
  },
  {
    workload: "ingest-text",
    fact: "timesBestPeer",
    label: "durable ingest with a text index, rows/s / the best peer's",
    relation: "at least",
    value: 2.5,
    holdsFor: "any corpus",
    digits: 2,
  },
  {
    workload: "text",
    fact: "meanMs",
    label: "BM25, mean ms",
    relation: "at most",
    value: 0.15,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "text",
    fact: "shareOfFastestPeer",
    label: "BM25 / the fastest peer",
    relation: "at most",
    value: 0.6,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "text",
    fact: "overlap",
    label: "BM25, share of the plain computation's rows",
    relation: "at least",
    value: 0.99,
    holdsFor: "any corpus",
    digits: 4,
  },
  {
    workload: "text",
    fact: "indexBytesPerTextByte",
    label: "memory of the text index / bytes of the text",
    relation: "at most",
    value: 0.6,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "hybrid",
    fact: "meanMs",
    label: "hybrid search, mean ms",
    relation: "at most",
    value: 0.6,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "hybrid",
    fact: "shareOfFastestPeer",
    label: "hybrid search / the fastest peer",
    relation: "at most",
    value: 0.15,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "sparse",
    fact: "meanMs",
    label: "sparse vectors, mean ms",
    relation: "at most",
    value: 1,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "sparse",
    fact: "recall",
    label: "sparse vectors, recall",
    relation: "at least",
    value: 1,
    holdsFor: "any corpus",
    digits: 4,
  },
  {
    workload: "http",
    fact: "p50Ms",
    label: "HNSW search over loopback, one client, p50 ms",
    relation: "at most",
    value: 1,
    holdsFor: "debian × 128",
    digits: 3,
  },
  {
    workload: "http",
    fact: "overheadMs",
    label: "what HTTP adds to a search, p50 ms",
    relation: "at most",
    value: 0.7,
    holdsFor: "any corpus",
    digits: 3,
  },
  {
    workload: "http",
    fact: "requestsPerSecond",
    label: "searches a second, clients on the same two cores",
    relation: "at least",
    value: 3_000,
    holdsFor: "debian × 128",
    digits: 0,
  },
  {
    workload: "http",
    fact: "rowsPerSecond",
    label: "durable ingest over loopback, rows/s",
    relation: "at least",
    value: 50_000,
    holdsFor: "debian × 128",
    digits: 0,
  },
  {
    workload: "http",
    fact: "loopDelayMaxMs",
    label: "longest block of the server's event loop, ms",
    relation: "at most",
    value: 20,
    holdsFor: "any corpus",
    digits: 1,
  },
];

/** The targets that the report has a figure for, judged. */
export function judge(report: WorkloadReport, corpus: { readonly name: string; readonly dim: number }): Verdict[] {
  const isHome = corpus.name === "debian" && corpus.dim === 128;
  return targets.flatMap((target) => {
    const got = report.facts[target.fact];
    if (target.workload !== report.workload || got === undefined) return [];
    const holds = target.relation === "at most" ? got <= target.value : got >= target.value;
    return [{ ...target, got, isMet: target.holdsFor === "any corpus" || isHome ? holds : null }];
  });
}
