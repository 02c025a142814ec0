/**
 * How do the blobs of an export get into a staged collection?
 *
 * Each into the file that its key gives, a step at a time, checked against the length and checksum of its line. The folder
 * has no name of a collection yet: what fails leaves nothing that counts.
 */
import { checkBlobKey } from "../engine/blob-key.js";
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import { type BlobContent, streamBlobFile } from "../storage/blob-file.js";
import { blobFileName } from "../storage/blob-store.js";
import type { FileSystem } from "../storage/file-system.js";
import { type ExportedBlobs, hexOf } from "./export-manifest.js";
import type { OpenFile } from "./exported-rows.js";
import type { FileSource } from "./file-source.js";
import { LineSource } from "./line-source.js";
import { damagedExport, refusedLine } from "./transfer-error.js";

/** What a line says of a blob. */
interface BlobLine {
  readonly key: string;
  readonly bytes: number;
  readonly crc32: string;
}

/** A key with every character escaped, and the rest of its line, fit. */
const lineBytesMax = 64 * 1024;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes all blobs into the staged collection `folder`, durably. */
export async function importBlobs(
  { count, contentFile, listFile }: ExportedBlobs,
  open: OpenFile,
  fs: FileSystem,
  folder: string,
  check: () => void,
): Promise<void> {
  const content = await open(contentFile);
  try {
    const list = await open(listFile);
    try {
      const target = `${folder}/blobs`;
      await fs.makeFolder(target);
      const lines = new LineSource(list, lineBytesMax);
      let taken = 0;
      for (let line = await nextLine(lines); line !== null; line = await nextLine(lines)) {
        check();
        if (taken === count) throw damagedExport(list.path, `there are more lines than the ${count} of the manifest`);
        await importBlob(lineOf(line, list.path, lines.line), content, fs, target, () => {
          throw refusedLine(list.path, lines.line, twice());
        });
        taken += 1;
      }
      if (taken < count) throw damagedExport(list.path, `there are ${taken} lines, not the ${count} expected`);
      list.finish();
      content.finish();
      await fs.syncFolder(target);
      await fs.syncFolder(folder);
    } finally {
      await list.close();
    }
  } finally {
    await content.close();
  }
}

async function nextLine(lines: LineSource): Promise<Uint8Array | null> {
  for (let line = lines.take(); ; line = lines.take()) {
    if (line !== null) return line;
    if (!(await lines.fill())) return lines.rest();
  }
}

function lineOf(bytes: Uint8Array, path: string, number: number): BlobLine {
  try {
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(bytes));
    } catch {
      throw new LynseError("INVALID_ARGUMENT", "the line is no JSON in UTF-8");
    }
    const { key, bytes: length, crc32 } = (value ?? {}) as Partial<Record<keyof BlobLine, unknown>>;
    const isLength = typeof length === "number" && Number.isSafeInteger(length) && length >= 0;
    if (typeof key !== "string" || !isLength || typeof crc32 !== "string") {
      throw new LynseError("INVALID_ARGUMENT", 'an object as {"key":"a","bytes":3,"crc32":"352441c2"} is wanted');
    }
    checkLimit("blobBytesMax", length, `the length of blob ${JSON.stringify(key.slice(0, 40))} in bytes`);
    return { key: checkBlobKey(key), bytes: length, crc32 };
  } catch (error) {
    throw refusedLine(path, number, error);
  }
}

async function importBlob(
  { key, bytes, crc32 }: BlobLine,
  content: FileSource,
  fs: FileSystem,
  folder: string,
  refuseTwice: () => never,
): Promise<void> {
  // Before a table of its checksums is made.
  if (bytes > content.bytesLeft) {
    throw damagedExport(content.path, `blob ${JSON.stringify(key)} has ${bytes} bytes, ${content.bytesLeft} are left`);
  }
  const path = `${folder}/${await blobFileName(key)}`;
  if (await fs.exists(path)) refuseTwice();
  let crc = 0;
  const fill: BlobContent["fill"] = async (step) => {
    await content.read(step);
    crc = fs.crc32(step, crc);
  };
  const handle = await fs.open(path, "write");
  try {
    await streamBlobFile(fs, handle, key, { bytes, fill });
    if (hexOf(crc) !== crc32) {
      throw damagedExport(content.path, `the bytes of blob ${JSON.stringify(key)} do not match their checksum`);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function twice(): LynseError {
  return new LynseError("INVALID_ARGUMENT", "the key stands twice in the export");
}
