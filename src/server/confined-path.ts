/**
 * Where on the server may a copy go, or come from?
 *
 * Into the one directory that the server was started with, whatever a request says: relative paths lead from there,
 * absolute ones must lie within, and no symbolic link leads out.
 */
import { realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { LynseError } from "../errors.js";

/** Longest path: what the systems allow. */
const lengthMax = 4096;

/** The path that a request means; `INVALID_ARGUMENT` where it may not be reached. */
export async function confinedPath(directory: string | null, requested: string): Promise<string> {
  if (directory === null) {
    throw new LynseError(
      "INVALID_ARGUMENT",
      "this server has no directory for snapshots and exports; start it with --snapshot-dir DIR",
      { option: "snapshot_dir" },
    );
  }
  const home = await existing(resolve(directory));
  if (requested.trim() === "" || requested.includes("\0") || requested.length > lengthMax) throw outside(requested);
  const wanted = await existing(resolve(home, requested));
  const inner = relative(home, wanted);
  if (inner === "" || inner === ".." || inner.startsWith(`..${sep}`) || isAbsolute(inner)) throw outside(requested);
  return wanted;
}

/** A path with the links of those of its folders resolved that are there. */
async function existing(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : resolve(await existing(parent), basename(path));
  }
}

function outside(requested: string): LynseError {
  const shown = requested.slice(0, 200);
  return new LynseError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(shown)} does not lie in the server's directory for snapshots and exports; give a path in it, such as "backups/app"`,
    { path: shown },
  );
}
