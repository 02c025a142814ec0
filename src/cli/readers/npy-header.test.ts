import { expect, test } from "vitest";
import { parseNpyHeader } from "./npy-header.js";

function npy(header: string, major = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const lengthBytes = major === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + lengthBytes + text.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, major, 0]);
  const view = new DataView(bytes.buffer);
  if (major === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, 8 + lengthBytes);
  return bytes;
}

const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n";

test.each([1, 2, 3])("version %i", (major) => {
  const header = parseNpyHeader(npy(good, major), "x.npy");
  expect(header).toEqual({ bytesPerNumber: 4, shape: [3, 4], dataOffset: npy(good, major).length });
});

test("half and double precision, one dimension", () => {
  const header = "{'shape': (7,), 'fortran_order': False, 'descr': '<f2'}";
  expect(parseNpyHeader(npy(header), "x.npy")).toMatchObject({ bytesPerNumber: 2, shape: [7] });
  expect(parseNpyHeader(npy(good.replace("f4", "f8")), "x.npy").bytesPerNumber).toBe(8);
});

test.each([
  [npy(good.replace("<f4", ">f4")), /an array of type >f4; <f2, <f4 and <f8 are read: .*astype/],
  [npy(good.replace("<f4", "|i1")), /an array of type \|i1/],
  [npy(good.replace("'<f4'", "[('a', '<f4')]")), /an array of type \[\('a', '<f4'\)\]/],
  [npy(good.replace("False", "True")), /Fortran order.*ascontiguousarray/],
  [npy(good, 9), /version 9; versions 1 to 3/],
  [npy("{'descr': '<f4'}"), /lacks descr, fortran_order or shape/],
  [npy(good).subarray(0, 40), /ends within its header/],
  [npy(good).subarray(0, 9), /ends within its header/],
  [npy(good.replace("3, 4", "99999999999999999999, 4")), /larger than can be counted/],
  [new TextEncoder().encode("PK\u0003\u0004 a zip file"), /not a NumPy file/],
  [new Uint8Array(0), /not a NumPy file/],
])("refuses by name: %#", (bytes, message) => {
  expect(() => parseNpyHeader(bytes, "x.npy")).toThrow(message);
});
