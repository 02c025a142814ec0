/**
 * How does an embedded database do what the contract says?
 */
import type { Embedder, EmbedFunction } from "../../embed/embedder.js";
import type { EngineRegistry } from "../../engine/engine-registry.js";
import { checkTextSettings, storedTextSettings } from "../../engine/text-settings.js";
import { checkDim } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import { parseIndexName } from "../../index/index-name.js";
import { checkLimit } from "../../limits.js";
import type { CollectionConfig } from "../../storage/manifest.js";
import type { Fields } from "../../types.js";
import { checkBoolean, checkFunction, checkOptions, checkText } from "../check-options.js";
import type { Collection } from "../collection.js";
import type { CollectionDescription, CollectionOptions, Database, OpenOptions } from "../database.js";
import { checkEmbedder } from "./document-vectors.js";
import { LocalCollection } from "./local-collection.js";
import { checkDtype } from "./vector-field-input.js";

/** Gives the open root; opens it on first use. */
export type RootProvider = () => Promise<EngineRegistry>;

/** What a collection that cannot be read is described with. */
const unknownConfig = { dim: null, dtype: "float32", index: null, description: null } as const;

const defaultIndexName = "FLAT-IP";

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
    const { engine, isNew } = await root.requireCollection(this.name, name, () => wanted.config);
    checkEmbedder(engine, wanted.embed);
    if (!isNew) {
      const { dim } = wanted.config;
      const check = (): void => checkSame(name, engine.config, wanted.config, options.dtype !== undefined);
      // Before anything is changed, and again because another call may have fixed another dimension meanwhile.
      check();
      if (dim !== null && engine.config.dim === null && !engine.isReadOnly) await engine.fixDim(dim);
      check();
    }
    return new LocalCollection<F>(engine, wanted.embed);
  }

  async getCollection<F extends Fields = Fields>(name: string, options: OpenOptions = {}): Promise<Collection<F>> {
    checkOptions(options, ["embed"], "getCollection");
    const embed = checkFunction(options.embed, "embed") ?? null;
    const engine = await (await this.#root()).openCollection(this.name, name);
    checkEmbedder(engine, embed);
    return new LocalCollection<F>(engine, embed);
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

  async drop(): Promise<void> {
    await (await this.#root()).dropDatabase(this.name);
  }

  async exists(): Promise<boolean> {
    return (await this.#root()).hasDatabase(this.name);
  }
}

interface CollectionInput {
  readonly config: CollectionConfig;
  readonly dropIfExists: boolean;
  readonly embed: EmbedFunction | null;
}

function collectionInput(options: CollectionOptions): CollectionInput {
  const names = ["dim", "dtype", "description", "defaultIndex", "dropIfExists", "text", "embed"];
  checkOptions(options, names, "requireCollection");
  const { description, defaultIndex = defaultIndexName, text } = options;
  if (description !== undefined) {
    checkLimit("descriptionLengthMax", checkText(description, "description").length, "the length of the description");
  }
  const index = defaultIndex === null ? null : parseIndexName(defaultIndex).name;
  const embed = checkFunction(options.embed, "embed") ?? null;
  const dim = options.dim === undefined ? null : checkDim(options.dim);
  const embedder = embedderInput(embed, dim);
  const config: CollectionConfig = {
    dim: dim ?? embedder?.dim ?? null,
    dtype: checkDtype(options.dtype ?? "float32"),
    index,
    defaultIndex: index,
    description: description ?? null,
    createdAt: new Date().toISOString(),
    ...(text === undefined ? {} : { text: storedTextSettings(checkTextSettings(text)) }),
    ...(embedder === null ? {} : { embedder }),
  };
  const dropIfExists = checkBoolean(options.dropIfExists ?? false, "dropIfExists");
  return { config, dropIfExists, embed };
}

/** An embedder that says who it is and how long its vectors are; null for any other. */
function embedderInput(embed: Embedder | null, dim: number | null): { name: string; dim: number } | null {
  if (embed?.embedderName === undefined || embed.dim === undefined) return null;
  if (dim !== null && dim !== embed.dim) {
    throw new LynseError(
      "DIMENSION_MISMATCH",
      `dim ${dim} was asked for, but the embedder ${embed.embedderName} makes vectors of ${embed.dim} components; leave dim out`,
      { expected: embed.dim, got: dim },
    );
  }
  return { name: embed.embedderName, dim: embed.dim };
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
