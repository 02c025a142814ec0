/**
 * How does the name of a folder become durable, when its parents may have been created with it?
 */
import { isLynseError } from "../errors.js";
import type { FileSystem } from "./file-system.js";
import { parentFolder } from "./replace-file.js";

/** Makes the name of `folder` durable, and those of its parents, any of which may have been created with it. */
export async function syncParents(fs: FileSystem, folder: string): Promise<void> {
  let at = parentFolder(folder);
  await fs.syncFolder(at);
  for (; at !== parentFolder(at); at = parentFolder(at)) {
    try {
      await fs.syncFolder(parentFolder(at));
    } catch (error) {
      // A folder that this process may not even read is not one that it has created a name in.
      const errno = isLynseError(error, "IO_ERROR") ? error.details["errno"] : null;
      if (errno !== "EACCES" && errno !== "EPERM") throw error;
    }
  }
}
