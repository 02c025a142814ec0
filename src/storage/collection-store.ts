/**
 * What does a collection's folder offer to the engine?
 *
 * One collection on disk: configuration, a log of committed batches, the vectors, and checkpoints of derived state. It
 * numbers rows in order of insertion and knows nothing of what ids, metadata or vectors mean.
 *
 * Life of a store: `create` or `open`; after `open`, `replay` before anything else is asked for; then any number of
 * appends, one at a time, beside any number of reads; `close`. One writer at a time (see `WriterLock`), any number of
 * read-only stores beside it, in this process or others. After a failed sync the store refuses to append, and reads on.
 */
import { assert, LynseError } from "../errors.js";
import type { Durability } from "../types.js";
import { adoptGeneration } from "./adopt-generation.js";
import { defaultFrameLimits, type FrameLimits } from "./batch-plan.js";
import { BlobStore } from "./blob-store.js";
import { type CapturedFile, type CaptureTarget, captureGeneration } from "./capture-generation.js";
import {
  type Checkpoint,
  type CheckpointSection,
  readCheckpointFile,
  readCheckpointPosition,
  writeCheckpointFile,
} from "./checkpoint-file.js";
import { corruptFile } from "./corrupt-file.js";
import { cutTail } from "./cut-tail.js";
import { newSalt } from "./file-header.js";
import type { FileSystem } from "./file-system.js";
import { GenerationFiles } from "./generation-files.js";
import { GenerationWriter } from "./generation-writer.js";
import { IndexFolders } from "./index-folders.js";
import { removeLeftovers } from "./leftovers.js";
import { LogBlobs } from "./log-blobs.js";
import { frameHeaderBytes } from "./log-frame.js";
import { type LogPosition, startOfLog } from "./log-position.js";
import { LogReplay } from "./log-replay.js";
import { LogWriter } from "./log-writer.js";
import {
  blobFolderName,
  type CollectionConfig,
  continuesFields,
  type Manifest,
  manifestPath,
  readManifest,
  writeManifest,
} from "./manifest.js";
import { parentFolder } from "./replace-file.js";
import type { ReplayVisitor } from "./replay-visitor.js";
import { sealedBytesMax } from "./sealed-json.js";
import { silentVisitor } from "./silent-visitor.js";
import type { StagedCollection } from "./stage-snapshot.js";
import type { AppendResult, Transaction } from "./transaction.js";
import type { VectorFile, VectorTaker } from "./vector-file.js";
import type { VectorRanges } from "./vector-ranges.js";

export type { CollectionConfig, VectorFieldConfig } from "./manifest.js";

export interface StoreOptions {
  /** Where frames are cut; tests set it low. */
  readonly frameLimits?: FrameLimits;
  /** Called before every write; throws when this process may not write any more (see `WriterLock.assertHeld`). */
  readonly assertMayWrite?: () => Promise<void>;
}

export interface OpenOptions extends StoreOptions {
  /** Never writes, and follows a writer in another process. */
  readonly isReadOnly: boolean;
}

export interface ReplayResult {
  /** Rows written up to `position`, dead ones included. */
  readonly rowCount: number;
  readonly position: LogPosition;
  /** Bytes of log and vectors behind the last committed batch, which a crash left and which were cut. */
  readonly droppedBytes: number;
}

export interface DiskUsage {
  readonly logBytes: number;
  readonly vectorBytes: number;
  readonly derivedBytes: number;
}

/** A collection as it was at one moment, in a folder. */
export interface CapturedCollection {
  readonly manifest: Manifest;
  readonly position: LogPosition;
  readonly files: readonly CapturedFile[];
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Texts up to this length are read into memory that is used again. */
const scratchBytes = 64 * 1024;

export class CollectionStore {
  readonly #fs: FileSystem;
  readonly #folder: string;
  readonly #options: OpenOptions;
  readonly #files: GenerationFiles;
  #manifest: Manifest;
  #position: LogPosition;
  #writer: LogWriter | null = null;
  #derivedBytes = 0;
  /** Another generation was, or may have been, swapped in: nothing is written any more. */
  #isRetired = false;
  /** Another generation counts for good: these files can go. */
  #isObsolete = false;
  /** Another collection may have been put into the place of this one. */
  #isReplaced = false;
  #isClosed = false;
  readonly #texts: LogBlobs;
  readonly #scratch = new Uint8Array(scratchBytes);
  readonly #tail = new Uint8Array(frameHeaderBytes);
  /** Indexes of this generation. */
  readonly indexes: IndexFolders;
  /** Blobs of the collection, whatever the generation. */
  readonly blobs: BlobStore;

  private constructor(
    fs: FileSystem,
    folder: string,
    manifest: Manifest,
    files: GenerationFiles,
    options: OpenOptions,
  ) {
    this.#fs = fs;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#files = files;
    this.#options = options;
    this.#texts = new LogBlobs(files);
    this.#position = startOfLog(manifest.generation);
    this.indexes = new IndexFolders(files, () => this.#assertMayWrite());
    // Not this generation's business: a blob that was begun before a compaction is finished after it.
    this.blobs = new BlobStore(fs, folder, () => this.#assertIsWriter(), blobFolderName(manifest));
  }

  /** Creates an empty collection, durably; it can be appended to at once. `COLLECTION_EXISTS` where there is one. */
  static async create(
    fs: FileSystem,
    folder: string,
    config: CollectionConfig,
    options: StoreOptions = {},
  ): Promise<CollectionStore> {
    assertLittleEndian();
    await options.assertMayWrite?.();
    if (await fs.exists(manifestPath(folder))) {
      throw new LynseError("COLLECTION_EXISTS", `${folder} holds a collection already; open it or drop it`, { folder });
    }
    await fs.makeFolder(folder);
    // A manifest that can be seen is the commit, so its folders are durable first. And the manifest of a dropped
    // collection must be gone for good before its files are.
    await fs.syncFolder(parentFolder(parentFolder(folder)));
    await fs.syncFolder(parentFolder(folder));
    await fs.syncFolder(folder);
    await removeLeftovers(fs, folder, null);
    const manifest = { generation: 1, salt: newSalt(), config };
    const files = await GenerationFiles.create(fs, folder, manifest);
    try {
      await writeManifest(fs, folder, manifest);
    } catch (error) {
      await files.close();
      throw error;
    }
    const store = new CollectionStore(fs, folder, manifest, files, { ...options, isReadOnly: false });
    store.#startWriting(store.#position);
    return store;
  }

  /** True when there is a collection in `folder`. */
  static exists(fs: FileSystem, folder: string): Promise<boolean> {
    return fs.exists(manifestPath(folder));
  }

  /** Opens a collection; `COLLECTION_NOT_FOUND`, `CORRUPT` with file and offset, `FORMAT_TOO_NEW`. */
  static async open(fs: FileSystem, folder: string, options: OpenOptions): Promise<CollectionStore> {
    assertLittleEndian();
    for (let attempts = 0; ; attempts++) {
      const manifest = await existingManifest(fs, folder);
      try {
        if (!options.isReadOnly) {
          // The manifest may have been replaced by a process that was killed before it made the name durable.
          await fs.syncFolder(folder);
          await removeLeftovers(fs, folder, manifest);
        }
        const files = await GenerationFiles.open(fs, folder, manifest, options.isReadOnly ? "read" : "write");
        return new CollectionStore(fs, folder, manifest, files, options);
      } catch (error) {
        // A writer may have swapped in a new generation since the manifest was read.
        const now = await readManifest(fs, folder);
        if (!options.isReadOnly || now?.salt === manifest.salt || attempts === 10) throw error;
      }
    }
  }

  /** Removes a collection; resolves also when there is none. It is gone, durably, even if its files are not all yet. */
  static async remove(fs: FileSystem, folder: string): Promise<void> {
    await fs.remove(manifestPath(folder));
    if (await fs.exists(folder)) await fs.syncFolder(folder);
    await fs.removeFolder(folder);
  }

  get isReadOnly(): boolean {
    return this.#options.isReadOnly;
  }

  get config(): CollectionConfig {
    return this.#manifest.config;
  }

  get generation(): number {
    return this.#manifest.generation;
  }

  /** End of the committed log: of the last append, or of the last replay in a read-only store. */
  get position(): LogPosition {
    return this.#position;
  }

  /** Why this store refuses to append; null while it does not. */
  get poison(): LynseError | null {
    return this.#writer?.poison ?? null;
  }

  /**
   * Changes the configuration, durably. `dim` can be fixed once; `dtype` can change until then. Vector fields can be
   * added behind those there are. Must not overlap with appends, nor with the writing of a new generation.
   */
  async updateConfig(patch: Partial<Omit<CollectionConfig, "createdAt">>): Promise<void> {
    await this.#assertMayWrite();
    const before = this.#manifest.config;
    const config = { ...before, ...patch };
    assert(before.dim === null || (config.dim === before.dim && config.dtype === before.dtype), "dim is fixed once");
    const { vectorFields = [] } = config;
    assert(continuesFields(before.vectorFields ?? [], vectorFields), "vector fields stay what and where they are");
    if (before.dim === null && config.dim !== null) await this.#files.createVectors(config.dim, config.dtype);
    await this.#files.createFields(vectorFields);
    const manifest = { ...this.#manifest, config };
    await writeManifest(this.#fs, this.#folder, manifest);
    this.#manifest = manifest;
    this.#files.adoptFields(vectorFields);
  }

  /**
   * Tells `visitor` every committed batch from a position (null: the start) to the end of the log. A writable store
   * cuts a torn end, once, and can append afterwards; a read-only store leaves it, and may replay from its last
   * position again to follow the writer. `CORRUPT` for damage before the end, and for files shorter than `from` says.
   */
  async replay(from: LogPosition | null, visitor: ReplayVisitor): Promise<ReplayResult> {
    assert(this.#writer === null, "a writable store is replayed once");
    const { log, logPath } = this.#files;
    const start = from ?? startOfLog(this.generation);
    assert(start.generation === this.generation, "a position belongs to its generation");
    // A checkpoint that was not asked for still tells how long the log has been. Asked before the log for its size,
    // which may grow meanwhile.
    const known = from ?? (await readCheckpointPosition(this.#files)) ?? start;
    const size = await log.size();
    if (size < known.bytes) throw corruptFile(logPath, size, `the file ends before byte ${known.bytes}`);
    if (this.#options.isReadOnly && !this.#files.hasVectorsOf(known)) await this.hasNewGeneration();
    await this.#files.checkVectorBytes(known);
    const replay = new LogReplay(this.#files, visitor, {
      from: start,
      vouchedBytes: known.bytes,
      takeUpConfig: async () => !this.#options.isReadOnly || !(await this.hasNewGeneration()),
    });
    const position = await replay.run();
    this.#position = position;
    if (this.#options.isReadOnly) return { rowCount: position.rowCount, position, droppedBytes: 0 };
    const droppedBytes = await cutTail(this.#files, position, replay.durable);
    this.#startWriting(position);
    return { rowCount: position.rowCount, position, droppedBytes };
  }

  /** Finds the committed end of the log, in a read-only store, and nothing else. */
  async replayToEnd(): Promise<LogPosition> {
    assert(this.isReadOnly, "a writer takes in what it replays");
    const known = await readCheckpointPosition(this.#files);
    const hasSlots = known === null || (this.config.vectorFields ?? []).length === known.slotCounts.length;
    return (await this.replay(hasSlots ? known : null, silentVisitor)).position;
  }

  /**
   * Reads the vectors of rows `[from, to)` and verifies them; see `VectorTaker`. `ranges` covers the rows; `from` and `to`
   * are ends of ranges. Other work runs in between.
   */
  async loadVectors(from: number, to: number, ranges: VectorRanges, taker: VectorTaker): Promise<void> {
    if (from === to) return;
    const { vectors } = this.#files;
    assert(vectors !== null, "rows have vectors");
    await vectors.load(from, to, ranges, taker);
  }

  /** `loadVectors` for slots `[from, to)` of a named vector field, whose slots `ranges` covers. */
  async loadFieldVectors(
    fieldNumber: number,
    from: number,
    to: number,
    ranges: VectorRanges,
    taker: VectorTaker,
  ): Promise<void> {
    if (from === to) return;
    const file = this.#files.fields[fieldNumber];
    assert(file !== undefined, "a field with slots has a file");
    await file.load(from, to, ranges, taker);
  }

  /** The file of the vectors of rows (null), or of the slots of a named field: for reading single ones. */
  vectorFile(fieldNumber: number | null): VectorFile {
    const file = fieldNumber === null ? this.#files.vectors : this.#files.fields[fieldNumber];
    assert(file !== null && file !== undefined, "vectors that are read have a file");
    return file;
  }

  /**
   * Appends transactions in order, all or none, with one sync of all files at the same time. With durability `"os"`
   * there is no sync. Calls must not overlap. When it fails, nothing of it is visible; whether a failed sync left it
   * durable shows at the next open, whole or not at all.
   */
  async append(transactions: readonly Transaction[], durability: Durability): Promise<AppendResult> {
    const writer = await this.#assertMayWrite();
    const result = await writer.append(transactions, durability);
    this.#position = result.position;
    return result;
  }

  /** Makes everything that was appended with durability `"os"` durable. */
  async sync(): Promise<void> {
    const writer = await this.#assertMayWrite();
    await writer.sync();
  }

  /** JSON text of one row by its place in the log, verified. Synchronous: for few rows. */
  readField(offset: number, length: number, crc: number): string {
    if (length === 0) return "";
    const bytes = length <= scratchBytes ? this.#scratch.subarray(0, length) : new Uint8Array(length);
    this.#texts.readNow(bytes, offset, crc, "metadata");
    return decoder.decode(bytes);
  }

  /** Stored form of one sparse vector by its place in the log, verified; the caller's own. Synchronous: for few rows. */
  readSparse(offset: number, length: number, crc: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (length > 0) this.#texts.readNow(bytes, offset, crc, "a sparse vector");
    return bytes;
  }

  /** JSON texts of consecutive rows, whose texts begin at `offset`, verified, told one by one; reads MiBs at once. */
  async readFieldSpan(
    offset: number,
    lengths: Uint32Array,
    crcs: Uint32Array,
    visit: (index: number, json: string) => void,
  ): Promise<void> {
    await this.#texts.readEach(offset, lengths, crcs, "metadata", (index, bytes) => {
      visit(index, bytes.length === 0 ? "" : decoder.decode(bytes));
    });
  }

  /**
   * `readFieldSpan` without decoding: UTF-8 texts of rows `[firstIndex, endIndex)` back to back, verified. A chunk is valid
   * until the call returns.
   */
  readFieldSpanBytes(
    offset: number,
    lengths: Uint32Array,
    crcs: Uint32Array,
    visit: (chunk: Uint8Array, firstIndex: number, endIndex: number) => void,
  ): Promise<void> {
    return this.#texts.readSpan(offset, lengths, crcs, "metadata", visit);
  }

  /**
   * Stored forms of the sparse vectors of one frame, verified, told one by one; reads MiBs at once. The bytes are valid
   * until the call returns, and begin anywhere in their buffer.
   */
  readSparseSpan(
    offset: number,
    lengths: Uint32Array,
    crcs: Uint32Array,
    visit: (index: number, bytes: Uint8Array) => void,
  ): Promise<void> {
    return this.#texts.readEach(offset, lengths, crcs, "a sparse vector", visit);
  }

  /** Keeps derived state that belongs to `position`, durably, and removes older checkpoints. */
  async writeCheckpoint(position: LogPosition, sections: readonly CheckpointSection[]): Promise<void> {
    const writer = await this.#assertMayWrite();
    assert(position.generation === this.generation, "a checkpoint belongs to its generation");
    await writer.sync();
    this.#derivedBytes = await writeCheckpointFile(this.#files, position, sections);
  }

  /** The newest checkpoint; null when there is none, or none that is intact. */
  async readCheckpoint(): Promise<Pick<Checkpoint, "position" | "sections"> | null> {
    const checkpoint = await readCheckpointFile(this.#files);
    this.#derivedBytes = checkpoint?.fileBytes ?? 0;
    return checkpoint;
  }

  /** What is committed now, kept in a folder; see `captureGeneration`. Must not overlap with a write. */
  async capture(target: CaptureTarget): Promise<CapturedCollection> {
    const manifest = this.#manifest;
    const position = this.#position;
    const blobs = await this.blobs.files();
    return { manifest, position, files: await captureGeneration(this.#files, { position, blobs }, target) };
  }

  /**
   * Puts a staged collection into the place of this one, durably. Must not overlap with a write; this store refuses to
   * write from then on, can be read until it is closed, and removes its files then.
   */
  async giveWayTo(staged: StagedCollection): Promise<void> {
    await this.#assertMayWrite();
    // Where it fails after its atomic step, the next open may find either: nothing is written until then.
    this.#isRetired = true;
    this.#isReplaced = true;
    await adoptGeneration(this.#fs, staged, this.#folder);
    this.#isObsolete = true;
  }

  /** Begins a new generation; see `GenerationWriter`. This store can be read and appended to meanwhile. */
  async beginGeneration(): Promise<GenerationWriter> {
    await this.#assertMayWrite();
    return GenerationWriter.begin(this.#fs, this.#folder, this.#manifest, this.#options, {
      retire: (isDurable) => {
        this.#isRetired = true;
        this.#isObsolete = isDurable;
      },
      succeed: (manifest, files, position) => {
        const store = new CollectionStore(this.#fs, this.#folder, manifest, files, this.#options);
        store.#startWriting(position);
        return store;
      },
    });
  }

  /**
   * True when a writer has swapped in another generation, so that this store must be reopened to follow it. Also takes
   * up a changed configuration. `CLOSED` when the collection was dropped.
   */
  async hasNewGeneration(): Promise<boolean> {
    const manifest = await readManifest(this.#fs, this.#folder);
    if (manifest === null) {
      throw new LynseError("CLOSED", `the collection in ${this.#folder} was dropped`, { folder: this.#folder });
    }
    if (manifest.salt !== this.#manifest.salt) return true;
    try {
      await this.#files.openVectors(manifest.config, this.#options.isReadOnly ? "read" : "write");
    } catch (error) {
      // The files may have gone with their generation since the manifest was read.
      const now = await readManifest(this.#fs, this.#folder);
      if (now !== null && now.salt !== manifest.salt) return true;
      throw error;
    }
    this.#manifest = manifest;
    return false;
  }

  /**
   * What tells whether there may be something new for a reader: the manifest's bytes (null: it is gone), and how the log goes
   * on behind what was replayed, up to a frame header. On the calling thread, for a few microseconds.
   */
  lookForNews(): { readonly manifest: Uint8Array | null; readonly tail: Uint8Array } {
    const manifest = this.#fs.readFileNow(manifestPath(this.#folder), sealedBytesMax);
    const count = this.#files.log.readNow(this.#tail, this.#position.bytes);
    return { manifest, tail: this.#tail.subarray(0, count) };
  }

  /** Committed sizes. */
  diskUsage(): DiskUsage {
    const counts = this.#files.vectorCounts(this.#position);
    return {
      logBytes: this.#position.bytes,
      vectorBytes: counts.reduce((bytes, { file, count }) => bytes + file.bytesOf(count), 0),
      derivedBytes: this.#derivedBytes,
    };
  }

  /** Closes the files; after a newer generation was swapped in, removes this one's. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#files.close();
    if (!this.#isObsolete) return;
    try {
      await this.#fs.removeFolder(this.#files.folder);
    } catch {
      // A reader may hold the files open on Windows: the next writable open removes them.
    }
  }

  #startWriting(position: LogPosition): void {
    this.#position = position;
    this.#writer = new LogWriter(this.#files, position, this.#options.frameLimits ?? defaultFrameLimits);
  }

  async #assertMayWrite(): Promise<LogWriter> {
    await this.#assertIsWriter();
    if (this.#isClosed || this.#isRetired) {
      throw new LynseError("CLOSED", "the collection was closed or compacted; use the current handle", {});
    }
    assert(this.#writer !== null, "a store is replayed before it is written to");
    return this.#writer;
  }

  /** The process may write to the collection, to whichever generation. */
  async #assertIsWriter(): Promise<void> {
    if (this.#options.isReadOnly) {
      throw new LynseError("READ_ONLY", "the database was opened read-only; open it without readOnly to write", {});
    }
    if (this.#isReplaced) {
      throw new LynseError("CLOSED", "the collection was restored meanwhile; write to it as it is now");
    }
    await this.#options.assertMayWrite?.();
  }
}

async function existingManifest(fs: FileSystem, folder: string): Promise<Manifest> {
  const manifest = await readManifest(fs, folder);
  if (manifest !== null) return manifest;
  throw new LynseError("COLLECTION_NOT_FOUND", `there is no collection in ${folder}`, { folder });
}

function assertLittleEndian(): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return;
  throw new LynseError("UNSUPPORTED", "files are little-endian and read in place; this processor is big-endian", {});
}
