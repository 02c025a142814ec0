/**
 * How many bytes does a caller mean?
 *
 * A number, or a number with a unit of 1,024: `"512mb"`, `"1.5 GiB"`, `"64k"`. In the input part of the client layer.
 */
import { describe } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";

const units = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const;

/** Bytes, at least 1; `INVALID_ARGUMENT` naming `what` for anything else. */
export function byteSize(value: unknown, what: string): number {
  const bytes = typeof value === "string" ? bytesOfText(value) : value;
  if (typeof bytes === "number" && Number.isFinite(bytes) && bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) {
    return Math.floor(bytes);
  }
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${what} must be a number of bytes, at least 1, or a text like "512mb", got ${describe(value)}`,
    { option: what },
  );
}

function bytesOfText(text: string): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text);
  if (match === null) return Number.NaN;
  return Number(match[1]) * units[match[2]!.toLowerCase() as keyof typeof units];
}
