/**
 * How are float32 and float16 converted into each other?
 *
 * IEEE 754 binary16, rounding to nearest, ties to even; subnormals, infinities and NaN included. Values of 65,520 and
 * above become infinite. Plain integer arithmetic on the bits, after the field widths of the standard. Lowest file of
 * the kernel layer.
 */

/** Elements whose bits are looked at together: bounds the scratch space. */
const chunk = 4_096;
const scratchBits = new Uint32Array(chunk);
const scratchFloats = new Float32Array(scratchBits.buffer);

function halfOfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude >= 0x4780_0000) return sign | (magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00);
  if (magnitude >= 0x3880_0000) {
    // Adding just under half of the dropped part, plus one when the kept part is odd, rounds ties to even.
    return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x3300_0000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7f_ffff) | 0x80_0000;
  const kept = mantissa >>> shift;
  const dropped = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (dropped > half || (dropped === half && (kept & 1) === 1) ? 1 : 0));
}

function bitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f80_0000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** Converts `source` to binary16; `target` is as long as `source`. */
export function encodeFloat16(source: Float32Array, target: Uint16Array): void {
  for (let start = 0; start < source.length; start += chunk) {
    const count = Math.min(chunk, source.length - start);
    scratchFloats.set(count === source.length ? source : source.subarray(start, start + count));
    for (let i = 0; i < count; i++) target[start + i] = halfOfBits(scratchBits[i] as number);
  }
}

/** Converts binary16 `source` to float32, exactly; `target` is as long as `source`. */
export function decodeFloat16(source: Uint16Array, target: Float32Array): void {
  for (let start = 0; start < source.length; start += chunk) {
    const count = Math.min(chunk, source.length - start);
    for (let i = 0; i < count; i++) scratchBits[i] = bitsOfHalf(source[start + i] as number);
    target.set(count === chunk ? scratchFloats : scratchFloats.subarray(0, count), start);
  }
}
