/**
 * How do 32 float32 vectors lie side by side, and how are they compared with others?
 *
 * Component i of the vectors 0 to 31 of a block is one run of 32 float32, so that a sum over components needs no sum
 * over lanes at its end. Centroids and the lists of an uncompressed index lie like this.
 */

/** Vectors of a block. */
export const BLOCK: usize = 32;

// @ts-ignore: decorator
@inline
function madd(a: v128, b: v128, sum: v128): v128 {
  if (RELAXED) return f32x4.relaxed_madd(a, b, sum);
  return f32x4.add(f32x4.mul(a, b), sum);
}

/** Puts row-major vectors into blocks, zeros for those that are missing in the last one. */
export function packVectors(source: usize, count: u32, dim: u32, blocks: usize): void {
  const padded = (count + 31) & ~31;
  for (let row: u32 = 0; row < padded; row++) {
    let target = blocks + (<usize>(row >> 5) * dim * BLOCK + (row & 31)) * 4;
    for (let i: u32 = 0; i < dim; i++) {
      store<f32>(target, row < count ? load<f32>(source) : 0);
      if (row < count) source += 4;
      target += 4 * BLOCK;
    }
  }
}

/** Dot products of one vector with the 32 of a block. */
export function dotBlock(vector: usize, block: usize, dim: u32, target: usize): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let e = a;
  let f = a;
  let g = a;
  let h = a;
  const end = vector + (<usize>dim << 2);
  while (vector < end) {
    const x = v128.load32_splat(vector);
    a = madd(x, v128.load(block), a);
    b = madd(x, v128.load(block, 16), b);
    c = madd(x, v128.load(block, 32), c);
    d = madd(x, v128.load(block, 48), d);
    e = madd(x, v128.load(block, 64), e);
    f = madd(x, v128.load(block, 80), f);
    g = madd(x, v128.load(block, 96), g);
    h = madd(x, v128.load(block, 112), h);
    vector += 4;
    block += 128;
  }
  v128.store(target, a);
  v128.store(target, b, 16);
  v128.store(target, c, 32);
  v128.store(target, d, 48);
  v128.store(target, e, 64);
  v128.store(target, f, 80);
  v128.store(target, g, 96);
  v128.store(target, h, 112);
}

/** Dot products of four row-major vectors with the 32 of a block; those of the next vector stand `stride` further on. */
export function dotBlockFour(vectors: usize, block: usize, dim: u32, target: usize, stride: usize): void {
  const bytes = <usize>dim << 2;
  for (let eight: usize = 0; eight < 128; eight += 32) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let e = a;
    let f = a;
    let g = a;
    let h = a;
    let place = block + eight;
    const end = vectors + bytes;
    for (let vector = vectors; vector < end; vector += 4) {
      const low = v128.load(place);
      const high = v128.load(place, 16);
      let x = v128.load32_splat(vector);
      a = madd(x, low, a);
      b = madd(x, high, b);
      x = v128.load32_splat(vector + bytes);
      c = madd(x, low, c);
      d = madd(x, high, d);
      x = v128.load32_splat(vector + 2 * bytes);
      e = madd(x, low, e);
      f = madd(x, high, f);
      x = v128.load32_splat(vector + 3 * bytes);
      g = madd(x, low, g);
      h = madd(x, high, h);
      place += 128;
    }
    let out = target + eight;
    v128.store(out, a);
    v128.store(out, b, 16);
    out += stride;
    v128.store(out, c);
    v128.store(out, d, 16);
    out += stride;
    v128.store(out, e);
    v128.store(out, f, 16);
    out += stride;
    v128.store(out, g);
    v128.store(out, h, 16);
  }
}
