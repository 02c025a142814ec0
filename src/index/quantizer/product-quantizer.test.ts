import { expect, test } from "vitest";
import { inlinePool } from "../../kernel/kernel-pool.js";
import { buildContext, clusteredRows, indexRows, scoreOf } from "./clustered-rows.arbitraries.js";
import { ProductQuantizer } from "./product-quantizer.js";

test.each([
  [16, 4],
  [17, 4],
  [3, 8],
  [1, 1],
  [40, null],
] as const)("codes at %i dimensions in about %s parts name the nearest words, tables add up to their scores", async (dim, parts) => {
  const count = 400;
  const vectors = clusteredRows(count, dim, 2);
  const quantizer = await ProductQuantizer.train(indexRows(vectors, dim), parts, 1, buildContext());
  const { subspaces, codebook } = quantizer;
  const codes = new Uint8Array(count * subspaces + 3);
  quantizer.encode(vectors, codes, 3);
  const query = clusteredRows(1, dim, 3);
  const decoded = new Float32Array(dim);
  for (const metric of ["ip", "l2", "cos"] as const) {
    const tables = new Float32Array(subspaces * 256);
    quantizer.tables(query, metric, tables);
    for (let row = 0; row < count; row += 37) {
      const code = codes.subarray(3 + row * subspaces, 3 + (row + 1) * subspaces);
      quantizer.decode(code, decoded);
      let sum = 0;
      for (const [m, word] of code.entries()) sum += tables[m * 256 + word]!;
      const square = query.reduce((total, x) => total + x * x, 0);
      const expected = metric === "l2" ? square + scoreOf("l2", query, decoded, 0) : scoreOf("ip", query, decoded, 0);
      expect(sum).toBeCloseTo(expected, 3);
      // No other word of the first part is nearer.
      const size = Math.min(codebook.subDim, dim);
      const distanceTo = (word: number): number => {
        let distance = 0;
        for (let i = 0; i < size; i++) distance += (codebook.words[word * size + i]! - vectors[row * dim + i]!) ** 2;
        return distance;
      };
      const least = Math.min(...Array.from({ length: 256 }, (_, word) => distanceTo(word)));
      expect(distanceTo(code[0]!)).toBeLessThanOrEqual(least + 1e-4);
    }
  }
});

test("more parts lose less, and the same seed gives the same words", async () => {
  const vectors = clusteredRows(1500, 32, 8);
  const rows = indexRows(vectors, 32);
  const errors: number[] = [];
  for (const parts of [4, 8, 16]) {
    const quantizer = await ProductQuantizer.train(rows, parts, 7, { pool: inlinePool, dead: null, signal: undefined });
    const again = await ProductQuantizer.train(rows, parts, 7, buildContext());
    expect(again.codebook.words).toEqual(quantizer.codebook.words);
    const codes = new Uint8Array(1500 * parts);
    quantizer.encode(vectors, codes);
    const decoded = new Float32Array(32);
    let error = 0;
    for (let row = 0; row < 1500; row++) {
      quantizer.decode(codes.subarray(row * parts, (row + 1) * parts), decoded);
      error -= scoreOf("l2", vectors.slice(row * 32, (row + 1) * 32), decoded, 0);
    }
    errors.push(error / 1500);
  }
  expect(errors[1]).toBeLessThan(errors[0]! * 0.8);
  expect(errors[2]).toBeLessThan(errors[1]! * 0.8);
});
