/**
 * Workload: how long does an HNSW index take to build, with every thread that the engine uses?
 *
 * From rows that are in its store already; the same links and candidates for all that have the parameters.
 */
import type { BenchContext } from "../bench-context.js";
import { graphBuild } from "../index-variant.js";
import { participantsOf } from "../indexed-stores.js";
import { bestOf, type WorkloadReport } from "../report.js";
import { median } from "../statistics.js";
import { takeTurns } from "../take-turns.js";

const roundsMax = 3;

export async function measureBuild(context: BenchContext): Promise<WorkloadReport> {
  const rounds = Math.min(roundsMax, context.settings.rounds);
  const participants = participantsOf(context.engines, "hnsw");
  const { results, absences } = await takeTurns(
    participants,
    ({ label }) => label,
    rounds,
    (participant) => context.indexed.build(participant),
  );
  const measurements = [...results].map(([{ label, engine, variant }, builds]) => {
    const seconds = median(builds.map(({ buildMs }) => buildMs)) / 1000;
    const figures = { seconds, rowsPerSecond: context.corpus.files.rowCount / seconds };
    return { engine: label, role: engine.role, figures, isComparable: true, note: variant.method };
  });
  const report = {
    workload: "build",
    title:
      `HNSW index over ${context.corpus.files.rowCount.toLocaleString("en")} rows ` +
      `(m ${graphBuild.m}, efConstruction ${graphBuild.efConstruction}), ${rounds} rounds`,
    columns: [
      { key: "seconds", label: "s", digits: 2 },
      { key: "rowsPerSecond", label: "rows/s", digits: 0 },
    ],
    primary: "seconds",
    better: "lower",
    measurements,
    absences,
    facts: {},
    notes: ["inserting the rows is not counted, where the engine keeps them apart from the index"],
  } as const satisfies WorkloadReport;
  const ours = bestOf(report, "ours")?.figures["seconds"];
  const peer = bestOf(report, "peer")?.figures["seconds"];
  return {
    ...report,
    facts: {
      ...(ours === undefined ? {} : { seconds: ours }),
      ...(ours === undefined || peer === undefined ? {} : { shareOfFastestPeer: ours / peer }),
    },
  };
}
