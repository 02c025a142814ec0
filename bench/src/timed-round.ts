/**
 * How are queries timed, one at a time, in an engine's process?
 *
 * The first round of a kind warms up for half a second before anything counts: code is compiled while it runs. Then
 * all queries, as often as a steady time needs; every single time is kept, and the results of the first pass.
 */
import type { Hits } from "./engine.js";
import type { Round } from "./engine-requests.js";

const warmUpMs = 500;
/** Passes over the queries go on until they have taken this long, */
const steadyMs = 150;
/** at most so many of them. */
const passesMax = 20;

/** A search that is ready to be asked. */
export type ReadySearch = () => Hits | Promise<Hits>;

export async function warmUp(searches: readonly ReadySearch[]): Promise<void> {
  const end = performance.now() + warmUpMs;
  for (let turn = 0; performance.now() < end; turn += 1) await searches[turn % searches.length]!();
}

export async function timedRound(searches: readonly ReadySearch[]): Promise<Round> {
  const found: Hits[] = [];
  const times: number[] = [];
  const startedAt = performance.now();
  for (let pass = 0; pass < passesMax; pass += 1) {
    await timedPass(searches, (tookMs, hits) => {
      times.push(tookMs);
      if (pass === 0) found.push(hits);
    });
    if (performance.now() - startedAt >= steadyMs) break;
  }
  return { ms: Float64Array.from(times), hits: found.map((hits) => Float64Array.from(hits)) };
}

/** All searches once. An engine that answers at once is not made to wait for a promise's turn. */
async function timedPass(searches: readonly ReadySearch[], take: (tookMs: number, hits: Hits) => void): Promise<void> {
  for (const search of searches) {
    const startedAt = performance.now();
    const answer = search();
    const hits = answer instanceof Promise ? await answer : answer;
    take(performance.now() - startedAt, hits);
  }
}
