/**
 * What do the workloads share in one run?
 *
 * The corpus and its true answers, the engines that loaded, one filled store an engine (made once, by whichever
 * workload needs it first), and the processes that searches are asked of.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Corpus } from "./corpus.js";
import type { Engine, WorkloadName } from "./engine.js";
import { EngineClient } from "./engine-client.js";
import type { IngestFigures } from "./engine-requests.js";
import { GroundTruth } from "./ground-truth.js";
import { IndexedStores } from "./indexed-stores.js";
import type { Absence, Measurement } from "./report.js";
import type { ScaleData } from "./scale-data.js";
import { plusMinusBits } from "./sign-bits.js";
import { takeTurns } from "./take-turns.js";
import { TextStores } from "./text-stores.js";

export interface BenchSettings {
  readonly k: number;
  readonly rounds: number;
  readonly batchRows: number;
  readonly isQuick: boolean;
  readonly scratch: string;
  /** The built package that is measured: a directory with `index.js`. */
  readonly packageDirectory: string;
}

export class BenchContext {
  readonly corpus: Corpus;
  readonly settings: BenchSettings;
  readonly engines: readonly Engine[];
  readonly scale: ScaleData;
  readonly indexed: IndexedStores;
  readonly texts: TextStores;
  readonly #stores = new Set<string>();
  readonly #searchers = new Map<string, EngineClient>();
  #truth: GroundTruth | null = null;
  #filteredTruth: GroundTruth | null = null;
  #binaryTruth: GroundTruth | null = null;

  constructor(corpus: Corpus, settings: BenchSettings, engines: readonly Engine[], scale: ScaleData) {
    this.corpus = corpus;
    this.settings = settings;
    this.engines = engines;
    this.scale = scale;
    this.indexed = new IndexedStores(settings, corpus.files);
    this.texts = new TextStores(settings, corpus);
  }

  get truth(): GroundTruth {
    this.#truth ??= new GroundTruth(this.#rows(), this.corpus.queries, this.settings.k, null);
    return this.#truth;
  }

  get filteredTruth(): GroundTruth {
    this.#filteredTruth ??= new GroundTruth(this.#rows(), this.corpus.queries, this.settings.k, this.corpus.matches);
    return this.#filteredTruth;
  }

  /** The rows nearest by the number of components with the same sign. */
  get binaryTruth(): GroundTruth {
    const rows = { ...this.#rows(), vectors: plusMinusBits(this.corpus.vectors) };
    this.#binaryTruth ??= new GroundTruth(rows, plusMinusBits(this.corpus.queries), this.settings.k, null);
    return this.#binaryTruth;
  }

  #rows(): { vectors: Float32Array; dim: number; rowCount: number } {
    const { dim, rowCount } = this.corpus.files;
    return { vectors: this.corpus.vectors, dim, rowCount };
  }

  /** Directory of the engine's filled store. */
  directoryOf(engine: Engine): string {
    return join(this.settings.scratch, "stores", engine.id);
  }

  /** Fills the engine's store afresh, in a process of its own. */
  async ingest(engine: Engine): Promise<IngestFigures> {
    const directory = this.directoryOf(engine);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const client = await this.start(engine);
    try {
      const figures = await client.ingest(directory, this.corpus.files, this.settings.batchRows);
      this.#stores.add(engine.id);
      return figures;
    } finally {
      await client.stop();
    }
  }

  /** Directory of the engine's store, filled now if no workload did it before. */
  async storeOf(engine: Engine): Promise<string> {
    if (!this.#stores.has(engine.id)) await this.ingest(engine);
    return this.directoryOf(engine);
  }

  /** A new process with the engine loaded. */
  async start(engine: Engine): Promise<EngineClient> {
    const client = new EngineClient();
    await client.load(engine.id, this.settings.packageDirectory);
    return client;
  }

  /** The process that answers the engine's searches, with its store open and warm. */
  async searcherOf(engine: Engine): Promise<EngineClient> {
    const known = this.#searchers.get(engine.id);
    if (known !== undefined) return known;
    const directory = await this.storeOf(engine);
    const client = await this.start(engine);
    await client.open(directory, this.corpus.files);
    this.#searchers.set(engine.id, client);
    return client;
  }

  async stopSearchers(): Promise<void> {
    for (const client of this.#searchers.values()) await client.stop();
    this.#searchers.clear();
    await this.indexed.stop();
    await this.texts.stop();
  }

  /**
   * Runs `measure` for every engine that can do the workload, `rounds` times, a round of all engines after the other
   * and each round beginning with another engine. An engine that fails is out, with its error as the reason.
   */
  async interleave<T>(
    workload: WorkloadName,
    rounds: number,
    measure: (engine: Engine) => Promise<T>,
  ): Promise<{ readonly results: ReadonlyMap<Engine, readonly T[]>; readonly absences: Absence[] }> {
    const able: Engine[] = [];
    const unable: Absence[] = [];
    for (const engine of this.engines) {
      const reason = engine.cannot[workload];
      if (reason === undefined) able.push(engine);
      else if (engine.role !== "reference") unable.push({ engine: engine.id, reason });
    }
    const { results, absences } = await takeTurns(able, (engine) => engine.id, rounds, measure);
    return { results, absences: [...unable, ...absences] };
  }
}

/** A measurement of an engine, comparable unless told otherwise. */
export function measurementOf(
  engine: Engine,
  figures: Readonly<Record<string, number>>,
  note: string,
  isComparable = true,
): Measurement {
  return { engine: engine.id, role: engine.role, figures, isComparable, note };
}
