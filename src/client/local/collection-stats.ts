/**
 * How large is a collection, on disk and in memory?
 *
 * Puts the sizes that each structure reports of itself side by side.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { fieldDefinitions } from "../../engine/field-definition.js";
import { fieldBytes, otherBytes } from "../../engine/memory-usage.js";
import type { VectorField } from "../../engine/vector-field.js";
import type { CollectionStats, IndexState, VectorFieldInfo } from "../collection.js";

export function collectionStats(engine: CollectionEngine): Omit<CollectionStats, "maxId"> {
  const { generation, config, metric } = engine;
  const { rows } = generation;
  const disk = generation.store.diskUsage();
  const fields = fieldBytes(generation.vectorFields);
  const others = otherBytes(generation);
  const indexDiskBytes = generation.vectorFields.reduce((total, { index }) => total + index.diskBytes, 0);
  const deadShare = generation.rowCount === 0 ? 0 : rows.deadCount / generation.rowCount;
  return {
    vectorFields: vectorFieldInfos(engine).slice(1),
    sparseRows: generation.sparse?.count ?? 0,
    textRows: generation.text.coveredRows,
    embedder: config.embedder ?? null,
    description: config.description,
    defaultIndex: config.defaultIndex,
    createdAt: config.createdAt,
    rows: generation.liveCount,
    deleted: rows.deletedCount,
    superseded: rows.supersededCount,
    dim: config.dim,
    dtype: config.dtype,
    metric,
    index: config.index,
    indexState: indexState(engine, generation.primary),
    generation: generation.numbering,
    disk: {
      ...disk,
      indexBytes: indexDiskBytes,
      totalBytes: disk.logBytes + disk.vectorBytes + disk.derivedBytes + indexDiskBytes,
      reclaimableBytes: Math.round(deadShare * (disk.logBytes + disk.vectorBytes)),
    },
    memory: { ...others, ...fields, totalBytes: fields.totalBytes + others.totalBytes },
  };
}

/** All vector fields, the primary one first. */
export function vectorFieldInfos(engine: CollectionEngine): VectorFieldInfo[] {
  const { generation, config } = engine;
  return fieldDefinitions(config).map(({ name, dim, metric, dtype, index }) => {
    const named = generation.namedField(name);
    const rows = named === null ? generation.liveCount : named.liveCount((row) => generation.isLive(row));
    return { name, dim, metric, dtype, index, rows, indexState: indexState(engine, generation.vectorField(name)) };
  });
}

function indexState({ indexes }: CollectionEngine, field: VectorField): IndexState {
  const { index, progress } = field.index;
  const failure = indexes.failureOf(field.name);
  const state = progress !== null ? "building" : index !== null ? "ready" : field.isIndexMissing ? "missing" : "flat";
  return {
    state: failure !== null && progress === null ? "failed" : state,
    parameters: index?.parameters ?? field.definition.indexParameters,
    rows: index?.rowCount ?? 0,
    tailRows: index === null ? 0 : field.rowCount - index.rowCount,
    progress: progress === null ? null : { done: progress.done, total: progress.total },
    failure: failure?.message ?? null,
  };
}
