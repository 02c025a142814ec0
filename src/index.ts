/**
 * LynseDB: an embedded vector database in TypeScript and WebAssembly, without native code.
 *
 * @module
 */
export type {
  AddOptions,
  BlobInfo,
  BlobRange,
  BuildIndexOptions,
  BulkAddOptions,
  Collection,
  CollectionStats,
  CopyResult,
  ExportOptions,
  ImportOptions,
  IndexState,
  InsertSession,
  Item,
  Progress,
  RestoreOptions,
  Row,
  ScanOptions,
  SearchPlan,
  Selection,
  SnapshotOptions,
  TextIndexOptions,
  UpsertOptions,
  VectorFieldInfo,
  VectorFieldOptions,
  Writer,
} from "./client/collection.js";
export type { CollectionDescription, CollectionOptions, Database, OpenOptions } from "./client/database.js";
export type { RemoteOptions } from "./client/remote/remote-options.js";
export { type ResultMetric, type ResultParts, type ResultRow, ResultView } from "./client/result-view.js";
export type {
  DocumentQuery,
  Facets,
  Highlight,
  HybridOptions,
  HybridQuery,
  OrderBy,
  QueryOptions,
  RangeOptions,
  RecommendOptions,
  RecommendQuery,
  ResultGroup,
  SearchOptions,
  SearchTarget,
  SignalScore,
  SignalScores,
  SparseSearchOptions,
  TextSearchOptions,
  Where,
} from "./client/search-options.js";
export { type ClientOptions, VectorDBClient } from "./client/vector-db-client.js";
export { type WhereClause, where } from "./client/where-clause.js";
export type { EmbedContext, Embedder, EmbedFunction } from "./embed/embedder.js";
export { type HashEmbedderOptions, hashEmbedder } from "./embed/hash-embedder.js";
export { type OpenAIEmbedderOptions, openAIEmbedder } from "./embed/openai-embedder.js";
export { type TransformersEmbedderOptions, transformersEmbedder } from "./embed/transformers-embedder.js";
export type { Quotas } from "./engine/quotas.js";
export { type ErrorCode, type ErrorDetails, errorCatalogue, isLynseError, LynseError } from "./errors.js";
export { type LimitName, limits } from "./limits.js";
export type { FacetCount } from "./metadata/column-facets.js";
export type { FacetResult } from "./query/facet-counts.js";
export type { GroupValue } from "./query/group-by.js";
export { type MmrReranker, mmrReranker } from "./query/mmr-reranker.js";
export type { Reranker, RerankItem, RerankPayload, RerankQuery, RerankResult } from "./query/rerank.js";
export type { SparseVector } from "./sparse/sparse-vector.js";
export type { AnalyserLanguage, AnalyserOptions } from "./text/analysis/analyser-options.js";
export type { HighlightOptions } from "./text/query/highlight.js";
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
