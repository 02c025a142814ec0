/**
 * Which ids did an interrupted import give to rows that bring none?
 *
 * Consecutive ones, from a first one that is noted in a blob of the collection ahead of the first commit and removed at the
 * end: with it the same rows get the same ids again, and those that are in can be told. Import part of the command line.
 */
import { basename } from "node:path";
import { LynseError } from "../../errors.js";
import type { Collection } from "../../index.js";

interface Note {
  readonly firstId: number;
  readonly skip: number;
}

/** Key of the blob: an import is known by the name of its file. */
function keyOf(file: string): string {
  return `lynse import ${basename(file).slice(-200)}`;
}

async function isEmpty(collection: Collection): Promise<boolean> {
  const [rows] = await collection.shape();
  return rows === 0 && (await collection.listDeletedIds()).length === 0;
}

/** First id of rows without ids: after the largest one, that of a soft-deleted row included. */
export async function firstFreeId(collection: Collection | null): Promise<number> {
  if (collection === null) return 0;
  let largest = await collection.maxId();
  for (const id of await collection.listDeletedIds()) if (typeof id === "number" && id > largest) largest = id;
  return largest + 1;
}

export async function noteImport(collection: Collection, file: string, note: Note): Promise<void> {
  await collection.writeBlob(keyOf(file), new TextEncoder().encode(JSON.stringify(note)));
}

export async function endImport(collection: Collection, file: string): Promise<void> {
  await collection.deleteBlob(keyOf(file));
}

/**
 * What an interrupted import of the file noted; null where it was interrupted ahead of its note, so that no row is in;
 * refused where there is none, but rows.
 */
export async function notedImport(collection: Collection | null, file: string): Promise<Note | null> {
  const bytes = (await collection?.readBlob(keyOf(file))) ?? null;
  if (bytes === null) {
    if (collection === null || (await isEmpty(collection))) return null;
    throw new LynseError(
      "INVALID_ARGUMENT",
      `no import of ${basename(file)} into this collection was interrupted, and its rows have no ids to tell those that are in; ` +
        "leave --resume out, or name the ids with --id-column",
      { file },
    );
  }
  const { firstId, skip } = JSON.parse(new TextDecoder().decode(bytes)) as Note;
  if (Number.isSafeInteger(firstId) && Number.isSafeInteger(skip)) return { firstId, skip };
  throw new LynseError("INVALID_ARGUMENT", `the note of the import of ${basename(file)} is damaged; use --skip`, {
    file,
  });
}
