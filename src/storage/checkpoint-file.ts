/**
 * What does a checkpoint keep, and which one counts?
 *
 * Derived state that belongs to a log position, as a section file; older ones go once a newer one is durable. Whatever is
 * wrong with one, the answer is "there is none": everything in it can be rebuilt from the log. The position is in the header,
 * but for the slot counts of named vector fields, which are the first section where there are any.
 */
import { isLynseError } from "../errors.js";
import { corruptFile } from "./corrupt-file.js";
import type { FileHeader } from "./file-header.js";
import type { GenerationFiles } from "./generation-files.js";
import type { LogPosition } from "./log-position.js";
import { type FileSection, readSectionFile, readSectionFileStart, writeSectionFile } from "./section-file.js";

const namePattern = /^derived-(\d+)\.lynse$/;

/** Section of the slot counts, u32 each. */
const slotsSection = "store.slots";

export type CheckpointSection = FileSection;

export interface Checkpoint {
  readonly position: LogPosition;
  readonly sections: Map<string, Uint8Array>;
  /** Size of the file. */
  readonly fileBytes: number;
}

/** Writes a checkpoint and removes older ones; resolves to the size of its file. */
export async function writeCheckpointFile(
  files: GenerationFiles,
  position: LogPosition,
  sections: readonly CheckpointSection[],
): Promise<number> {
  const { fs, folder, generation, salt } = files;
  const { rowCount, batch, bytes: logBytes, slotCounts } = position;
  const header = { kind: "LYNSEDER", generation, salt, rowCount, logBytes, batch } as const;
  const slots = { name: slotsSection, bytes: new Uint8Array(Uint32Array.from(slotCounts).buffer) };
  const all = slotCounts.length === 0 ? sections : [slots, ...sections];
  const fileBytes = await writeSectionFile(fs, `${folder}/${checkpointName(position)}`, header, all);
  await removeOtherCheckpoints(files, position);
  return fileBytes;
}

/** The newest checkpoint that can be read; null when there is none. */
export function readCheckpointFile(files: GenerationFiles): Promise<Checkpoint | null> {
  return firstReadable(files, async (path) => {
    const check = (header: FileHeader): void => checkOwner(files, path, header);
    const { header, sections, fileBytes } = await readSectionFile(files.fs, path, "LYNSEDER", check);
    const slots = sections.get(slotsSection);
    sections.delete(slotsSection);
    return { position: positionOf(header, slots), sections, fileBytes };
  });
}

/**
 * The position of the newest checkpoint whose header is intact, whatever its sections are like; null when there is
 * none. The log was durable up to it. No slot counts are told where their section is not intact.
 */
export function readCheckpointPosition(files: GenerationFiles): Promise<LogPosition | null> {
  return firstReadable(files, async (path) => {
    const { header, first } = await readSectionFileStart(files.fs, path, "LYNSEDER", slotsSection);
    checkOwner(files, path, header);
    return positionOf(header, first);
  });
}

function checkOwner(files: GenerationFiles, path: string, header: FileHeader): void {
  if (header.generation === files.generation && header.salt === files.salt) return;
  throw corruptFile(path, 0, "the file belongs to another collection or generation");
}

function positionOf(
  { generation, logBytes, rowCount, batch }: FileHeader,
  slots: Uint8Array | null | undefined,
): LogPosition {
  const slotCounts = slots ? [...new Uint32Array(slots.slice().buffer, 0, slots.length >>> 2)] : [];
  return { generation, bytes: logBytes, rowCount, batch, slotCounts };
}

/** What `read` gives for the newest checkpoint for which it does not fail. */
async function firstReadable<T>(files: GenerationFiles, read: (path: string) => Promise<T>): Promise<T | null> {
  const entries = await files.fs.list(files.folder);
  const names = entries.map((entry) => entry.name).filter((name) => namePattern.test(name));
  // Names are padded to one length: the greatest name is the newest.
  for (const name of names.sort().reverse()) {
    try {
      return await read(`${files.folder}/${name}`);
    } catch (error) {
      if (!isLynseError(error)) throw error;
    }
  }
  return null;
}

function checkpointName(position: LogPosition): string {
  return `derived-${String(position.bytes).padStart(16, "0")}.lynse`;
}

async function removeOtherCheckpoints(files: GenerationFiles, position: LogPosition): Promise<void> {
  const keep = checkpointName(position);
  for (const { name } of await files.fs.list(files.folder)) {
    if (name === keep || !name.startsWith("derived-")) continue;
    await files.fs.remove(`${files.folder}/${name}`);
  }
}
