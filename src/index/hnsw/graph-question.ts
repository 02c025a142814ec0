/**
 * What is a graph asked for, and what does an answer cost?
 *
 * One question holds for any number of queries: how walks go, under which mask, and how many rows are proposed.
 */
import { chooseFilterPlan, costOfWalk, scanned } from "./filter-plan.js";

/** Ways in which a query is answered, by the kernel's numbers. */
export const ways = ["walk", "scan", "filtered-walk", "discard-walk"] as const;

export interface Wanted {
  readonly k: number;
  /** Nodes that a walk keeps. */
  readonly ef: number;
  /** Rows that may be returned, and how many they are; null: all. */
  readonly mask: Uint32Array | null;
  readonly matches: number;
  /** Rows from here on are not returned. */
  readonly rowCount: number;
  /** True where the graph's space only nearly ranks as the metric does. */
  readonly isProxy: boolean;
}

/** The arguments of the kernel's `ask`. */
export interface GraphQuestion {
  readonly way: (typeof ways)[number];
  readonly ef: number;
  readonly firstEf: number;
  readonly scanBelow: number;
  readonly filterBelow: number;
  readonly scanMost: number;
  readonly rowCount: number;
  readonly sure: number;
  readonly limit: number;
  readonly mask: Uint32Array | null;
  /** What a query costs at most, in exact comparisons. */
  readonly costMax: number;
}

export function graphQuestion({ k, ef, mask, matches, rowCount, isProxy }: Wanted): GraphQuestion {
  // Several times `k`, and more where `k` is small.
  const limit = 2 * k + 128;
  // All that a walk in a space like the metric's own has found could be among the best.
  const wanted = { ef, mask, rowCount, scanMost: scanned(k), sure: isProxy ? limit : k, limit };
  if (mask === null) {
    return { ...wanted, way: "walk", firstEf: 0, scanBelow: 0, filterBelow: 0, costMax: costOfWalk(ef) };
  }
  const { kind, ef: firstEf, scanBelow, filterBelow, costMax } = chooseFilterPlan({ ef, rowCount, matches });
  return { ...wanted, way: kind, firstEf, scanBelow, filterBelow, costMax };
}
