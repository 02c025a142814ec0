import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VectorFile } from "./vector-file.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-vectors-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, ...parts: Uint8Array[]): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

function npyHead(description: string, shape: string): Uint8Array {
  const text = `{'descr': '${description}', 'fortran_order': False, 'shape': ${shape}, }\n`;
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY\u0001\u0000"),
    Buffer.from([text.length, 0]),
    Buffer.from(text),
  ]);
}

const bytesOf = (numbers: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(numbers.buffer);
const numbers = [1, 2, 3, 4, 5, 6];

test("rows come in order, some at a time, and can be passed over", async () => {
  const file = await VectorFile.open(write("a.f32", bytesOf(new Float32Array(numbers))), 2);
  expect([file.dim, file.rowCount]).toEqual([2, 3]);
  expect(await file.read(2)).toEqual(new Float32Array([1, 2, 3, 4]));
  expect(file.rowsLeft).toBe(1);
  expect(await file.read(2)).toEqual(new Float32Array([5, 6]));
  expect(await file.read(2)).toEqual(new Float32Array(0));
  await file.close();
  const again = await VectorFile.open(join(folder, "a.f32"), 2);
  again.skip(2);
  expect(await again.read(9)).toEqual(new Float32Array([5, 6]));
  await again.close();
});

test.each([
  ["f4.npy", npyHead("<f4", "(3, 2)"), bytesOf(new Float32Array(numbers))],
  ["f8.npy", npyHead("<f8", "(3, 2)"), bytesOf(new Float64Array(numbers))],
  ["f2.npy", npyHead("<f2", "(3, 2)"), bytesOf(new Uint16Array([0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600]))],
])("%s holds the same numbers", async (name, head, data) => {
  const file = await VectorFile.open(write(name, head, data), null);
  expect(await file.read(3)).toEqual(new Float32Array(numbers));
  await file.close();
});

test("an array of one dimension is one vector", async () => {
  const file = await VectorFile.open(write("one.npy", npyHead("<f4", "(6,)"), bytesOf(new Float32Array(numbers))), 6);
  expect([file.dim, file.rowCount]).toEqual([6, 1]);
  await file.close();
});

test.each([
  ["cut.npy", [npyHead("<f4", "(3, 2)"), new Uint8Array(23)], null, /bytes where shape \(3, 2\) needs/],
  ["deep.npy", [npyHead("<f4", "(1, 3, 2)"), new Uint8Array(24)], null, /shape \(1, 3, 2\); \(rows, dim\) is wanted/],
  ["other.npy", [npyHead("<f4", "(3, 2)"), new Uint8Array(24)], 3, /vectors of 2 numbers where dimension 3 is wanted/],
  ["odd.f32", [new Uint8Array(23)], 2, /23 bytes are no whole number of float32 vectors of dimension 2/],
  ["nodim.f32", [new Uint8Array(24)], null, /does not say its dimension; add --dim/],
] as const)("refuses %s", async (name, parts, dim, message) => {
  await expect(VectorFile.open(write(name, ...parts), dim)).rejects.toThrow(message);
});

test("a file that is not there", async () => {
  await expect(VectorFile.open(join(folder, "none.f32"), 2)).rejects.toThrow(/none\.f32: there is no such file/);
});
