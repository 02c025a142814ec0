/**
 * Do the rows that are there fit a metric?
 *
 * Some metrics mean something only for some vectors (places, distributions). Asked before an index with such a metric is
 * built, so that no search meets a row that has no distance.
 */
import { LynseError } from "../errors.js";
import type { IndexName } from "../index/index-name.js";
import { checkMetricDim, checkMetricVector } from "../index/metric/metric-contract.js";
import { throwIfAborted } from "../query/exact-search.js";
import { TimeSlice } from "../time-slice.js";
import type { Metric } from "../types.js";
import type { Generation } from "./generation.js";
import { noRow } from "./slot-table.js";

const batchRows = 1024;
/** The metrics that do not take every vector. */
const choosyMetrics: ReadonlySet<Metric> = new Set(["haversine", "hellinger", "wasserstein", "jensen_shannon"]);

/**
 * Throws `INVALID_VECTOR` naming the first live row whose vector in the field the index's metric does not take, or
 * `DIMENSION_MISMATCH`.
 */
export async function checkStoredVectors(
  generation: Generation,
  fieldName: string,
  name: IndexName,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { metric, quantizer, quantizerSize } = name;
  const named = generation.namedField(fieldName);
  const { field, rowCount } = generation.vectorField(fieldName);
  if (field === null) return;
  checkMetricDim(metric, field.dim);
  if (quantizer === "PQ" && quantizerSize !== null && field.dim % quantizerSize !== 0) {
    const message = `index ${name.name} cuts vectors into ${quantizerSize} parts, which does not divide the dimension ${field.dim}`;
    throw new LynseError("UNSUPPORTED_INDEX", message, { index: name.name, dim: field.dim });
  }
  if (!choosyMetrics.has(metric)) return;
  const { dim } = field;
  const rows = field.rowsFor(rowCount);
  const buffer = new Float32Array(batchRows * dim);
  const slice = new TimeSlice();
  for (let from = 0; from < rowCount; from += batchRows) {
    const to = Math.min(rowCount, from + batchRows);
    await rows.read(from, to, buffer);
    for (let slot = from; slot < to; slot++) {
      const row = named === null ? slot : named.slots.rowOf(slot);
      if (row === noRow || !generation.isLive(row)) continue;
      const label = (): string => `the vector of id ${JSON.stringify(generation.rows.idAt(row))}`;
      checkMetricVector(metric, buffer, (slot - from) * dim, dim, label);
    }
    throwIfAborted(signal);
    if (slice.isDue()) await slice.giveWay();
  }
}
