/** What has a search found so far? */
import { F_SCORED, F_STATE } from "./layout";

/** Address of the query state of the scan kernel, which holds the best rows. */
export function walkState(walk: usize): usize {
  return load<u32>(walk, F_STATE);
}

/** Codes looked at so far. */
export function scoredCodes(walk: usize): u32 {
  return load<u32>(walk, F_SCORED);
}
