/**
 * What does a caller hear when the system refuses a file operation?
 *
 * One place for the words, so that every `FileSystem` says the same: `NO_SPACE` for a full disk or quota, `IO_ERROR`
 * for everything else, both with operation, file and errno in the details.
 */
import { LynseError } from "../errors.js";

const hints: Readonly<Record<string, string>> = {
  EACCES: "; give this process permission to the folder, or open the database with readOnly: true where it only reads",
  EPERM: "; give this process permission to the folder, or open the database with readOnly: true where it only reads",
  EROFS: "; the file system is mounted read-only: open the database with readOnly: true, or mount it writable",
  EMFILE: "; too many files are open: close collections that are not in use, or raise the limit (ulimit -n)",
  ENFILE: "; too many files are open on this machine: close some, or raise the system's limit",
  ENOTDIR: "; a part of the path is a file where a folder is expected: choose another path",
  EEXIST: "; a file stands where a folder is expected: choose another path",
  EISDIR: "; a folder stands where a file is expected: move it away",
  EIO: "; the device failed: check the disk and the system's log before writing again",
};

/** The error for an operation on `file` that failed with `errno` (a name such as `ENOSPC`). */
export function operationError(operation: string, file: string, errno: string, cause?: unknown): LynseError {
  const details = { operation, file, errno };
  if (errno === "ENOSPC" || errno === "EDQUOT") {
    const what = errno === "EDQUOT" ? "the disk quota is used up" : "the disk is full";
    return new LynseError(
      "NO_SPACE",
      `${what}: ${operation} of ${file} failed (${errno}); free some space`,
      details,
      cause,
    );
  }
  const hint = hints[errno] ?? "";
  return new LynseError("IO_ERROR", `${operation} of ${file} failed (${errno})${hint}`, details, cause);
}
