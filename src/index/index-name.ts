/**
 * What does an index name mean?
 *
 * Names are `FAMILY[-METRIC][-QUANTIZER]`, case-insensitive, `_` as good as `-`; a bare family means inner product. A
 * name has one canonical spelling, which is what is stored and shown: the metric always spelled out and by its first
 * name, `-BINARY` dropped (rows under a binary metric are always packed), and so is `-SQ8` after a binary metric (bits
 * are smaller). This module is the only place that knows the names.
 */
import { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import type { Metric } from "../types.js";
import { nearestIndexName } from "./nearest-index-name.js";

/** An index name taken apart. */
export interface IndexName {
  /** Canonical spelling, e.g. `"FLAT-COS"`, `"HNSW-JENSEN-SHANNON"`, `"IVF-L2-PQ16"`. */
  readonly name: string;
  readonly family: IndexFamilyName;
  readonly metric: Metric;
  /** How vectors are compressed inside the index; null: not at all, or as the family does by itself. */
  readonly quantizer: QuantizerName | null;
  /** Subspaces of `PQ` or bits of `POLARVEC`; null where the name leaves them to the default. */
  readonly quantizerSize: number | null;
}

export type IndexFamilyName = "FLAT" | "HNSW" | "IVF" | "SPANN" | "DISKANN";
/** `BINARY`: packed bits, of FLAT and IVF under a binary metric. */
export type QuantizerName = "SQ8" | "PQ" | "RABITQ" | "POLARVEC" | "BINARY";

/** Canonical token of each metric in index names, then its other spellings. */
const metricTokens = {
  ip: ["IP", "INNER-PRODUCT", "INNER", "DOT"],
  l2: ["L2", "L2SQ", "L2-SQUARED", "EUCLIDEAN"],
  cos: ["COS", "COSINE", "COSINE-DISTANCE"],
  hamming: ["HAMMING"],
  jaccard: ["JACCARD"],
  tanimoto: ["TANIMOTO"],
  dice: ["DICE", "SORENSEN", "SORENSEN-DICE"],
  l1: ["L1", "MANHATTAN", "CITYBLOCK"],
  chebyshev: ["CHEBYSHEV", "CHEBYCHEV", "LINF", "L-INF", "L-INFINITY"],
  canberra: ["CANBERRA"],
  bray_curtis: ["BRAY-CURTIS", "BRAYCURTIS"],
  haversine: ["HAVERSINE", "HAVERSINE-M", "GEO"],
  correlation: ["CORRELATION", "PEARSON"],
  hellinger: ["HELLINGER"],
  wasserstein: ["WASSERSTEIN", "WASSERSTEIN-1D", "WASSERSTEIN1D", "EMD"],
  jensen_shannon: ["JENSEN-SHANNON", "JENSENSHANNON", "JS"],
} as const satisfies Record<Metric, readonly [string, ...string[]]>;

type FloatQuantizer = Exclude<QuantizerName, "BINARY">;

interface Family {
  readonly metrics: readonly Metric[];
  /** Quantizers, with the metrics that they go with. */
  readonly quantizers: readonly FloatQuantizer[];
  readonly quantizedMetrics: readonly Metric[];
  /** True where binary metrics mean packed rows, so that `-BINARY` may be said. */
  readonly isPacked: boolean;
}

const dense = ["ip", "l2", "cos"] as const satisfies readonly Metric[];
const binary: readonly Metric[] = ["hamming", "jaccard", "tanimoto", "dice"];
const allMetrics = Object.keys(metricTokens) as Metric[];
const walked: readonly Metric[] = [
  ...dense,
  "l1",
  "chebyshev",
  "haversine",
  "correlation",
  "hellinger",
  "wasserstein",
  "jensen_shannon",
  "hamming",
  "jaccard",
];

const families: Readonly<Record<IndexFamilyName, Family>> = {
  FLAT: {
    metrics: allMetrics,
    quantizers: ["SQ8", "PQ", "RABITQ", "POLARVEC"],
    quantizedMetrics: dense,
    isPacked: true,
  },
  HNSW: { metrics: walked, quantizers: ["SQ8"], quantizedMetrics: walked, isPacked: false },
  IVF: {
    metrics: [...dense, "hamming", "jaccard"],
    quantizers: ["SQ8", "PQ", "RABITQ"],
    quantizedMetrics: dense,
    isPacked: true,
  },
  SPANN: { metrics: dense, quantizers: ["SQ8"], quantizedMetrics: dense, isPacked: false },
  DISKANN: { metrics: dense, quantizers: ["PQ", "SQ8"], quantizedMetrics: dense, isPacked: false },
};
const familyNames = Object.keys(families) as IndexFamilyName[];

const metricByToken = new Map<string, Metric>();
for (const metric of allMetrics) for (const token of metricTokens[metric]) metricByToken.set(token, metric);

/** Every canonical name, sizes of quantizers left out, families in order. */
export const indexNames: readonly string[] = Object.freeze(familyNames.flatMap(namesOf));

/** What there is, for messages: short enough to be read. */
const summary =
  "FLAT-IP, FLAT-L2, FLAT-COS (each also with -SQ8, -PQ[n], -RABITQ or -POLARVEC[1..8]), " +
  `${families.FLAT.metrics
    .slice(dense.length)
    .map((metric) => `FLAT-${metricTokens[metric][0]}`)
    .join(", ")}, ` +
  `HNSW-{${tokensOf(walked)}}[-SQ8], IVF-{IP,L2,COS}[-SQ8 | -PQ[n] | -RABITQ], IVF-{HAMMING,JACCARD}, ` +
  "SPANN-{IP,L2,COS}[-SQ8], DISKANN-{IP,L2,COS}[-PQ[n] | -SQ8]";

/** The meaning of an index name; `UNSUPPORTED_INDEX` naming the supported ones otherwise. */
export function parseIndexName(mode: string): IndexName {
  if (typeof mode !== "string") throw unsupported(mode, "an index name is a string", null);
  const text = mode.trim().toUpperCase().replaceAll("_", "-");
  const dash = text.indexOf("-");
  const family = (dash < 0 ? text : text.slice(0, dash)) as IndexFamilyName;
  if (!Object.hasOwn(families, family)) throw unsupported(mode, "there is no such index", nearestTo(text));
  const isBare = dash < 0;
  const tail = text.slice(dash + 1);
  const split = isBare ? { metric: "ip" as const, rest: null } : splitMetric(tail, family);
  if (split === null) {
    const nearest = parseQuantizer(tail) === null ? nearestTo(text) : `${family}-IP-${tail}`;
    throw unsupported(mode, "it names no metric that there is", nearest);
  }
  return compose(mode, family, split.metric, split.rest);
}

/** All metrics. */
export const metricNames: readonly Metric[] = Object.freeze(allMetrics);

/** The metric at the beginning of `text`, the longest that fits, and what follows it; null: nothing. */
function splitMetric(text: string, family: IndexFamilyName): { metric: Metric; rest: string | null } | null {
  let found: string | null = null;
  for (const token of metricByToken.keys()) {
    const isThere = text === token || text.startsWith(`${token}-`);
    if (isThere && (found === null || token.length > found.length)) found = token;
  }
  if (found !== null) {
    return {
      metric: metricByToken.get(found)!,
      rest: text.length === found.length ? null : text.slice(found.length + 1),
    };
  }
  // Only FLAT must say its metric before a quantizer.
  return family !== "FLAT" && parseQuantizer(text) !== null ? { metric: "ip", rest: text } : null;
}

interface Quantizer {
  readonly name: QuantizerName;
  readonly size: number | null;
}

function parseQuantizer(text: string): Quantizer | null {
  if (text === "SQ8" || text === "RABITQ" || text === "BINARY") return { name: text, size: null };
  const match = /^(PQ|POLARVEC)([1-9]\d{0,5})?$/.exec(text);
  if (match === null) return null;
  const name = match[1] as "PQ" | "POLARVEC";
  const size = match[2] === undefined ? null : Number(match[2]);
  return size !== null && size > (name === "PQ" ? limits.dimMax : 8) ? null : { name, size };
}

function compose(mode: string, family: IndexFamilyName, metric: Metric, rest: string | null): IndexName {
  const { metrics, quantizers, quantizedMetrics, isPacked } = families[family];
  const base = `${family}-${metricTokens[metric][0]}`;
  if (!metrics.includes(metric)) {
    throw unsupported(
      mode,
      `${family} has no metric "${metric}" (${tokensOf(metrics)})`,
      `FLAT-${base.slice(family.length + 1)}`,
    );
  }
  const isBits = binary.includes(metric);
  const packed: QuantizerName | null = isBits && isPacked ? "BINARY" : null;
  const plain = () => Object.freeze({ name: base, family, metric, quantizer: packed, quantizerSize: null });
  if (rest === null) return plain();
  const quantizer = parseQuantizer(rest);
  if (quantizer === null)
    throw unsupported(
      mode,
      `"${rest}" is none of SQ8, PQ[1..${limits.dimMax}], RABITQ, POLARVEC[1..8]`,
      nearestTo(`${base}-${rest}`),
    );
  const { name, size } = quantizer;
  if (name === "BINARY" && packed !== null) return plain();
  const isAllowed = name !== "BINARY" && quantizers.includes(name) && quantizedMetrics.includes(metric);
  if (!isAllowed) throw unsupported(mode, `${base} does not go with -${name}`, base);
  if (isBits) return plain();
  return Object.freeze({ name: `${base}-${name}${size ?? ""}`, family, metric, quantizer: name, quantizerSize: size });
}

function tokensOf(metrics: readonly Metric[]): string {
  return metrics.map((metric) => metricTokens[metric][0]).join(",");
}

function namesOf(family: IndexFamilyName): string[] {
  const { metrics, quantizers, quantizedMetrics } = families[family];
  return metrics.flatMap((metric) => {
    const base = `${family}-${metricTokens[metric][0]}`;
    const isQuantized = quantizedMetrics.includes(metric) && !binary.includes(metric);
    return [base, ...(isQuantized ? quantizers.map((quantizer) => `${base}-${quantizer}`) : [])];
  });
}

function nearestTo(text: string): string | null {
  return nearestIndexName(text, [...familyNames, ...indexNames]);
}

function unsupported(mode: unknown, reason: string, nearest: string | null): LynseError {
  const got = typeof mode === "string" ? mode.slice(0, 100) : String(mode);
  const given = typeof mode === "string" ? JSON.stringify(got) : got;
  const hint = nearest === null ? "; use one of" : `; did you mean "${nearest}"? There are`;
  return new LynseError("UNSUPPORTED_INDEX", `index ${given} is not supported: ${reason}${hint} ${summary}`, {
    got,
    supported: indexNames,
    ...(nearest === null ? {} : { nearest }),
  });
}
