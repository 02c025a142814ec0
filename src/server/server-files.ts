/**
 * Which files does a server read when it starts?
 *
 * That of its keys and those of its certificate. One that cannot be read, or is not what it should be, is refused by name.
 */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { LynseError } from "../errors.js";
import { ApiKeys, keyEntriesOf } from "./api-keys.js";
import type { ServerSettings } from "./server-options.js";

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** The keys of the option and of the file. */
export async function readKeys({ api_key, api_keys_file: path }: ServerSettings): Promise<ApiKeys> {
  const ofFile = path === null ? [] : keyEntriesOf(await readText(path, "api_keys_file"));
  if (path !== null && ofFile.length === 0) {
    throw new LynseError("INVALID_ARGUMENT", `there is no key in ${path} (api_keys_file); write one a line`, { path });
  }
  return new ApiKeys([...api_key, ...ofFile]);
}

/** Null where the server speaks plain HTTP. */
export async function readTls({ tls_cert, tls_key }: ServerSettings): Promise<TlsFiles | null> {
  if (tls_cert === null && tls_key === null) return null;
  if (tls_cert === null || tls_key === null) {
    throw new LynseError("INVALID_ARGUMENT", "tls_cert and tls_key belong together: give both, or neither");
  }
  const files = { cert: await readText(tls_cert, "tls_cert"), key: await readText(tls_key, "tls_key") };
  try {
    createSecureContext(files);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LynseError("INVALID_ARGUMENT", `tls_cert and tls_key are no PEM pair that belongs together (${reason})`);
  }
  return files;
}

async function readText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LynseError("INVALID_ARGUMENT", `cannot read ${path} (${option}): ${reason}`, { option, path });
  }
}
