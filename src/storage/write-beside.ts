/**
 * How does a folder of files appear all at once?
 *
 * It is written beside its place, under a name that says that it is unfinished and whose it is, and takes the place when it
 * is whole and durable. What processes that ended in between left beside the same place is removed first; a copy that is
 * being written, or may be, is left alone.
 */
import { LynseError } from "../errors.js";
import type { FileSystem } from "./file-system.js";
import { parentFolder } from "./replace-file.js";
import { syncParents } from "./sync-parents.js";
import { parseUnfinishedName, unfinishedPath } from "./unfinished-name.js";

/** Runs `write` on a fresh folder, which must make files durable, and puts it at `target`, which must be free. */
export async function writeBeside<T>(
  fs: FileSystem,
  target: string,
  write: (folder: string) => Promise<T>,
): Promise<T> {
  await checkFree(fs, target);
  await removeDeadCopies(fs, target);
  const folder = unfinishedPath(fs, target);
  try {
    await fs.makeFolder(folder);
    const written = await write(folder);
    await fs.syncFolder(folder);
    await checkFree(fs, target);
    await fs.rename(folder, target);
    await syncParents(fs, target);
    return written;
  } catch (error) {
    // What cannot be removed now is no copy, says so by its name, and is removed by the next one.
    await fs.removeFolder(folder).catch(() => {});
    throw error;
  }
}

/** Removes what writers that are gone left of copies that were to have the place `target`. */
export async function removeDeadCopies(fs: FileSystem, target: string): Promise<void> {
  const parent = parentFolder(target);
  const name = target.slice(target.lastIndexOf("/") + 1);
  // A folder may be written to that may not be listed.
  for (const entry of await fs.list(parent).catch(() => [])) {
    if (!entry.name.startsWith(`${name}.`)) continue;
    const found = await parseUnfinishedName(fs, entry.name);
    if (found?.target !== name || found.writer !== "gone") continue;
    const path = parent === "/" ? `/${entry.name}` : `${parent}/${entry.name}`;
    // In the way of nobody: where it cannot be removed, the copy is made all the same.
    await (entry.isFolder ? fs.removeFolder(path) : fs.remove(path)).catch(() => {});
  }
}

async function checkFree(fs: FileSystem, path: string): Promise<void> {
  if (!(await fs.exists(path))) return;
  throw new LynseError("TARGET_EXISTS", `${path} exists; choose another path, or remove it first`, { path });
}
