/**
 * How large is a collection, on disk and in memory?
 *
 * Puts the sizes that each structure reports of itself side by side.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import type { CollectionStats } from "../collection.js";

export function collectionStats(engine: CollectionEngine): Omit<CollectionStats, "maxId"> {
  const { generation, config, metric } = engine;
  const { rows, ids, columns, ranges } = generation;
  const disk = generation.store.diskUsage();
  const vectors = generation.vectors?.memory() ?? { vectorBytes: 0, codeBytes: 0, totalBytes: 0 };
  const idBytes = rows.idBytes() + ids.memoryBytes();
  const rowTableBytes = rows.placeBytes() + ranges.memoryBytes;
  const columnBytes = columns.memoryBytes();
  const indexBytes = generation.index.index?.memoryBytes() ?? 0;
  const { diskBytes } = generation.index;
  const filterBytes = generation.field?.gathered.memoryBytes() ?? 0;
  const deadShare = generation.rowCount === 0 ? 0 : rows.deadCount / generation.rowCount;
  return {
    rows: generation.liveCount,
    deleted: rows.deletedCount,
    superseded: rows.supersededCount,
    dim: config.dim,
    dtype: config.dtype,
    metric,
    index: config.index,
    indexState: indexState(engine),
    generation: generation.numbering,
    disk: {
      ...disk,
      indexBytes: diskBytes,
      totalBytes: disk.logBytes + disk.vectorBytes + disk.derivedBytes + diskBytes,
      reclaimableBytes: Math.round(deadShare * (disk.logBytes + disk.vectorBytes)),
    },
    memory: {
      vectorBytes: vectors.vectorBytes,
      codeBytes: vectors.codeBytes,
      idBytes,
      rowTableBytes,
      columnBytes,
      indexBytes,
      filterBytes,
      totalBytes: vectors.totalBytes + idBytes + rowTableBytes + columnBytes + indexBytes + filterBytes,
    },
  };
}

function indexState(engine: CollectionEngine): CollectionStats["indexState"] {
  const { generation, indexFailure } = engine;
  const { index, progress } = generation.index;
  const state =
    progress !== null ? "building" : index !== null ? "ready" : generation.isIndexMissing ? "missing" : "flat";
  return {
    state: indexFailure !== null && progress === null ? "failed" : state,
    parameters: index?.parameters ?? engine.indexParameters,
    rows: index?.rowCount ?? 0,
    tailRows: index === null ? 0 : generation.rowCount - index.rowCount,
    progress: progress === null ? null : { done: progress.done, total: progress.total },
    failure: indexFailure?.message ?? null,
  };
}
