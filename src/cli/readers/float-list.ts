/**
 * Which float32 numbers are in the JSON text of a list?
 *
 * Read from the bytes straight into a `Float32Array`: each is what `Math.fround(JSON.parse(text))` gives, several times
 * faster. A list that is anything but finite numbers in JSON's grammar, of digits that people and programs write, is left to
 * `JSON.parse`, which says what is wrong with it. A decimal of up to 15 digits is exact in one division, as Clinger showed (How
 * to read floating point numbers accurately, 1990); with up to 18 the double is known to within an error, and so is the
 * float32 unless that error reaches the next one. Reader layer of the command line.
 */

/** Not a list, or one that is left to `JSON.parse`. */
export const noList = -1;
/** More numbers than there is room for. */
export const noRoom = -2;

const powerMax = 45;
const powersOfTen = Float64Array.from({ length: powerMax + 1 }, (_, power) => Number(`1e${power}`));
/** Powers of ten up to here are doubles exactly. */
const exactPowerMax = 22;
/** Digits of a whole number that is a double exactly, whatever they are. */
const exactDigits = 15;
/** Digits that an int32 holds. */
const wordDigits = 9;
/** More than four roundings of a double, relative to it. */
const error = 2 ** -50;

/** Bytes of a number that its text may decide on. */
const numberBytesMax = 64;

const [tab, lineFeed, carriageReturn, space, plus, comma, minus, dot, zero] = [9, 10, 13, 32, 43, 44, 45, 46, 48];
const [openList, closeList, lowerE, lowerCase] = [91, 93, 101, 32];

export class FloatList {
  /** Behind the list that was read last: where its text ends. */
  end = 0;
  #at = 0;

  /**
   * Reads the list that begins at `from`, its bracket, into `into` from `offset` on; `bytes[to]` is not looked at. Gives the
   * number of its numbers, `noList` or `noRoom`.
   */
  read(bytes: Uint8Array, from: number, to: number, into: Float32Array, offset: number): number {
    if (to > bytes.length || from >= to || bytes[from] !== openList) return noList;
    let next = offset;
    let at = skipSpace(bytes, from + 1, to);
    if (at < to && bytes[at] === closeList) {
      this.end = at + 1;
      return 0;
    }
    while (at < to) {
      const value = this.#number(bytes, at, to);
      // Neither NaN, for no number, nor infinity, for what float32 has no room for.
      if (Math.fround(value) * 0 !== 0) return noList;
      if (next === into.length) return noRoom;
      into[next] = value;
      next += 1;
      at = this.#at;
      let found = at < to ? bytes[at]! : 0;
      if (found !== comma) {
        at = skipSpace(bytes, at, to);
        found = at < to ? bytes[at]! : 0;
        if (found === closeList) {
          this.end = at + 1;
          return next - offset;
        }
        if (found !== comma) return noList;
      }
      at += 1;
      if (at < to && bytes[at]! <= space) at = skipSpace(bytes, at, to);
    }
    return noList;
  }

  /** The number that begins at `start`, as close as float32 needs it, or NaN; `#at` is behind it. */
  #number(bytes: Uint8Array, start: number, to: number): number {
    const isNegative = bytes[start] === minus;
    let at = isNegative ? start + 1 : start;
    let high = at < to ? bytes[at]! - zero : -1;
    if (high < 0 || high > 9) return Number.NaN;
    at += 1;
    let highDigits = 0;
    if (high !== 0) {
      const first = at - 1;
      for (const stop = Math.min(to, first + wordDigits); at < stop; at += 1) {
        const digit = bytes[at]! - zero;
        if (digit >>> 0 > 9) break;
        high = (Math.imul(high, 10) + digit) | 0;
      }
      highDigits = at - first;
    }
    let low = 0;
    let lowDigits = 0;
    let power = 0;
    if (at < to && bytes[at] === dot) {
      const point = at + 1;
      at = point;
      // Zeros ahead of the first other digit only move the point.
      if (high === 0) while (at < to && bytes[at] === zero) at += 1;
      const first = at;
      for (const stop = Math.min(to, at + wordDigits - highDigits); at < stop; at += 1) {
        const digit = bytes[at]! - zero;
        if (digit >>> 0 > 9) break;
        high = (Math.imul(high, 10) + digit) | 0;
      }
      highDigits += at - first;
      const second = at;
      for (const stop = Math.min(to, at + wordDigits); at < stop; at += 1) {
        const digit = bytes[at]! - zero;
        if (digit >>> 0 > 9) break;
        low = (Math.imul(low, 10) + digit) | 0;
      }
      lowDigits = at - second;
      power = point - at;
      if (power === 0) return Number.NaN;
    }
    if (at < to && (bytes[at]! | lowerCase) === lowerE) {
      power += this.#exponent(bytes, at + 1, to);
      at = this.#at;
    }
    this.#at = at;
    const whole = lowDigits === 0 ? high : high * powersOfTen[lowDigits]! + low;
    const isExact = power <= 0 && power >= -exactPowerMax && highDigits + lowDigits <= exactDigits;
    if (isExact) return isNegative ? -(whole / powersOfTen[-power]!) : whole / powersOfTen[-power]!;
    const value = nearest(whole, power);
    if (Number.isNaN(value)) return at - start <= numberBytesMax ? numberAt(bytes, start, at) : value;
    return isNegative ? -value : value;
  }

  /** The exponent that begins at `from`; NaN where there is none. */
  #exponent(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    const sign = at < to ? bytes[at]! : 0;
    if (sign === minus || sign === plus) at += 1;
    const start = at;
    let exponent = 0;
    for (; at < to; at += 1) {
      const digit = bytes[at]! - zero;
      if (digit < 0 || digit > 9) break;
      // Past the powers that are looked at, whatever follows.
      exponent = Math.min(exponent * 10 + digit, 1000);
    }
    this.#at = at;
    if (at === start) return Number.NaN;
    return sign === minus ? -exponent : exponent;
  }
}

function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    const found = bytes[at]!;
    if (found !== space && found !== tab && found !== carriageReturn && found !== lineFeed) return at;
  }
  return to;
}

/** The float32 of `whole` with the point moved by `power`; NaN where it may be another one, or `power` is no number. */
function nearest(whole: number, power: number): number {
  const size = Math.abs(power);
  if (!(size <= powerMax)) return Number.NaN;
  const value = power < 0 ? whole / powersOfTen[size]! : whole * powersOfTen[size]!;
  const least = Math.fround(value * (1 - error));
  return least === Math.fround(value * (1 + error)) ? least : Number.NaN;
}

/** Of any number in JSON's grammar, or NaN. */
function numberAt(bytes: Uint8Array, from: number, to: number): number {
  return Number(String.fromCharCode(...bytes.subarray(from, to)));
}
