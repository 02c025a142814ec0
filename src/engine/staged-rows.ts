/**
 * How do staged rows lie in memory until they are written?
 *
 * In parts, each ready to become a frame: vectors row-major, metadata as UTF-8 texts back to back. A part is large enough to
 * be written well, and small enough that growing it wastes little. Knows nothing of what the rows replace.
 */
import { assert, LynseError } from "../errors.js";
import { checkMetricVector } from "../index/metric/metric-contract.js";
import { encodeFloat16 } from "../kernel/float16.js";
import type { RowsPart } from "../storage/transaction.js";
import type { Dtype, Id, Metric } from "../types.js";
import { copyVector } from "./vector-input.js";

/** Bytes of vectors, and of metadata, from which a part is full. */
const partBytes = 4 * 1024 * 1024;
const partRowsMin = 16;
const fieldBytesInitial = 4096;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Rows that lie together. */
export interface StagedPart {
  readonly ids: Id[];
  vectors: Float32Array;
  fieldBytes: Uint8Array;
  fieldUsed: number;
  readonly fieldEnds: number[];
}

export class StagedRows {
  readonly dim: number;
  readonly #dtype: Dtype;
  /** Decides which vectors are taken. */
  readonly #metric: Metric;
  readonly #parts: StagedPart[] = [];
  #count = 0;

  constructor(dim: number, dtype: Dtype, metric: Metric) {
    this.dim = dim;
    this.#dtype = dtype;
    this.#metric = metric;
  }

  get count(): number {
    return this.#count;
  }

  /** The rows in their order. */
  get parts(): readonly StagedPart[] {
    return this.#parts;
  }

  /** Adds a row, or throws and adds none. */
  append(id: Id, vector: unknown, text: string): void {
    const { dim } = this;
    let part = this.#parts.at(-1);
    const rowsMax = Math.max(partRowsMin, Math.floor(partBytes / (dim * 4)));
    const isNew = part === undefined || part.ids.length >= rowsMax || part.fieldUsed >= partBytes;
    if (isNew) {
      part = {
        ids: [],
        vectors: new Float32Array(partRowsMin * dim),
        fieldBytes: new Uint8Array(fieldBytesInitial),
        fieldUsed: 0,
        fieldEnds: [],
      };
    }
    const target = part!;
    const at = target.ids.length;
    if ((at + 1) * dim > target.vectors.length) {
      const larger = new Float32Array(Math.min(rowsMax, at * 4) * dim);
      larger.set(target.vectors);
      target.vectors = larger;
    }
    const label = (): string => `the vector of id ${JSON.stringify(id)}`;
    copyVector(vector, target.vectors, at * dim, dim, this.#dtype, label);
    checkMetricVector(this.#metric, target.vectors, at * dim, dim, label);
    appendText(target, text);
    target.ids.push(id);
    target.fieldEnds.push(target.fieldUsed);
    if (isNew) this.#parts.push(target);
    this.#count += 1;
  }

  /** Takes over a part of other rows of this dimension, which do not change any more. */
  adopt(part: StagedPart): void {
    this.#parts.push(part);
    this.#count += part.ids.length;
  }

  /** Takes the last row away. Returns its id. */
  dropLast(): Id {
    const part = this.#parts.at(-1);
    assert(part !== undefined, "a row that is taken away is there");
    const id = part.ids.pop()!;
    part.fieldEnds.pop();
    part.fieldUsed = part.fieldEnds.at(-1) ?? 0;
    if (part.ids.length === 0) this.#parts.pop();
    this.#count -= 1;
    return id;
  }

  idOf(staged: number): Id {
    const { part, at } = this.#locate(staged);
    return part.ids[at]!;
  }

  /** Metadata text of a row. */
  textOf(staged: number): string {
    const { part, at } = this.#locate(staged);
    return textAt(part, at);
  }

  #locate(staged: number): { part: StagedPart; at: number } {
    let first = 0;
    for (const part of this.#parts) {
      if (staged < first + part.ids.length) return { part, at: staged - first };
      first += part.ids.length;
    }
    throw new LynseError("INTERNAL", `staged row ${staged} of ${this.#count} is in no part`);
  }

  /** The rows as they are written, in the stored encoding. */
  toParts(): RowsPart[] {
    return this.#parts.map((part) => this.#toRowsPart(part));
  }

  #toRowsPart(part: StagedPart): RowsPart {
    const components = part.vectors.subarray(0, part.ids.length * this.dim);
    let stored: Float32Array | Uint16Array = components;
    if (this.#dtype === "float16") {
      stored = new Uint16Array(components.length);
      encodeFloat16(components, stored);
    }
    return {
      rowCount: part.ids.length,
      ids: part.ids,
      fieldBytes: part.fieldBytes.subarray(0, part.fieldUsed),
      fieldEnds: Uint32Array.from(part.fieldEnds),
      vectorBytes: [new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)],
    };
  }
}

/** Metadata text of the row at a place of a part. */
export function textAt(part: StagedPart, at: number): string {
  const start = at === 0 ? 0 : part.fieldEnds[at - 1]!;
  return decoder.decode(part.fieldBytes.subarray(start, part.fieldEnds[at]));
}

function appendText(part: StagedPart, text: string): void {
  if (text === "") return;
  // UTF-8 takes at most three bytes a UTF-16 unit.
  const needed = part.fieldUsed + text.length * 3;
  if (needed > part.fieldBytes.length) {
    const larger = new Uint8Array(Math.max(needed, part.fieldBytes.length * 2));
    larger.set(part.fieldBytes.subarray(0, part.fieldUsed));
    part.fieldBytes = larger;
  }
  const { read, written } = encoder.encodeInto(text, part.fieldBytes.subarray(part.fieldUsed));
  assert(read === text.length, "metadata text is encoded whole");
  part.fieldUsed += written;
}

/** Puts another text in place of a row's; rare, so the part's texts are simply moved. */
export function replaceText(part: StagedPart, at: number, text: string): void {
  const bytes = encoder.encode(text);
  const start = at === 0 ? 0 : part.fieldEnds[at - 1]!;
  const end = part.fieldEnds[at]!;
  const moved = new Uint8Array(part.fieldUsed - (end - start) + bytes.length);
  moved.set(part.fieldBytes.subarray(0, start));
  moved.set(bytes, start);
  moved.set(part.fieldBytes.subarray(end, part.fieldUsed), start + bytes.length);
  part.fieldBytes = moved;
  part.fieldUsed = moved.length;
  const shift = bytes.length - (end - start);
  for (let i = at; i < part.fieldEnds.length; i++) part.fieldEnds[i]! += shift;
}
