/**
 * How fast are many clients served who each ask again as soon as they are answered?
 *
 * `clients` loops share one count of requests; every single time is kept.
 */
import { percentile } from "./statistics.js";

export interface LoopFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Calls `ask` with 0, 1, 2, … until `requests` were answered, `clients` at a time. */
export async function closedLoop(
  clients: number,
  requests: number,
  ask: (turn: number) => Promise<unknown>,
): Promise<LoopFigures> {
  const ms = new Float64Array(requests);
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < requests) {
      const turn = next;
      next += 1;
      const startedAt = performance.now();
      await ask(turn);
      ms[turn] = performance.now() - startedAt;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: clients }, loop));
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    requestsPerSecond: requests / seconds,
    p50Ms: percentile(ms, 0.5),
    p95Ms: percentile(ms, 0.95),
    p99Ms: percentile(ms, 0.99),
    maxMs: percentile(ms, 1),
  };
}
