import { describe, expect, it } from "vitest";
import type { LynseError } from "../errors.js";
import { indexNames, parseIndexName } from "./index-name.js";
import { checkIndexParameters, indexParametersOf } from "./index-parameters.js";

const check = (mode: string, given: Record<string, unknown> = {}) => checkIndexParameters(parseIndexName(mode), given);

function refusal(mode: string, given: Record<string, unknown>): LynseError {
  try {
    check(mode, given);
  } catch (error) {
    expect((error as LynseError).code).toBe("INVALID_ARGUMENT");
    return error as LynseError;
  }
  throw new Error("accepted");
}

describe("parameters of an index", () => {
  it("have defaults", () => {
    expect(check("HNSW")).toEqual({ m: 16, efConstruction: 200, efSearch: 64, threads: 0, seed: 42 });
    expect(check("IVF-L2")).toEqual({ nClusters: 0, nprobe: 0, seed: 42 });
    expect(check("IVF-HAMMING")).toEqual({ nClusters: 0, nprobe: 0, seed: 42 });
    expect(check("SPANN")).toEqual({ nClusters: 0, replicaCount: 4, nprobe: 0, seed: 42 });
    const disk = { maxDegree: 64, searchListSize: 100, alpha: 1.2, beamWidth: 4, threads: 0, seed: 42 };
    expect(check("DISKANN-COS")).toEqual(disk);
    expect(check("DISKANN-COS-PQ8")).toEqual({ ...disk, oversample: 0 });
    expect(check("FLAT-HAMMING")).toEqual({});
    expect(check("FLAT-IP-SQ8")).toEqual({ oversample: 0 });
    expect(check("FLAT-IP-POLARVEC4")).toEqual({ seed: 42, oversample: 0 });
    expect(check("HNSW-SQ8", { m: 8, oversample: 3, seed: undefined })).toMatchObject({
      m: 8,
      oversample: 3,
      seed: 42,
    });
  });

  it("are accepted at both ends of their range and refused beyond", () => {
    for (const mode of indexNames) {
      for (const { name, min, max, isInteger, default: value } of indexParametersOf(parseIndexName(mode))) {
        const high = name === "m" ? { efConstruction: 10_000 } : {};
        const low = name === "efConstruction" ? { m: 2 } : {};
        expect(check(mode, { ...low, [name]: min })[name]).toBe(min);
        expect(check(mode, { ...high, [name]: max })[name]).toBe(max);
        expect(check(mode)[name]).toBe(value);
        const error = refusal(mode, { [name]: max + 1 });
        expect(error.message).toContain(`${name} of index ${mode} must be`);
        expect(error.details).toMatchObject({ parameter: name, min, max });
        refusal(mode, { [name]: min - 1 });
        if (isInteger) refusal(mode, { [name]: min + 0.5 });
      }
    }
  });

  it("are refused with another type", () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const value of [null, "16", Number.NaN, Number.POSITIVE_INFINITY, 10n, {}, cyclic, Symbol("m"), true]) {
      expect(refusal("HNSW", { m: value }).message).toMatch(/m of index HNSW-IP must be an integer from 2 to 128/);
      refusal("DISKANN", { alpha: value });
    }
    expect(check("DISKANN", { alpha: 1.05 })["alpha"]).toBe(1.05);
  });

  it("are refused by name where the index has none of it", () => {
    expect(refusal("HNSW", { efconstruction: 1 }).message).toContain("m, efConstruction, efSearch, threads, seed");
    expect(refusal("FLAT", { m: 16 }).message).toContain("it takes none");
    refusal("IVF", { oversample: 2 });
    refusal("HNSW", { toString: 2 });
    refusal("HNSW", { ["__proto__x"]: 2 });
  });

  it("keep efConstruction at least m", () => {
    expect(refusal("HNSW", { m: 64, efConstruction: 32 }).details).toMatchObject({ min: 64, got: 32 });
    expect(check("HNSW", { m: 64, efConstruction: 64 })["efConstruction"]).toBe(64);
  });
});
