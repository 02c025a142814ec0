/**
 * What do all routes share?
 *
 * One record a server: the embedded client that answers, the limits that requests are held to, and the writes that are
 * staged. Routes get it in their context and keep no state of their own.
 */
import type { VectorDBClient } from "../client/vector-db-client.js";
import type { EmbedFunction } from "../embed/embedder.js";
import type { IndexBuilds } from "./index-builds.js";
import type { OpenedCollections } from "./opened-collections.js";
import type { Staging } from "./staging/staging.js";

/** What one request may ask for; 0 turns a limit off. */
export interface ServerLimits {
  /** Highest k, max_results, n of head and tail, and candidate_limit. */
  readonly maxTopK: number;
  /** Most vectors of one request. */
  readonly maxBatchVectors: number;
  /** Most rows of one collection. */
  readonly maxCollectionVectors: number;
  /** Most bytes of one collection's vectors. */
  readonly maxCollectionVectorBytes: number;
  /** Most bytes of a JSON body. */
  readonly jsonLimitBytes: number;
  /** Most bytes of a binary body. */
  readonly payloadLimitBytes: number;
}

export interface ServerState {
  readonly client: VectorDBClient;
  readonly limits: ServerLimits;
  /** Open write sessions. */
  readonly staging: Staging;
  /** Collections that requests have opened. */
  readonly opened: OpenedCollections;
  /** Index builds that were asked for. */
  readonly builds: IndexBuilds;
  /** Makes vectors of documents; null where the server was started without. */
  readonly embed: EmbedFunction | null;
  /** The one directory for snapshots and exports; null where none was given. */
  readonly snapshotDir: string | null;
  /** Version of the package. */
  readonly version: string;
  /** The folder of the data, or `memory://`. */
  readonly rootPath: string;
  /** True once the server has begun to stop. */
  readonly isStopping: boolean;
  /** The OpenAPI document. */
  openApi(): unknown;
  /** The metrics in Prometheus' text format. */
  metricsText(): Promise<string>;
}
