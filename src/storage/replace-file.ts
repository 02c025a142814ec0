/**
 * How does a small file change as a whole or not at all?
 *
 * The new bytes go to `<path>.tmp` and are made durable there, then take the name, then the name is made durable. A
 * crash leaves the old file or the new one; a leftover `.tmp` is never read, and is overwritten by the next
 * replacement.
 */
import type { FileSystem } from "./file-system.js";

/** Ending of files that are not finished. */
export const unfinishedEnding = ".tmp";

/** Folder of a path. */
export function parentFolder(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut <= 0 ? path.slice(0, cut + 1) || "." : path.slice(0, cut);
}

/** Replaces, or creates, the file at `path`; durable when it resolves. `writer` tells apart writers that may meet. */
export async function replaceFile(fs: FileSystem, path: string, bytes: Uint8Array, writer = ""): Promise<void> {
  const unfinished = path + writer + unfinishedEnding;
  const handle = await fs.open(unfinished, "write");
  try {
    await handle.truncate(0);
    await handle.write(bytes, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(unfinished, path);
  await fs.syncFolder(parentFolder(path));
}
