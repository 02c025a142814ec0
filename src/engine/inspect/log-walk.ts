/**
 * What is committed in a log that may be damaged?
 *
 * Walks through it, takes what is intact into a ledger, and tells damage from a torn end by the rule of the replay: what
 * nothing vouches for and is not whole was never committed. Where a torn end is found the walk is done once more, up to it,
 * so that the ledger holds nothing that is not committed.
 */
import type { FileHandle } from "../../storage/file-system.js";
import { type LogGap, LogSurvey, type SurveyedFrame } from "../../storage/inspect/log-survey.js";
import type { StoredFiles } from "../../storage/inspect/stored-files.js";
import { LogLedger } from "./log-ledger.js";

export interface WalkOptions {
  /** The log was durable up to here once. */
  readonly vouchedBytes: number;
  /** The walk ends here: the end of the file, or of what belongs to a snapshot. */
  readonly endBytes: number;
  /** Rows that a second source knows of; bounds what a damaged log can make this believe. */
  readonly rowsKnown: number;
  readonly readsTexts: boolean;
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** Where the walk begins; what is before, `fill` puts into the ledger. Default: the start. */
  readonly from?: {
    readonly bytes: number;
    readonly batch: number;
    readonly fill: (ledger: LogLedger) => void;
  };
}

/** Texts of one frame that are damaged. */
export interface DamagedTexts {
  readonly kind: "metadata" | "sparse";
  readonly offset: number;
  readonly batch: number;
  readonly rows: readonly number[];
}

/** A frame that is intact but contradicts what came before it. */
export interface Contradiction {
  readonly offset: number;
  readonly batch: number;
  readonly problem: string;
}

export interface LogWalk {
  readonly ledger: LogLedger;
  /** End of the committed log. */
  readonly endBytes: number;
  /** Bytes behind it, which a crash or a commit under way explains. */
  readonly tornBytes: number;
  /** Everything before was durable once. */
  readonly vouchedBytes: number;
  readonly gaps: readonly LogGap[];
  readonly damagedTexts: readonly DamagedTexts[];
  readonly contradictions: readonly Contradiction[];
  /** Offsets of frames whose padding is not zero. */
  readonly dirtyPadding: readonly number[];
  /** Offset of a frame of a kind that only newer versions know; null where there is none. */
  readonly tooNewAt: number | null;
  /** Number of the last batch. */
  readonly lastBatch: number;
  /** Where the batches begin that nothing vouches for, by number. */
  readonly unvouched: ReadonlyMap<number, number>;
}

/** Walks through the log of `files`; null: it cannot be read. */
export async function walkLog(files: StoredFiles, log: FileHandle | null, options: WalkOptions): Promise<LogWalk> {
  let endBytes = options.endBytes;
  for (;;) {
    const walk = await new Walker(files, options).run(log, endBytes);
    const tornAt = tornStart(walk);
    if (tornAt === null) return { ...walk, endBytes, tornBytes: options.endBytes - endBytes };
    endBytes = tornAt;
  }
}

type RawWalk = Omit<LogWalk, "endBytes" | "tornBytes"> & {
  /** Where damage begins that a crash may explain: the start of the batch that it hurts. */
  readonly suspects: readonly number[];
};

/** Start of the first batch that is not whole and that nothing vouches for; null where there is none. */
function tornStart({ suspects, vouchedBytes }: RawWalk): number | null {
  const torn = suspects.filter((start) => start >= vouchedBytes);
  return torn.length === 0 ? null : Math.min(...torn);
}

class Walker {
  readonly #files: StoredFiles;
  readonly #options: WalkOptions;
  readonly #ledger: LogLedger;
  readonly #gaps: LogGap[] = [];
  readonly #damagedTexts: DamagedTexts[] = [];
  readonly #contradictions: Contradiction[] = [];
  readonly #dirtyPadding: number[] = [];
  readonly #suspects: number[] = [];
  #unvouched = new Map<number, number>();
  /** Start of the batch that is under way; null between two. */
  #batchStart: number | null = null;
  #lastBatch = 0;

  constructor(files: StoredFiles, options: WalkOptions) {
    const { vectors, fields } = files;
    this.#files = files;
    this.#options = options;
    const fileRows = vectors === null ? 0 : Math.floor(vectors.bytes / vectors.stride);
    this.#ledger = new LogLedger({
      dim: vectors?.dim ?? null,
      rowsMax: Math.max(fileRows, options.rowsKnown),
      fields: fields.map(({ dim, stride, bytes }) => ({ dim, slotsMax: Math.floor(bytes / stride) })),
    });
  }

  async run(log: FileHandle | null, bytes: number): Promise<RawWalk> {
    const { fs, saltBytes } = this.#files;
    const { readsTexts, onBytes, signal, from } = this.#options;
    from?.fill(this.#ledger);
    this.#lastBatch = from?.batch ?? 0;
    const survey =
      log === null
        ? null
        : new LogSurvey(
            { fs, handle: log, saltBytes, bytes },
            { readsTexts, signal, from, ...(onBytes === undefined ? {} : { onBytes }) },
          );
    let vouchedBytes = this.#options.vouchedBytes;
    let tooNewAt: number | null = null;
    for await (const event of survey?.events() ?? []) {
      vouchedBytes = Math.max(vouchedBytes, survey!.vouchedBytes);
      if (event.kind === "unknown") tooNewAt = event.offset;
      else if (event.kind === "gap") this.#takeGap(event);
      else this.#takeFrame(event, vouchedBytes);
    }
    if (this.#batchStart !== null && tooNewAt === null) this.#suspects.push(this.#batchStart);
    return {
      ledger: this.#ledger,
      vouchedBytes,
      gaps: this.#gaps,
      damagedTexts: this.#damagedTexts,
      contradictions: this.#contradictions,
      dirtyPadding: this.#dirtyPadding,
      tooNewAt,
      lastBatch: this.#lastBatch,
      unvouched: this.#unvouched,
      suspects: this.#suspects,
    };
  }

  #takeGap(gap: LogGap): void {
    this.#gaps.push(gap);
    this.#suspects.push(this.#batchStart ?? gap.offset);
    this.#ledger.noteGap(gap.end - gap.offset);
    const { header } = gap;
    this.#lastBatch = Math.max(this.#lastBatch, gap.lastBatch);
    // A frame whose header is intact says whether its batch goes on; of other gaps the next frame tells.
    if (header !== null) this.#batchStart = header.isLast ? null : (this.#batchStart ?? gap.offset);
    else if (gap.end > gap.offset) this.#batchStart = null;
  }

  #takeFrame(frame: SurveyedFrame, vouchedBytes: number): void {
    const { header, offset, content } = frame;
    const { batch } = header;
    this.#batchStart ??= offset;
    if (!this.#unvouched.has(batch)) this.#unvouched.set(batch, this.#batchStart);
    if (frame.hasDirtyPadding) this.#dirtyPadding.push(offset);
    const problem = this.#ledger.take(frame);
    if (problem !== null) this.#contradictions.push({ offset, batch, problem });
    if (frame.damagedTexts.length > 0) {
      this.#suspects.push(this.#batchStart);
      const isRows = content.kind === "rows";
      const rowOf = (at: number): number =>
        content.kind === "rows" ? content.rows.firstRow + at : content.kind === "sparse" ? content.part.rows[at]! : 0;
      const rows = frame.damagedTexts.map(rowOf);
      this.#damagedTexts.push({ kind: isRows ? "metadata" : "sparse", offset, batch, rows });
    }
    this.#lastBatch = batch;
    if (!header.isLast) return;
    this.#batchStart = null;
    this.#forgetVouched(vouchedBytes);
  }

  /** Only batches behind what is vouched for may be torn. */
  #forgetVouched(vouchedBytes: number): void {
    for (const [batch, start] of this.#unvouched) {
      if (start >= vouchedBytes) return;
      this.#unvouched.delete(batch);
    }
  }
}
