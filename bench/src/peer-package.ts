/**
 * How is a peer's package loaded?
 *
 * By name at run time, typed by the slice of its interface that an adapter declares: the benchmark compiles and runs
 * when a package is missing, and the report says which and why.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** The ES module of a package. */
export async function importPeer<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** The CommonJS module of a package. */
export function requirePeer<T>(name: string): T {
  return createRequire(import.meta.url)(name) as T;
}

/** The installed version of a package. */
export function peerVersion(name: string): string {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}
