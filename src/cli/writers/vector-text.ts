/**
 * How is a float32 vector written as text?
 *
 * As a JSON array whose numbers, rounded to float32, are the vector's own. Most float32 numbers come from fewer digits than
 * a double has: those are tried first, which makes the text half as long. Writer layer of the command line.
 */

/** Decimals that are tried, fewest first, and ten to their power. */
const decimals = [6, 8, 10] as const;
const scales = decimals.map((digits) => 10 ** digits);
/** Beyond it a rounded number may lose digits that count. */
const magnitudeMax = 1e5;
/** Longest number: a sign, 17 digits, a point and an exponent. */
const numberBytes = 26;
const decoder = new TextDecoder("latin1");
let bytes = new Uint8Array(1024);

export function vectorText(vector: Float32Array): string {
  const needed = vector.length * numberBytes + 2;
  if (needed > bytes.length) bytes = new Uint8Array(needed);
  let used = 0;
  bytes[used++] = 0x5b;
  for (let i = 0; i < vector.length; i++) {
    if (i > 0) bytes[used++] = 0x2c;
    used = putNumber(vector[i]!, used);
  }
  bytes[used++] = 0x5d;
  return decoder.decode(bytes.subarray(0, used));
}

/** Writes a number that rounds to the same float32 at a position; gives the one behind it. */
function putNumber(value: number, at: number): number {
  let used = at;
  // As text a number has no sign when it is 0.
  if (value < 0 || Object.is(value, -0)) bytes[used++] = 0x2d;
  const magnitude = Math.abs(value);
  if (magnitude < magnitudeMax) {
    for (let i = 0; i < scales.length; i++) {
      const scaled = Math.round(magnitude * scales[i]!);
      if (Math.fround(scaled / scales[i]!) === magnitude) return putDecimal(scaled, decimals[i]!, used);
    }
  }
  for (const char of String(magnitude)) bytes[used++] = char.charCodeAt(0);
  return used;
}

/** Writes `scaled / 10^digits`, without zeros at its end. */
function putDecimal(scaled: number, digits: number, at: number): number {
  const scale = 10 ** digits;
  const whole = Math.floor(scaled / scale);
  let rest = scaled - whole * scale;
  let used = putInteger(whole, at);
  if (rest === 0) return used;
  bytes[used++] = 0x2e;
  const end = used + digits;
  for (let place = end - 1; place >= used; place--) {
    const tenth = Math.floor(rest / 10);
    bytes[place] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  }
  used = end;
  while (bytes[used - 1] === 0x30) used -= 1;
  return used;
}

function putInteger(value: number, at: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const tenth = Math.floor(rest / 10);
    bytes[place] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  }
  return at + digits;
}
