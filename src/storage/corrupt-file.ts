/**
 * What does a caller hear when stored bytes are wrong?
 *
 * The words for damaged files and for files of a newer version, each with the file and, where there is one, the offset.
 */
import { LynseError } from "../errors.js";

/** The error for damage in `file` at `offset`; `what` says what was found there. */
export function corruptFile(file: string, offset: number, what: string): LynseError {
  return new LynseError(
    "CORRUPT",
    `${file} is damaged at byte ${offset}: ${what}; other collections are not affected, restore this one from a backup`,
    { file, offset },
  );
}

/** The error for a file that a newer version of the package wrote. */
export function formatTooNew(file: string, found: number, supported: number): LynseError {
  return new LynseError(
    "FORMAT_TOO_NEW",
    `${file} has format version ${found}, this version of lynsedb reads up to ${supported}; upgrade lynsedb to open it`,
    { file, found, supported },
  );
}
