/**
 * What makes a folder a database?
 *
 * `database.json` with a state: `"live"`, or `"dropped"` while the files of a dropped one are being removed, so that a
 * drop is one atomic step however many collections it takes along.
 */
import { isLynseError } from "../errors.js";
import type { FileSystem } from "./file-system.js";
import { parentFolder, replaceFile } from "./replace-file.js";
import { encodeSealedJson, readSealedJson } from "./sealed-json.js";

const format = "lynsedb database";

export type DatabaseState = "live" | "dropped";

/** State of the database in `folder`; null when it is none. */
export async function readDatabaseFile(fs: FileSystem, folder: string): Promise<DatabaseState | null> {
  const file = `${folder}/database.json`;
  try {
    const members = await readSealedJson(fs, file, format);
    if (members === null) return null;
    return members["state"] === "dropped" ? "dropped" : "live";
  } catch (error) {
    // Damage here hides no data: the collections have files of their own, and say themselves whether they are intact.
    if (isLynseError(error, "CORRUPT")) return "live";
    throw error;
  }
}

/** Sets the state, durably; the folder exists. */
export async function writeDatabaseFile(fs: FileSystem, folder: string, state: DatabaseState): Promise<void> {
  // A file that can be seen is the commit, so its folder is durable first.
  await fs.syncFolder(parentFolder(folder));
  await replaceFile(fs, `${folder}/database.json`, encodeSealedJson(fs, format, { state }));
}
