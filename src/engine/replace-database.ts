/**
 * How does a staged database take the place of another one, though a folder cannot be replaced in one step?
 *
 * A note in the staged folder says whose place it takes: once that is durable, the new database counts. What follows, two
 * renames, is done again by whoever opens the root next, should it be interrupted.
 */
import type { FileSystem } from "../storage/file-system.js";
import { parentFolder, replaceFile } from "../storage/replace-file.js";
import { encodeSealedJson, readSealedJson } from "../storage/sealed-json.js";
import { stagedName } from "./snapshots.js";

const format = "lynsedb replacement";
const noteName = "replaces.json";

/** Makes the staged database in `folder` the one called `name`, durably; may be done again where it failed. */
export async function beginReplacement(fs: FileSystem, folder: string, name: string): Promise<void> {
  // A note that is there is whole: it may only not be durable, and must not be doubled on a disk that is full.
  if ((await replacedBy(fs, folder)) === name) return fs.syncFolder(folder);
  // With the name of the folder: a note that a crash left in a database that has its place means nothing.
  const note = { database: name, folder: nameOf(folder) };
  await fs.syncFolder(parentFolder(folder));
  await replaceFile(fs, `${folder}/${noteName}`, encodeSealedJson(fs, format, note));
}

/** Name of the database whose place the staged database in `folder` takes; null where it does not count. */
export async function replacedBy(fs: FileSystem, folder: string): Promise<string | null> {
  const members = await readSealedJson(fs, `${folder}/${noteName}`, format);
  const name = members?.["database"];
  return typeof name === "string" && members?.["folder"] === nameOf(folder) ? name : null;
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf("/") + 1);
}

/** Puts a staged database whose note is durable into its place, and removes what was there; may be done again. */
export async function finishReplacement(fs: FileSystem, root: string, folder: string, name: string): Promise<void> {
  const place = `${root}/${name}`;
  const old = `${root}/${stagedName()}`;
  // Where the folder is gone, the database has its place, and only what comes after failed.
  if (await fs.exists(folder)) {
    if (await fs.exists(place)) {
      await fs.rename(place, old);
      await fs.syncFolder(root);
    }
    await fs.rename(folder, place);
  }
  await fs.syncFolder(root);
  await fs.remove(`${place}/${noteName}`);
  await fs.syncFolder(place);
  await fs.removeFolder(old);
}
