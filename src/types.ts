/**
 * What are the values that cross the package's interface?
 *
 * Types only, importable by every layer.
 */

/** A row's identity, chosen by the application: a non-negative safe integer or a non-empty string. `1` and `"1"` differ. */
export type Id = number | string;

/** A dense vector of `dim` finite numbers; any array-like of numbers. Kept as float32 or float16. */
export type Vector = Float32Array | Float64Array | readonly number[] | ArrayLike<number>;

/** Several dense vectors of one dimension: an array of vectors, or one row-major array with its dimension. */
export type Matrix = readonly Vector[] | { readonly data: Float32Array; readonly dim: number };

/** A JSON value as stored in metadata. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * A row's metadata: a JSON object, nested objects and arrays allowed. A `Date` is stored as its ISO-8601 string,
 * `undefined` members are dropped. NaN, Infinity, functions, bigint, symbols and cycles are refused.
 */
export type Fields = object;

/** Inner product (higher is nearer), squared Euclidean distance, cosine similarity (higher is nearer). */
export type DenseMetric = "ip" | "l2" | "cos";

/** Distances between sets of bits; a component counts as a set bit above 0.5. */
export type BinaryMetric = "hamming" | "jaccard" | "tanimoto" | "dice";

/** Distances between vectors that mean something of their own: places, distributions, profiles. */
export type DomainMetric =
  | "l1"
  | "chebyshev"
  | "canberra"
  | "bray_curtis"
  | "haversine"
  | "correlation"
  | "hellinger"
  | "wasserstein"
  | "jensen_shannon";

/** How similarity is measured. `ip` and `cos` rank the highest first, all others the lowest. */
export type Metric = DenseMetric | BinaryMetric | DomainMetric;

/** How vector components are stored, in memory and on disk. */
export type Dtype = "float32" | "float16";

/** What a resolved commit survives: `"fsync"` a power loss (the default), `"os"` the end of this process only. */
export type Durability = "fsync" | "os";

/** A value that a where parameter may have. A `Date` is bound as its ISO-8601 string, an array is an IN list. */
export type WhereValue = string | number | boolean | null | Date;

/** Values for the `:name` parameters of a where text. */
export type WhereParams = Readonly<Record<string, WhereValue | readonly WhereValue[]>>;
