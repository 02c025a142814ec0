/**
 * Are the blobs of a collection whole?
 */
import { isLynseError } from "../../errors.js";
import { readBlobContent, readBlobHead } from "../../storage/blob-file.js";
import { BlobStore } from "../../storage/blob-store.js";
import { type FileSystem, isMissingFile } from "../../storage/file-system.js";
import type { FindingList } from "../../storage/inspect/finding.js";
import { blobFolderName, type Manifest } from "../../storage/manifest.js";
import type { DerivedOptions } from "./derived-check.js";

const stepBytes = 4 * 1024 * 1024;

/** Reads every blob; resolves to their number. */
export async function checkBlobs(
  fs: FileSystem,
  folder: string,
  manifest: Manifest,
  findings: FindingList,
  options: DerivedOptions,
): Promise<number> {
  const store = new BlobStore(fs, folder, async () => {}, blobFolderName(manifest));
  const paths = await store.files();
  for (const path of paths) {
    let key: string | null = null;
    try {
      key = await checkBlob(fs, path, options, (found) => {
        key = found;
      });
    } catch (error) {
      // It was removed meanwhile.
      if (isMissingFile(error)) continue;
      if (!isLynseError(error)) throw error;
      const isTooNew = error.code === "FORMAT_TOO_NEW";
      const offset = error.details["offset"];
      findings.add({
        severity: "error",
        code: isTooNew ? "format-too-new" : error.code === "CORRUPT" ? "blob" : "unreadable",
        file: path,
        offset: typeof offset === "number" ? offset : 0,
        problem: isTooNew ? "a newer version of lynsedb wrote it" : "the blob does not match its checksums",
        affects: key === null ? "one blob, whose key cannot be read" : `the blob ${JSON.stringify(key)}`,
        advice: isTooNew ? "upgrade lynsedb" : "write the blob again, or restore it from a backup",
      });
    }
  }
  return paths.length;
}

async function checkBlob(
  fs: FileSystem,
  path: string,
  { isQuick, onBytes, signal }: DerivedOptions,
  onKey: (key: string) => void,
): Promise<string> {
  const handle = await fs.open(path, "read");
  try {
    const head = await readBlobHead(fs, handle, path);
    onKey(head.key);
    onBytes(head.contentStart);
    for (let at = 0; !isQuick && at < head.contentBytes; at += stepBytes) {
      const end = Math.min(head.contentBytes, at + stepBytes);
      await readBlobContent(fs, handle, path, head, at, end);
      onBytes(end - at);
      signal?.throwIfAborted();
    }
    return head.key;
  } finally {
    await handle.close();
  }
}
