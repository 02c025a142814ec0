import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimeSlice } from "../time-slice.js";
import {
  componentBytes,
  decodeVectors,
  decodeVectorsInSlices,
  encodeVectors,
  vectorEncodingOf,
  vectorsFromBase64,
  vectorsToBase64,
} from "./vector-encoding.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const floats = fc.array(fc.float({ noNaN: true }), { maxLength: 40 }).map((values) => Float32Array.from(values));

describe("vector encoding", () => {
  it("writes little-endian float32 and float16", () => {
    const data = Float32Array.of(1, -2, 0.5, 65504);
    expect(hex(encodeVectors(data))).toBe("0000803f000000c00000003f00e07f47");
    expect(hex(encodeVectors(data, "float16"))).toBe("003c00c00038ff7b");
  });

  it("knows the original's names, and no others", () => {
    for (const name of [undefined, null, "", "float32", "f32"]) expect(vectorEncodingOf(name)).toBe("float32");
    for (const name of ["float16", "f16", "fp16"]) expect(vectorEncodingOf(name)).toBe("float16");
    for (const name of ["FLOAT16", "int8", "constructor", "__proto__"]) {
      expect(() => vectorEncodingOf(name)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    expect([componentBytes("float32"), componentBytes("float16")]).toEqual([4, 2]);
  });

  it("gives float32 back bit by bit, at any alignment", () => {
    fc.assert(
      fc.property(floats, fc.integer({ min: 0, max: 7 }), (data, offset) => {
        const shifted = new Uint8Array(data.byteLength + offset);
        shifted.set(encodeVectors(data), offset);
        expect(decodeVectors(shifted.subarray(offset))).toEqual(data);
      }),
    );
  });

  it("decodes an aligned body without a copy", () => {
    const bytes = new Uint8Array(16);
    expect(decodeVectors(bytes).buffer).toBe(bytes.buffer);
  });

  it("decodes large float16 in slices to what it is at once", async () => {
    const data = Float32Array.from({ length: 200_003 }, (_, i) => (i % 2048) - 1024);
    const bytes = encodeVectors(data, "float16");
    const unaligned = new Uint8Array(bytes.length + 1);
    unaligned.set(bytes, 1);
    for (const source of [bytes, unaligned.subarray(1)]) {
      const decoded = await decodeVectorsInSlices(source, "float16", new TimeSlice());
      expect(hex(encodeVectors(decoded)) === hex(encodeVectors(data))).toBe(true);
    }
  });

  it("carries matrices in base64", () => {
    expect(vectorsToBase64(Float32Array.of(1, 2))).toBe("AACAPwAAAEA=");
    fc.assert(
      fc.property(floats, (data) => {
        expect(vectorsFromBase64(vectorsToBase64(data), Math.max(data.length, 1), "it")).toEqual(data);
      }),
    );
  });

  it("refuses base64 that is no whole number of vectors", () => {
    for (const dim of [2, 0, -1, 1.5, Number.NaN]) {
      const call = (): unknown => vectorsFromBase64("AACAPw==", dim, "vectors_b64");
      expect(call).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    expect(() => vectorsFromBase64("AACA", 1, "vectors_b64")).toThrow(/vectors_b64 holds 3 bytes/);
  });
});
