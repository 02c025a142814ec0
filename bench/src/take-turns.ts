/**
 * In which order do those that are compared take their turns?
 *
 * Everyone once a round, each round beginning with another one, so that a busy minute hits all of them. One that fails is
 * out, with its error as the reason.
 */
import type { Absence } from "./report.js";

export interface Turns<P, T> {
  /** Results of those that never failed, one a round. */
  readonly results: ReadonlyMap<P, readonly T[]>;
  readonly absences: Absence[];
}

export async function takeTurns<P, T>(
  participants: readonly P[],
  nameOf: (participant: P) => string,
  rounds: number,
  measure: (participant: P, round: number) => Promise<T>,
): Promise<Turns<P, T>> {
  const results = new Map<P, T[]>(participants.map((participant) => [participant, []]));
  const absences: Absence[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const order = [...results.keys()];
    for (let turn = 0; turn < order.length; turn += 1) {
      const participant = order[(turn + round) % order.length]!;
      try {
        results.get(participant)?.push(await measure(participant, round));
      } catch (error) {
        results.delete(participant);
        const message = error instanceof Error ? error.message : String(error);
        absences.push({ engine: nameOf(participant), reason: `failed: ${message}` });
      }
    }
  }
  return { results, absences };
}
