/**
 * What does our graph index cost over as many rows as no corpus here has?
 *
 * Built over a filled store in one process with all threads; opened in another, which is asked from the cheapest effort on
 * until the recall is there, and whose memory is then read.
 */
import type { CorpusFiles } from "./corpus.js";
import { EngineClient } from "./engine-client.js";
import type { GroundTruth } from "./ground-truth.js";
import { graphEfforts } from "./index-variant.js";
import { mean, median, percentile } from "./statistics.js";

export interface ScaleIndexFigures {
  readonly buildSeconds: number;
  readonly openMs: number;
  /** At the first effort with a recall of at least `recallWanted`, or at the last one. */
  readonly effort: number;
  readonly indexRecall: number;
  readonly queriesPerSecond: number;
  readonly indexP95Ms: number;
  /** Resident memory beyond an empty process over raw vector bytes. */
  readonly indexMemoryRatio: number;
}

export interface ScaleIndexTask {
  readonly packageDirectory: string;
  readonly directory: string;
  readonly files: CorpusFiles;
  readonly truth: GroundTruth;
  readonly k: number;
  readonly rounds: number;
}

const variant = "HNSW-IP";
export const recallWanted = 0.95;

export async function measureScaleIndex(task: ScaleIndexTask): Promise<ScaleIndexFigures> {
  const buildMs = await build(task);
  const client = new EngineClient();
  try {
    const { residentBytes: emptyBytes } = await client.memory();
    await client.load("lynsedb", task.packageDirectory);
    const { directory, files } = task;
    const { openMs } = await client.openIndex({ variant, directory, files, batchRows: null });
    const found = await searchAtRecall(client, task);
    const used = (await client.memory()).residentBytes - emptyBytes;
    return {
      buildSeconds: buildMs / 1000,
      openMs,
      ...found,
      indexMemoryRatio: used / (files.rowCount * files.dim * 4),
    };
  } finally {
    await client.stop();
  }
}

async function build({ packageDirectory, directory, files }: ScaleIndexTask): Promise<number> {
  const client = new EngineClient();
  try {
    await client.load("lynsedb", packageDirectory);
    const { buildMs } = await client.buildIndex({ variant, directory, files, batchRows: null });
    await client.close();
    return buildMs;
  } finally {
    await client.stop();
  }
}

async function searchAtRecall(client: EngineClient, { truth, k, rounds }: ScaleIndexTask) {
  let effort = 0;
  let recall = 0;
  for (effort of graphEfforts) {
    recall = truth.recall((await client.sweep(k, effort, false)).hits);
    if (recall >= recallWanted) break;
  }
  const timed: Float64Array[] = [];
  for (let round = 0; round < rounds; round += 1) timed.push((await client.sweep(k, effort, false)).ms);
  const all = timed.flatMap((ms) => Array.from(ms));
  return {
    effort,
    indexRecall: recall,
    queriesPerSecond: 1000 / median(timed.map(mean)),
    indexP95Ms: percentile(all, 0.95),
  };
}
