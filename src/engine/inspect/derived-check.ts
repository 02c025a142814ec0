/**
 * Are the files that can be made anew whole: checkpoints, and the folders of indexes?
 *
 * What is damaged here costs time, never rows: the next open passes it over. A checkpoint is also a receipt of how long the
 * log has been, and a second source of ids.
 */
import { type FileHeader, fileHeaderBytes } from "../../storage/file-header.js";
import type { FindingList } from "../../storage/inspect/finding.js";
import { checkSectionFile } from "../../storage/inspect/section-check.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import { checkBlockFile, isBlockFile } from "./block-file-check.js";

/** Where a checkpoint with an intact header says that the log was durable. */
export interface CheckpointMark {
  readonly path: string;
  readonly bytes: number;
  readonly rowCount: number;
  readonly batch: number;
  /** All of the file is intact, not the header alone. */
  readonly isWhole: boolean;
}

export interface DerivedFiles {
  /** The newest one; null without any. */
  readonly position: CheckpointMark | null;
}

export interface DerivedOptions {
  readonly isQuick: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (bytes: number) => void;
}

const checkpointName = /^derived-\d+\.lynse$/;
const indexFolderName = /^index-.+-\d{6}$/;

const rebuilt =
  "nothing has to be done: the next open passes it over, the one after a write makes it anew; look at the disk";

export async function checkDerivedFiles(
  files: StoredFiles,
  findings: FindingList,
  options: DerivedOptions,
): Promise<DerivedFiles> {
  const { fs, folder } = files;
  let position: CheckpointMark | null = null;
  for (const { name, isFolder } of await fs.list(folder)) {
    const path = `${folder}/${name}`;
    if (!isFolder && checkpointName.test(name)) {
      const mark = await checkDerivedFile(files, path, "LYNSEDER", findings, options);
      if (mark !== null && (position === null || mark.bytes > position.bytes)) position = mark;
    }
    if (isFolder && indexFolderName.test(name)) await checkIndexFolder(files, path, findings, options);
  }
  return { position };
}

async function checkIndexFolder(
  files: StoredFiles,
  path: string,
  findings: FindingList,
  options: DerivedOptions,
): Promise<void> {
  const { fs } = files;
  const names = (await fs.list(path)).map(({ name }) => name);
  if (names.includes("head.lynse")) await checkDerivedFile(files, `${path}/head.lynse`, "LYNSEIDX", findings, options);
  for (const name of names) {
    if (!isBlockFile(name) || options.isQuick) continue;
    for (const { offset, problem, isAtEnd } of await checkBlockFile(fs, `${path}/${name}`, options)) {
      findings.add({
        severity: isAtEnd ? "warning" : "error",
        ...{ code: "index", file: `${path}/${name}`, offset, problem },
        affects: "no rows: an index is made of the vectors",
        advice: 'run "lynse repair", which removes the index; it is built again',
      });
    }
  }
}

/** Checks one section file; a mark where its header can be believed and it is a checkpoint. */
async function checkDerivedFile(
  files: StoredFiles,
  path: string,
  kind: "LYNSEDER" | "LYNSEIDX",
  findings: FindingList,
  options: DerivedOptions,
): Promise<CheckpointMark | null> {
  const code = kind === "LYNSEDER" ? "checkpoint" : "index";
  const { header, problems } = await checkSectionFile(files.fs, path, kind, options);
  for (const { offset, problem, isTooNew, isHarmless } of problems) {
    findings.add({
      severity: isHarmless ? "warning" : "error",
      code: isTooNew ? "format-too-new" : code,
      ...{ file: path, offset, problem },
      affects: kind === "LYNSEDER" ? "no rows: a checkpoint saves time" : "no rows: an index is made of the vectors",
      advice: isTooNew ? "upgrade lynsedb" : rebuilt,
    });
  }
  if (header === null || kind !== "LYNSEDER" || !isOwn(files, path, header, findings)) return null;
  const { logBytes, rowCount, batch } = header;
  if (logBytes < fileHeaderBytes) return null;
  return { path, bytes: logBytes, rowCount, batch, isWhole: problems.every(({ isHarmless }) => isHarmless) };
}

function isOwn({ manifest }: StoredFiles, path: string, header: FileHeader, findings: FindingList): boolean {
  if (header.generation === manifest.generation && header.salt === manifest.salt) return true;
  const problem = "it belongs to another collection or generation";
  findings.add({ severity: "error", code: "checkpoint", file: path, offset: 0, problem, advice: rebuilt });
  return false;
}
