import { expect, test } from "vitest";
import { ownFigureAt } from "./curve-report.js";
import { bestOf, type Measurement, ratioToBestPeer, type WorkloadReport } from "./report.js";
import { judge } from "./targets.js";

function report(measurements: readonly Measurement[]): WorkloadReport {
  const primary = "at98";
  const common = { title: "", columns: [], better: "higher", absences: [], facts: {}, notes: [] } as const;
  return { workload: "hnsw", primary, measurements, ...common };
}

const line = (engine: string, role: Measurement["role"], at98?: number): Measurement => ({
  engine,
  role,
  figures: at98 === undefined ? {} : { at98 },
  isComparable: true,
  note: "",
});

test("an index that never reaches the recall has no figure, no ratio is taken to it, and ours counts as missed", () => {
  const poor = report([line("ours", "ours"), line("fast", "peer", 9000), line("hopeless", "peer")]);
  expect(bestOf(poor, "peer")?.engine).toBe("fast");
  expect(ratioToBestPeer(poor)).toBeNull();
  expect(ownFigureAt(poor, "at98", 0)).toBe(0);
  const facts = { "queriesPerSecond.at98": 0 };
  expect(judge({ ...poor, facts }, { name: "debian", dim: 128 }).map(({ isMet }) => isMet)).toEqual([false]);
});

test("an index of ours that was not measured is not judged; of several the best counts", () => {
  expect(ownFigureAt(report([line("fast", "peer", 9000)]), "at98", 0)).toBeUndefined();
  const two = report([line("plain", "ours", 5000), line("codes", "ours", 20_000), line("fast", "peer", 10_000)]);
  expect(ownFigureAt(two, "at98", 0)).toBe(20_000);
  expect(ratioToBestPeer(two)).toBe(2);
});
