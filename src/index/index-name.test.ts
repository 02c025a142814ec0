import { describe, expect, it } from "vitest";
import { LynseError } from "../errors.js";
import { type IndexName, indexNames, metricNames, parseIndexName } from "./index-name.js";
import { nearestIndexName } from "./nearest-index-name.js";

function refusal(mode: unknown): LynseError {
  try {
    parseIndexName(mode as string);
  } catch (error) {
    expect(error).toBeInstanceOf(LynseError);
    expect((error as LynseError).code).toBe("UNSUPPORTED_INDEX");
    return error as LynseError;
  }
  throw new Error(`${String(mode)} was accepted`);
}

const parts = (mode: string) => {
  const { name, family, metric, quantizer, quantizerSize }: IndexName = parseIndexName(mode);
  return [name, family, metric, quantizer, quantizerSize];
};

describe("index names", () => {
  it("mean inner product where only the family is given", () => {
    expect(parts("flat")).toEqual(["FLAT-IP", "FLAT", "ip", null, null]);
    expect(parts("hnsw")).toEqual(["HNSW-IP", "HNSW", "ip", null, null]);
    expect(parts("HNSW-sq8")).toEqual(["HNSW-IP-SQ8", "HNSW", "ip", "SQ8", null]);
    expect(parts("IVF-PQ8")).toEqual(["IVF-IP-PQ8", "IVF", "ip", "PQ", 8]);
    expect(parts("Spann")).toEqual(["SPANN-IP", "SPANN", "ip", null, null]);
    expect(parts("diskann-pq")).toEqual(["DISKANN-IP-PQ", "DISKANN", "ip", "PQ", null]);
  });

  it("are read in any case, with spaces around, and with every alias of a metric", () => {
    const same: Record<string, readonly string[]> = {
      "FLAT-COS": ["flat-cosine", " FLAT-Cosine ", "FLAT-COS"],
      "FLAT-L1": ["FLAT-MANHATTAN", "FLAT-CITYBLOCK"],
      "FLAT-HAVERSINE": ["FLAT-GEO", "FLAT-HAVERSINE-M", "flat_haversine_m"],
      "FLAT-CORRELATION": ["FLAT-PEARSON"],
      "FLAT-WASSERSTEIN": ["FLAT-EMD", "FLAT-WASSERSTEIN-1D", "FLAT-WASSERSTEIN1D"],
      "FLAT-JENSEN-SHANNON": ["FLAT-JS", "FLAT-JENSENSHANNON", "FLAT-jensen_shannon"],
      "FLAT-CHEBYSHEV": ["FLAT-CHEBYCHEV", "FLAT-LINF"],
      "FLAT-BRAY-CURTIS": ["FLAT-BRAYCURTIS", "flat-bray_curtis"],
      "FLAT-DICE": ["FLAT-SORENSEN", "FLAT-SORENSEN-DICE", "FLAT-SORENSEN-DICE-BINARY", "FLAT-DICE-BINARY"],
      "FLAT-HAMMING": ["FLAT-HAMMING-BINARY"],
      "IVF-JACCARD": ["IVF-JACCARD-BINARY"],
      "HNSW-WASSERSTEIN-SQ8": ["HNSW-WASSERSTEIN-1D-SQ8"],
      "HNSW-HAMMING": ["HNSW-HAMMING-SQ8"],
    };
    for (const [name, spellings] of Object.entries(same)) {
      for (const spelling of spellings) expect(parseIndexName(spelling).name, spelling).toBe(name);
    }
  });

  it("tell quantizers, their sizes and packed rows", () => {
    expect(parts("FLAT-L2-PQ16")).toEqual(["FLAT-L2-PQ16", "FLAT", "l2", "PQ", 16]);
    expect(parts("FLAT-COSINE-POLARVEC4")).toEqual(["FLAT-COS-POLARVEC4", "FLAT", "cos", "POLARVEC", 4]);
    expect(parts("FLAT-COS-POLARVEC")).toEqual(["FLAT-COS-POLARVEC", "FLAT", "cos", "POLARVEC", null]);
    expect(parts("FLAT-IP-RABITQ")).toEqual(["FLAT-IP-RABITQ", "FLAT", "ip", "RABITQ", null]);
    expect(parts("FLAT-TANIMOTO")).toEqual(["FLAT-TANIMOTO", "FLAT", "tanimoto", "BINARY", null]);
    expect(parts("IVF-HAMMING")).toEqual(["IVF-HAMMING", "IVF", "hamming", "BINARY", null]);
    expect(parts("HNSW-HAMMING")).toEqual(["HNSW-HAMMING", "HNSW", "hamming", null, null]);
    expect(parts("HNSW-L1-SQ8")).toEqual(["HNSW-L1-SQ8", "HNSW", "l1", "SQ8", null]);
  });

  it("mean themselves in their canonical spelling", () => {
    expect(new Set(indexNames).size).toBe(indexNames.length);
    for (const name of indexNames) {
      expect(parseIndexName(name).name).toBe(name);
      expect(parseIndexName(name.toLowerCase())).toEqual(parseIndexName(name));
    }
    for (const metric of metricNames) expect(parseIndexName(`FLAT-${metric}`).metric).toBe(metric);
  });

  it("are refused where there is no such family, metric, quantizer or combination", () => {
    const wrong = ["", "-", "FLAT-", "FLAT-L3", "FLAT-IP-", "FLAT--IP", "FLAT-SQ8", "FLAT-IP-SQ4", "FLAT-IP-PQ0"];
    wrong.push("FLAT-IP-PQ08", "FLAT-IP-PQ99999", "FLAT-IP-POLARVEC0", "FLAT-IP-POLARVEC9", "FLAT-IP-BINARY");
    wrong.push("FLAT-HAMMING-SQ8", "FLAT-L1-PQ", "HNSW-CANBERRA", "HNSW-BRAY-CURTIS", "HNSW-DICE", "HNSW-IP-PQ");
    wrong.push("HNSW-HAMMING-BINARY", "IVF-L1", "IVF-DICE", "IVF-HAMMING-SQ8", "IVF-IP-POLARVEC", "SPANN-HAMMING");
    wrong.push("SPANN-IP-PQ", "DISKANN-L1", "DISKANN-IP-RABITQ", "constructor", "FLAT-IP-SQ8-SQ8", "FLAT IP");
    for (const mode of [...wrong, 7, null, undefined, {}, "x".repeat(1e5)]) {
      const error = refusal(mode);
      expect(error.message.length).toBeLessThan(1_000);
      expect(error.message).toMatch(/FLAT-IP.*FLAT-COS.*HNSW.*IVF.*SPANN.*DISKANN/);
      expect(error.details["supported"]).toEqual(indexNames);
    }
  });

  it("are suggested where a slip is near, or another family has the metric", () => {
    expect(refusal("FLOT").details["nearest"]).toBe("FLAT");
    expect(refusal("HNWS").message).toContain('did you mean "HNSW"?');
    expect(refusal("HNSW-JENSN-SHANNON").details["nearest"]).toBe("HNSW-JENSEN-SHANNON");
    expect(refusal("FLAT-SQ8").details["nearest"]).toBe("FLAT-IP-SQ8");
    expect(refusal("IVF-MANHATTAN").details["nearest"]).toBe("FLAT-L1");
    expect(refusal("FLAT-IP-RABBITQ").details["nearest"]).toBe("FLAT-IP-RABITQ");
    expect(refusal("DICE-BINARY-X").details["nearest"]).toBeUndefined();
    expect(nearestIndexName("", indexNames)).toBeNull();
  });
});

describe("metric names", () => {
  it.each([
    ["Cosine", "cos"],
    ["inner_product", "ip"],
    ["l2sq", "l2"],
    ["sorensen-dice", "dice"],
    ["l_inf", "chebyshev"],
    ["jensen_shannon", "jensen_shannon"],
  ])("%s means %s", (alias, metric) => {
    expect(parseIndexName(`flat-${alias}`).metric).toBe(metric);
  });
});
