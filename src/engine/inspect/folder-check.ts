/**
 * Which files of a collection's folder belong to nothing?
 *
 * What a crash leaves is harmless and goes with the next writable open. What has a name that is not ours is never touched.
 */
import type { FileSystem } from "../../storage/file-system.js";
import type { FindingList } from "../../storage/inspect/finding.js";
import { blobFolderName, isBlobFolder, type Manifest } from "../../storage/manifest.js";
import { isQuarantine } from "./quarantine.js";

const goes = "nothing has to be done: the next writable open removes it";
const ours = /^(log-000001|vectors-[A-Za-z0-9_-]{1,128}|derived-\d+)\.lynse$/;

export async function listUnknownFiles(
  fs: FileSystem,
  folder: string,
  manifest: Manifest,
  findings: FindingList,
): Promise<void> {
  const leftover = (file: string, problem: string): void =>
    findings.add({ severity: "note", code: "leftover", file, problem, advice: goes });
  const unknown = (file: string): void =>
    findings.add({
      ...{ severity: "note", code: "unknown-file", file },
      problem: "it is not a file of lynsedb, and is left alone",
      advice: "remove it where nobody needs it",
    });
  const current = `g${manifest.generation}`;
  const blobs = blobFolderName(manifest);
  for (const { name, isFolder } of await fs.list(folder)) {
    const path = `${folder}/${name}`;
    if (isFolder && (name === current || name === blobs)) continue;
    if (!isFolder && name === "manifest.json") continue;
    if (isFolder && /^g\d+$/.test(name)) leftover(path, "a generation that the manifest does not name");
    else if (isFolder && isBlobFolder(name)) leftover(path, "blobs of a collection that was replaced");
    else if (isFolder && isQuarantine(name)) {
      const problem = "what a repair set aside";
      const advice = "remove the folder when nothing in it is wanted any more";
      findings.add({ severity: "note", code: "leftover", file: path, problem, advice });
    } else if (!isFolder && name.endsWith(".tmp")) leftover(path, "a file that was not finished");
    else unknown(path);
  }
  const fieldFiles = new Set((manifest.config.vectorFields ?? []).map((field) => `vectors-${field.name}.lynse`));
  for (const { name, isFolder } of await fs.list(`${folder}/${current}`)) {
    const path = `${folder}/${current}/${name}`;
    if (isFolder) {
      if (!/^index-.+-\d{6}$/.test(name)) unknown(path);
      else if (!(await fs.exists(`${path}/head.lynse`))) leftover(path, "an index that was not finished");
    } else if (name.endsWith(".tmp")) leftover(path, "a file that was not finished");
    else if (!ours.test(name)) unknown(path);
    else if (name.startsWith("vectors-") && name !== "vectors-default.lynse" && !fieldFiles.has(name)) {
      leftover(path, "vectors of a field that was not created to the end");
    }
  }
}
