/**
 * How is a crash's tail removed, and what stands before it made to stay?
 *
 * For the one writer, after the replay and before anything is answered or appended.
 */
import { assert } from "../errors.js";
import type { FileHandle } from "./file-system.js";
import type { GenerationFiles } from "./generation-files.js";
import type { LogPosition } from "./log-position.js";
import { settleAll } from "./settle-all.js";

/** Bytes of a tail that are rewritten at once. */
const rewriteBytes = 4 * 1024 * 1024;

/**
 * Cuts what lies behind `position`, and makes the rest durable; resolves to the number of bytes cut. What lies behind
 * `durable` is written once more: after a sync that failed in another process, the system may hold it as clean
 * although it never reached the disk, and a sync alone would do nothing.
 */
export async function cutTail(files: GenerationFiles, position: LogPosition, durable: LogPosition): Promise<number> {
  let cutBytes = await cutFile(files.log, position.bytes, durable.bytes);
  const durableCounts = files.vectorCounts(durable);
  const vectorCounts = files.vectorCounts(position);
  for (let at = 0; at < vectorCounts.length; at++) {
    const { file, count } = vectorCounts[at]!;
    cutBytes += await cutFile(file.handle, file.bytesOf(count), file.bytesOf(durableCounts[at]!.count));
  }
  // All of it was durable, and nothing was changed: the usual open after a close.
  if (cutBytes === 0 && position.bytes === durable.bytes) return 0;
  await settleAll([files.log.sync(), ...vectorCounts.map(({ file }) => file.handle.sync())]);
  return cutBytes;
}

/** Ends a file at `end`, and writes bytes `[durableEnd, end)` to where they are; resolves to the number of bytes cut. */
async function cutFile(handle: FileHandle, end: number, durableEnd: number): Promise<number> {
  const extra = (await handle.size()) - end;
  if (extra > 0) await handle.truncate(end);
  const buffer = new Uint8Array(Math.min(rewriteBytes, end - durableEnd));
  for (let at = durableEnd; at < end; ) {
    const part = buffer.subarray(0, Math.min(buffer.length, end - at));
    const count = await handle.read(part, at);
    assert(count === part.length, "what was replayed can be read");
    await handle.write(part, at);
    at += count;
  }
  return Math.max(0, extra);
}
