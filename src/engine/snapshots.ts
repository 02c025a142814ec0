/**
 * How are snapshots taken and put back?
 *
 * Taking one stops writers for as long as it takes to give files second names; everything else happens beside them. A
 * snapshot is made under a name of its own, and takes its place when it is whole and durable. Putting one back copies and
 * verifies all of it before anything that is there is touched; then it takes its place in one atomic step.
 */
import { LynseError } from "../errors.js";
import { throwIfAborted } from "../query/exact-search.js";
import { closeCaptured, settleCaptured } from "../storage/capture-generation.js";
import { type CapturedCollection, CollectionStore } from "../storage/collection-store.js";
import { writeDatabaseFile } from "../storage/database-file.js";
import { newSalt } from "../storage/file-header.js";
import type { FileSystem } from "../storage/file-system.js";
import { writeManifest } from "../storage/manifest.js";
import { checkName } from "../storage/names.js";
import { parentFolder } from "../storage/replace-file.js";
import {
  type CollectionSnapshot,
  type DatabaseSnapshot,
  readSnapshotFile,
  writeSnapshotFile,
} from "../storage/snapshot-file.js";
import { type StagedCollection, stageSnapshot } from "../storage/stage-snapshot.js";
import { writeBeside } from "../storage/write-beside.js";
import type { CollectionEngine } from "./collection-engine.js";
import { dropDamagedIndexes } from "./drop-damaged-indexes.js";
import { Generation } from "./generation.js";

/** What was copied. */
export interface CopiedRows {
  /** Live rows. */
  readonly rows: number;
  readonly bytes: number;
}

export interface SnapshotOptions {
  /** Copy bytes, though second names for the files would do. */
  readonly copy: boolean;
  readonly signal: AbortSignal | undefined;
}

/** What snapshots need of the root. */
export interface SnapshotRoot {
  /** The files of the root, and those that snapshots are written to. */
  readonly fs: FileSystem;
  readonly outside: FileSystem;
  /** False where another process may write to the files: they can't be shared then. */
  readonly isWriter: boolean;
  /** The engine of a collection; null while it is not open. */
  openEngine(database: string, name: string): Promise<CollectionEngine | null>;
  /** Told when collections that `openEngine` was asked for were captured: they may be closed, or opened, again. */
  captured(): void;
  collectionFolder(database: string, name: string): string;
  collectionNames(database: string): Promise<readonly string[]>;
}

/** Beginning of the names of folders that are not finished: no database or collection can be called so. */
export const stagedBeginning = "~";

/** A fresh name for a folder that is not finished. */
export function stagedName(): string {
  return `${stagedBeginning}${newSalt()}`;
}

/** One collection to be captured: open in this process, or at rest. */
type Subject = CollectionEngine | CollectionStore;

interface Captured extends CapturedCollection {
  readonly name: string;
  readonly rows: number;
  readonly folder: string;
}

/** Takes a snapshot of a collection. */
export async function snapshotCollection(
  root: SnapshotRoot,
  database: string,
  name: string,
  path: string,
  options: SnapshotOptions,
): Promise<CopiedRows> {
  return writeBeside(root.outside, path.replace(/(?<=.)\/+$/, ""), async (folder) => {
    const [captured] = await capture(root, database, [{ name, folder }], options);
    return settle(root.outside, captured!, options.signal);
  });
}

/** Takes a snapshot of all collections of a database as they are at one moment. */
export async function snapshotDatabase(
  root: SnapshotRoot,
  database: string,
  path: string,
  options: SnapshotOptions,
): Promise<CopiedRows> {
  return writeBeside(root.outside, path.replace(/(?<=.)\/+$/, ""), async (folder) => {
    const names = await root.collectionNames(database);
    const targets = names.map((name) => ({ name, folder: snapshotOf(folder, name) }));
    const all = await capture(root, database, targets, options);
    let rows = 0;
    let bytes = 0;
    try {
      for (const captured of all) {
        const copied = await settle(root.outside, captured, options.signal);
        rows += copied.rows;
        bytes += copied.bytes;
      }
    } finally {
      for (const { files } of all) await closeCaptured(files);
    }
    if (names.length > 0) await root.outside.syncFolder(parentFolder(snapshotOf(folder, names[0]!)));
    const collections = [...names];
    const takenAt = new Date().toISOString();
    await writeSnapshotFile(root.outside, folder, { kind: "database", name: database, takenAt, collections });
    return { rows, bytes };
  });
}

/** Where the snapshot of a database keeps that of a collection. */
export function snapshotOf(folder: string, collection: string): string {
  return `${folder}/collections/${collection}`;
}

/** Captures collections at one moment: nothing is written to any of them meanwhile. */
async function capture(
  root: SnapshotRoot,
  database: string,
  targets: readonly { readonly name: string; readonly folder: string }[],
  options: SnapshotOptions,
): Promise<Captured[]> {
  const subjects: Subject[] = [];
  const captured: Captured[] = [];
  try {
    for (const { name } of targets) {
      const engine = await root.openEngine(database, name);
      subjects.push(engine ?? (await restingStore(root, database, name)));
      // A reader beside the writer takes what is committed by now.
      await engine?.refresh();
      if (engine !== null && root.isWriter) await engine.pending.flushBuffered();
    }
    const captureAll = async (): Promise<void> => {
      for (const [at, subject] of subjects.entries()) {
        const { name, folder } = targets[at]!;
        const target = { fs: root.outside, folder, mayLink: root.isWriter && !options.copy };
        await root.outside.makeFolder(folder);
        captured.push({ ...(await captureSubject(subject, target)), name, folder });
      }
    };
    await withoutWrites(subjects, captureAll);
    // Counted afterwards: nobody waits for it.
    for (const [at, subject] of subjects.entries()) {
      if (!(subject instanceof CollectionStore)) continue;
      const { name } = targets[at]!;
      const counted = await CollectionStore.open(root.fs, root.collectionFolder(database, name), { isReadOnly: true });
      captured[at] = { ...captured[at]!, rows: await Generation.countRows(counted) };
    }
    return captured;
  } catch (error) {
    for (const { files } of captured) await closeCaptured(files);
    throw error;
  } finally {
    for (const subject of subjects) if (subject instanceof CollectionStore) await subject.close();
    root.captured();
  }
}

/** The files of a collection that nobody has open, read to their committed end. */
async function restingStore(root: SnapshotRoot, database: string, name: string): Promise<CollectionStore> {
  const store = await CollectionStore.open(root.fs, root.collectionFolder(database, name), { isReadOnly: true });
  try {
    await store.replayToEnd();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function captureSubject(
  subject: Subject,
  target: Parameters<CollectionStore["capture"]>[0],
): Promise<CapturedCollection & { readonly rows: number }> {
  if (subject instanceof CollectionStore) return { ...(await subject.capture(target)), rows: 0 };
  return subject.capture(target);
}

/** Runs a task while nothing is written to any of the open collections. */
function withoutWrites(subjects: readonly Subject[], task: () => Promise<void>): Promise<void> {
  const [first, ...rest] = subjects;
  if (first === undefined) return task();
  if (first instanceof CollectionStore) return withoutWrites(rest, task);
  return first.exclusive(() => withoutWrites(rest, task));
}

/** Makes captured files durable, and the folder a snapshot of them. */
async function settle(
  fs: FileSystem,
  { name, rows, folder, manifest, position, files }: Captured,
  signal: AbortSignal | undefined,
): Promise<CopiedRows> {
  try {
    await settleCaptured(files, { fs, folder, mayLink: false }, () => throwIfAborted(signal));
  } finally {
    await closeCaptured(files);
  }
  for (const each of new Set(files.map(({ path }) => parentFolder(`${folder}/${path}`)))) await fs.syncFolder(each);
  await writeManifest(fs, folder, manifest);
  const list = files.map(({ path, bytes }) => ({ path, bytes }));
  const takenAt = new Date().toISOString();
  await writeSnapshotFile(fs, folder, { kind: "collection", name, takenAt, rows, position, files: list });
  return { rows, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** The snapshot of a collection at `path`; `INVALID_ARGUMENT` where there is none. */
async function collectionSnapshotAt(fs: FileSystem, path: string): Promise<CollectionSnapshot> {
  const snapshot = await readSnapshotFile(fs, path);
  if (snapshot?.kind === "collection") return snapshot;
  throw noSnapshot(path, "a collection", snapshot);
}

/** The snapshot of a database at `path`; `INVALID_ARGUMENT` where there is none. */
async function databaseSnapshotAt(fs: FileSystem, path: string): Promise<DatabaseSnapshot> {
  const snapshot = await readSnapshotFile(fs, path);
  if (snapshot?.kind === "database") return snapshot;
  throw noSnapshot(path, "a database", snapshot);
}

function noSnapshot(path: string, wanted: string, found: CollectionSnapshot | DatabaseSnapshot | null): LynseError {
  const what = found === null ? "no snapshot" : `the snapshot of a ${found.kind}, ${JSON.stringify(found.name)}`;
  return new LynseError("INVALID_ARGUMENT", `at ${path} is ${what}; the snapshot of ${wanted} was expected`, { path });
}

/** A snapshot, copied into a folder and verified. */
export interface StagedSnapshot extends CopiedRows {
  readonly staged: StagedCollection;
}

/** Copies the snapshot of a collection into the folder `folder` of the root, and verifies it. */
export async function stageCollection(
  { fs, outside }: Pick<SnapshotRoot, "fs" | "outside">,
  path: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<StagedSnapshot> {
  const snapshot = await collectionSnapshotAt(outside, path);
  try {
    await fs.makeFolder(folder);
    const place = { fs: outside, folder: path, snapshot };
    const staged = await stageSnapshot(place, fs, folder, () => throwIfAborted(signal));
    await dropDamagedIndexes(fs, staged, signal);
    return { staged, rows: snapshot.rows, bytes: snapshot.files.reduce((sum, { bytes }) => sum + bytes, 0) };
  } catch (error) {
    await fs.removeFolder(folder).catch(() => {});
    throw error;
  }
}

/** Makes the folder `folder` of the root a database like that in a snapshot, verified; its name is not durable yet. */
export async function stageDatabase(
  root: Pick<SnapshotRoot, "fs" | "outside">,
  path: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<CopiedRows> {
  const { fs, outside } = root;
  const { collections } = await databaseSnapshotAt(outside, path);
  let rows = 0;
  let bytes = 0;
  try {
    await fs.makeFolder(folder);
    for (const name of collections) {
      checkName(name, "collection");
      const copied = await stageCollection(root, snapshotOf(path, name), `${folder}/${name}`, signal);
      await writeManifest(fs, copied.staged.folder, copied.staged.manifest);
      rows += copied.rows;
      bytes += copied.bytes;
    }
    await writeDatabaseFile(fs, folder, "live");
    return { rows, bytes };
  } catch (error) {
    await fs.removeFolder(folder).catch(() => {});
    throw error;
  }
}
