/**
 * Which index of which engine is measured, and where is it?
 *
 * One process a participant, which fills a store and builds the index when it is first asked for and then answers
 * searches; all indexes of a family are built before the first search is timed. Stores that are kept on disk can be
 * closed and opened again in a new process.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CorpusFiles } from "./corpus.js";
import type { Engine } from "./engine.js";
import { EngineClient } from "./engine-client.js";
import type { BuildFigures, OpenFigures } from "./engine-requests.js";
import type { IndexFamily, IndexVariant } from "./index-variant.js";

/** An engine with one of its indexes. */
export interface IndexParticipant {
  readonly engine: Engine;
  readonly variant: IndexVariant;
  readonly label: string;
}

/** Every index of the family that the engines can make. */
export function participantsOf(engines: readonly Engine[], family: IndexFamily): IndexParticipant[] {
  return engines.flatMap((engine) =>
    engine.variants
      .filter((variant) => variant.family === family)
      .map((variant) => ({ engine, variant, label: `${engine.id} ${variant.id}` })),
  );
}

interface Built {
  readonly client: EngineClient;
  readonly figures: BuildFigures;
}

export class IndexedStores {
  readonly #settings: { readonly scratch: string; readonly packageDirectory: string; readonly batchRows: number };
  readonly #files: CorpusFiles;
  readonly #built = new Map<string, Built>();

  constructor(
    settings: { readonly scratch: string; readonly packageDirectory: string; readonly batchRows: number },
    files: CorpusFiles,
  ) {
    this.#settings = settings;
    this.#files = files;
  }

  directoryOf({ label }: IndexParticipant): string {
    return join(this.#settings.scratch, "indexed", label.replaceAll(" ", "-"));
  }

  /** Fills a store afresh and builds the index, in a new process that stays. */
  async build(participant: IndexParticipant): Promise<BuildFigures> {
    await this.#forget(participant);
    const directory = this.directoryOf(participant);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const client = new EngineClient();
    try {
      await client.load(participant.engine.id, this.#settings.packageDirectory);
      const { batchRows } = this.#settings;
      const figures = await client.buildIndex({
        variant: participant.variant.id,
        directory,
        files: this.#files,
        batchRows,
      });
      this.#built.set(participant.label, { client, figures });
      return figures;
    } catch (error) {
      await client.stop();
      throw error;
    }
  }

  /** The process that has the index, built now if no workload did it before. */
  async searcherOf(participant: IndexParticipant): Promise<EngineClient> {
    if (!this.#built.has(participant.label)) await this.build(participant);
    return this.#known(participant).client;
  }

  figuresOf(participant: IndexParticipant): BuildFigures {
    return this.#known(participant).figures;
  }

  #known({ label }: IndexParticipant): Built {
    const built = this.#built.get(label);
    if (built === undefined) throw new Error(`the index of ${label} was not built`);
    return built;
  }

  /** Closes the store and opens it in a new process. */
  async reopen(participant: IndexParticipant): Promise<OpenFigures> {
    const { client: before, figures } = this.#known(participant);
    await before.close();
    await before.stop();
    const client = new EngineClient();
    this.#built.set(participant.label, { client, figures });
    await client.load(participant.engine.id, this.#settings.packageDirectory);
    const directory = this.directoryOf(participant);
    return client.openIndex({ variant: participant.variant.id, directory, files: this.#files, batchRows: null });
  }

  async #forget({ label }: IndexParticipant): Promise<void> {
    await this.#built.get(label)?.client.stop();
    this.#built.delete(label);
  }

  /** Ends all processes and removes the stores. */
  async stop(): Promise<void> {
    for (const { client } of this.#built.values()) await client.stop();
    this.#built.clear();
    rmSync(join(this.#settings.scratch, "indexed"), { recursive: true, force: true });
  }
}
