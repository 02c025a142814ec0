/**
 * What says that a folder is a snapshot, and of what?
 *
 * `snapshot.json`, sealed, written last: a folder without it is no snapshot. That of a collection names every file with
 * the bytes that belong to the snapshot (a file may go on behind them, where it is shared with the collection), and how
 * far its log goes. What is in the files is vouched for by their own checksums.
 */
import type { JsonValue } from "../types.js";
import { corruptFile } from "./corrupt-file.js";
import type { FileSystem } from "./file-system.js";
import type { LogPosition } from "./log-position.js";
import { replaceFile } from "./replace-file.js";
import { encodeSealedJson, readSealedJson } from "./sealed-json.js";

/** A file of a snapshot. */
export interface SnapshotFile {
  /** Path in the snapshot's folder. */
  readonly path: string;
  /** Its first bytes, so many, belong to the snapshot. */
  readonly bytes: number;
}

/** Snapshot of one collection. */
export interface CollectionSnapshot {
  readonly kind: "collection";
  /** Name of the collection when the snapshot was taken. */
  readonly name: string;
  /** ISO-8601. */
  readonly takenAt: string;
  /** Live rows. */
  readonly rows: number;
  /** Committed end of the log. */
  readonly position: LogPosition;
  readonly files: readonly SnapshotFile[];
}

/** Snapshot of a database: a snapshot of each collection, in folders called like them. */
export interface DatabaseSnapshot {
  readonly kind: "database";
  readonly name: string;
  readonly takenAt: string;
  readonly collections: readonly string[];
}

const format = "lynsedb snapshot";

/** Path of the description of the snapshot in `folder`. */
export function snapshotPath(folder: string): string {
  return `${folder}/snapshot.json`;
}

/** Makes a folder a snapshot, durably. */
export async function writeSnapshotFile(
  fs: FileSystem,
  folder: string,
  snapshot: CollectionSnapshot | DatabaseSnapshot,
): Promise<void> {
  await replaceFile(fs, snapshotPath(folder), encodeSealedJson(fs, format, jsonOf(snapshot)));
}

/** What a folder is a snapshot of; null when it is none. `CORRUPT`, `FORMAT_TOO_NEW`. */
export async function readSnapshotFile(
  fs: FileSystem,
  folder: string,
): Promise<CollectionSnapshot | DatabaseSnapshot | null> {
  const file = snapshotPath(folder);
  const members = await readSealedJson(fs, file, format);
  if (members === null) return null;
  const snapshot = snapshotOf(members);
  if (snapshot === null) throw corruptFile(file, 0, "the description of the snapshot is malformed");
  return snapshot;
}

type JsonMembers = { readonly [key: string]: JsonValue };

function jsonOf(snapshot: CollectionSnapshot | DatabaseSnapshot): JsonMembers {
  if (snapshot.kind === "database") return { ...snapshot };
  const { position, files, ...rest } = snapshot;
  return { ...rest, position: { ...position }, files: files.map((file) => ({ ...file })) };
}

function snapshotOf(members: JsonMembers): CollectionSnapshot | DatabaseSnapshot | null {
  const { kind, name, takenAt, rows, collections } = members;
  if (typeof name !== "string" || typeof takenAt !== "string") return null;
  if (kind === "database") {
    if (!Array.isArray(collections) || !collections.every((each) => typeof each === "string")) return null;
    return { kind, name, takenAt, collections };
  }
  const position = positionOf(members["position"]);
  const files = filesOf(members["files"]);
  if (kind !== "collection" || position === null || files === null || !isCount(rows)) return null;
  return { kind, name, takenAt, rows, position, files };
}

function positionOf(value: JsonValue | undefined): LogPosition | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { generation, bytes, rowCount, batch, slotCounts } = value as JsonMembers;
  if (!isCount(generation) || !isCount(bytes) || !isCount(rowCount) || !isCount(batch)) return null;
  if (!Array.isArray(slotCounts) || !slotCounts.every(isCount)) return null;
  return { generation, bytes, rowCount, batch, slotCounts };
}

function filesOf(value: JsonValue | undefined): SnapshotFile[] | null {
  if (!Array.isArray(value)) return null;
  const files: SnapshotFile[] = [];
  for (const each of value as readonly JsonValue[]) {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return null;
    const { path, bytes } = each as JsonMembers;
    if (typeof path !== "string" || !isInnerPath(path) || !isCount(bytes)) return null;
    files.push({ path, bytes });
  }
  return files;
}

/** A path of names of ours: it leads nowhere but into the folder. */
function isInnerPath(path: string): boolean {
  return path.split("/").every((name) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name));
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
