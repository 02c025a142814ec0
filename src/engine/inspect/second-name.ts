/**
 * How does a file get a second name without its bytes being written again?
 *
 * By a link where the volume has such a thing, else by a copy.
 */
import type { FileSystem } from "../../storage/file-system.js";

const stepBytes = 4 * 1024 * 1024;

/** Gives the file at `from` the name `to`, which is free, as well; the bytes are durable, the name is not yet. */
export async function secondName(fs: FileSystem, from: string, to: string): Promise<void> {
  if (await fs.link(from, to)) return;
  const source = await fs.open(from, "read");
  try {
    const target = await fs.open(to, "write");
    try {
      const buffer = new Uint8Array(stepBytes);
      for (let at = 0; ; ) {
        const count = await source.read(buffer, at);
        if (count === 0) break;
        await target.write(buffer.subarray(0, count), at);
        at += count;
      }
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
