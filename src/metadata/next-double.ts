/**
 * Which double stands next to another?
 *
 * Doubles of one sign are ordered as their bits are (IEEE 754). The neighbours of zero are the least subnormals; beyond
 * the greatest finite doubles stand the infinities.
 */
export function nextDouble(value: number, direction: 1 | -1): number {
  if (value === 0) return direction * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const awayFromZero = value > 0 === (direction === 1);
  view.setBigInt64(0, view.getBigInt64(0) + (awayFromZero ? 1n : -1n));
  return view.getFloat64(0);
}
