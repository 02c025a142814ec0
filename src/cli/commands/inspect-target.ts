/**
 * Which directory, and what of it, is a command about that looks after stored files?
 *
 * They work on files, never through a server: what the environment says of a server is not for them.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { isLynseError, LynseError } from "../../errors.js";
import { isServerUri } from "./common-options.js";

/** The data directory: as given, else that of the environment, else the usual one. */
export function dataFolder(given: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  const fromEnv = env["LYNSE_DATA_DIR"];
  const folder = given ?? (fromEnv === undefined || fromEnv === "" ? join(homedir(), ".lynsedb") : fromEnv);
  if (!isServerUri(folder)) return folder;
  const text = `a directory is wanted, got ${folder}; run the command where the server has its data`;
  throw new LynseError("INVALID_ARGUMENT", text, { got: folder });
}

/** `database` or `database/collection` taken apart. */
export function inspectTarget(text: string | undefined): { readonly database?: string; readonly collection?: string } {
  if (text === undefined) return {};
  const [database, collection, ...rest] = text.split("/");
  if (database === undefined || database === "" || collection === "" || rest.length > 0) {
    const advice = `a database, or database/collection, is wanted, got ${JSON.stringify(text)}`;
    throw new LynseError("INVALID_ARGUMENT", advice, { got: text });
  }
  return collection === undefined ? { database } : { database, collection };
}

/** The error, which says so where a directory was given as what is looked for in one. */
export function withFolderHint(error: unknown, target: string | undefined): unknown {
  if (target === undefined || !isLynseError(error, "DATABASE_NOT_FOUND") || !existsSync(target)) return error;
  const { code, message, details, cause } = error;
  return new LynseError(code, `${message}\n${target} is a directory here; name it as --data ${target}`, details, cause);
}
