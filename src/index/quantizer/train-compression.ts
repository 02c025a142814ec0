/**
 * How are the rows of an index compressed, by its name?
 *
 * Only product codes are trained; the others follow from the dimension and a seed.
 */
import type { IndexName } from "../index-name.js";
import type { Compression } from "./codec.js";
import type { LloydOptions } from "./lloyd.js";
import { trainCodebook } from "./product-codebook.js";

const polarBitsDefault = 4;

/** The compression that `name` asks for; `sample` are row-major vectors as they will be encoded. */
export async function trainCompression(
  name: IndexName,
  dim: number,
  sample: Float32Array,
  options: Pick<LloydOptions, "pool" | "signal" | "seed">,
): Promise<Compression> {
  const { seed } = options;
  switch (name.quantizer) {
    case "SQ8":
      return { kind: "sq8" };
    case "PQ":
      return { kind: "pq", codebook: await trainCodebook(sample, dim, name.quantizerSize, options) };
    case "RABITQ":
      return { kind: "rabitq", seed };
    case "POLARVEC":
      return { kind: "polarvec", bits: name.quantizerSize ?? polarBitsDefault, seed };
    default:
      return { kind: "float" };
  }
}
