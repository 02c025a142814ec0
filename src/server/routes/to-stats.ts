/**
 * How does an answer tell the state of a collection?
 *
 * LynseDB's six figures, and on request everything that `Collection.stats` knows.
 */
import type { CollectionStats } from "../../client/collection.js";
import { indexStateEntry, vectorFieldEntry } from "./to-vector-field.js";

export function statsOf(stats: CollectionStats): object {
  return {
    n_vectors: stats.rows + stats.deleted,
    n_live: stats.rows,
    n_tombstoned: stats.deleted,
    dimension: stats.dim ?? 0,
    index_mode: stats.index ?? "none",
    max_id: stats.maxId,
  };
}

export function fullStatsOf(stats: CollectionStats): object {
  const { indexState, disk, memory } = stats;
  return {
    rows: stats.rows,
    deleted: stats.deleted,
    superseded: stats.superseded,
    dim: stats.dim,
    dtype: stats.dtype,
    metric: stats.metric,
    index: stats.index,
    index_state: indexStateEntry(indexState),
    vector_fields: stats.vectorFields.map(vectorFieldEntry),
    sparse_rows: stats.sparseRows,
    text_rows: stats.textRows,
    embedder: stats.embedder,
    description: stats.description,
    default_index: stats.defaultIndex,
    created_at: stats.createdAt,
    max_id: stats.maxId,
    generation: stats.generation,
    disk: {
      log_bytes: disk.logBytes,
      vector_bytes: disk.vectorBytes,
      derived_bytes: disk.derivedBytes,
      index_bytes: disk.indexBytes,
      total_bytes: disk.totalBytes,
      reclaimable_bytes: disk.reclaimableBytes,
    },
    memory: {
      vector_bytes: memory.vectorBytes,
      code_bytes: memory.codeBytes,
      id_bytes: memory.idBytes,
      row_table_bytes: memory.rowTableBytes,
      column_bytes: memory.columnBytes,
      index_bytes: memory.indexBytes,
      filter_bytes: memory.filterBytes,
      text_bytes: memory.textBytes,
      sparse_bytes: memory.sparseBytes,
      total_bytes: memory.totalBytes,
    },
  };
}
