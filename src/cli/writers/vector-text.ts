/**
 * How is a float32 vector written as text?
 *
 * As a JSON array whose numbers, rounded to float32, are the vector's own. Most float32 numbers come from fewer digits than
 * a double has: those are tried first, which makes the text half as long. Writer layer of the command line.
 */

const scales = [1e6, 1e8] as const;
/** Beyond it a rounded number may lose digits that count. */
const magnitudeMax = 1e6;

export function vectorText(vector: Float32Array): string {
  let text = "[";
  for (let i = 0; i < vector.length; i++) {
    if (i > 0) text += ",";
    // As text a number has no sign when it is 0.
    text += Object.is(vector[i], -0) ? "-0" : shortNumber(vector[i]!);
  }
  return `${text}]`;
}

/** A number that rounds to the same float32. */
function shortNumber(value: number): number {
  if (!(Math.abs(value) < magnitudeMax)) return value;
  for (const scale of scales) {
    const short = Math.round(value * scale) / scale;
    if (Math.fround(short) === value) return short;
  }
  return value;
}
