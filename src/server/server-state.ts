/**
 * What do all routes share?
 *
 * One record a server: the embedded client that answers, the limits that requests are held to, and the writes that are
 * staged. Routes get it in their context and keep no state of their own.
 */
import type { VectorDBClient } from "../client/vector-db-client.js";

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
  /** Version of the package. */
  readonly version: string;
}
