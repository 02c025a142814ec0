import { describe, expect, it } from "vitest";
import { isLynseError } from "../../errors.js";
import { metricNames } from "../index-name.js";
import { checkMetricDim, checkMetricVector } from "./metric-contract.js";
import { isBinaryMetric, isHigherBetter } from "./metric-order.js";

function codeOf(call: () => void): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (!isLynseError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

describe("the contract of a metric", () => {
  const never = () => {
    throw new Error("a label is made for failures only");
  };

  it("lets every finite vector pass where the metric has none", () => {
    for (const metric of metricNames) {
      if (["haversine", "hellinger", "wasserstein", "jensen_shannon"].includes(metric)) continue;
      checkMetricVector(metric, [-1, 200, 0], 0, 3, never);
      checkMetricDim(metric, 3);
    }
  });

  it("refuses negative mass, wherever it is, and lets no mass pass", () => {
    for (const metric of ["hellinger", "wasserstein", "jensen_shannon"] as const) {
      const rows = Float32Array.of(1, 2, -3, 0, 0, 0, -0, 5, 1);
      checkMetricVector(metric, rows, 3, 3, never);
      checkMetricVector(metric, rows, 6, 3, never);
      expect(codeOf(() => checkMetricVector(metric, rows, 0, 3, () => "vector of id 7"))).toMatch(
        /^INVALID_VECTOR: vector of id 7 has the negative component -3 at position 2/,
      );
    }
  });

  it("refuses places that are not on Earth, and other dimensions", () => {
    for (const place of [
      [0, 90],
      [180, -90],
      [359, 0],
      [-720, 12],
    ]) {
      checkMetricVector("haversine", place, 0, 2, never);
    }
    expect(codeOf(() => checkMetricVector("haversine", [0, 90.1], 0, 2, () => "query"))).toMatch(
      /^INVALID_VECTOR: query has the latitude 90.1/,
    );
    expect(codeOf(() => checkMetricVector("haversine", [0, 1, 0, -91], 2, 2, () => "query"))).toMatch(/-91/);
    expect(codeOf(() => checkMetricDim("haversine", 3))).toMatch(/^DIMENSION_MISMATCH: .*\[longitude_degrees/);
    checkMetricDim("haversine", 2);
  });
});

describe("the order of values", () => {
  it("is descending for similarities and ascending for distances", () => {
    expect(metricNames.filter(isHigherBetter)).toEqual(["ip", "cos"]);
    expect(metricNames.filter(isBinaryMetric)).toEqual(["hamming", "jaccard", "tanimoto", "dice"]);
  });
});
