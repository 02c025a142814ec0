/**
 * Which store with a text index is where?
 *
 * One directory an engine, filled by whichever workload needs it first and again by every round of `ingest-text`; one
 * process an engine that searches it.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Corpus } from "./corpus.js";
import type { Engine } from "./engine.js";
import { EngineClient } from "./engine-client.js";
import type { TextIngestFigures } from "./engine-requests.js";
import { HybridTruth } from "./hybrid-truth.js";
import { TextTruth } from "./text-truth.js";

interface TextSettings {
  readonly scratch: string;
  readonly packageDirectory: string;
  readonly batchRows: number;
}

export class TextStores {
  readonly #settings: TextSettings;
  readonly #corpus: Corpus;
  readonly #filled = new Set<string>();
  readonly #searchers = new Map<string, EngineClient>();
  #truth: TextTruth | null = null;

  constructor(settings: TextSettings, corpus: Corpus) {
    this.#settings = settings;
    this.#corpus = corpus;
  }

  get truth(): TextTruth {
    this.#truth ??= new TextTruth(this.#corpus.texts);
    return this.#truth;
  }

  /** What fusion of the best `candidates` of each signal puts first. */
  hybridTruth(candidates: number): HybridTruth {
    const { files, vectors, queries, textQueries } = this.#corpus;
    const { dim, rowCount } = files;
    const each = Array.from({ length: files.queryCount }, (_, query) =>
      queries.subarray(query * dim, (query + 1) * dim),
    );
    return new HybridTruth({ vectors, dim, rowCount }, each, this.truth, textQueries, candidates);
  }

  #directoryOf(engine: Engine): string {
    return join(this.#settings.scratch, "text-stores", engine.id);
  }

  async #start(engine: Engine): Promise<EngineClient> {
    if (this.#corpus.textQueries.length === 0) throw new Error("the corpus has no text to search");
    const client = new EngineClient();
    await client.load(engine.id, this.#settings.packageDirectory);
    return client;
  }

  /** Fills the engine's store afresh, in a process of its own. */
  async ingest(engine: Engine): Promise<TextIngestFigures> {
    const directory = this.#directoryOf(engine);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const client = await this.#start(engine);
    try {
      const figures = await client.ingestText(directory, this.#corpus.files, this.#settings.batchRows);
      this.#filled.add(engine.id);
      return figures;
    } finally {
      await client.stop();
    }
  }

  /** The process that answers the engine's searches. */
  async searcherOf(engine: Engine): Promise<EngineClient> {
    const known = this.#searchers.get(engine.id);
    if (known !== undefined) return known;
    if (!this.#filled.has(engine.id)) await this.ingest(engine);
    const client = await this.#start(engine);
    this.#searchers.set(engine.id, client);
    const { files, textQueries } = this.#corpus;
    await client.openText({ directory: this.#directoryOf(engine), files, queries: textQueries });
    return client;
  }

  /** Ends the processes; the stores stay. */
  async stop(): Promise<void> {
    for (const client of this.#searchers.values()) await client.stop();
    this.#searchers.clear();
  }
}
