/**
 * Workload: exact search over sparse vectors by inner product, one query at a time.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type BenchContext, measurementOf } from "../bench-context.js";
import type { Engine } from "../engine.js";
import type { EngineClient } from "../engine-client.js";
import type { Round, SparseIngestFigures } from "../engine-requests.js";
import type { WorkloadReport } from "../report.js";
import { ownFigure } from "../search-rounds.js";
import { readSparseRows, type SparseData, writeSparseData } from "../sparse-data.js";
import { SparseTruth } from "../sparse-truth.js";
import { mean, median, percentile } from "../statistics.js";

const rowCount = 100_000;
const quickRowCount = 10_000;
const queryCount = 300;
const seed = 1;
const recallForRatio = 0.99;

interface Opened {
  readonly client: EngineClient;
  readonly figures: SparseIngestFigures;
}

export async function measureSparse(context: BenchContext): Promise<WorkloadReport> {
  const { k, scratch, isQuick, rounds } = context.settings;
  const directory = join(scratch, "sparse");
  mkdirSync(directory, { recursive: true });
  const data = writeSparseData(directory, isQuick ? quickRowCount : rowCount, queryCount, seed);
  const truth = new SparseTruth(readSparseRows(data.rows), readSparseRows(data.queries), k);
  const stores = new Map<Engine, Opened>();
  try {
    const filling = await context.interleave("sparse", 1, async (engine) => {
      stores.set(engine, await fill(context, engine, join(directory, engine.id), data));
    });
    const timed = await context.interleave("sparse", rounds, (engine) => {
      const store = stores.get(engine);
      if (store === undefined) throw new Error("its store could not be filled");
      return store.client.searchSparse(k);
    });
    const absences = [...filling.absences, ...timed.absences].filter(
      ({ engine }, place, all) => all.findIndex((other) => other.engine === engine) === place,
    );
    const measurements = [...timed.results].map(([engine, results]) =>
      measured(engine, results, truth, stores.get(engine)!.figures),
    );
    return {
      workload: "sparse",
      title:
        `sparse vectors by inner product, ${data.rows.count.toLocaleString("en")} rows of ${data.rows.nonZeros} ` +
        `features, ${queryCount} queries of ${data.queries.nonZeros}, k = ${k}`,
      columns: [
        { key: "meanMs", label: "mean ms", digits: 3 },
        { key: "p50Ms", label: "p50 ms", digits: 3 },
        { key: "p95Ms", label: "p95 ms", digits: 3 },
        { key: "recall", label: "recall", digits: 4 },
        { key: "rowsPerSecond", label: "ingest rows/s", digits: 0 },
      ],
      primary: "meanMs",
      better: "lower",
      measurements,
      absences,
      facts: { ...ownFigure(measurements, "meanMs"), ...ownFigure(measurements, "recall") },
      notes: ["features by Zipf's law over 30,000, log-normal weights (deviation of the logarithm 0.5), seeded"],
    };
  } finally {
    for (const { client } of stores.values()) await client.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function fill(context: BenchContext, engine: Engine, directory: string, data: SparseData): Promise<Opened> {
  mkdirSync(directory, { recursive: true });
  const client = await context.start(engine);
  try {
    return { client, figures: await client.ingestSparse(directory, data, context.settings.batchRows) };
  } catch (error) {
    await client.stop();
    throw error;
  }
}

function measured(engine: Engine, results: readonly Round[], truth: SparseTruth, ingest: SparseIngestFigures) {
  const all = results.flatMap((round) => Array.from(round.ms));
  const recall = truth.recall(results[0]!.hits);
  const figures = {
    meanMs: median(results.map((round) => mean(round.ms))),
    p50Ms: percentile(all, 0.5),
    p95Ms: percentile(all, 0.95),
    recall,
    rowsPerSecond: (ingest.rows * 1000) / ingest.insertMs,
    settleMs: ingest.settleMs,
  };
  return measurementOf(engine, figures, "", recall >= recallForRatio);
}
