/**
 * Can stored vectors be taken as they are?
 *
 * Their bytes go into a collection unchanged, so every component must be finite, and the vectors of live rows must be such
 * that the field's metric knows a distance for them.
 */
import { LynseError } from "../errors.js";
import { checkMetricVector } from "../index/metric/metric-contract.js";
import { decodeFloat16 } from "../kernel/float16.js";
import type { Dtype, Metric } from "../types.js";

/** Throws for the first vector that cannot be taken; `isLive` tells of each by its position, `refuse` names it. */
export function checkStoredVectors(
  bytes: Uint8Array,
  shape: { readonly dim: number; readonly dtype: Dtype; readonly metric: Metric },
  isLive: (at: number) => boolean,
  refuse: (at: number, cause: unknown) => unknown,
): void {
  const { dim, metric } = shape;
  const data = componentsOf(bytes, shape.dtype);
  for (let at = 0, offset = 0; offset < data.length; at++, offset += dim) {
    // x * 0 is NaN exactly for NaN and infinities.
    let poison = 0;
    for (let i = offset; i < offset + dim; i++) poison += data[i]! * 0;
    if (poison !== 0) throw refuse(at, notFinite(data, offset));
    if (!isLive(at)) continue;
    try {
      checkMetricVector(metric, data, offset, dim, () => "the vector");
    } catch (error) {
      throw refuse(at, error);
    }
  }
}

function componentsOf(bytes: Uint8Array, dtype: Dtype): Float32Array {
  if (dtype === "float32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const data = new Float32Array(bytes.length / 2);
  decodeFloat16(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2), data);
  return data;
}

function notFinite(data: Float32Array, offset: number): LynseError {
  let at = offset;
  while (Number.isFinite(data[at])) at += 1;
  return new LynseError("INVALID_VECTOR", `component ${at - offset} is ${data[at]}; finite numbers are wanted`, {
    component: at - offset,
  });
}
