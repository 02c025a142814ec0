/**
 * How is a stream of JSON lines read?
 *
 * One value a line, as soon as it has come. Lines end with a line feed; empty ones are skipped. At most one line is
 * held, and no longer than `lineBytesMax`.
 */
import { LynseError } from "../errors.js";

const lineFeed = 10;
/** Room for a row with the largest metadata and the longest vector. */
const lineBytesMax = 64 * 1024 * 1024;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The values of a stream of bytes; leaving the loop cancels the stream. `INVALID_ARGUMENT` for a line that is no
 * JSON.
 */
export async function* readNdjson(stream: ReadableStream<Uint8Array>): AsyncGenerator<unknown, undefined> {
  const reader = stream.getReader();
  let isDone = false;
  const begun: Uint8Array[] = [];
  let begunBytes = 0;
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) break;
      const chunk = next.value;
      let from = 0;
      for (let to = chunk.indexOf(lineFeed); to >= 0; to = chunk.indexOf(lineFeed, from)) {
        const line = joined(begun, chunk.subarray(from, to));
        begunBytes = 0;
        from = to + 1;
        if (line.length > 0) yield parse(line);
      }
      begunBytes += chunk.length - from;
      if (begunBytes > lineBytesMax) throw malformed(`a line is longer than ${lineBytesMax} bytes`);
      if (from < chunk.length) begun.push(chunk.subarray(from));
    }
    isDone = true;
    const last = joined(begun, new Uint8Array(0));
    if (last.length > 0) yield parse(last);
  } finally {
    if (!isDone) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
  return undefined;
}

/** The parts and `last` in one; the parts are forgotten. */
function joined(parts: Uint8Array[], last: Uint8Array): Uint8Array {
  if (parts.length === 0) return last;
  parts.push(last);
  const line = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    line.set(part, at);
    at += part.length;
  }
  parts.length = 0;
  return line;
}

function parse(line: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(line));
  } catch {
    throw malformed("a line is no JSON");
  }
}

function malformed(reason: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `malformed stream of JSON lines: ${reason}`);
}
