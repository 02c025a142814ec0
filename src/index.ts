/**
 * LynseDB: an embedded vector database in TypeScript and WebAssembly, without native code.
 *
 * @module
 */
export type {
  AddOptions,
  BuildIndexOptions,
  BulkAddOptions,
  Collection,
  CollectionStats,
  InsertSession,
  Item,
  OrderBy,
  Progress,
  QueryOptions,
  RangeOptions,
  Row,
  SearchOptions,
  SearchPlan,
  Selection,
  UpsertOptions,
  Where,
  Writer,
} from "./client/collection.js";
export type { CollectionDescription, CollectionOptions, Database } from "./client/database.js";
export { type ResultParts, type ResultRow, ResultView } from "./client/result-view.js";
export { type ClientOptions, VectorDBClient } from "./client/vector-db-client.js";
export { type WhereClause, where } from "./client/where-clause.js";
export { type ErrorCode, type ErrorDetails, errorCatalogue, isLynseError, LynseError } from "./errors.js";
export { type LimitName, limits } from "./limits.js";
export type {
  Dtype,
  Durability,
  Fields,
  Id,
  JsonValue,
  Matrix,
  Metric,
  Vector,
  WhereParams,
  WhereValue,
} from "./types.js";
