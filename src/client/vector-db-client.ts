/**
 * How does a program reach its databases?
 *
 * The entry point of the package. The uri decides the mode; nothing is opened before the first call.
 */
import { EngineRegistry, type RegistryOptions } from "../engine/engine-registry.js";
import { describe } from "../engine/vector-input.js";
import { LynseError } from "../errors.js";
import { inlinePool } from "../kernel/kernel-pool.js";
import { MemoryFileSystem } from "../storage/memory-file-system.js";
import type { Durability } from "../types.js";
import { checkBoolean, checkInteger, checkOptions } from "./check-options.js";
import type { Database } from "./database.js";
import { LocalDatabase } from "./local/local-database.js";

export interface ClientOptions {
  /** Never write; opens beside a process that does. Default false. */
  readonly readOnly?: boolean;
  /** What a resolved commit survives: `"fsync"` a power loss (default), `"os"` the end of this process only. */
  readonly durability?: Durability;
  /** Threads for index builds, big scans and batches, at least 1. Default: as many as the machine runs at a time. */
  readonly threads?: number;
}

const optionNames = ["readOnly", "durability", "threads"];
/** More threads than any machine has: a number above it is a mistake. */
const threadsMax = 1024;
const memoryScheme = "memory://";

export class VectorDBClient implements AsyncDisposable {
  /** Where the data is: an absolute or relative path, or `memory://`. */
  readonly uri: string;
  readonly #options: Required<Omit<ClientOptions, "threads">> & Pick<ClientOptions, "threads">;
  #opening: Promise<EngineRegistry> | null = null;
  #isClosed = false;

  /**
   * @param uri A folder's path or `file:` URL: embedded, this process owns the folder. `memory://`: nothing on disk.
   *   Default `$LYNSE_DATA_DIR`, or `~/.lynsedb`.
   */
  constructor(uri?: string | URL, options: ClientOptions = {}) {
    checkOptions(options, optionNames, "VectorDBClient");
    const { readOnly = false, durability = "fsync" } = options;
    if (durability !== "fsync" && durability !== "os") {
      throw new LynseError("INVALID_ARGUMENT", `durability must be "fsync" or "os", got ${describe(durability)}`);
    }
    this.uri = placeOf(uri);
    const { threads } = options;
    if (threads !== undefined) checkInteger(threads, "threads", 1, threadsMax);
    this.#options = {
      readOnly: checkBoolean(readOnly, "readOnly"),
      durability,
      ...(threads === undefined ? {} : { threads }),
    };
  }

  get isReadOnly(): boolean {
    return this.#options.readOnly;
  }

  /** Opens a database, creating it where it is missing. */
  async createDatabase(name: string, options: { readonly dropIfExists?: boolean } = {}): Promise<Database> {
    checkOptions(options, ["dropIfExists"], "createDatabase");
    const root = await this.#root();
    await root.createDatabase(name, checkBoolean(options.dropIfExists ?? false, "dropIfExists"));
    return this.#database(name);
  }

  /** Opens a database; `DATABASE_NOT_FOUND` where it is missing. */
  async getDatabase(name: string): Promise<Database> {
    if (await this.hasDatabase(name)) return this.#database(name);
    throw new LynseError(
      "DATABASE_NOT_FOUND",
      `there is no database ${JSON.stringify(name)} in ${this.uri}; create it with createDatabase`,
      { database: name },
    );
  }

  /** Names of the databases, sorted. */
  async listDatabases(): Promise<readonly string[]> {
    return (await this.#root()).databaseNames();
  }

  async hasDatabase(name: string): Promise<boolean> {
    return (await this.#root()).hasDatabase(name);
  }

  /** Removes a database with all its collections; resolves also when it is missing. */
  async dropDatabase(name: string): Promise<void> {
    await (await this.#root()).dropDatabase(name);
  }

  /** Commits, checkpoints and closes everything that was opened through this client. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const opening = this.#opening;
    this.#opening = null;
    if (opening === null) return;
    const root = await opening.catch(() => null);
    await root?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #database(name: string): Database {
    return new LocalDatabase(name, () => this.#root());
  }

  #root(): Promise<EngineRegistry> {
    if (this.#isClosed) {
      return Promise.reject(new LynseError("CLOSED", "the client was closed; make a new VectorDBClient"));
    }
    if (this.#opening === null) {
      const opening = this.#open();
      this.#opening = opening;
      // A failed open may succeed later: another process may have let go of the lock.
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = null;
      });
    }
    return this.#opening;
  }

  async #open(): Promise<EngineRegistry> {
    const { readOnly: isReadOnly, durability } = this.#options;
    const options = { isReadOnly, durability, pool: await this.#makePool() };
    if (this.uri === memoryScheme) return EngineRegistry.open(new MemoryFileSystem(), "/memory", options);
    // Loaded on first use, so that a program for the browser can be bundled without `node:` modules.
    const { NodeFileSystem } = await import("../storage/node-file-system.js");
    const folder = this.uri.replaceAll("\\", "/").replace(/(?<=.)\/+$/, "");
    return EngineRegistry.open(new NodeFileSystem(), folder, options);
  }

  /** Threads where the platform has them; they start with the first work. */
  async #makePool(): Promise<NonNullable<RegistryOptions["pool"]>> {
    const { threads } = this.#options;
    if (threads === 1 || globalThis.process?.versions?.node === undefined) return inlinePool;
    const { NodeKernelPool } = await import("../engine/node-kernel-pool.js");
    return new NodeKernelPool(threads === undefined ? {} : { threads });
  }
}

/** The place that a uri names. */
function placeOf(uri: string | URL | undefined): string {
  if (uri === undefined) return defaultFolder();
  const text = uri instanceof URL ? uri.href : uri;
  if (typeof text !== "string" || text === "") {
    throw new LynseError("INVALID_ARGUMENT", `uri must be a path, a file: URL or memory://, got ${describe(uri)}`);
  }
  if (text === memoryScheme || text === "memory:") return memoryScheme;
  if (/^https?:\/\//i.test(text)) {
    throw new LynseError("UNSUPPORTED", `this version has no remote mode yet; pass a folder instead of ${text}`);
  }
  if (/^file:/i.test(text)) {
    const path = decodeURIComponent(new URL(text).pathname);
    return /^\/[A-Za-z]:\//.test(path) ? path.slice(1) : path;
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(text)) {
    throw new LynseError("INVALID_ARGUMENT", `unknown scheme in uri ${text}; pass a path, a file: URL or memory://`);
  }
  return text;
}

function defaultFolder(): string {
  const { env } = globalThis.process ?? { env: {} };
  const chosen = env["LYNSE_DATA_DIR"];
  if (chosen !== undefined && chosen !== "") return chosen;
  const home = env["HOME"] ?? env["USERPROFILE"];
  if (home !== undefined && home !== "") return `${home}/.lynsedb`;
  throw new LynseError(
    "INVALID_ARGUMENT",
    "no uri was given, and neither LYNSE_DATA_DIR nor HOME is set; pass a folder",
  );
}
