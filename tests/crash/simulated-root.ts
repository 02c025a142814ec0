/**
 * How does a simulated program use the engine?
 *
 * Opens a root on any file system as `VectorDBClient` does on a folder, and makes the calls that an operation of the model
 * stands for.
 */
import { setImmediate } from "node:timers/promises";
import type { Collection } from "../../src/client/collection.js";
import type { Database } from "../../src/client/database.js";
import { LocalDatabase } from "../../src/client/local/local-database.js";
import { EngineRegistry } from "../../src/engine/engine-registry.js";
import type { FileSystem } from "../../src/storage/file-system.js";
import { parentFolder } from "../../src/storage/replace-file.js";
import type { Durability } from "../../src/types.js";
import {
  type CollectionChange,
  type Hanging,
  namedFields,
  type RowInput,
  type SparseWeights,
  sparseFeatures,
} from "./model.js";
import type { OpenRoot } from "./read-world.js";
import type { CopyOperation, Operation, RestoreOperation } from "./world.js";

export const rootFolder = "/data/root";
/** Where snapshots and exports go. */
export const copiesFolder = "/data/copies";

export class SimulatedRoot implements OpenRoot {
  readonly #fs: FileSystem;
  readonly #registry: EngineRegistry;
  readonly #gate: { isShut: boolean };

  private constructor(fs: FileSystem, registry: EngineRegistry, gate: { isShut: boolean }) {
    this.#fs = fs;
    this.#registry = registry;
    this.#gate = gate;
  }

  static async open(
    fs: FileSystem,
    options: { readonly folder?: string; readonly isReadOnly?: boolean; readonly durability?: Durability } = {},
  ): Promise<SimulatedRoot> {
    const { folder = rootFolder, isReadOnly = false, durability = "fsync" } = options;
    const gate = { isShut: false };
    const files = gated(fs, gate);
    const registry = await withoutWaiting(() => EngineRegistry.open(files, folder, { isReadOnly, durability }));
    return new SimulatedRoot(files, registry, gate);
  }

  databaseNames(): Promise<readonly string[]> {
    return this.#registry.databaseNames();
  }

  database(name: string): Database {
    return new LocalDatabase(name, async () => this.#registry);
  }

  close(): Promise<void> {
    return this.#registry.close();
  }

  /** Stops using the files as they are, as far as one process can: what `close` writes goes nowhere. */
  abandon(): Promise<void> {
    this.#gate.isShut = true;
    return this.#registry.close().catch(() => {});
  }

  /** Makes the calls of an operation; resolves to what the last one resolves to, where the model tells it. */
  async run(operation: Operation): Promise<unknown> {
    if ("change" in operation) {
      const collection = await this.database(operation.database).getCollection(operation.collection);
      const value = await change(collection, operation.change);
      if (operation.change.kind === "reopen") {
        await this.database(operation.database).getCollection(operation.collection);
      }
      return value;
    }
    if ("copy" in operation) {
      return (await ("bytes" in operation ? this.#copy(operation) : this.#restore(operation))).rows;
    }
    const { database } = operation;
    if (operation.kind === "createDatabase") await this.#registry.createDatabase(database, false);
    else if (operation.kind === "dropDatabase") await this.#registry.dropDatabase(database);
    else if (operation.kind === "drop") await this.database(database).dropCollection(operation.collection);
    else {
      const { collection, dim, dtype } = operation;
      await this.database(database).requireCollection(collection, { dtype, ...(dim === null ? {} : { dim }) });
    }
    return undefined;
  }

  async #copy({ kind, database, collection, copy, bytes }: CopyOperation): Promise<{ readonly rows: number }> {
    const path = `${copiesFolder}/${copy}`;
    if (collection === null) return this.database(database).snapshot(path, { copy: bytes });
    if (kind === "snapshot") return this.database(database).snapshotCollection(collection, path, { copy: bytes });
    await this.#fs.makeFolder(copiesFolder);
    await this.#fs.syncFolder(parentFolder(copiesFolder));
    return this.database(database).exportCollection(collection, path);
  }

  #restore(operation: RestoreOperation): Promise<{ readonly rows: number }> {
    const { kind, collection, copy, overwrite } = operation;
    const path = `${copiesFolder}/${copy}`;
    const database = this.database(operation.database);
    if (collection === null) return database.restore(path, { overwrite });
    if (kind === "import") return database.importCollection(collection, path, { overwrite });
    return database.restoreCollection(collection, path, { overwrite });
  }
}

/** A file system whose calls, and those of files opened for writing through it, fail once the gate is shut. */
function gated(fs: FileSystem, gate: { readonly isShut: boolean }): FileSystem {
  const guard = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (gate.isShut && key !== "close") throw new Error("the program has ended");
          const result: unknown = value.apply(target, args);
          if (key !== "open") return result;
          return (result as Promise<object>).then(guard);
        };
      },
    });
  return guard(fs);
}

/** Runs `open` with waits that end at once: a lock file that a power loss emptied is looked at again for a second. */
async function withoutWaiting<T>(open: () => Promise<T>): Promise<T> {
  const { setTimeout: wait, setImmediate: soon } = globalThis;
  globalThis.setTimeout = ((run: () => void) => soon(run)) as unknown as typeof setTimeout;
  try {
    return await open();
  } finally {
    globalThis.setTimeout = wait;
  }
}

async function change(collection: Collection, operation: CollectionChange): Promise<unknown> {
  switch (operation.kind) {
    case "session":
      return collection.insertSession(async (session) => {
        for (const step of operation.staged) {
          if (step.kind === "delete") await session.delete(step.ids);
          else if (step.kind === "deleteBelow") await session.delete({ where: "n < :n", params: { n: step.n } });
          else if (step.kind === "named" || step.kind === "sparse") await hang(session, step);
          else if (step.kind === "add") await session.add(columnsOf([step.row]));
          else await session.upsertItems([itemOf(step.row)]);
        }
      });
    case "buffered": {
      const ids = await collection.upsertItems(operation.rows.map(itemOf));
      await setImmediate();
      await collection.commit();
      return ids;
    }
    case "add":
      return collection.add(columnsOf(operation.rows));
    case "upsert":
      return collection.upsert(columnsOf(operation.rows));
    case "addNumbered": {
      const { vectors, fields } = columnsOf(operation.rows.map((row) => ({ ...row, id: 0 })));
      return collection.add({ vectors, fields });
    }
    case "delete":
      return collection.delete(operation.ids);
    case "deleteBelow":
      return collection.delete({ where: "n < :n", params: { n: operation.n } });
    case "restore":
      return collection.restore(operation.ids);
    case "compact":
      return collection.compact();
    case "checkpoint":
      return collection.checkpoint();
    case "reopen":
      return collection.close();
    case "describe":
      return collection.updateDescription(operation.text);
    case "named":
    case "sparse":
      return hang(collection, operation);
    case "createField":
      return collection.createVectorField(operation.name, namedFields[operation.name]);
    case "writeBlob":
      return collection.writeBlob(operation.key, new TextEncoder().encode(operation.content));
    case "deleteBlob":
      return collection.deleteBlob(operation.key);
    case "index": {
      const options = operation.field === undefined ? {} : { fieldName: operation.field };
      return operation.name === null ? collection.removeIndex(options) : collection.buildIndex(operation.name, options);
    }
  }
}

async function hang(to: Pick<Collection, "addNamedVectors" | "addSparseVectors">, hanging: Hanging): Promise<void> {
  const ids = hanging.vectors.map(({ id }) => id);
  if (hanging.kind === "sparse") {
    const vectors = hanging.vectors.map(({ weights }) => sparseOf(weights));
    return to.addSparseVectors(vectors, ids);
  }
  const vectors = hanging.vectors.map(({ vector }) => vector);
  return to.addNamedVectors(hanging.name, vectors, ids);
}

function sparseOf(weights: SparseWeights): (readonly [number, number])[] {
  return weights.map((weight, at) => [sparseFeatures[at]!, weight] as const);
}

function itemOf({ id, vector, field }: RowInput): { id: RowInput["id"]; vector: readonly number[]; field?: object } {
  return field === undefined ? { id, vector } : { id, vector, field };
}

function columnsOf(rows: readonly RowInput[]) {
  return {
    ids: rows.map((row) => row.id),
    vectors: rows.map((row) => row.vector),
    fields: rows.map((row) => row.field),
  };
}
