/**
 * How is a small file of settings kept, so that damage is found and people can read it?
 *
 * Two lines: a JSON object on one, `crc32 xxxxxxxx` of that line's bytes on the other. The two lines and the members
 * `format` and `version` mean the same in every version, so that a newer file is refused by its number.
 */
import { isLynseError, LynseError } from "../errors.js";
import type { JsonValue } from "../types.js";
import { corruptFile, formatTooNew } from "./corrupt-file.js";
import { formatVersion } from "./file-header.js";
import type { FileSystem } from "./file-system.js";

/** Largest such file: a manifest with the longest description is far below it. */
export const sealedBytesMax = 1024 * 1024;

type JsonObject = { readonly [key: string]: JsonValue };

/** Bytes of a file that holds `members`; `LIMIT_EXCEEDED` where it could not be read again. */
export function encodeSealedJson(fs: FileSystem, format: string, members: JsonObject): Uint8Array {
  const line = new TextEncoder().encode(JSON.stringify({ format, version: formatVersion, ...members }));
  const seal = new TextEncoder().encode(`\ncrc32 ${fs.crc32(line).toString(16).padStart(8, "0")}\n`);
  const bytes = new Uint8Array(line.length + seal.length);
  if (bytes.length > sealedBytesMax) {
    throw new LynseError(
      "LIMIT_EXCEEDED",
      `the settings of a ${format} take ${bytes.length} bytes, at most ${sealedBytesMax} can be kept; shorten them`,
      { max: sealedBytesMax, got: bytes.length },
    );
  }
  bytes.set(line, 0);
  bytes.set(seal, line.length);
  return bytes;
}

/** The members of a file made by `encodeSealedJson`; `CORRUPT` or `FORMAT_TOO_NEW` otherwise. */
export function decodeSealedJson(fs: FileSystem, bytes: Uint8Array, format: string, file: string): JsonObject {
  const lineEnd = bytes.indexOf(0x0a);
  if (lineEnd < 0) throw corruptFile(file, bytes.length, "the line with the checksum is missing");
  const line = bytes.subarray(0, lineEnd);
  const seal = new TextDecoder().decode(bytes.subarray(lineEnd));
  if (seal !== `\ncrc32 ${fs.crc32(line).toString(16).padStart(8, "0")}\n`) {
    throw corruptFile(file, 0, "the content does not match its checksum");
  }
  const members = parseObject(new TextDecoder().decode(line));
  if (members === null || members["format"] !== format) throw corruptFile(file, 0, `a ${format} file was expected`);
  const version = members["version"];
  if (typeof version !== "number") throw corruptFile(file, 0, "the format version is missing");
  if (version > formatVersion) throw formatTooNew(file, version, formatVersion);
  return members;
}

/** The members of the file at `file`; null when it is missing. `CORRUPT`, `FORMAT_TOO_NEW`. */
export async function readSealedJson(fs: FileSystem, file: string, format: string): Promise<JsonObject | null> {
  let bytes: Uint8Array | null;
  try {
    bytes = await fs.readFile(file, sealedBytesMax);
  } catch (error) {
    if (!isLynseError(error, "LIMIT_EXCEEDED")) throw error;
    throw corruptFile(file, sealedBytesMax, `at most ${sealedBytesMax} bytes were expected`);
  }
  return bytes === null ? null : decodeSealedJson(fs, bytes, format, file);
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
