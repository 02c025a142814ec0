/**
 * How does a byte stream become text without a string of the file's size?
 *
 * Yields blocks of whole lines: each block ends with the line feed of its last line, or at the end of the input. Text
 * is strict UTF-8 without its byte order mark; a bad byte is reported with its line. A line has a length limit, which
 * is what bounds the memory. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";
import type { ByteSource } from "./byte-source.js";

/** Bytes of one line: a row's metadata at its own limit and a long vector as text fit several times. */
export const lineBytesMax = 64 * 1024 * 1024;

export interface TextBlock {
  readonly text: string;
  /** Number of the block's first line, from 1. */
  readonly line: number;
}

export interface LineBlock {
  /** Whole lines, each with its line feed; the last of the input may have none. */
  readonly bytes: Uint8Array;
  readonly line: number;
}

const lineFeed = 10;

export async function* readTextBlocks(source: ByteSource, lineBytesLimit = lineBytesMax): AsyncGenerator<TextBlock> {
  for await (const { bytes, line } of readLineBlocks(source, lineBytesLimit)) {
    yield* decodeLines(bytes, source.name, line);
  }
}

/** The same as bytes, which may be no UTF-8. */
export async function* readLineBlocks(source: ByteSource, lineBytesLimit = lineBytesMax): AsyncGenerator<LineBlock> {
  let line = 1;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let isFirst = true;
  for await (const chunk of source.chunks()) {
    const end = chunk.lastIndexOf(lineFeed) + 1;
    if (end === 0) {
      pending.push(chunk);
      pendingBytes += chunk.length;
    } else {
      const bytes = withoutMark(join(pending, chunk.subarray(0, end)), isFirst);
      isFirst = false;
      yield { bytes, line };
      line += countLineFeeds(bytes);
      pending = end < chunk.length ? [chunk.subarray(end)] : [];
      pendingBytes = chunk.length - end;
    }
    if (pendingBytes > lineBytesLimit) throw lineTooLong(source.name, line, lineBytesLimit);
  }
  if (pendingBytes === 0) return;
  yield { bytes: withoutMark(join(pending, new Uint8Array(0)), isFirst), line };
}

function join(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  return parts.length === 0 ? last : Buffer.concat([...parts, last]);
}

function withoutMark(bytes: Uint8Array, isFirst: boolean): Uint8Array {
  const hasMark = isFirst && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? bytes.subarray(3) : bytes;
}

function countLineFeeds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) count += 1;
  return count;
}

/** The text of whole lines; where a byte is bad, first the lines ahead of it, then the error. */
export function* decodeLines(bytes: Uint8Array, name: string, firstLine: number): Generator<TextBlock> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text: string | null = null;
  try {
    text = decoder.decode(bytes);
  } catch {
    // Told below, behind the lines that are good.
  }
  if (text !== null) {
    yield { text, line: firstLine };
    return;
  }
  const good = goodLines(bytes, decoder);
  if (good.text !== "") yield { text: good.text, line: firstLine };
  const line = firstLine + good.lines;
  throw new LynseError(
    "INVALID_ARGUMENT",
    `${name} line ${line}: not UTF-8 text; save the file as UTF-8 (iconv -f latin1 -t utf-8) and try again`,
    { file: name, line },
  );
}

/** The lines before the first one that does not decode. */
function goodLines(bytes: Uint8Array, decoder: TextDecoder): { text: string; lines: number } {
  let text = "";
  let lines = 0;
  for (let start = 0; start < bytes.length; ) {
    const at = bytes.indexOf(lineFeed, start);
    const end = at === -1 ? bytes.length : at + 1;
    try {
      text += decoder.decode(bytes.subarray(start, end));
    } catch {
      break;
    }
    lines += 1;
    start = end;
  }
  return { text, lines };
}

function lineTooLong(name: string, line: number, max: number): LynseError {
  return new LynseError(
    "LIMIT_EXCEEDED",
    `${name} line ${line}: longer than ${max} bytes, the longest line that is read; is it one row a line?`,
    { file: name, line, limit: "lineBytesMax", max },
  );
}
