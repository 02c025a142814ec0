/**
 * Which options does a server have, what are they called, and which values may they take?
 *
 * One entry an option. Flags of `lynse serve`, environment variables, keys of a config file and the checks of
 * `createServer` are all made from it, so that the four cannot differ. Names follow LynseDB's own server.
 */
import { availableParallelism } from "node:os";

interface OptionBase {
  /** Name in a config file; the flag has hyphens, `createServer` has camel case. */
  readonly name: string;
  /** Environment variables, the first that is set counts; default `LYNSE_<NAME>`. */
  readonly env?: readonly string[];
  /** Other flags for the same option. */
  readonly aliases?: readonly string[];
  /** One line of help. */
  readonly help: string;
}

export interface IntegerOption extends OptionBase {
  readonly kind: "integer";
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  /** A word that stands for the fallback. */
  readonly word?: string;
}

export interface BooleanOption extends OptionBase {
  readonly kind: "boolean";
  readonly fallback: boolean;
}

export interface TextOption extends OptionBase {
  readonly kind: "text";
  readonly fallback: string | null;
  /** The values allowed; any text where omitted. */
  readonly choices?: readonly string[];
  /** What the text must look like, and how that is said. */
  readonly pattern?: RegExp;
  readonly wanted?: string;
}

export interface ListOption extends OptionBase {
  readonly kind: "list";
  readonly fallback: readonly string[];
}

export type ServerOptionEntry = IntegerOption | BooleanOption | TextOption | ListOption;

/** Seconds of 24 days: more does not fit a timer. */
const secondsMax = 2_000_000;

function integer(name: string, fallback: number, range: readonly [number, number], help: string): IntegerOption {
  return { kind: "integer", name, fallback, min: range[0], max: range[1], help };
}

export const optionTable = [
  { kind: "text", name: "host", fallback: "127.0.0.1", help: "address to listen on" },
  { ...integer("port", 7637, [0, 65_535], "port to listen on; 0 for any free one"), env: ["LYNSE_PORT", "PORT"] },
  {
    kind: "text",
    name: "data_dir",
    fallback: null,
    env: ["LYNSE_DATA_DIR", "LYNSE_ROOT"],
    aliases: ["root"],
    help: "data directory, or memory://; default ~/.lynsedb",
  },
  {
    kind: "list",
    name: "api_key",
    fallback: [],
    env: ["LYNSE_API_KEYS", "LYNSE_API_KEY"],
    help: "key that requests must bring: KEY, or NAME:KEY, or NAME:KEY:ro; may be given again",
  },
  { kind: "text", name: "api_keys_file", fallback: null, help: "file with a key a line, written as for --api-key" },
  { kind: "boolean", name: "insecure", fallback: false, help: "allow a public address without keys" },
  { kind: "text", name: "tls_cert", fallback: null, help: "PEM file of the certificate: serve https" },
  { kind: "text", name: "tls_key", fallback: null, help: "PEM file of the certificate's private key" },
  {
    kind: "list",
    name: "cors_origin",
    fallback: [],
    help: "origin that browsers may call from, or *; may be given again",
  },
  integer("json_limit_mb", 256, [1, 1024], "largest JSON body, MiB"),
  integer("payload_limit_mb", 512, [1, 2047], "largest binary body, MiB"),
  {
    ...integer("request_timeout_secs", 300, [1, secondsMax], "longest time for one request"),
    env: ["LYNSE_REQUEST_TIMEOUT_SECS", "LYNSE_CLIENT_REQUEST_TIMEOUT_SECS"],
  },
  integer("keep_alive_secs", 75, [1, secondsMax], "how long an idle connection stays open"),
  integer("shutdown_grace_secs", 20, [0, secondsMax], "how long running requests may finish when the server stops"),
  integer("slow_query_warn_ms", 1000, [0, 1_000_000_000], "log a warning for requests that take as long; 0 for none"),
  integer("max_top_k", 10_000, [0, 100_000], "highest k of a search; 0 for the engine's limit alone"),
  integer("max_batch_vectors", 100_000, [0, 1e9], "most vectors of one request; 0 for no limit"),
  integer("max_collection_vectors", 10_000_000, [0, 0xffff_fffe], "most rows of a collection; 0 for no limit"),
  integer("max_collection_vector_bytes", 2 ** 40, [0, 2 ** 52], "most bytes of a collection's vectors; 0 for no limit"),
  integer("max_collection_bytes", 0, [0, 2 ** 52], "most bytes of a collection's files on disk; 0 for no limit"),
  integer("max_collections", 0, [0, 1_000_000], "most collections of a database; 0 for no limit"),
  integer("max_databases", 0, [0, 1_000_000], "most databases; 0 for no limit"),
  integer("max_connections", 20_000, [1, 1_000_000], "most open connections"),
  integer("max_running", 64, [1, 100_000], "most requests that run at a time; others wait"),
  integer("max_queued", 1024, [0, 1_000_000], "most requests that wait; others are answered with 503"),
  integer("max_sessions", 1000, [1, 100_000], "most open write sessions"),
  integer("session_idle_secs", 60, [1, secondsMax], "idle time after which a write session is undone"),
  { kind: "boolean", name: "audit_log", fallback: true, help: "log every request that may write" },
  {
    ...integer("threads", availableParallelism(), [1, 1024], "threads for long work; auto: one a processor"),
    env: ["LYNSE_THREADS", "LYNSE_SERVER_WORKERS"],
    aliases: ["workers"],
    word: "auto",
  },
  {
    kind: "text",
    name: "memory_budget",
    fallback: null,
    pattern: /^[1-9]\d{0,14}(?:\.\d{1,6})?\s?(?:[kmgt]i?b?|b)?$/i,
    wanted: "a number of bytes, or a text like 512mb",
    help: "memory that open collections may hold, e.g. 2gb; float vectors stay on disk beyond it",
  },
  integer("open_collections", 1000, [1, 1_000_000], "collections kept open at a time, those in use aside"),
  { kind: "boolean", name: "read_only", fallback: false, help: "never write; opens beside a process that does" },
  {
    kind: "boolean",
    name: "follow",
    fallback: false,
    help: "with --read-only: answers begin with what the process that writes has committed",
  },
  integer("follow_interval_ms", 0, [0, 3_600_000], "with --follow: how long a look for commits counts"),
  { kind: "text", name: "snapshot_dir", fallback: null, help: "the one directory for snapshots and exports" },
  {
    kind: "text",
    name: "embed",
    fallback: null,
    pattern: /^hash(?::[1-9]\d{0,4})?$/,
    wanted: "hash or hash:DIM",
    help: "makes vectors of documents on the server: hash or hash:DIM (default 256)",
  },
  {
    kind: "text",
    name: "log_level",
    fallback: "info",
    choices: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    help: "least important log line that is written",
  },
  {
    kind: "text",
    name: "role",
    fallback: "single",
    choices: ["single"],
    help: "single: the only role of this version",
  },
] as const satisfies readonly ServerOptionEntry[];
