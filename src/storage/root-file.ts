/**
 * What says that a directory holds databases, and of which format?
 *
 * `lynse.json` in the root. Read before the writer lock is taken, so that a newer format is told as such whoever has
 * the directory open; therefore created in a way that two processes may do at once.
 */
import { LynseError } from "../errors.js";
import { newSalt } from "./file-header.js";
import type { FileSystem } from "./file-system.js";
import { replaceFile } from "./replace-file.js";
import { encodeSealedJson, readSealedJson } from "./sealed-json.js";
import { syncParents } from "./sync-parents.js";

const format = "lynsedb root";

/**
 * Verifies the root in `folder`. Writable: creates folder and file, durably, where they are missing. Read-only: writes
 * nothing, `DATABASE_NOT_FOUND` where there is no root. `FORMAT_TOO_NEW`, `CORRUPT`.
 */
export async function openRoot(
  fs: FileSystem,
  folder: string,
  options: { readonly isReadOnly: boolean },
): Promise<void> {
  const file = `${folder}/lynse.json`;
  if ((await readSealedJson(fs, file, format)) !== null) return;
  if (options.isReadOnly) {
    const text = `there is no database directory at ${folder}; open it without readOnly once to create it`;
    throw new LynseError("DATABASE_NOT_FOUND", text, { root: folder });
  }
  await fs.makeFolder(folder);
  const fresh = encodeSealedJson(fs, format, { createdAt: new Date().toISOString() });
  await syncParents(fs, folder);
  await replaceFile(fs, file, fresh, newSalt());
}
