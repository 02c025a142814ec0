/**
 * How does a program reach its databases?
 *
 * The entry point of the package. The uri decides the mode, a folder, memory or a server; nothing is opened and nobody is
 * called before the first call.
 */
import { type Quotas, quotaNames } from "../engine/quotas.js";
import { describe } from "../engine/vector-input.js";
import { LynseError } from "../errors.js";
import type { Durability } from "../types.js";
import { checkBoolean, checkInteger, checkOptions } from "./check-options.js";
import type { ClientRoot } from "./client-root.js";
import type { CopyResult, RestoreOptions, SnapshotOptions } from "./collection.js";
import type { Database } from "./database.js";
import { byteSize } from "./input/byte-size.js";
import { LocalRoot, memoryScheme } from "./local/local-root.js";
import { type RemoteOptions, remoteOptionNames, remoteSettings, serverUrl } from "./remote/remote-options.js";
import { RemoteRoot } from "./remote/remote-root.js";

/** Options of a client. Those of `RemoteOptions` go with the uri of a server, the others, but for
 * `readOnly`, with any other. */
export interface ClientOptions extends RemoteOptions {
  /** Never write; a folder opens beside a process that does. Default false. */
  readonly readOnly?: boolean;
  /**
   * With `readOnly`: each read begins with what the writing process has committed by then, through compactions and restores,
   * as if `refresh` were called before it. A look costs some microseconds where the files are on this machine. Default false:
   * only `refresh` takes anything up.
   */
  readonly follow?: boolean;
  /** With `follow`: how long a look counts, for files on slow volumes; reads may be so much behind. Default 0: each read looks. */
  readonly followIntervalMs?: number;
  /** What a resolved commit survives: `"fsync"` a power loss (default), `"os"` the end of this process only. */
  readonly durability?: Durability;
  /** Threads for index builds, big scans and batches, at least 1. Default: as many as the machine runs at a time. */
  readonly threads?: number;
  /**
   * Memory that the open collections may hold together, as `stats().memory` counts it: bytes, or a text like `"512mb"`.
   * Float vectors that do not fit stay on disk and are searched by their codes in memory, exactly all the same. Default:
   * everything in memory.
   */
  readonly memoryBudget?: number | string;
  /**
   * Collections that are kept open at a time. Beyond it those that nobody uses are closed, the least recently used first, and
   * opened again by the next call on a handle. Those in use stay open: by a call, an iterator that has begun, an insert
   * session, an index that is built, or writes that are not committed. A read-only client that does not follow closes none.
   * Default 1000; each takes two files or more, and about 110 KB without its rows.
   */
  readonly openCollectionsMax?: number;
  /** Bounds on what is stored; passing one is `LIMIT_EXCEEDED`, and nothing of that commit is stored. Default: none. */
  readonly quotas?: Quotas;
}

const localOptionNames = [
  ...["follow", "followIntervalMs", "durability", "threads", "memoryBudget", "openCollectionsMax", "quotas"],
] as const satisfies readonly (keyof ClientOptions)[];
const optionNames = ["readOnly", ...localOptionNames, ...remoteOptionNames];
/** More threads than any machine has: a number above it is a mistake. */
const threadsMax = 1024;
/** More collections than a process has address space for. */
const openCollectionsLimit = 1_000_000;
/** An hour: a longer one is a mistake. */
const followIntervalMsMax = 3_600_000;

export class VectorDBClient implements AsyncDisposable {
  /** Where the data is: an absolute or relative path, `memory://`, or the address of a server, without its key. */
  readonly uri: string;
  readonly #isReadOnly: boolean;
  readonly #root: ClientRoot;

  /**
   * @param uri A folder's path or `file:` URL: embedded, this process owns the folder. `memory://`: nothing on disk.
   *   `http://…` or `https://…`: a server. Default `$LYNSE_DATA_DIR`, or `~/.lynsedb`.
   */
  constructor(uri?: string | URL, options: ClientOptions = {}) {
    checkOptions(options, optionNames, "VectorDBClient");
    const place = placeOf(uri);
    const isRemote = isServer(place);
    checkMode(options, isRemote);
    this.uri = isRemote ? serverUrl(place) : place;
    this.#isReadOnly = checkBoolean(options.readOnly ?? false, "readOnly");
    this.#root = isRemote ? new RemoteRoot(remoteSettings(place, options)) : localRoot(place, options);
  }

  get isReadOnly(): boolean {
    return this.#isReadOnly;
  }

  /** Opens a database, creating it where it is missing. */
  async createDatabase(name: string, options: { readonly dropIfExists?: boolean } = {}): Promise<Database> {
    checkOptions(options, ["dropIfExists"], "createDatabase");
    await this.#root.createDatabase(name, checkBoolean(options.dropIfExists ?? false, "dropIfExists"));
    return this.#root.database(name);
  }

  /** Opens a database; `DATABASE_NOT_FOUND` where it is missing. */
  async getDatabase(name: string): Promise<Database> {
    if (await this.hasDatabase(name)) return this.#root.database(name);
    throw new LynseError(
      "DATABASE_NOT_FOUND",
      `there is no database ${JSON.stringify(name)} in ${this.uri}; create it with createDatabase`,
      { database: name },
    );
  }

  /** Names of the databases, sorted. */
  async listDatabases(): Promise<readonly string[]> {
    return this.#root.databaseNames();
  }

  async hasDatabase(name: string): Promise<boolean> {
    return this.#root.hasDatabase(name);
  }

  /** Removes a database with all its collections; resolves also when it is missing. */
  async dropDatabase(name: string): Promise<void> {
    await this.#root.dropDatabase(name);
  }

  /** Takes a snapshot of a database: of all its collections as they are at one moment. See `Collection.snapshotTo`. */
  async snapshotDatabase(name: string, path: string, options?: SnapshotOptions): Promise<CopyResult> {
    return this.#root.snapshotDatabase(name, path, options);
  }

  /**
   * Makes a database of the snapshot at `path`, under any name; all of it is verified first. With `overwrite` the database
   * of that name is replaced as a whole: what is open of it is closed, its collections are opened again.
   */
  async restoreDatabase(name: string, path: string, options?: RestoreOptions): Promise<CopyResult> {
    return this.#root.restoreDatabase(name, path, options);
  }

  /** Commits, checkpoints and closes everything that was opened through this client. */
  async close(): Promise<void> {
    await this.#root.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Options of the other mode would do nothing: they are refused. */
function checkMode(options: ClientOptions, isRemote: boolean): void {
  const others: readonly (keyof ClientOptions)[] = isRemote ? localOptionNames : remoteOptionNames;
  const other = others.find((name) => options[name] !== undefined);
  if (other === undefined) return;
  const place = isRemote ? "the server decides on it" : "only the client of a server, http://…, takes it";
  throw new LynseError("INVALID_ARGUMENT", `option ${other} does not go with this uri: ${place}`, { option: other });
}

function localRoot(place: string, { readOnly = false, durability = "fsync", ...rest }: ClientOptions): LocalRoot {
  const { threads, memoryBudget, openCollectionsMax, quotas, follow = false, followIntervalMs } = rest;
  if (durability !== "fsync" && durability !== "os") {
    throw new LynseError("INVALID_ARGUMENT", `durability must be "fsync" or "os", got ${describe(durability)}`);
  }
  if (threads !== undefined) checkInteger(threads, "threads", 1, threadsMax);
  if (openCollectionsMax !== undefined) checkInteger(openCollectionsMax, "openCollectionsMax", 1, openCollectionsLimit);
  return new LocalRoot(place, {
    readOnly,
    durability,
    ...(checkFollow(readOnly, follow, followIntervalMs) ? { followIntervalMs: followIntervalMs ?? 0 } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(memoryBudget === undefined ? {} : { memoryBudget: byteSize(memoryBudget, "memoryBudget") }),
    ...(openCollectionsMax === undefined ? {} : { openCollectionsMax }),
    ...(quotas === undefined ? {} : { quotas: checkedQuotas(quotas) }),
  });
}

/** Whether reads take up what is committed elsewhere. */
function checkFollow(readOnly: boolean, follow: boolean, intervalMs: number | undefined): boolean {
  if (intervalMs !== undefined) {
    checkInteger(intervalMs, "followIntervalMs", 0, followIntervalMsMax);
    if (!checkBoolean(follow, "follow"))
      throw new LynseError("INVALID_ARGUMENT", "followIntervalMs goes with follow: true");
  }
  if (!checkBoolean(follow, "follow") || readOnly) return follow;
  const text =
    "follow goes with readOnly: true: nobody else writes beside a client that may write, which sees its own commits";
  throw new LynseError("INVALID_ARGUMENT", text, { option: "follow" });
}

function checkedQuotas(quotas: Quotas): Quotas {
  checkOptions(quotas, quotaNames, "quotas");
  for (const name of quotaNames) {
    if (quotas[name] !== undefined) checkInteger(quotas[name], `quotas.${name}`, 1, Number.MAX_SAFE_INTEGER);
  }
  return { ...quotas };
}

function isServer(place: string): boolean {
  return /^https?:\/\//i.test(place);
}

/** The place that a uri names. */
function placeOf(uri: string | URL | undefined): string {
  if (uri === undefined) return defaultFolder();
  const text = uri instanceof URL ? uri.href : uri;
  if (typeof text !== "string" || text === "") {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `uri must be a path, a file: URL, http:// or memory://, got ${describe(uri)}`,
    );
  }
  if (text === memoryScheme || text === "memory:") return memoryScheme;
  if (isServer(text)) return text;
  if (/^file:/i.test(text)) {
    const path = decodeURIComponent(new URL(text).pathname);
    return /^\/[A-Za-z]:\//.test(path) ? path.slice(1) : path;
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(text)) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      `unknown scheme in uri ${text}; pass a path, a file: URL, http:// or memory://`,
    );
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
