/**
 * How are many MiB copied without holding the event loop?
 *
 * A few MiB at a time.
 */
import type { TimeSlice } from "../../time-slice.js";

const stepBytes = 4 << 20;

/** Copies `source` to the beginning of `target`, giving way as `slice` says. */
export async function copyGivingWay(target: Uint8Array, source: Uint8Array, slice: TimeSlice): Promise<void> {
  for (let at = 0; at < source.length; at += stepBytes) {
    target.set(source.subarray(at, at + stepBytes), at);
    if (slice.isDue()) await slice.giveWay();
  }
}
