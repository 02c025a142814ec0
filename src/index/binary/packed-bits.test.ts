import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packBits, packedBytes, unpackBits } from "./packed-bits.js";

describe("packed bits", () => {
  it("begin with the highest bit, as numpy.packbits has it", () => {
    // np.packbits([1, 0, 0, 0, 0, 0, 1, 1, 1, 1]) is [131, 192].
    expect(Array.from(packBits([1, 0, 0, 0, 0, 0, 1, 1, 1, 1], 0, 10))).toEqual([131, 192]);
    const target = new Float32Array(4).fill(9);
    unpackBits(Uint8Array.of(0b0110_0000), 3, target, 1);
    expect(Array.from(target)).toEqual([9, 0, 1, 1]);
    expect([1, 8, 9, 16].map(packedBytes)).toEqual([1, 1, 2, 2]);
  });

  it("are set above one half only", () => {
    expect(Array.from(packBits([7, 0.5, 0.51, -1, 0.5, 0.5, 0.5, 2], 1, 7))).toEqual([0b0100_0010]);
  });

  it("come back as they were packed", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 99 }), fc.nat(5), (bits, offset) => {
        const components = Float32Array.from([...new Array<number>(offset).fill(1), ...bits.map(Number)]);
        const target = new Float32Array(components.length).fill(1);
        unpackBits(packBits(components, offset, bits.length), bits.length, target, offset);
        expect(target).toEqual(components);
      }),
    );
  });

  it("must fit their target", () => {
    expect(() => unpackBits(new Uint8Array(1), 9, new Float32Array(9), 0)).toThrow(/fit/);
    expect(() => unpackBits(new Uint8Array(2), 9, new Float32Array(9), 1)).toThrow(/fit/);
  });
});
