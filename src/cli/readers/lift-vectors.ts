/**
 * Which vectors stand in lines of JSON, and what is left of the lines without them?
 *
 * Most of the bytes of a row are the numbers of its vector, which become float32 here and are never made text or values.
 * In the line that is left the list is `[]`, so that it is JSON exactly where the whole line is. A line whose vector is
 * anything but a list of finite numbers under one key at the first level stays whole. Reader layer of the command line.
 */
import { limits } from "../../limits.js";
import { FloatList, noList, noRoom } from "./float-list.js";

const [tab, lineFeed, carriageReturn, space, quote, colon, backslash] = [9, 10, 13, 32, 34, 58, 92];
const [openList, closeList, open, close] = [91, 93, 123, 125];

/** Numbers that room is made for at once: vectors share it. */
const roomNumbers = 1 << 18;

export interface LiftedLines {
  /** The lines without their vectors; good until the next ones are lifted. */
  readonly bytes: Uint8Array;
  /** Where each line began. */
  readonly starts: readonly number[];
  /** The vector of each line; null where the line is whole, or has none. */
  readonly vectors: readonly (Float32Array | null)[];
}

export class VectorLifter {
  /** The key between its quotes, as bytes; null where none can be looked for. */
  readonly #key: Uint8Array | null;
  readonly #list = new FloatList();
  #room = new Float32Array(0);
  #used = 0;
  #left = new Uint8Array(0);

  /** @param column Key that the vectors stand under. */
  constructor(column: string) {
    const text = JSON.stringify(column);
    // A key that needs escapes can be written in many ways.
    this.#key = text === `"${column}"` ? new TextEncoder().encode(text) : null;
  }

  /** `bytes` are whole lines, with their line feeds. */
  lift(bytes: Uint8Array): LiftedLines {
    const vectors: (Float32Array | null)[] = [];
    const starts: number[] = [];
    const key = this.#key;
    if (key === null) return { bytes, starts, vectors };
    if (this.#left.length < bytes.length) this.#left = new Uint8Array(bytes.length);
    const left = this.#left;
    let length = 0;
    for (let start = 0; start < bytes.length; ) {
      const feed = bytes.indexOf(lineFeed, start);
      const end = feed === -1 ? bytes.length : feed + 1;
      const from = findList(bytes, start, end, key);
      const vector = from === -1 ? null : this.#take(bytes, from, end);
      vectors.push(vector);
      starts.push(start);
      if (vector === null) {
        left.set(bytes.subarray(start, end), length);
        length += end - start;
      } else {
        left.set(bytes.subarray(start, from), length);
        length += from - start;
        left[length] = openList;
        left[length + 1] = closeList;
        length += 2;
        left.set(bytes.subarray(this.#list.end, end), length);
        length += end - this.#list.end;
      }
      start = end;
    }
    return { bytes: left.subarray(0, length), starts, vectors };
  }

  #take(bytes: Uint8Array, from: number, to: number): Float32Array | null {
    let count = this.#list.read(bytes, from, to, this.#room, this.#used);
    if (count === noRoom && this.#room.length - this.#used < limits.dimMax) {
      this.#room = new Float32Array(Math.max(roomNumbers, limits.dimMax));
      this.#used = 0;
      count = this.#list.read(bytes, from, to, this.#room, 0);
    }
    if (count === noList || count === noRoom) return null;
    const vector = this.#room.subarray(this.#used, this.#used + count);
    this.#used += count;
    return vector;
  }
}

/**
 * Where the list begins that stands under `key` in the object of a line; -1 where none does, or two, or a key has escapes:
 * which key it is then is for `JSON.parse` to say.
 */
function findList(bytes: Uint8Array, from: number, to: number, key: Uint8Array): number {
  let depth = 0;
  let found = -1;
  for (let at = from; at < to; at += 1) {
    const char = bytes[at]!;
    if (char === quote) {
      const start = at;
      let hasEscapes = false;
      for (at += 1; at < to && bytes[at] !== quote; at += 1) {
        if (bytes[at] !== backslash) continue;
        hasEscapes = true;
        at += 1;
      }
      if (depth !== 1) continue;
      const colonAt = skipSpace(bytes, at + 1, to);
      if (colonAt === to || bytes[colonAt] !== colon) continue;
      if (hasEscapes) return -1;
      if (at + 1 - start !== key.length || !isAt(bytes, start, key)) continue;
      const list = skipSpace(bytes, colonAt + 1, to);
      if (found !== -1 || list === to || bytes[list] !== openList) return -1;
      found = list;
      // Numbers have neither quotes nor braces.
      const end = bytes.indexOf(closeList, list);
      if (end === -1 || end >= to) return -1;
      at = end;
    } else if (char === open || char === openList) depth += 1;
    else if (char === close || char === closeList) depth -= 1;
  }
  return found;
}

function isAt(bytes: Uint8Array, from: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i += 1) if (bytes[from + i] !== wanted[i]) return false;
  return true;
}

function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (bytes[at] === space || bytes[at] === tab || bytes[at] === carriageReturn)) at += 1;
  return at;
}
