/**
 * How do bytes stand in a JSON text?
 *
 * As base64 of RFC 4648 §4: the standard alphabet, padded, nothing between. The platform's own coder where there is one
 * (`Uint8Array.fromBase64`), else tables: several times the speed of `atob` with a loop. Both take the same texts.
 */
import { LynseError } from "../errors.js";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const padding = 0x3d;
/** Marks a byte outside the alphabet; above every value, so that one OR over all values shows it. */
const noValue = 64;
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
const values = new Uint8Array(256).fill(noValue);
codes.forEach((code, value) => {
  values[code] = value;
});
const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface NativeBytes {
  toBase64?(): string;
}
interface NativeConstructor {
  fromBase64?(text: string, options: { lastChunkHandling: "strict" }): Uint8Array<ArrayBuffer>;
}

/** Base64 of the bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  const native = (bytes as NativeBytes).toBase64?.();
  return native ?? encodeByTable(bytes);
}

/** The bytes of a base64 text, in a buffer of their own; `INVALID_ARGUMENT` names `what` when it is none. */
export function decodeBase64(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0) refuse(what, `its length is ${text.length}, no multiple of 4`);
  const byteLength = base64ByteLength(text);
  const { fromBase64 } = Uint8Array as NativeConstructor;
  if (fromBase64 === undefined) return decodeByTable(text, byteLength, what);
  let bytes: Uint8Array<ArrayBuffer> | null = null;
  try {
    bytes = fromBase64.call(Uint8Array, text, { lastChunkHandling: "strict" });
  } catch {
    // Refused below, in the same words as by the tables.
  }
  // The platform's coder skips white space, which makes it give fewer bytes.
  if (bytes?.length !== byteLength) refuse(what, "it has characters outside of the standard alphabet");
  return bytes;
}

/** Bytes that a base64 text of a right length stands for. */
function base64ByteLength(text: string): number {
  const padded = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4) * 3 - padded;
}

/** @internal The coder by tables, for its tests. */
export function encodeByTable(bytes: Uint8Array): string {
  const target = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  const whole = bytes.length - (bytes.length % 3);
  let to = 0;
  for (let from = 0; from < whole; from += 3) {
    const bits = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
    target[to] = codes[bits >>> 18]!;
    target[to + 1] = codes[(bits >>> 12) & 63]!;
    target[to + 2] = codes[(bits >>> 6) & 63]!;
    target[to + 3] = codes[bits & 63]!;
    to += 4;
  }
  if (whole < bytes.length) {
    const hasTwo = whole + 1 < bytes.length;
    const bits = (bytes[whole]! << 16) | (hasTwo ? bytes[whole + 1]! << 8 : 0);
    target[to] = codes[bits >>> 18]!;
    target[to + 1] = codes[(bits >>> 12) & 63]!;
    target[to + 2] = hasTwo ? codes[(bits >>> 6) & 63]! : padding;
    target[to + 3] = padding;
  }
  return decoder.decode(target);
}

/** @internal */
export function decodeByTable(text: string, byteLength: number, what: string): Uint8Array<ArrayBuffer> {
  // A character beyond ASCII becomes several bytes: it would shift the others, and is none of the alphabet anyway.
  const source = encoder.encode(text);
  const target = new Uint8Array(byteLength);
  if (source.length === 0) return target;
  const whole = byteLength - (byteLength % 3);
  let seen = source.length === text.length ? 0 : noValue;
  let from = 0;
  for (let to = 0; to < whole; to += 3) {
    const a = values[source[from]!]!;
    const b = values[source[from + 1]!]!;
    const c = values[source[from + 2]!]!;
    const d = values[source[from + 3]!]!;
    seen |= a | b | c | d;
    const bits = (a << 18) | (b << 12) | (c << 6) | d;
    target[to] = bits >>> 16;
    target[to + 1] = bits >>> 8;
    target[to + 2] = bits;
    from += 4;
  }
  if (whole < byteLength) {
    const a = values[source[from]!]!;
    const b = values[source[from + 1]!]!;
    const hasTwo = whole + 1 < byteLength;
    const c = hasTwo ? values[source[from + 2]!]! : 0;
    seen |= a | b | c;
    target[whole] = (a << 2) | (b >>> 4);
    if (hasTwo) target[whole + 1] = (b << 4) | (c >>> 2);
    // Bits that stand for nothing must be zero: one text for the same bytes.
    if ((hasTwo ? c & 3 : b & 15) !== 0) seen |= noValue;
  }
  if (seen >= noValue) refuse(what, "it has characters outside of the standard alphabet");
  return target;
}

function refuse(what: string, reason: string): never {
  throw new LynseError("INVALID_ARGUMENT", `${what} is no base64: ${reason}`, {});
}
