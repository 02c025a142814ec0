/**
 * Which index does a name stand for?
 *
 * The one place that knows all families. A flat index without codes is the stored rows themselves: no index at all.
 */
import { flatBinaryFamily } from "./binary/flat-binary-index.js";
import { ivfBinaryFamily } from "./binary/ivf-binary-index.js";
import { diskannFamily } from "./diskann/diskann-index.js";
import { flatQuantizedFamily } from "./flat-quantized/flat-quantized-index.js";
import { hnswFamily } from "./hnsw/hnsw-index.js";
import type { IndexName } from "./index-name.js";
import { ivfFamily } from "./ivf/ivf-index.js";
import { isBinaryMetric } from "./metric/metric-order.js";
import { spannFamily } from "./spann/spann-index.js";
import type { IndexFamily } from "./vector-index.js";

/** How indexes of that name are made; null where the stored rows are all there is. */
export function familyOf(name: IndexName): IndexFamily | null {
  switch (name.family) {
    case "FLAT":
      if (isBinaryMetric(name.metric)) return flatBinaryFamily;
      return name.quantizer === null ? null : flatQuantizedFamily;
    case "HNSW":
      return hnswFamily;
    case "IVF":
      return isBinaryMetric(name.metric) ? ivfBinaryFamily : ivfFamily;
    case "SPANN":
      return spannFamily;
    case "DISKANN":
      return diskannFamily;
  }
}
