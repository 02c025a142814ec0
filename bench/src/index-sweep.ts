/**
 * How are the indexes of several engines compared at equal recall?
 *
 * All are built first. Then, in turns, each answers all queries at every effort from the cheapest on; it stops above an
 * effort whose recall cannot be improved on. The mean of an effort is the median of the rounds' means, percentiles are
 * over all rounds.
 */
import type { BenchContext } from "./bench-context.js";
import type { Round } from "./engine-requests.js";
import type { GroundTruth } from "./ground-truth.js";
import type { IndexParticipant } from "./indexed-stores.js";
import type { Curve, CurvePoint } from "./recall-curve.js";
import type { Absence } from "./report.js";
import { mean, median, percentile } from "./statistics.js";
import { takeTurns } from "./take-turns.js";

/** Beyond this recall more effort shows nothing. */
const recallEnough = 0.9995;

export interface SweepOptions {
  readonly isFiltered: boolean;
  readonly truthOf: (participant: IndexParticipant) => GroundTruth;
  /** Called for each participant once all are built, as to open it again. */
  readonly prepare?: (participant: IndexParticipant) => Promise<unknown>;
}

export interface Sweep {
  readonly curves: ReadonlyMap<IndexParticipant, Curve>;
  readonly absences: Absence[];
}

interface EffortRounds {
  readonly recall: number;
  readonly rounds: Float64Array[];
}

export async function sweepIndexes(
  context: BenchContext,
  participants: readonly IndexParticipant[],
  options: SweepOptions,
): Promise<Sweep> {
  const { k, rounds } = context.settings;
  const nameOf = (participant: IndexParticipant): string => participant.label;
  const building = await takeTurns(participants, nameOf, 1, async (participant) => {
    await context.indexed.searcherOf(participant);
    await options.prepare?.(participant);
  });
  const measured = new Map<IndexParticipant, Map<number, EffortRounds>>();
  const timing = await takeTurns([...building.results.keys()], nameOf, rounds, async (participant) => {
    const client = await context.indexed.searcherOf(participant);
    const known = measured.get(participant) ?? new Map<number, EffortRounds>();
    measured.set(participant, known);
    for (const effort of participant.variant.efforts) {
      const round: Round = await client.sweep(k, effort, options.isFiltered);
      const at = known.get(effort) ?? { recall: options.truthOf(participant).recall(round.hits), rounds: [] };
      at.rounds.push(round.ms);
      known.set(effort, at);
      if (at.recall >= recallEnough) break;
    }
  });
  const curves = new Map<IndexParticipant, Curve>();
  for (const participant of timing.results.keys()) {
    const points = [...measured.get(participant)!].map(([effort, at]) => pointOf(effort, at));
    const { engine, variant, label } = participant;
    curves.set(participant, { label, role: engine.role, knob: variant.knob, points });
  }
  return { curves, absences: [...building.absences, ...timing.absences] };
}

function pointOf(effort: number, { recall, rounds }: EffortRounds): CurvePoint {
  const meanMs = median(rounds.map(mean));
  const all = rounds.flatMap((round) => Array.from(round));
  return {
    effort,
    recall,
    meanMs,
    queriesPerSecond: 1000 / meanMs,
    p50Ms: percentile(all, 0.5),
    p95Ms: percentile(all, 0.95),
  };
}
