/**
 * What may be asked of a server, and what does it run with?
 *
 * `ServerOptions` is what a program passes to `createServer`; `ServerSettings` is every option with a checked value. A
 * value is checked the same way wherever it comes from, and refused with the option's name and its source.
 */
import type { VectorDBClient } from "../client/vector-db-client.js";
import type { EmbedFunction } from "../embed/embedder.js";
import { LynseError } from "../errors.js";
import { optionTable, type ServerOptionEntry } from "./option-table.js";
import type { Route } from "./route.js";

/** Every option with its value; names as in a config file. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly data_dir: string | null;
  readonly api_key: readonly string[];
  readonly api_keys_file: string | null;
  readonly insecure: boolean;
  readonly tls_cert: string | null;
  readonly tls_key: string | null;
  readonly cors_origin: readonly string[];
  readonly json_limit_mb: number;
  readonly payload_limit_mb: number;
  readonly request_timeout_secs: number;
  readonly keep_alive_secs: number;
  readonly shutdown_grace_secs: number;
  readonly slow_query_warn_ms: number;
  readonly max_top_k: number;
  readonly max_batch_vectors: number;
  readonly max_collection_vectors: number;
  readonly max_collection_vector_bytes: number;
  readonly max_collection_bytes: number;
  readonly max_collections: number;
  readonly max_databases: number;
  readonly max_connections: number;
  readonly max_running: number;
  readonly max_queued: number;
  readonly max_sessions: number;
  readonly session_idle_secs: number;
  readonly audit_log: boolean;
  readonly threads: number;
  readonly memory_budget: string | null;
  readonly open_collections: number;
  readonly read_only: boolean;
  readonly follow: boolean;
  readonly follow_interval_ms: number;
  readonly snapshot_dir: string | null;
  readonly embed: string | null;
  readonly log_level: string;
  readonly role: string;
}

/** Where a program's log lines go; a pino destination. */
export interface LogDestination {
  write(line: string): void;
}

/** Options of `createServer`; all have the defaults of `lynse serve`, but the log, which is silent. */
export interface ServerOptions {
  /** Address to listen on. Default `127.0.0.1`; any other than loopback needs an API key, or `insecure`. */
  readonly host?: string;
  /** Port to listen on; 0 for any free one. Default 7637. */
  readonly port?: number;
  /** Folder of the data, or `memory://`. Default: as `VectorDBClient`. */
  readonly dataDir?: string;
  /** Serve an open embedded client in place of `dataDir`; it stays open when the server closes. */
  readonly client?: VectorDBClient;
  /** Keys that requests must bring: `KEY`, `NAME:KEY` or `NAME:KEY:ro`. Default: none, everybody may do everything. */
  readonly apiKeys?: readonly string[];
  /** File with a key a line, written the same way; lines that begin with `#` are comments. */
  readonly apiKeysFile?: string;
  /** Allow a public address without keys. Default false. */
  readonly insecure?: boolean;
  /** PEM files: serve https. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Origins that browsers may call from, or `*`. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Largest JSON body, MiB. Default 256. */
  readonly jsonLimitMb?: number;
  /** Largest binary body, MiB. Default 512. */
  readonly payloadLimitMb?: number;
  /** Longest time for one request. Default 300. */
  readonly requestTimeoutSecs?: number;
  /** How long an idle connection stays open. Default 75. */
  readonly keepAliveSecs?: number;
  /** How long running requests may finish when the server closes. Default 20. */
  readonly shutdownGraceSecs?: number;
  /** Log a warning for requests that take as long; 0 for none. Default 1000. */
  readonly slowQueryWarnMs?: number;
  /** Highest k of a search; 0 for the engine's limit alone. Default 10,000. */
  readonly maxTopK?: number;
  /** Most vectors of one request; 0 for no limit. Default 100,000. */
  readonly maxBatchVectors?: number;
  /** Most rows of a collection; 0 for no limit. Default 10 million. */
  readonly maxCollectionVectors?: number;
  /** Most bytes of a collection's vectors; 0 for no limit. Default 1 TiB. */
  readonly maxCollectionVectorBytes?: number;
  /** Most bytes of a collection's files on disk; 0 for no limit. Default 0. */
  readonly maxCollectionBytes?: number;
  /** Most collections of a database; 0 for no limit. Default 0. */
  readonly maxCollections?: number;
  /** Most databases; 0 for no limit. Default 0. */
  readonly maxDatabases?: number;
  /** Most open connections. Default 20,000. */
  readonly maxConnections?: number;
  /** Most requests that run at a time; others wait. Default 64. */
  readonly maxRunning?: number;
  /** Most requests that wait; others are answered with 503. Default 1024. */
  readonly maxQueued?: number;
  /** Most open write sessions. Default 1000. */
  readonly maxSessions?: number;
  /** Idle time after which a write session is undone. Default 60. */
  readonly sessionIdleSecs?: number;
  /** Log every request that may write. Default true. */
  readonly auditLog?: boolean;
  /** Threads for long work. Default: one a processor. */
  readonly threads?: number;
  /** Memory that the open collections may hold, e.g. `"2gb"`; see `ClientOptions`. Default: no limit. */
  readonly memoryBudget?: string;
  /** Collections kept open at a time, those in use aside; see `ClientOptions.openCollectionsMax`. Default 1000. */
  readonly openCollections?: number;
  /** Never write. Default false. */
  readonly readOnly?: boolean;
  /** With `readOnly`: answers begin with what the process that writes has committed; see `ClientOptions`. Default false. */
  readonly follow?: boolean;
  /** With `follow`: how long a look for commits counts. Default 0: each request looks. */
  readonly followIntervalMs?: number;
  /** The one directory for snapshots and exports. Default: none. */
  readonly snapshotDir?: string;
  /** Makes vectors of documents on the server: `"hash"`, `"hash:384"`, or a function. Default: none. */
  readonly embed?: string | EmbedFunction;
  /** Least important log line that is written. Default `silent`. */
  readonly logLevel?: string;
  /** Where log lines go. Default: the standard output. */
  readonly log?: LogDestination;
  /** Routes of your own, made with `route`: held to the same limits, keys and checks, and documented with the others. */
  readonly routes?: readonly Route[];
}

/** Options that are no setting: they have no text form. */
const objectOptions = ["client", "log", "routes"];
const namesInCode: Readonly<Record<string, string>> = { apiKeys: "api_key", corsOrigins: "cors_origin" };

/** The settings of a server that a program starts. */
export function settingsOfOptions(options: ServerOptions): ServerSettings {
  const values = new Map<string, GivenValue>();
  for (const [key, value] of Object.entries(options)) {
    if (objectOptions.includes(key) || value === undefined) continue;
    const name = namesInCode[key] ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isKnown = optionTable.some((entry) => entry.name === name) && !/_/.test(key) && codeName(name) === key;
    if (!isKnown || name === "role") {
      throw new LynseError("INVALID_ARGUMENT", `createServer has no option "${key}"`, { option: key });
    }
    if (name === "embed" && typeof value === "function") continue;
    values.set(name, { value, source: `option ${key}` });
  }
  if (!values.has("log_level")) values.set("log_level", { value: "silent", source: "default" });
  return settingsOf(values);
}

function codeName(name: string): string {
  const special = Object.entries(namesInCode).find(([, setting]) => setting === name);
  return special?.[0] ?? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A value, and where it was given: said when it is refused. */
export interface GivenValue {
  readonly value: unknown;
  readonly source: string;
}

/** Checks what was given and fills in the rest. */
export function settingsOf(given: ReadonlyMap<string, GivenValue>): ServerSettings {
  const settings: Record<string, unknown> = {};
  for (const entry of optionTable) {
    const found = given.get(entry.name);
    settings[entry.name] = found === undefined ? entry.fallback : checkedValue(entry, found);
  }
  return settings as unknown as ServerSettings;
}

function checkedValue(entry: ServerOptionEntry, given: GivenValue): unknown {
  switch (entry.kind) {
    case "integer": {
      if (given.value === entry.word) return entry.fallback;
      const isText = typeof given.value === "string" && /^-?\d+$/.test(given.value.trim());
      const number = isText ? Number(given.value) : given.value;
      if (Number.isSafeInteger(number) && (number as number) >= entry.min && (number as number) <= entry.max)
        return number;
      return refuse(entry, given, `a whole number from ${entry.min} to ${entry.max}`);
    }
    case "boolean": {
      if (typeof given.value === "boolean") return given.value;
      const word = String(given.value).trim().toLowerCase();
      if (["true", "1", "yes", "on"].includes(word)) return true;
      if (["false", "0", "no", "off"].includes(word)) return false;
      return refuse(entry, given, "true or false");
    }
    case "text": {
      const { choices, pattern, wanted = choices?.join(" or ") ?? "a text that is not empty" } = entry;
      const value = choices === undefined ? given.value : String(given.value).toLowerCase();
      const isText = typeof value === "string" && value !== "";
      if (isText && (choices?.includes(value) ?? true) && (pattern?.test(value) ?? true)) return value;
      return refuse(entry, given, wanted);
    }
    case "list": {
      const texts = typeof given.value === "string" ? given.value.split(/[,\n]/) : given.value;
      const isList = Array.isArray(texts) && texts.every((text) => typeof text === "string");
      if (isList) return texts.map((text: string) => text.trim()).filter((text: string) => text !== "");
      return refuse(entry, given, "a list of texts");
    }
  }
}

function refuse(entry: ServerOptionEntry, { value, source }: GivenValue, wanted: string): never {
  const flag = `--${entry.name.replaceAll("_", "-")}`;
  const isSecret = entry.name === "api_key";
  const got = isSecret ? "something else" : JSON.stringify(value);
  const hint = entry.name === "role" ? "; the role coordinator is not in this version" : "";
  throw new LynseError("INVALID_ARGUMENT", `${flag} (${source}) must be ${wanted}, got ${got}${hint}`, {
    option: entry.name,
    source,
  });
}
