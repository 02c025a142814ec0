/**
 * Which vectors may a metric be asked about?
 *
 * Distributions have no negative mass; places are a longitude and a latitude in degrees, latitudes from −90 to 90,
 * longitudes as they come: they wrap, so that both −180…180 and 0…360 can be used. All other metrics take any finite
 * vector. Empty distributions are allowed: their distances are defined.
 */
import { LynseError } from "../../errors.js";
import type { Metric } from "../../types.js";

/** Throws `DIMENSION_MISMATCH` where a metric cannot have vectors of `dim` components. */
export function checkMetricDim(metric: Metric, dim: number): void {
  if (metric !== "haversine" || dim === 2) return;
  throw new LynseError(
    "DIMENSION_MISMATCH",
    `metric "haversine" requires dimension 2 as [longitude_degrees, latitude_degrees], got dimension ${dim}`,
    { metric, expected: 2, got: dim },
  );
}

/**
 * Throws `INVALID_VECTOR` where the `dim` finite components of `vector` from `offset` on are outside the metric's
 * contract. `label` names the vector in the message, e.g. `vector of id 7`; it is asked for in a failure only.
 */
export function checkMetricVector(
  metric: Metric,
  vector: ArrayLike<number>,
  offset: number,
  dim: number,
  label: () => string,
): void {
  switch (metric) {
    case "hellinger":
    case "wasserstein":
    case "jensen_shannon":
      for (let i = 0; i < dim; i++) if (vector[offset + i]! < 0) throw negativeMass(metric, vector, offset, i, label());
      return;
    case "haversine":
      checkMetricDim(metric, dim);
      if (!(Math.abs(vector[offset + 1]!) <= 90)) throw noLatitude(vector[offset + 1]!, label());
      return;
    default:
  }
}

function negativeMass(
  metric: Metric,
  vector: ArrayLike<number>,
  offset: number,
  component: number,
  label: string,
): LynseError {
  const got = vector[offset + component]!;
  return new LynseError(
    "INVALID_VECTOR",
    `${label} has the negative component ${got} at position ${component}; metric "${metric}" compares distributions, ` +
      "whose components are 0 or more",
    { metric, component, got },
  );
}

function noLatitude(got: number, label: string): LynseError {
  return new LynseError(
    "INVALID_VECTOR",
    `${label} has the latitude ${got}; metric "haversine" takes [longitude_degrees, latitude_degrees] with a latitude ` +
      "from -90 to 90",
    { metric: "haversine", component: 1, got },
  );
}
