/**
 * How does our own engine behave at sizes that no corpus here has?
 *
 * Clustered rows, the same first rows at every size. A size is measured once, whichever workload asks first: imported
 * in one process, opened and searched in another, both compared with an empty one.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClusteredVectors, clusteredFields } from "./clustered-rows.js";
import type { CorpusFiles } from "./corpus.js";
import { bytesBelow } from "./directory-bytes.js";
import { EngineClient } from "./engine-client.js";
import { columnsOf } from "./field-columns.js";
import { filterField } from "./filter-field.js";
import { GroundTruth } from "./ground-truth.js";
import { readFloats } from "./read-floats.js";
import { measureScaleIndex, type ScaleIndexFigures } from "./scale-index.js";
import { mean, median, percentile } from "./statistics.js";

export interface ScaleSettings {
  readonly scratch: string;
  readonly packageDirectory: string;
  readonly dim: number;
  readonly seed: number;
  readonly k: number;
  readonly rounds: number;
  readonly batchRows: number;
  /** Number of rows over which an HNSW index is measured, too; null for none. */
  readonly indexedRows: number | null;
}

export interface ScaleFigures {
  readonly rows: number;
  readonly dim: number;
  readonly exactMs: number;
  readonly exactP99Ms: number;
  readonly filteredMs: number;
  /** The lower of the recalls with and without the filter. */
  readonly recall: number;
  readonly rowsPerSecond: number;
  readonly checkpointMs: number;
  readonly reopenMs: number;
  readonly diskBytesPerRow: number;
  readonly diskRatio: number;
  readonly memoryBytesPerRow: number;
  /** Resident memory beyond an empty process over raw vector bytes: reopened, and at the end of the import. */
  readonly memoryRatio: number;
  readonly importMemoryRatio: number;
  readonly longestBlockMs: number;
  /** The longest pause of the importing loop with nothing inserted. */
  readonly idleBlockMs: number;
  /** The HNSW index over these rows; null where none was wanted. */
  readonly index: ScaleIndexFigures | null;
}

const queryCount = 50;
/** Row numbers of the queries: beyond every row that is ever inserted. */
const firstQueryRow = 2_000_000_000;
const filterValue = "doc";
const reopensMax = 5;

export class ScaleData {
  readonly #settings: ScaleSettings;
  readonly #known = new Map<number, Promise<ScaleFigures>>();
  #vectors: ClusteredVectors | null = null;
  #writtenRows = 0;

  constructor(settings: ScaleSettings) {
    this.#settings = settings;
  }

  /** Figures at `rows` rows. */
  measure(rows: number): Promise<ScaleFigures> {
    let known = this.#known.get(rows);
    if (known === undefined) {
      known = this.#measure(rows);
      this.#known.set(rows, known);
    }
    return known;
  }

  /** Makes the files for up to `rowsMax` rows. */
  prepare(rowsMax: number): void {
    if (rowsMax <= this.#writtenRows) return;
    const { scratch, dim, seed } = this.#settings;
    mkdirSync(scratch, { recursive: true });
    this.#vectors ??= new ClusteredVectors(dim, seed);
    this.#vectors.writeFile(this.#file("vectors.f32"), rowsMax);
    writeFileSync(this.#file("queries.f32"), this.#vectors.rows(firstQueryRow, queryCount));
    this.#writtenRows = rowsMax;
  }

  #file(name: string): string {
    return join(this.#settings.scratch, name);
  }

  #filesOf(rows: number): { readonly files: CorpusFiles; readonly matches: Uint8Array; readonly jsonBytes: number } {
    const matches = new Uint8Array(rows);
    let jsonBytes = 0;
    for (let row = 0; row < rows; row += 1) {
      const fields = clusteredFields(row);
      if (fields[filterField] === filterValue) matches[row] = 1;
      jsonBytes += JSON.stringify(fields).length + 1;
    }
    writeFileSync(this.#file("matches.u8"), matches);
    const files: CorpusFiles = {
      dim: this.#settings.dim,
      rowCount: rows,
      vectorsFile: this.#file("vectors.f32"),
      rowsFile: null,
      queriesFile: this.#file("queries.f32"),
      queryCount,
      matchesFile: this.#file("matches.u8"),
      filterValue,
      columns: columnsOf([clusteredFields(0), clusteredFields(1)]),
    };
    return { files, matches, jsonBytes };
  }

  async #measure(rows: number): Promise<ScaleFigures> {
    this.prepare(rows);
    const { files, matches, jsonBytes } = this.#filesOf(rows);
    const directory = this.#file(`store-${rows}`);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const imported = await this.#import(directory, files);
    const disk = bytesBelow(directory).apparent;
    const reopenMs: number[] = [];
    for (let turn = 0; turn < Math.min(reopensMax, this.#settings.rounds); turn += 1) {
      reopenMs.push(await this.#reopen(directory, files));
    }
    const used = await this.#search(directory, files, matches);
    const index = rows === this.#settings.indexedRows ? await this.#index(directory, files) : null;
    rmSync(directory, { recursive: true, force: true });
    const vectorBytes = rows * files.dim * 4;
    return {
      rows,
      dim: files.dim,
      ...imported.figures,
      ...used.figures,
      reopenMs: median(reopenMs),
      diskBytesPerRow: disk / rows,
      diskRatio: disk / (vectorBytes + jsonBytes),
      memoryBytesPerRow: used.residentBytes / rows,
      memoryRatio: used.residentBytes / vectorBytes,
      importMemoryRatio: imported.residentBytes / vectorBytes,
      index,
    };
  }

  #index(directory: string, files: CorpusFiles): Promise<ScaleIndexFigures> {
    const { packageDirectory, k, rounds } = this.#settings;
    const rows = { vectors: readFloats(files.vectorsFile), dim: files.dim, rowCount: files.rowCount };
    const truth = new GroundTruth(rows, readFloats(files.queriesFile), k, null);
    return measureScaleIndex({ packageDirectory, directory, files, truth, k, rounds });
  }

  async #start(): Promise<{ readonly client: EngineClient; readonly emptyBytes: number }> {
    const client = new EngineClient();
    const { residentBytes: emptyBytes } = await client.memory();
    await client.load("lynsedb", this.#settings.packageDirectory);
    return { client, emptyBytes };
  }

  async #import(directory: string, files: CorpusFiles) {
    const { batchRows } = this.#settings;
    const { client, emptyBytes } = await this.#start();
    const idle = new EngineClient();
    try {
      const idleBlockMs = await idle.idleLoop(files, batchRows);
      const run = await client.ingest(directory, files, batchRows);
      const insertMs = run.batchMs.reduce((sum, ms) => sum + ms, 0);
      const figures = {
        rowsPerSecond: (files.rowCount * 1000) / insertMs,
        checkpointMs: run.settleMs,
        longestBlockMs: run.longestBlockMs,
        idleBlockMs,
      };
      return { figures, residentBytes: run.memory.residentBytes - emptyBytes };
    } finally {
      await client.stop();
      await idle.stop();
    }
  }

  async #reopen(directory: string, files: CorpusFiles): Promise<number> {
    const { client } = await this.#start();
    try {
      const { openMs, firstQueryMs } = await client.open(directory, files);
      await client.close();
      return openMs + firstQueryMs;
    } finally {
      await client.stop();
    }
  }

  async #search(directory: string, files: CorpusFiles, matches: Uint8Array) {
    const { k, rounds } = this.#settings;
    const { client, emptyBytes } = await this.#start();
    try {
      await client.open(directory, files);
      const exact = [];
      const filtered = [];
      for (let round = 0; round < rounds; round += 1) {
        exact.push(await client.search(k, false, 3));
        filtered.push(await client.search(k, true, 3));
      }
      const residentBytes = (await client.memory()).residentBytes - emptyBytes;
      const all = { vectors: readFloats(files.vectorsFile), dim: files.dim, rowCount: files.rowCount };
      const queries = readFloats(files.queriesFile);
      const figures = {
        exactMs: median(exact.map((round) => mean(round.ms))),
        exactP99Ms: percentile(
          exact.flatMap((round) => Array.from(round.ms)),
          0.99,
        ),
        filteredMs: median(filtered.map((round) => mean(round.ms))),
        recall: Math.min(
          new GroundTruth(all, queries, k, null).recall(exact[0]!.hits),
          new GroundTruth(all, queries, k, matches).recall(filtered[0]!.hits),
        ),
      };
      return { figures, residentBytes };
    } finally {
      await client.stop();
    }
  }
}
