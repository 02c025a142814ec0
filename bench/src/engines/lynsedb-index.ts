/**
 * Our own indexes, through the public interface: `buildIndex` on a filled collection, then `search` with `nprobe`.
 */
import type { RowBatch, RowFilter, StoreShape } from "../engine.js";
import {
  clusterEfforts,
  graphBuild,
  graphEfforts,
  type IndexedStore,
  type IndexHits,
  type IndexMaker,
  type IndexVariant,
} from "../index-variant.js";

interface SearchOptions {
  readonly k: number;
  readonly nprobe?: number;
  readonly where?: string;
  readonly params?: Readonly<Record<string, string>>;
}

/** A collection, as far as indexes are concerned. */
export interface LynseIndexedCollection {
  buildIndex(mode: string, options: Readonly<Record<string, number>>): Promise<void>;
  search(query: Float32Array, options: SearchOptions): Promise<{ readonly ids: ArrayLike<number> }>;
}

/** An open collection and what fills and closes it. */
export interface LynseRows {
  readonly collection: LynseIndexedCollection;
  insert(batch: RowBatch): Promise<void>;
  close(): Promise<void>;
}

/** How the adapter for exact search makes such collections. */
export interface LynseCollections {
  create(directory: string, shape: StoreShape): Promise<LynseRows>;
  open(directory: string, shape: StoreShape): Promise<LynseRows>;
}

const common = { canFilter: true, isBinary: false };
const withoutKnob = { knob: null, efforts: [0] };

export const lynseVariants: readonly IndexVariant[] = [
  { id: "HNSW-IP", family: "hnsw", knob: "nprobe", efforts: graphEfforts, method: "HNSW-IP", ...common },
  ...["IVF-IP", "IVF-IP-SQ8", "IVF-IP-PQ", "IVF-IP-RABITQ"].map(
    (id): IndexVariant => ({ id, family: "ivf", knob: "nprobe", efforts: clusterEfforts, method: id, ...common }),
  ),
  {
    id: "DISKANN-IP",
    family: "diskann",
    knob: "nprobe",
    efforts: [10, 16, 24, 32, 48, 64, 96, 128, 192],
    method: "DISKANN-IP, degree 64",
    ...common,
  },
  ...["FLAT-IP-SQ8", "FLAT-IP-PQ", "FLAT-IP-RABITQ", "FLAT-IP-POLARVEC4"].map(
    (id): IndexVariant => ({ id, family: "quantized", method: id, ...withoutKnob, ...common }),
  ),
  {
    id: "FLAT-HAMMING",
    family: "quantized",
    method: "FLAT-HAMMING over the signs of the components",
    ...withoutKnob,
    canFilter: true,
    isBinary: true,
  },
];

/** Build parameters where the defaults are left to nobody: the same as every peer's. */
function buildParameters(variant: string): Readonly<Record<string, number>> {
  return variant.startsWith("HNSW") ? graphBuild : {};
}

class LynseIndexedStore implements IndexedStore {
  readonly #rows: LynseRows;
  readonly #variant: string;

  constructor(rows: LynseRows, variant: string) {
    this.#rows = rows;
    this.#variant = variant;
  }

  insert(batch: RowBatch): Promise<void> {
    return this.#rows.insert(batch);
  }

  build(): Promise<void> {
    return this.#rows.collection.buildIndex(this.#variant, buildParameters(this.#variant));
  }

  async search(query: Float32Array, k: number, effort: number): Promise<IndexHits> {
    const options = effort === 0 ? { k } : { k, nprobe: effort };
    return (await this.#rows.collection.search(query, options)).ids;
  }

  async searchFiltered(query: Float32Array, k: number, effort: number, filter: RowFilter): Promise<IndexHits> {
    const condition = { where: `${filter.field} = :value`, params: { value: filter.value } };
    const options = effort === 0 ? { k, ...condition } : { k, nprobe: effort, ...condition };
    return (await this.#rows.collection.search(query, options)).ids;
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}

export function lynseIndexes(collections: LynseCollections): IndexMaker {
  return {
    create: async (variant: string, directory: string, shape: StoreShape): Promise<IndexedStore> =>
      new LynseIndexedStore(await collections.create(directory, shape), variant),
    open: async (variant: string, directory: string, shape: StoreShape): Promise<IndexedStore> =>
      new LynseIndexedStore(await collections.open(directory, shape), variant),
  };
}
