/**
 * What does the caller of an import hear?
 *
 * Which file, where in it, what is wrong, and that nothing was touched.
 */
import { isLynseError, LynseError } from "../errors.js";

const untouched = "nothing was imported";

/** A file of the export that is not what the manifest says. */
export function damagedExport(file: string, what: string): LynseError {
  return new LynseError("CORRUPT", `${file}: ${what}; ${untouched}, copy or write the export again`, { file });
}

/** Something in an export that cannot be taken. */
export function refusedExport(file: string, what: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `${file}: ${what}; ${untouched}`, { file });
}

/** A line that cannot be taken; `cause` says why. */
export function refusedLine(file: string, line: number, cause: unknown): unknown {
  if (!isLynseError(cause)) return cause;
  const message = `${file} line ${line}: ${cause.message}; ${untouched}`;
  return new LynseError(cause.code, message, { ...cause.details, file, line }, cause);
}

/** A vector that cannot be taken, by its position in its file; `cause` says why. */
export function refusedVector(file: string, position: number, cause: unknown): unknown {
  if (!isLynseError(cause)) return cause;
  const message = `${file} vector ${position + 1}: ${cause.message}; ${untouched}`;
  return new LynseError(cause.code, message, { ...cause.details, file, vector: position + 1 }, cause);
}
