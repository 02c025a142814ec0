/**
 * How do the rows' texts get into the text index, and stay there?
 *
 * The index is made when it is first needed, catches up with the log in time slices, and goes into checkpoints. Derived from
 * committed rows alone: one that is missing, unsound or made with other options is made anew.
 */
import { LynseError } from "../errors.js";
import { throwIfAborted } from "../query/exact-search.js";
import type { CheckpointSection } from "../storage/checkpoint-file.js";
import type { RowsPart } from "../storage/transaction.js";
import { analyserKey } from "../text/analysis/analyser-options.js";
import { createAnalyser } from "../text/analysis/create-analyser.js";
import type { TextAnalyser } from "../text/analysis/text-analyser.js";
import { TextIndex } from "../text/index/text-index.js";
import { TimeSlice } from "../time-slice.js";
import { type TextSettings, textSettings } from "./text-settings.js";

/** The committed rows that the index is made of. */
export interface TextRows {
  readonly rowCount: number;
  readonly settings: Parameters<typeof textSettings>[0];
  /**
   * Tells the metadata of the rows [from, to), in order, as UTF-8 JSON texts back to back with the end of each: some rows at
   * a time, and gives way in between.
   */
  readFieldBytes(from: number, to: number, visit: (bytes: Uint8Array, ends: Uint32Array) => void): Promise<void>;
}

/** An index that is current, and what it was made with. */
export interface ReadyText {
  readonly index: TextIndex;
  readonly analyser: TextAnalyser;
  readonly settings: TextSettings;
}

const headSection = "head";
/** Rows taken in between two looks at the clock. */
const aheadRows = 512;

/** What the sections of a checkpoint are of. */
interface TextHead {
  /** What the index depends on. */
  readonly key: string;
  readonly rowCount: number;
}

export class RowText {
  readonly #rows: TextRows;
  /** What the checkpoint holds, until it is needed. */
  #stored: ReadonlyMap<string, Uint8Array> | null;
  #ready: ReadyText | null = null;
  /** The pass that takes rows in. */
  #pass: Promise<void> | null = null;
  #isReleased = false;
  /** Rows that the index covered when it was last kept; -1 where it never was. */
  #savedRows = -1;

  constructor(rows: TextRows, stored: ReadonlyMap<string, Uint8Array> | null) {
    this.#rows = rows;
    this.#stored = stored;
  }

  /** Rows that the index covers, in memory or in the checkpoint; null where there is none. */
  get coveredRows(): number | null {
    if (this.#ready !== null) return this.#ready.index.rowCount;
    return this.#stored === null ? null : (headOf(this.#stored)?.rowCount ?? null);
  }

  /** True where a checkpoint would keep more than the last one has. */
  get isUnsaved(): boolean {
    return this.#ready !== null && this.#ready.index.rowCount !== this.#savedRows;
  }

  get memoryBytes(): number {
    return this.#ready?.index.memoryBytes ?? 0;
  }

  /** The index, with all rows below `rowCount`. */
  async ready(rowCount: number, signal: AbortSignal | undefined): Promise<ReadyText> {
    for (;;) {
      throwIfAborted(signal);
      const ready = this.readyNow(rowCount);
      if (ready !== null) return ready;
      this.#pass ??= this.#takeIn().finally(() => {
        this.#pass = null;
      });
      await untilAborted(this.#pass, signal);
    }
  }

  /** The same where it is there already; null otherwise. */
  readyNow(rowCount: number): ReadyText | null {
    const ready = this.#ready;
    if (ready === null || ready.index.rowCount < rowCount) return null;
    return ready.settings === textSettings(this.#rows.settings) ? ready : null;
  }

  /** Lets an index that is in use, or is wanted by the configuration, catch up in the background. */
  keepSoon(): void {
    const isWanted = this.#ready !== null || this.#stored !== null || this.#rows.settings !== undefined;
    if (!isWanted || this.#pass !== null || this.#isReleased || this.readyNow(this.#rows.rowCount) !== null) return;
    this.#pass = this.#takeIn().finally(() => {
      this.#pass = null;
    });
    // Whoever asks for the index meets the error.
    this.#pass.catch(() => {});
  }

  /**
   * Takes in rows that are being written, where the index has all rows before them: while the disk is waited for. They count
   * when they are committed; `forgetFrom` follows where they are not.
   */
  async takeAhead(firstRow: number, parts: readonly RowsPart[]): Promise<void> {
    const ready = this.#ready;
    if (ready === null || this.#pass !== null || ready.index.rowCount !== firstRow) return;
    if (ready.settings !== textSettings(this.#rows.settings)) return;
    this.#pass = this.#takeParts(ready.index, parts).finally(() => {
      this.#pass = null;
    });
    await this.#pass;
  }

  async #takeParts(index: TextIndex, parts: readonly RowsPart[]): Promise<void> {
    const slice = new TimeSlice();
    for (const { fieldBytes, fieldEnds, rowCount } of parts) {
      for (let from = 0; from < rowCount; from += aheadRows) {
        if (this.#isReleased) return;
        index.append(fieldBytes, fieldEnds, from, Math.min(rowCount, from + aheadRows));
        if (slice.isDue()) await slice.giveWay();
      }
    }
  }

  /** Gives up an index that holds rows from `firstRow` on, which were not committed: it is made anew from the log. */
  forgetFrom(firstRow: number): void {
    if (this.#ready === null || this.#ready.index.rowCount <= firstRow) return;
    this.#ready.index.release();
    this.#ready = null;
  }

  async #takeIn(): Promise<void> {
    const settings = textSettings(this.#rows.settings);
    if (this.#ready === null || this.#ready.settings !== settings) await this.#begin(settings);
    for (;;) {
      const index = this.#ready?.index;
      if (index === undefined || index.rowCount >= this.#rows.rowCount) return;
      await this.#rows.readFieldBytes(index.rowCount, this.#rows.rowCount, (bytes, ends) => {
        this.#checkOpen();
        index.append(bytes, ends, 0, ends.length);
      });
    }
  }

  async #begin(settings: TextSettings): Promise<void> {
    const analyser = await createAnalyser(settings.analyser);
    this.#checkOpen();
    const options = { analyser, fields: settings.fields };
    const stored = this.#stored;
    const isSame = stored !== null && headOf(stored)?.key === keyOf(settings);
    let restored = isSame ? await TextIndex.restore(options, inner(stored)) : null;
    // Rows that the log does not have: these are not its sections.
    if (restored !== null && restored.rowCount > this.#rows.rowCount) {
      restored.release();
      restored = null;
    }
    if (this.#isReleased) restored?.release();
    this.#checkOpen();
    this.#stored = null;
    this.#ready?.index.release();
    this.#ready = { index: restored ?? new TextIndex(options), analyser, settings };
    this.#savedRows = restored?.rowCount ?? -1;
  }

  #checkOpen(): void {
    if (this.#isReleased) throw new LynseError("CLOSED", "the collection was closed");
  }

  /** Sections of a checkpoint; nothing where the index was never used. */
  serialize(): CheckpointSection[] {
    if (this.#ready === null) return [...(this.#stored ?? [])].map(([name, bytes]) => ({ name, bytes }));
    const { index, settings } = this.#ready;
    const head: TextHead = { key: keyOf(settings), rowCount: index.rowCount };
    this.#savedRows = index.rowCount;
    const sections = index.serialize().map(({ name, bytes }) => ({ name: `index.${name}`, bytes }));
    return [{ name: headSection, bytes: new TextEncoder().encode(JSON.stringify(head)) }, ...sections];
  }

  /** Nothing is taken in any more. */
  release(): void {
    this.#isReleased = true;
    this.#ready?.index.release();
    this.#ready = null;
    this.#stored = null;
  }
}

/** The head of stored sections; null where it cannot be read. */
function headOf(sections: ReadonlyMap<string, Uint8Array>): TextHead | null {
  try {
    const head: unknown = JSON.parse(new TextDecoder().decode(sections.get(headSection)));
    const { key, rowCount } = head as Partial<Record<keyof TextHead, unknown>>;
    return typeof key === "string" && typeof rowCount === "number" ? { key, rowCount } : null;
  } catch {
    return null;
  }
}

/** The index's own sections. */
function inner(sections: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  const own = new Map<string, Uint8Array>();
  for (const [name, bytes] of sections) if (name.startsWith("index.")) own.set(name.slice("index.".length), bytes);
  return own;
}

/** What an index depends on. */
function keyOf({ analyser, fields }: TextSettings): string {
  return JSON.stringify([analyserKey(analyser), fields]);
}

/** Waits for a promise, or for the signal. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  let abort = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    abort = resolve;
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
