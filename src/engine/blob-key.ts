/**
 * What can be the key of a blob?
 *
 * A text of 1 to 1024 bytes in UTF-8. It is never part of a path.
 */
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";

export function checkBlobKey(text: string): string {
  if (text === "") throw new LynseError("INVALID_ARGUMENT", "the key of a blob must not be empty", { key: text });
  if (!text.isWellFormed()) {
    throw new LynseError("INVALID_ARGUMENT", `the key ${JSON.stringify(text)} is no well-formed Unicode text`);
  }
  // Texts far too long are not encoded only to be refused.
  const bytes = text.length > 4096 ? text.length : new TextEncoder().encode(text).length;
  checkLimit("blobKeyBytesMax", bytes, `the length of blob key ${JSON.stringify(`${text.slice(0, 40)}…`)} in bytes`);
  return text;
}
