/**
 * Is the comparison fair: only comparable peers count, and targets are judged where they were set?
 */
import { describe, expect, test } from "vitest";
import { bestPeer, type Measurement, ratioToBestPeer, type WorkloadReport } from "./report.js";
import { judge } from "./targets.js";

function measured(engine: string, role: Measurement["role"], meanMs: number, isComparable = true): Measurement {
  return { engine, role, figures: { meanMs }, isComparable, note: "" };
}

function report(measurements: readonly Measurement[], better: "lower" | "higher" = "lower"): WorkloadReport {
  return {
    workload: "exact",
    title: "",
    columns: [],
    primary: "meanMs",
    better,
    measurements,
    absences: [],
    facts: { meanMs: 0.5 },
    notes: [],
  };
}

describe("the ratio to the best peer", () => {
  const measurements = [
    measured("ours", "ours", 0.5),
    measured("yardstick", "reference", 0.1),
    measured("approximate", "peer", 0.2, false),
    measured("slow", "peer", 4),
    measured("fast", "peer", 2),
  ];

  test("is taken to the best comparable peer, neither to a yardstick nor to an approximate answer", () => {
    expect(bestPeer(report(measurements))?.engine).toBe("fast");
    expect(ratioToBestPeer(report(measurements))).toBe(4);
    expect(ratioToBestPeer(report(measurements, "higher"))).toBe(0.125);
  });

  test("is missing where ours or every peer is", () => {
    expect(ratioToBestPeer(report(measurements.slice(1)))).toBeNull();
    expect(ratioToBestPeer(report(measurements.slice(0, 3)))).toBeNull();
  });
});

test("an absolute target is judged on its own corpus alone", () => {
  const verdictOn = (name: string, dim: number) => judge(report([]), { name, dim }).map((verdict) => verdict.isMet);
  expect(verdictOn("debian", 128)).toEqual([false]);
  expect(verdictOn("debian", 256)).toEqual([null]);
  expect(verdictOn("clustered", 128)).toEqual([null]);
});

test("a target without a figure is not judged", () => {
  const silent = { ...report([]), facts: {} };
  expect(judge(silent, { name: "debian", dim: 128 })).toEqual([]);
});
