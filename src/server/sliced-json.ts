/**
 * How is a JSON body read without holding up the event loop?
 *
 * A small body is parsed at once. A large one is cut at its commas, by one pass over its bytes that knows only strings
 * and brackets, into pieces that the platform's parser takes in well under a millisecond each; other work runs in
 * between. What is JSON is decided by that parser alone, and what comes out is what `JSON.parse` would give. Nesting is
 * bounded before anything is parsed.
 */
import { isUtf8 } from "node:buffer";
import { LynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";

/** Bytes that are parsed at once: about a millisecond of work. */
const pieceBytesMax = 128 * 1024;
/** Deepest nesting of a body: a row's metadata may nest 64 levels, within `items` of a body. */
const depthMax = 128;
/** Bytes between two looks at the clock. */
const clockBytes = 64 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The value of a JSON text. */
export function parseJson(bytes: Uint8Array<ArrayBuffer>): unknown | Promise<unknown> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length > pieceBytesMax) return new SlicedJson(buffer).parse();
  checkDepth(buffer);
  return parsePiece(buffer, 0, buffer.length);
}

function checkDepth(bytes: Uint8Array): void {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (isInString) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isInString = false;
      continue;
    }
    // Digits and what else numbers are made of: most bytes of a body of vectors.
    if (byte > comma && byte < openBracket) continue;
    if (byte === quote) isInString = true;
    else if (byte === openBrace || byte === openBracket) {
      depth += 1;
      if (depth > depthMax) tooDeep();
    } else if (byte === closeBrace || byte === closeBracket) depth -= 1;
  }
}

function tooDeep(): never {
  throw new LynseError("LIMIT_EXCEEDED", `the JSON body nests deeper than ${depthMax} levels; send it flatter`, {
    limit: "json_depth",
    max: depthMax,
  });
}

function parsePiece(bytes: Buffer, start: number, end: number, open = "", close = ""): unknown {
  const piece = bytes.subarray(start, end);
  if (!isUtf8(piece)) throw malformed("it is not UTF-8", start);
  try {
    return JSON.parse(open + piece.toString("utf8") + close);
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error), start);
  }
}

function malformed(reason: string, offset: number): LynseError {
  const place = offset === 0 ? "" : ` (in the part that begins at byte ${offset})`;
  return new LynseError("INVALID_ARGUMENT", `the body is not JSON: ${reason}${place}`, { reason, offset });
}

class SlicedJson {
  readonly #bytes: Buffer;
  readonly #slice = new TimeSlice();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  parse(): Promise<unknown> {
    return this.#value(0, this.#bytes.length, 1);
  }

  /** The value between two offsets; `depth` counts the brackets around its members. */
  async #value(start: number, end: number, depth: number): Promise<unknown> {
    const bytes = this.#bytes;
    let first = start;
    let last = end;
    while (first < last && isSpace(bytes[first]!)) first += 1;
    while (last > first && isSpace(bytes[last - 1]!)) last -= 1;
    if (last - first > pieceBytesMax) {
      const open = bytes[first];
      const close = bytes[last - 1];
      const isEmpty = isBlank(bytes, first + 1, last - 1);
      if (open === openBracket && close === closeBracket)
        return isEmpty ? [] : await this.#array(first + 1, last - 1, depth);
      if (open === openBrace && close === closeBrace)
        return isEmpty ? {} : await this.#object(first + 1, last - 1, depth);
    }
    return parsePiece(bytes, first, last);
  }

  async #array(start: number, end: number, depth: number): Promise<unknown[]> {
    const values: unknown[] = [];
    let from = start;
    for (const to of await this.#cuts(start, end, depth)) {
      if (to - from > pieceBytesMax) values.push(await this.#value(from, to, depth + 1));
      else {
        const group = parsePiece(this.#bytes, from, to, "[", "]") as unknown[];
        if (group.length === 0) throw malformed("an element is missing beside a comma", from);
        for (const value of group) values.push(value);
      }
      from = to + 1;
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    return values;
  }

  async #object(start: number, end: number, depth: number): Promise<Record<string, unknown>> {
    const object: Record<string, unknown> = {};
    let from = start;
    for (const to of await this.#cuts(start, end, depth)) {
      if (to - from > pieceBytesMax) {
        const nameEnd = endOfName(this.#bytes, from, to);
        const name = parsePiece(this.#bytes, from, nameEnd);
        if (typeof name !== "string") throw malformed("the name of a member is not a string", from);
        addMember(object, name, await this.#value(nameEnd + 1, to, depth + 1));
      } else {
        const group = Object.entries(parsePiece(this.#bytes, from, to, "{", "}") as object);
        if (group.length === 0) throw malformed("a member is missing beside a comma", from);
        for (const [name, value] of group) addMember(object, name, value);
      }
      from = to + 1;
      if (this.#slice.isDue()) await this.#slice.giveWay();
    }
    return object;
  }

  /** Where a container's content is cut: at commas, and at its end. What is larger than a piece is one member. */
  async #cuts(start: number, end: number, outerDepth: number): Promise<number[]> {
    const bytes = this.#bytes;
    const cuts: number[] = [];
    let from = start;
    let lastComma = -1;
    let depth = 0;
    let isInString = false;
    let nextClock = start + clockBytes;
    for (let at = start; at < end; at += 1) {
      if (at >= nextClock) {
        nextClock = at + clockBytes;
        if (this.#slice.isDue()) await this.#slice.giveWay();
      }
      const byte = bytes[at]!;
      if (isInString) {
        if (byte === backslash) at += 1;
        else if (byte === quote) isInString = false;
        continue;
      }
      // Digits and what else numbers are made of: most bytes of a body of vectors.
      if (byte > comma && byte < openBracket) continue;
      if (byte === quote) isInString = true;
      else if (byte === openBrace || byte === openBracket) {
        depth += 1;
        if (depth + outerDepth > depthMax) tooDeep();
      } else if (byte === closeBrace || byte === closeBracket) {
        depth -= 1;
        if (depth < 0) throw malformed("a bracket is closed that was not opened", at);
      } else if (byte === comma && depth === 0) {
        if (at - from > pieceBytesMax && lastComma >= from) {
          cuts.push(lastComma);
          from = lastComma + 1;
        }
        if (at - from > pieceBytesMax) {
          cuts.push(at);
          from = at + 1;
        }
        lastComma = at;
      }
    }
    if (end - from > pieceBytesMax && lastComma >= from) cuts.push(lastComma);
    cuts.push(end);
    return cuts;
  }
}

/** As the platform's parser: a member called `__proto__` is a member. */
function addMember(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Offset of the colon after a member's name. */
function endOfName(bytes: Uint8Array, start: number, end: number): number {
  let isInString = false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (isInString) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isInString = false;
    } else if (byte === quote) isInString = true;
    else if (byte === colon) return at;
  }
  throw malformed("a member has no value", start);
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && isSpace(bytes[at]!)) at += 1;
  return at === end;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
