/**
 * How does a client reach databases that its own process has open?
 *
 * The folder is opened by the first call; a failed open may succeed later, when another process has let go of the lock.
 */
import { EngineRegistry, type RegistryOptions } from "../../engine/engine-registry.js";
import type { Quotas } from "../../engine/quotas.js";
import { LynseError } from "../../errors.js";
import { inlinePool } from "../../kernel/kernel-pool.js";
import type { FileSystem } from "../../storage/file-system.js";
import { MemoryFileSystem } from "../../storage/memory-file-system.js";
import type { Durability } from "../../types.js";
import type { ClientRoot } from "../client-root.js";
import type { CopyResult, RestoreOptions, SnapshotOptions } from "../collection.js";
import type { Database } from "../database.js";
import { pathInput, restoreInput, snapshotInput } from "../input/copy-input.js";
import { LocalDatabase } from "./local-database.js";

/** Uri of a place with nothing on disk. */
export const memoryScheme = "memory://";

export interface LocalRootOptions {
  readonly readOnly: boolean;
  readonly durability: Durability;
  /** Reads take up what another process commits; a look for it counts for so long. */
  readonly followIntervalMs?: number;
  readonly threads?: number;
  /** Bytes. */
  readonly memoryBudget?: number;
  /** Collections that may be open at a time, unless more are in use. */
  readonly openCollectionsMax?: number;
  readonly quotas?: Quotas;
}

export class LocalRoot implements ClientRoot {
  readonly #place: string;
  readonly #options: LocalRootOptions;
  #opening: Promise<EngineRegistry> | null = null;
  #isClosed = false;

  /** @param place A folder, or `memory://`. */
  constructor(place: string, options: LocalRootOptions) {
    this.#place = place;
    this.#options = options;
  }

  async createDatabase(name: string, dropIfExists: boolean): Promise<void> {
    await (await this.#root()).createDatabase(name, dropIfExists);
  }

  database(name: string): Database {
    return new LocalDatabase(name, () => this.#root());
  }

  async databaseNames(): Promise<readonly string[]> {
    return (await this.#root()).databaseNames();
  }

  async hasDatabase(name: string): Promise<boolean> {
    return (await this.#root()).hasDatabase(name);
  }

  async dropDatabase(name: string): Promise<void> {
    await (await this.#root()).dropDatabase(name);
  }

  async snapshotDatabase(name: string, path: string, options: SnapshotOptions | undefined): Promise<CopyResult> {
    const input = snapshotInput(options);
    return (await this.#root()).snapshotDatabase(name, pathInput(path), input);
  }

  async restoreDatabase(name: string, path: string, options: RestoreOptions | undefined): Promise<CopyResult> {
    const input = restoreInput(options);
    return (await this.#root()).restoreDatabase(name, pathInput(path), input);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const opening = this.#opening;
    this.#opening = null;
    if (opening === null) return;
    const root = await opening.catch(() => null);
    await root?.close();
  }

  #root(): Promise<EngineRegistry> {
    if (this.#isClosed) {
      return Promise.reject(new LynseError("CLOSED", "the client was closed; make a new VectorDBClient"));
    }
    if (this.#opening === null) {
      const opening = this.#open();
      this.#opening = opening;
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = null;
      });
    }
    return this.#opening;
  }

  async #open(): Promise<EngineRegistry> {
    const { readOnly: isReadOnly, durability, memoryBudget, openCollectionsMax, followIntervalMs } = this.#options;
    const { quotas = {} } = this.#options;
    const bounds = {
      quotas,
      ...(memoryBudget === undefined ? {} : { memoryBudget }),
      ...(openCollectionsMax === undefined ? {} : { openCollectionsMax }),
    };
    const following = followIntervalMs === undefined ? {} : { followIntervalMs };
    const options = { isReadOnly, durability, pool: await this.#makePool(), ...bounds, ...following };
    if (this.#place === memoryScheme) {
      const outside = isNode() ? await nodeFiles() : undefined;
      const files = outside === undefined ? {} : { outside };
      return EngineRegistry.open(new MemoryFileSystem(), "/memory", { ...options, ...files });
    }
    const folder = this.#place.replaceAll("\\", "/").replace(/(?<=.)\/+$/, "");
    return EngineRegistry.open(await nodeFiles(), folder, options);
  }

  /** Threads where the platform has them; they start with the first work. */
  async #makePool(): Promise<NonNullable<RegistryOptions["pool"]>> {
    const { threads } = this.#options;
    if (threads === 1 || !isNode()) return inlinePool;
    const { NodeKernelPool } = await import("../../engine/node-kernel-pool.js");
    return new NodeKernelPool(threads === undefined ? {} : { threads });
  }
}

function isNode(): boolean {
  return globalThis.process?.versions?.node !== undefined;
}

/** Loaded on first use, so that a program for the browser can be bundled without `node:` modules. */
async function nodeFiles(): Promise<FileSystem> {
  const { NodeFileSystem } = await import("../../storage/node-file-system.js");
  return new NodeFileSystem();
}
