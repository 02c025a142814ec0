/**
 * How does a remote database do what the contract says?
 */
import { LynseError } from "../../errors.js";
import { checkName } from "../../storage/names.js";
import type { Dtype, Fields } from "../../types.js";
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
import { type CollectionInput, collectionInput } from "../input/collection-input.js";
import { importInput, pathInput, restoreInput } from "../input/copy-input.js";
import { checkEmbedder } from "../input/document-vectors.js";
import { answerError } from "./answer-error.js";
import { copied, exportOf, longCall, restoreDatabaseFrom, snapshotOf, snapshotOfDatabase } from "./copy-requests.js";
import { textMembers } from "./read-answers.js";
import { RemoteCollection } from "./remote-collection.js";
import type { RemoteState } from "./remote-state.js";
import type { RemoteStates } from "./remote-states.js";

type Params = Readonly<Record<string, unknown>>;

export class RemoteDatabase implements Database {
  readonly name: string;
  readonly #states: RemoteStates;

  constructor(name: string, states: RemoteStates) {
    this.name = name;
    this.#states = states;
  }

  async requireCollection<F extends Fields = Fields>(
    name: string,
    options: CollectionOptions = {},
  ): Promise<Collection<F>> {
    const wanted = collectionInput(options);
    const { transport } = this.#states;
    transport.checkOpen();
    checkName(name, "collection");
    if (wanted.dropIfExists) {
      transport.checkWritable();
      this.#states.end(this.name, name);
    }
    if (transport.isReadOnly) {
      if (!(await this.hasCollection(name))) transport.checkWritable();
      await this.#checkPresent(name, wanted, options);
    } else {
      await transport.post("/required_collection", this.#requiredBody(name, wanted, options), { kind: "write" });
    }
    return this.#open<F>(name, wanted.embed);
  }

  #requiredBody(name: string, { config, dropIfExists }: CollectionInput, options: CollectionOptions): Params {
    const { dim, index, description, embedder } = config;
    return {
      ...this.#place(name),
      ...(dim === null ? {} : { dim }),
      ...(options.dtype === undefined ? {} : { dtypes: config.dtype }),
      ...(index === null ? {} : { default_index: index }),
      ...(description === null ? {} : { description }),
      ...(dropIfExists ? { drop_if_exists: true } : {}),
      ...(options.text === undefined ? {} : { text: textMembers(options.text) }),
      ...(embedder === undefined ? {} : { embedder }),
    };
  }

  /** A collection that must be as it was asked for, because it cannot be changed. */
  async #checkPresent(name: string, { config }: CollectionInput, options: CollectionOptions): Promise<void> {
    const present = (await this.#stateOf(name).config()) as { readonly dim: number; readonly dtypes: string };
    const isOther =
      (config.dim !== null && present.dim !== 0 && present.dim !== config.dim) ||
      (options.dtype !== undefined && present.dtypes !== config.dtype);
    if (!isOther) return;
    throw new LynseError(
      "COLLECTION_EXISTS",
      `collection ${JSON.stringify(name)} exists with dim ${present.dim} and dtype ${present.dtypes}, ` +
        `dim ${config.dim ?? "any"} and dtype ${config.dtype} were asked for; open it without these options`,
      { collection: name, dim: present.dim, dtype: present.dtypes },
    );
  }

  async getCollection<F extends Fields = Fields>(name: string, options: OpenOptions = {}): Promise<Collection<F>> {
    checkOptions(options, ["embed"], "getCollection");
    const embed = checkFunction(options.embed, "embed") ?? null;
    this.#states.transport.checkOpen();
    checkName(name, "collection");
    // Refused where the collection is missing or cannot be read.
    if (embed === null) await this.#stateOf(name).read("/collection_shape");
    return this.#open<F>(name, embed);
  }

  async #open<F extends Fields>(name: string, embed: CollectionInput["embed"]): Promise<Collection<F>> {
    const state = this.#stateOf(name);
    if (embed !== null) checkEmbedder(await state.embedderRecord(async () => {}), embed);
    return new RemoteCollection<F>(state, embed);
  }

  #stateOf(name: string): RemoteState {
    return this.#states.of(this.name, name);
  }

  #place(name: string): { database_name: string; collection_name: string } {
    return { database_name: this.name, collection_name: name };
  }

  async hasCollection(name: string): Promise<boolean> {
    this.#states.transport.checkOpen();
    checkName(name, "collection");
    const { exists } = await this.#read("/is_collection_exists", { collection_name: name });
    return exists === true;
  }

  async dropCollection(name: string): Promise<void> {
    const { transport } = this.#states;
    transport.checkWritable();
    checkName(name, "collection");
    await transport.post("/drop_collection", this.#place(name), { kind: "write" });
    this.#states.end(this.name, name);
  }

  async listCollections(): Promise<readonly string[]> {
    const { collections } = await this.#read("/show_collections");
    return collections as string[];
  }

  showCollections(): Promise<readonly string[]> {
    return this.listCollections();
  }

  async describeCollections(): Promise<CollectionDescription[]> {
    const { collections } = await this.#read("/show_collections_details");
    // Objects of JSON have the names that are numbers first.
    const entries = Object.entries(collections as Readonly<Record<string, Params>>);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([name, found]) => description(name, found));
  }

  showCollectionsDetails(): Promise<CollectionDescription[]> {
    return this.describeCollections();
  }

  async updateCollectionDescription(name: string, text: string): Promise<void> {
    await (await this.getCollection(name)).updateDescription(text);
  }

  async snapshotCollection(name: string, path: string, options?: SnapshotOptions): Promise<CopyResult> {
    const { transport } = this.#states;
    transport.checkOpen();
    checkName(name, "collection");
    return snapshotOf(this.#stateOf(name), path, options);
  }

  async restoreCollection(name: string, path: string, options?: RestoreOptions): Promise<CopyResult> {
    const { transport } = this.#states;
    checkName(name, "collection");
    const { overwrite, signal } = restoreInput(options);
    transport.checkWritable();
    const body = { ...this.#place(name), snapshot_path: pathInput(path), overwrite };
    return copied(await transport.post("/restore_collection", body, longCall(signal)));
  }

  async exportCollection(name: string, path: string, options?: ExportOptions): Promise<CopyResult> {
    this.#states.transport.checkOpen();
    checkName(name, "collection");
    return exportOf(this.#stateOf(name), path, options);
  }

  async importCollection(name: string, path: string, options?: ImportOptions): Promise<CopyResult> {
    const { transport } = this.#states;
    checkName(name, "collection");
    const { overwrite, signal } = importInput(options);
    transport.checkWritable();
    const body = { ...this.#place(name), export_path: pathInput(path), overwrite };
    return copied(await transport.post("/import_collection", body, longCall(signal)));
  }

  async snapshot(path: string, options?: SnapshotOptions): Promise<CopyResult> {
    return snapshotOfDatabase(this.#states, this.name, path, options);
  }

  async restore(path: string, options?: RestoreOptions): Promise<CopyResult> {
    return restoreDatabaseFrom(this.#states, this.name, path, options);
  }

  async drop(): Promise<void> {
    const { transport } = this.#states;
    transport.checkWritable();
    await transport.post("/drop_database", { database_name: this.name }, { kind: "write" });
    this.#states.endDatabase(this.name);
  }

  async exists(): Promise<boolean> {
    const { exists } = await this.#read("/database_exists");
    return exists === true;
  }

  #read(path: string, body: object = {}): Promise<Params> {
    return this.#states.transport.post(path, { database_name: this.name, ...body }, { kind: "read" });
  }
}

function description(name: string, found: Params): CollectionDescription {
  const { shape, dim, dtypes, index_mode, description: text, error } = found;
  return {
    name,
    rows: (shape as readonly number[])[0] ?? 0,
    dim: (dim as number) === 0 ? null : (dim as number),
    dtype: dtypes as Dtype,
    index: (index_mode as string | null | undefined) ?? null,
    description: (text as string | null | undefined) ?? null,
    error: error === null || error === undefined ? null : answerError(500, JSON.stringify(error)),
  };
}
