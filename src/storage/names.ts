/**
 * Which names may a database or collection have?
 *
 * A name is the name of a folder, on every platform and in every backup: letters, digits, `.`, `_` and `-`, nothing
 * that leads out of its parent, nothing that Windows keeps for devices.
 */
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";

/** Names of devices, also with an ending (naming rules of Win32). */
const reserved = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$/i;

/** Files of ours that lie beside the folders of databases and collections. */
const ours = /^((lynse|database|manifest)\.json|writer-\d+\.lock)$/i;

/** Why a text cannot be a name; null when it can. */
function objection(name: string): string | null {
  if (name === "") return "it is empty";
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return "only letters A-Z and a-z, digits, '.', '_' and '-' are allowed";
  if (name.includes("..") || name === ".") return "'.' and '..' are names of folders, and '..' may not stand in a name";
  if (name.endsWith(".")) return "it ends with '.', which Windows drops";
  if (reserved.test(name)) return "Windows keeps that name for a device";
  if (ours.test(name)) return "a file of the database itself is called so";
  return null;
}

/**
 * Throws `INVALID_ARGUMENT` or `LIMIT_EXCEEDED` unless `name` can be the name of a `what` ("database", "collection").
 */
export function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name !== "string") {
    throw new LynseError("INVALID_ARGUMENT", `the name of a ${what} must be a string, got ${typeof name}`, {
      got: typeof name,
    });
  }
  checkLimit("nameLengthMax", name.length, `the length of the ${what} name`);
  const why = objection(name);
  if (why === null) return;
  throw new LynseError("INVALID_ARGUMENT", `${JSON.stringify(name)} cannot be the name of a ${what}: ${why}`, { name });
}
