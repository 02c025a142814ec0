/**
 * How is energy spread evenly over the components?
 *
 * A random orthogonal transform: four rounds of random signs and a fast Walsh-Hadamard transform over the largest power of
 * two of components, in turn the first ones and the last ones (Ailon & Chazelle, *The fast Johnson-Lindenstrauss
 * transform*, 2009). Where the width is no power of two, each round ends with a turn by 45° of the halves against each
 * other (a step of Kac's walk), so that the parts that a round does not cover mix as well.
 */

/** Rounds of the transform. */
export const ROUNDS: u32 = 4;

// @ts-ignore: decorator
@inline
function butterflies(vector: usize, count: u32): void {
  const bytes = <usize>count << 2;
  const even = f32x4(1, -1, 1, -1);
  const pairs = f32x4(1, 1, -1, -1);
  for (let i: usize = 0; i < bytes; i += 16) {
    let x = v128.load(vector + i);
    x = f32x4.add(v128.shuffle<f32>(x, x, 0, 0, 2, 2), f32x4.mul(v128.shuffle<f32>(x, x, 1, 1, 3, 3), even));
    x = f32x4.add(v128.shuffle<f32>(x, x, 0, 1, 0, 1), f32x4.mul(v128.shuffle<f32>(x, x, 2, 3, 2, 3), pairs));
    v128.store(vector + i, x);
  }
  for (let half: usize = 16; half < bytes; half <<= 1) {
    for (let start: usize = 0; start < bytes; start += 2 * half) {
      let low = vector + start;
      const end = low + half;
      for (; low < end; low += 16) {
        const a = v128.load(low);
        const b = v128.load(low + half);
        v128.store(low, f32x4.add(a, b));
        v128.store(low + half, f32x4.sub(a, b));
      }
    }
  }
}

/** Rotates a vector of `width` components, a multiple of 8, in place; `signs` has a sign bit for each, four times. */
export function rotate(vector: usize, width: u32, signs: usize): void {
  const bytes = <usize>width << 2;
  const power: u32 = 1 << (31 - clz(width));
  const scale = f32x4.splat(<f32>(1 / Math.sqrt(<f64>power)));
  const offset = bytes - (<usize>power << 2);
  const half = bytes >> 1;
  const turn = f32x4.splat(<f32>Math.SQRT1_2);
  for (let round: u32 = 0; round < ROUNDS; round++) {
    for (let i: usize = 0; i < bytes; i += 16) v128.store(vector + i, v128.xor(v128.load(vector + i), v128.load(signs + i)));
    signs += bytes;
    const part = vector + (round & 1 ? offset : 0);
    butterflies(part, power);
    for (let i: usize = 0; i < <usize>power << 2; i += 16) v128.store(part + i, f32x4.mul(v128.load(part + i), scale));
    if (offset == 0) continue;
    for (let i: usize = 0; i < half; i += 16) {
      const a = v128.load(vector + i);
      const b = v128.load(vector + half + i);
      v128.store(vector + i, f32x4.mul(f32x4.add(a, b), turn));
      v128.store(vector + half + i, f32x4.mul(f32x4.sub(a, b), turn));
    }
  }
}

/** Rotates row-major vectors of `width` components. */
export function rotateRows(vectors: usize, count: u32, width: u32, signs: usize): void {
  for (let i: u32 = 0; i < count; i++) rotate(vectors + (<usize>(i * width) << 2), width, signs);
}
