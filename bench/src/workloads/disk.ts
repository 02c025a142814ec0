/**
 * Workload: how many bytes do the rows take on disk?
 *
 * All files of the closed store, after the engine's own upkeep, over the raw bytes: float32 vectors and the JSON text.
 */
import { type BenchContext, measurementOf } from "../bench-context.js";
import { bytesBelow } from "../directory-bytes.js";
import type { Measurement, WorkloadReport } from "../report.js";
import { ownFigure } from "../search-rounds.js";

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

export async function measureDisk(context: BenchContext): Promise<WorkloadReport> {
  const { vectorBytes, jsonBytes } = context.corpus;
  const rawBytes = vectorBytes + jsonBytes;
  const { results, absences } = await context.interleave("disk", 1, async (engine) =>
    bytesBelow(await context.storeOf(engine)),
  );
  const measurements: Measurement[] = [];
  for (const [engine, [bytes]] of results) {
    const figures = {
      ratio: bytes!.apparent / rawBytes,
      allocatedRatio: bytes!.allocated / rawBytes,
      megabytes: bytes!.apparent / 1e6,
      files: bytes!.files,
    };
    const note = engine.keepsFields ? "" : "vectors only, no fields: outside the comparison";
    measurements.push(measurementOf(engine, figures, note, engine.keepsFields));
  }
  return {
    workload: "disk",
    title:
      `bytes on disk / raw bytes (${megabytes(rawBytes)} MB: ` +
      `vectors ${megabytes(vectorBytes)} + JSON ${megabytes(jsonBytes)})`,
    columns: [
      { key: "ratio", label: "ratio", digits: 3 },
      { key: "allocatedRatio", label: "allocated", digits: 3 },
      { key: "megabytes", label: "MB", digits: 1 },
      { key: "files", label: "files", digits: 0 },
    ],
    primary: "ratio",
    better: "lower",
    measurements,
    absences,
    facts: ownFigure(measurements, "ratio"),
    notes: [],
  };
}
