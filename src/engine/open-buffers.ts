/**
 * Which transactions are being collected, and what belongs to them?
 *
 * A buffer belongs to the collection as it was when the buffer was begun: once another collection was put into its place,
 * nothing that was collected before is stored. Integer ids that were handed out belong to a buffer until it ends, so that
 * transactions side by side number their rows apart.
 */
import { LynseError } from "../errors.js";
import { checkMetricDim } from "../index/metric/metric-contract.js";
import type { Metric } from "../types.js";
import { type CommittedRows, presentRows, withoutDeleted } from "./committed-rows.js";
import type { PresentGeneration } from "./present-generation.js";
import { WriteBuffer } from "./write-buffer.js";

export class OpenBuffers {
  readonly #present: PresentGeneration;
  readonly #rows: CommittedRows;
  /** Largest integer ids handed out to buffers that have not ended. */
  readonly #reservedIds = new Map<WriteBuffer, number>();
  /** Another one once another collection was put into the place of this one; each buffer belongs to one. */
  #life = {};
  readonly #lives = new WeakMap<WriteBuffer, object>();

  constructor(present: PresentGeneration) {
    this.#present = present;
    this.#rows = presentRows(() => present.generation);
  }

  /**
   * Begins a buffer for vectors of `dim` components, compared by `metric`. Rows that `transaction`, to which the buffer will
   * belong, deletes are dead for it.
   */
  begin(dim: number, metric: Metric, transaction: WriteBuffer | null): WriteBuffer {
    this.#present.checkDim(dim);
    checkMetricDim(metric, dim);
    const rows = transaction === null ? this.#rows : withoutDeleted(this.#rows, transaction);
    const buffer = new WriteBuffer(rows, dim, this.#present.config.dtype, metric);
    this.#lives.set(buffer, this.#life);
    return buffer;
  }

  /** Ends a buffer: ids reserved for it are free again, or go to the buffer that absorbed it. */
  end(buffer: WriteBuffer, absorbedBy?: WriteBuffer): void {
    const reserved = this.#reservedIds.get(buffer);
    this.#reservedIds.delete(buffer);
    if (reserved !== undefined && absorbedBy !== undefined) this.reserve(absorbedBy, reserved);
  }

  /** Integer ids up to `largest` belong to the buffer until it ends. */
  reserve(buffer: WriteBuffer, largest: number): void {
    if (this.#lives.get(buffer) !== this.#life) return;
    this.#reservedIds.set(buffer, Math.max(largest, this.#reservedIds.get(buffer) ?? -1));
  }

  /**
   * First of `count` consecutive integer ids after the largest one, which may be that of a transaction under way or of
   * `transaction`, to which the buffer will belong. Reserved for the buffer until it ends.
   */
  reserveNext(buffer: WriteBuffer, count: number, transaction: WriteBuffer | null): number {
    const largest = Math.max(
      this.#present.generation.rows.maxIntegerId,
      transaction?.maxIntegerId ?? -1,
      ...this.#reservedIds.values(),
    );
    if (largest + count > Number.MAX_SAFE_INTEGER) {
      throw new LynseError("LIMIT_EXCEEDED", `no ${count} integer ids are left after ${largest}; give ids yourself`, {
        limit: "maxSafeInteger",
      });
    }
    this.reserve(buffer, largest + count);
    return largest + 1;
  }

  /** Another collection is in the place of this one: no buffer begun before can be committed. */
  beginLife(): void {
    this.#life = {};
    this.#reservedIds.clear();
  }

  /** Throws where the buffer was begun in an earlier life. */
  checkCurrent(buffer: WriteBuffer): void {
    if (this.#lives.get(buffer) === this.#life) return;
    const { name } = this.#present;
    throw new LynseError(
      "CLOSED",
      `collection ${JSON.stringify(name)} was restored after these writes were begun; nothing of them is stored, begin them again`,
      { collection: name },
    );
  }
}
