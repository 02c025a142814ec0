/**
 * How does an embedded database do what the contract says?
 */
import type { EngineRegistry } from "../../engine/engine-registry.js";
import { LynseError } from "../../errors.js";
import type { CollectionConfig } from "../../storage/manifest.js";
import type { Fields } from "../../types.js";
import { checkFunction, checkOptions } from "../check-options.js";
import type {
  Collection,
  CopyResult,
  ExportOptions,
  ImportOptions,
  RestoreOptions,
  SnapshotOptions,
} from "../collection.js";
import type { CollectionDescription, CollectionOptions, Database, OpenOptions } from "../database.js";
import { collectionInput } from "../input/collection-input.js";
import { importInput, pathInput, restoreInput, snapshotInput } from "../input/copy-input.js";
import { checkEmbedder } from "../input/document-vectors.js";
import { CollectionHandle } from "./collection-handle.js";
import { embedderRecord } from "./embedder-record.js";
import { importLocally } from "./local-import.js";

/** Gives the open root; opens it on first use. */
export type RootProvider = () => Promise<EngineRegistry>;

/** What a collection that cannot be read is described with. */
const unknownConfig = { dim: null, dtype: "float32", index: null, description: null } as const;

export class LocalDatabase implements Database {
  readonly name: string;
  readonly #root: RootProvider;

  constructor(name: string, root: RootProvider) {
    this.name = name;
    this.#root = root;
  }

  async requireCollection<F extends Fields = Fields>(
    name: string,
    options: CollectionOptions = {},
  ): Promise<Collection<F>> {
    const wanted = collectionInput(options);
    const root = await this.#root();
    if (wanted.dropIfExists) await root.dropCollection(this.name, name);
    const { collection, isNew } = await root.requireCollection(this.name, name, () => wanted.config);
    await collection.use(async (engine) => {
      checkEmbedder(embedderRecord(engine), wanted.embed);
      if (isNew) return;
      const { dim } = wanted.config;
      const check = (): void => checkSame(name, engine.config, wanted.config, options.dtype !== undefined);
      // Before anything is changed, and again because another call may have fixed another dimension meanwhile.
      check();
      if (dim !== null && engine.config.dim === null && !engine.isReadOnly) await engine.settings.fixDim(dim);
      check();
    });
    return new CollectionHandle<F>(collection, wanted.embed);
  }

  async getCollection<F extends Fields = Fields>(name: string, options: OpenOptions = {}): Promise<Collection<F>> {
    checkOptions(options, ["embed"], "getCollection");
    const embed = checkFunction(options.embed, "embed") ?? null;
    const collection = await (await this.#root()).openCollection(this.name, name);
    await collection.use((engine) => checkEmbedder(embedderRecord(engine), embed));
    return new CollectionHandle<F>(collection, embed);
  }

  async hasCollection(name: string): Promise<boolean> {
    return (await this.#root()).hasCollection(this.name, name);
  }

  async dropCollection(name: string): Promise<void> {
    await (await this.#root()).dropCollection(this.name, name);
  }

  async listCollections(): Promise<readonly string[]> {
    return (await this.#root()).collectionNames(this.name);
  }

  showCollections(): Promise<readonly string[]> {
    return this.listCollections();
  }

  async describeCollections(): Promise<CollectionDescription[]> {
    const root = await this.#root();
    const descriptions: CollectionDescription[] = [];
    for (const name of await root.collectionNames(this.name)) {
      const { config, rows, error } = await root.summarize(this.name, name);
      const { dim, dtype, index, description } = config ?? unknownConfig;
      descriptions.push({ name, rows, dim, dtype, index, description, error });
    }
    return descriptions;
  }

  showCollectionsDetails(): Promise<CollectionDescription[]> {
    return this.describeCollections();
  }

  async updateCollectionDescription(name: string, text: string): Promise<void> {
    await (await this.getCollection(name)).updateDescription(text);
  }

  async snapshotCollection(name: string, path: string, options?: SnapshotOptions): Promise<CopyResult> {
    const input = snapshotInput(options);
    return (await this.#root()).snapshotCollection(this.name, name, pathInput(path), input);
  }

  async restoreCollection(name: string, path: string, options?: RestoreOptions): Promise<CopyResult> {
    const input = restoreInput(options);
    return (await this.#root()).restoreCollection(this.name, name, pathInput(path), input);
  }

  async exportCollection(name: string, path: string, options?: ExportOptions): Promise<CopyResult> {
    return (await this.getCollection(name)).exportTo(path, options);
  }

  async importCollection(name: string, path: string, options?: ImportOptions): Promise<CopyResult> {
    const place = pathInput(path);
    const input = importInput(options);
    return importLocally(await this.#root(), { database: this.name, name }, place, input);
  }

  async snapshot(path: string, options?: SnapshotOptions): Promise<CopyResult> {
    const input = snapshotInput(options);
    return (await this.#root()).snapshotDatabase(this.name, pathInput(path), input);
  }

  async restore(path: string, options?: RestoreOptions): Promise<CopyResult> {
    const input = restoreInput(options);
    return (await this.#root()).restoreDatabase(this.name, pathInput(path), input);
  }

  async drop(): Promise<void> {
    await (await this.#root()).dropDatabase(this.name);
  }

  async exists(): Promise<boolean> {
    return (await this.#root()).hasDatabase(this.name);
  }
}

/** An existing collection must be the one that was asked for. */
function checkSame(name: string, present: CollectionConfig, wanted: CollectionConfig, isDtypeGiven: boolean): void {
  const differs = (what: string, is: unknown, got: unknown): LynseError =>
    new LynseError(
      "COLLECTION_EXISTS",
      `collection ${JSON.stringify(name)} exists with ${what} ${is}, ${what} ${got} was asked for; ` +
        "open it without that option, use another name, or drop it first",
      { collection: name, [what]: is, got },
    );
  if (present.dim !== null && wanted.dim !== null && present.dim !== wanted.dim) {
    throw differs("dim", present.dim, wanted.dim);
  }
  if (isDtypeGiven && present.dtype !== wanted.dtype) throw differs("dtype", present.dtype, wanted.dtype);
}
