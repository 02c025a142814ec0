/**
 * How large is a collection, on disk and in memory?
 *
 * Puts the sizes that each structure reports of itself side by side.
 */
import type { CollectionEngine } from "../../engine/collection-engine.js";
import { fieldDefinitions } from "../../engine/field-definition.js";
import type { Generation } from "../../engine/generation.js";
import type { CollectionStats, VectorFieldInfo } from "../collection.js";

export function collectionStats(engine: CollectionEngine): Omit<CollectionStats, "maxId"> {
  const { generation, config, metric } = engine;
  const { rows, ids, columns, ranges } = generation;
  const disk = generation.store.diskUsage();
  const memory = fieldBytes(generation);
  const idBytes = rows.idBytes() + ids.memoryBytes();
  const rowTableBytes = rows.placeBytes() + ranges.memoryBytes;
  const columnBytes = columns.memoryBytes();
  const indexDiskBytes = sum(generation.vectorFields, ({ index }) => index.diskBytes);
  const sparseBytes = generation.sparse?.memoryBytes ?? 0;
  const textBytes = generation.text.memoryBytes;
  const deadShare = generation.rowCount === 0 ? 0 : rows.deadCount / generation.rowCount;
  const otherBytes = idBytes + rowTableBytes + columnBytes + sparseBytes + textBytes;
  return {
    vectorFields: vectorFieldInfos(engine).slice(1),
    sparseRows: generation.sparse?.count ?? 0,
    textRows: generation.text.coveredRows,
    embedder: config.embedder ?? null,
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
      indexBytes: indexDiskBytes,
      totalBytes: disk.logBytes + disk.vectorBytes + disk.derivedBytes + indexDiskBytes,
      reclaimableBytes: Math.round(deadShare * (disk.logBytes + disk.vectorBytes)),
    },
    memory: {
      vectorBytes: memory.vectorBytes,
      codeBytes: memory.codeBytes,
      idBytes,
      rowTableBytes,
      columnBytes,
      indexBytes: memory.indexBytes,
      filterBytes: memory.filterBytes,
      textBytes,
      sparseBytes,
      totalBytes: memory.totalBytes + otherBytes,
    },
  };
}

/** What the vector fields take in memory. */
function fieldBytes(generation: Generation): {
  readonly vectorBytes: number;
  readonly codeBytes: number;
  readonly indexBytes: number;
  readonly filterBytes: number;
  readonly totalBytes: number;
} {
  const fields = generation.vectorFields;
  const tables = fields.map(({ table }) => table?.memory() ?? { vectorBytes: 0, codeBytes: 0, totalBytes: 0 });
  const indexBytes = sum(fields, ({ index }) => index.index?.memoryBytes() ?? 0);
  const filterBytes = sum(fields, ({ field }) => field?.gathered.memoryBytes() ?? 0);
  const slotBytes = sum(generation.named, (field) => field.memoryBytes());
  return {
    vectorBytes: sum(tables, (table) => table.vectorBytes),
    codeBytes: sum(tables, (table) => table.codeBytes),
    indexBytes,
    filterBytes,
    totalBytes: sum(tables, (table) => table.totalBytes) + indexBytes + filterBytes + slotBytes,
  };
}

function sum<T>(items: readonly T[], bytesOf: (item: T) => number): number {
  return items.reduce((total, item) => total + bytesOf(item), 0);
}

/** All vector fields, the primary one first. */
export function vectorFieldInfos({ generation, config }: CollectionEngine): VectorFieldInfo[] {
  return fieldDefinitions(config).map(({ name, dim, metric, dtype, index }) => {
    const named = generation.namedField(name);
    const rows = named === null ? generation.liveCount : named.liveCount((row) => generation.isLive(row));
    return { name, dim, metric, dtype, index, rows };
  });
}

function indexState({ generation, indexes }: CollectionEngine): CollectionStats["indexState"] {
  const { primary } = generation;
  const { index, progress } = primary.index;
  const failure = indexes.failureOf(primary.name);
  const state = progress !== null ? "building" : index !== null ? "ready" : primary.isIndexMissing ? "missing" : "flat";
  return {
    state: failure !== null && progress === null ? "failed" : state,
    parameters: index?.parameters ?? primary.definition.indexParameters,
    rows: index?.rowCount ?? 0,
    tailRows: index === null ? 0 : generation.rowCount - index.rowCount,
    progress: progress === null ? null : { done: progress.done, total: progress.total },
    failure: failure?.message ?? null,
  };
}
