/**
 * What of a damaged collection can be believed?
 *
 * Everything that a checksum vouches for: the newest whole checkpoint and the frames behind it, or all frames where there is
 * none. Frames behind damage count too. It is not a state that the collection ever had where commits were lost in between: what
 * that means for its rows, `LossPlan` decides.
 */
import type { FileHandle } from "../../storage/file-system.js";
import type { FindingList } from "../../storage/inspect/finding.js";
import type { BitPlace } from "../../storage/inspect/flipped-bit.js";
import { LogSurvey, type SurveyedFrame } from "../../storage/inspect/log-survey.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import { LogWindow } from "../../storage/log-window.js";
import { rangeCrc } from "../../storage/range-crc.js";
import { CheckpointSource } from "./checkpoint-source.js";
import { checkDerivedFiles, type DerivedFiles } from "./derived-check.js";
import type { LogLedger } from "./log-ledger.js";
import { type LogWalk, walkLog } from "./log-walk.js";
import { findMend, type Mends } from "./mend-vectors.js";
import { checkVectors, type VectorDamage } from "./vector-check.js";

/** A text in the log, or at hand. */
export type TextPlace =
  | { readonly offset: number; readonly length: number; readonly crc: number }
  | { readonly bytes: Uint8Array };

const windowBytesMax = 64 * 1024;

/** Where the metadata of each row lies: columns, no object a row. */
class PlaceColumns {
  #offsets = new Float64Array(64);
  #lengths = new Uint32Array(64);
  #crcs = new Uint32Array(64);

  set(row: number, offset: number, length: number, crc: number): void {
    if (row >= this.#lengths.length) this.#grow(row + 1);
    this.#offsets[row] = offset;
    this.#lengths[row] = length;
    this.#crcs[row] = crc;
  }

  /** Length 0 for a row of which nothing is known. */
  at(row: number): { readonly offset: number; readonly length: number; readonly crc: number } {
    return { offset: this.#offsets[row] ?? 0, length: this.#lengths[row] ?? 0, crc: this.#crcs[row] ?? 0 };
  }

  #grow(count: number): void {
    const capacity = Math.max(count, this.#lengths.length * 2);
    const offsets = new Float64Array(capacity);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
    const lengths = new Uint32Array(capacity);
    lengths.set(this.#lengths);
    this.#lengths = lengths;
    const crcs = new Uint32Array(capacity);
    crcs.set(this.#crcs);
    this.#crcs = crcs;
  }
}

export class Salvage {
  readonly files: StoredFiles;
  readonly findings: FindingList;
  readonly derived: DerivedFiles;
  readonly walk: LogWalk;
  readonly damage: readonly VectorDamage[];
  /** Bits to be turned back by the number of the field, -1 for the rows' own vectors: what they are in is not in `damage`. */
  readonly mends: ReadonlyMap<number, Mends>;
  readonly #places = new PlaceColumns();
  /** Sparse vectors by row. */
  readonly sparse = new Map<number, TextPlace>();
  #window: LogWindow | null;

  private constructor(
    files: StoredFiles,
    findings: FindingList,
    derived: DerivedFiles,
    walk: LogWalk,
    damage: readonly VectorDamage[],
    mends: ReadonlyMap<number, Mends>,
  ) {
    this.files = files;
    this.findings = findings;
    this.derived = derived;
    this.walk = walk;
    this.damage = damage;
    this.mends = mends;
    this.#window = files.log === null ? null : new LogWindow(files.log, files.logBytes);
  }

  /** Reads everything that `files` hold; `findings` is told what is wrong with derived files. */
  static async read(
    files: StoredFiles,
    findings: FindingList,
    options: { readonly signal: AbortSignal | undefined; readonly onBytes: (bytes: number) => void },
  ): Promise<Salvage> {
    const derived = await checkDerivedFiles(files, findings, { isQuick: false, ...options });
    const { position } = derived;
    const source = position?.isWhole === true ? await CheckpointSource.read(files, position) : null;
    let walk = await walkFrom(files, source, derived, files.logBytes, options);
    const checked = await checkVectors(files, walk, options);
    if (checked.tornAt !== null) walk = await walkFrom(files, source, derived, checked.tornAt, options);
    const { damage, mends } = await mendAll(files, walk, checked.damage);
    const salvage = new Salvage(files, findings, derived, walk, damage, mends);
    await salvage.#takePlaces(source, options.signal);
    return salvage;
  }

  get ledger(): LogLedger {
    return this.walk.ledger;
  }

  /** The row on which lies what belongs to `row`: itself, or a lost one that replaced it; -1 where neither has any. */
  bearerOf(row: number, has: (row: number) => boolean): number {
    let bearer: number | undefined = row;
    // Each heir has a higher number than the row before it, so this ends.
    while (bearer !== undefined) {
      if (has(bearer)) return bearer;
      const heir: number | undefined = this.ledger.lostHeirs.get(bearer);
      bearer = heir !== undefined && heir > bearer ? heir : undefined;
    }
    return -1;
  }

  /** Metadata of a row as it was written; null where it does not match its checksum. Valid until the next call. */
  async metadataOf(row: number): Promise<Uint8Array | null> {
    return this.#textAt(this.#places.at(row));
  }

  /** The same for the sparse vector of a row that has one. */
  async sparseOf(row: number): Promise<Uint8Array | null> {
    const place = this.sparse.get(row)!;
    return "bytes" in place ? place.bytes : this.#textAt(place);
  }

  async #textAt({ offset, length, crc }: { offset: number; length: number; crc: number }): Promise<Uint8Array | null> {
    if (length === 0) return new Uint8Array(0);
    const { log, fs } = this.files;
    if (log === null || this.#window === null) return null;
    const bytes =
      length <= windowBytesMax ? await this.#window.view(offset, length) : await readPart(log, offset, length);
    return bytes !== null && rangeCrc(fs, bytes) === crc ? bytes : null;
  }

  async #takePlaces(source: CheckpointSource | null, signal: AbortSignal | undefined): Promise<void> {
    if (source !== null) {
      for (let row = 0; row < source.rows.rowCount; row++) {
        const { offset, length, crc } = source.rows.fieldAt(row);
        this.#places.set(row, offset, length, crc);
      }
      for (const [row, bytes] of source.sparse) this.sparse.set(row, { bytes });
    }
    const { log, fs, saltBytes } = this.files;
    if (log === null) return;
    const bytes = this.walk.endBytes;
    const survey = new LogSurvey(
      { fs, handle: log, saltBytes, bytes },
      { readsTexts: false, signal, from: source?.mark },
    );
    const refused = new Set(this.walk.contradictions.map(({ offset }) => offset));
    for await (const event of survey.events()) {
      if (event.kind === "frame" && !refused.has(event.offset)) this.#takeFrame(event);
    }
  }

  #takeFrame({ content }: SurveyedFrame): void {
    if (content.kind === "rows") {
      const { firstRow, rowCount, fieldLengths, fieldCrcs } = content.rows;
      let offset = content.rows.fieldOffset;
      for (let at = 0; at < rowCount; at++) {
        this.#places.set(firstRow + at, offset, fieldLengths[at]!, fieldCrcs[at]!);
        offset += fieldLengths[at]!;
      }
    } else if (content.kind === "moved") {
      const { from, to } = content.moved;
      for (let at = 0; at < from.length; at++) this.#moveSparse(from[at]!, to[at]!);
    } else if (content.kind === "sparse") {
      const { rows, lengths, crcs } = content.part;
      let { offset } = content.part;
      for (let at = 0; at < rows.length; at++) {
        const length = lengths[at]!;
        if (length === 0) this.sparse.delete(rows[at]!);
        else this.sparse.set(rows[at]!, { offset, length, crc: crcs[at]! });
        offset += length;
      }
    }
  }

  #moveSparse(from: number, to: number): void {
    const place = this.sparse.get(from);
    if (place === undefined) return;
    this.sparse.delete(from);
    this.sparse.set(to, place);
  }
}

/** Takes out of `damage` what can be mended. */
async function mendAll(
  files: StoredFiles,
  { ledger }: LogWalk,
  all: readonly VectorDamage[],
): Promise<{ readonly damage: VectorDamage[]; readonly mends: Map<number, Map<number, BitPlace>> }> {
  const damage: VectorDamage[] = [];
  const mends = new Map<number, Map<number, BitPlace>>();
  for (const part of all) {
    const ranges = part.field === -1 ? ledger.primary : ledger.fields[part.field]!.vectors;
    const mend = await findMend(files, ranges, part);
    if (mend === null) {
      damage.push(part);
      continue;
    }
    const own = mends.get(part.field) ?? new Map<number, BitPlace>();
    mends.set(part.field, own.set(mend.vector, mend.place));
  }
  return { damage, mends };
}

async function walkFrom(
  files: StoredFiles,
  source: CheckpointSource | null,
  { position }: DerivedFiles,
  endBytes: number,
  options: { readonly signal: AbortSignal | undefined; readonly onBytes: (bytes: number) => void },
): Promise<LogWalk> {
  const from =
    source === null
      ? {}
      : { from: { bytes: source.mark.bytes, batch: source.mark.batch, fill: (to: LogLedger) => source.fill(to) } };
  const rowsKnown = position?.rowCount ?? 0;
  const vouchedBytes = position?.bytes ?? 0;
  return walkLog(files, files.log, { vouchedBytes, endBytes, rowsKnown, readsTexts: true, ...from, ...options });
}

async function readPart(log: FileHandle, offset: number, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  return (await log.read(bytes, offset)) === length ? bytes : null;
}
