/**
 * How do transactions that wait together get to disk, and become visible?
 *
 * Each is checked again when it has its turn, against what was committed since it was staged and against the quotas; one
 * that is refused takes no other with it. The rest are written as one batch with one sync, taken into memory meanwhile,
 * and made visible at once. Runs in the commit queue's turn: nothing else changes the collection.
 */
import type { CollectionStore } from "../storage/collection-store.js";
import type { Transaction } from "../storage/transaction.js";
import type { Durability, Id } from "../types.js";
import { appendRowTable, applyChanges, isEmptyTransaction, stageVectors } from "./apply-transactions.js";
import type { PendingCommit } from "./commit-queue.js";
import type { OpenBuffers } from "./open-buffers.js";
import type { PresentGeneration } from "./present-generation.js";
import { type Growth, growBy, type Quotas } from "./quotas.js";

export interface GroupCommitOptions {
  readonly present: PresentGeneration;
  readonly buffers: OpenBuffers;
  readonly durability: Durability;
  readonly quotas: Quotas;
  /** Fixes the dimension where there is none yet. */
  readonly fixDim: (dim: number) => Promise<void>;
  /** Told after each batch. */
  readonly committed: () => void;
}

/** What is written as one batch: its members, and their transactions in the same order. */
interface Batch {
  readonly members: PendingCommit[];
  readonly transactions: Transaction[];
  /** Dimension of the rows; null where there are none. */
  dim: number | null;
  /** Names that the rows bring to the metadata of the collection. */
  readonly fieldNames: Set<string>;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #present: PresentGeneration;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#present = options.present;
  }

  /** Commits a group, each member or not; settles them all. */
  async run(group: readonly PendingCommit[]): Promise<void> {
    // Each member is checked against committed rows only, so members that touch the same ids go one after another.
    const waiting = [...group];
    while (waiting.length > 0) {
      const together: PendingCommit[] = [];
      const touched = new Set<Id | string>();
      while (waiting.length > 0) {
        const next = waiting[0]!;
        const keys = group.length === 1 ? [] : [...next.buffer.touchedKeys()];
        const isAlone = next.restoredRows !== null;
        if (together.length > 0 && (isAlone || keys.some((key) => touched.has(key)))) break;
        together.push(next);
        waiting.shift();
        for (const key of keys) touched.add(key);
        if (isAlone) break;
      }
      await this.#commitTogether(together);
    }
  }

  async #commitTogether(members: readonly PendingCommit[]): Promise<void> {
    let batch: Batch;
    try {
      batch = this.#check(members);
      if (batch.dim !== null) await this.#options.fixDim(batch.dim);
      const changes = batch.transactions.filter((transaction) => !isEmptyTransaction(transaction));
      if (changes.length > 0) await this.#write(changes);
      this.#present.generation.columns.addNames(batch.fieldNames);
    } catch (error) {
      for (const member of members) member.reject(error);
      return;
    }
    for (const member of batch.members) member.resolve();
    this.#options.committed();
  }

  /** The members that can be committed; the others are refused. */
  #check(members: readonly PendingCommit[]): Batch {
    this.#present.checkAbreast();
    const { generation } = this.#present;
    const batch: Batch = { members: [], transactions: [], dim: null, fieldNames: new Set() };
    const growth = this.#growth();
    let { rowCount } = generation;
    for (const member of members) {
      const { buffer } = member;
      try {
        if (batch.dim !== null && buffer.rowCount > 0) this.#present.checkDim(buffer.dim, batch.dim);
        const transaction = this.#transactionOf(member, rowCount);
        buffer.fieldNames.checkJoin(batch.fieldNames);
        // Last of the checks: a member that is refused must not count against the quotas of the others.
        growBy(this.#options.quotas, growth, transaction, generation);
        for (const name of buffer.fieldNames.names) batch.fieldNames.add(name);
        batch.transactions.push(transaction);
        batch.members.push(member);
        rowCount += buffer.rowCount;
        if (buffer.rowCount > 0) batch.dim = buffer.dim;
      } catch (error) {
        member.reject(error);
      }
    }
    return batch;
  }

  #growth(): Growth {
    const { liveCount: liveRows, store } = this.#present.generation;
    return { liveRows, bytes: this.#options.quotas.bytesMax === undefined ? 0 : writtenBytes(store) };
  }

  #transactionOf({ buffer, restoredRows }: PendingCommit, firstRow: number): Transaction {
    this.#options.buffers.checkCurrent(buffer);
    if (buffer.rowCount > 0) this.#present.checkDim(buffer.dim);
    const transaction = buffer.toTransaction(firstRow);
    const restored = restoredRows?.() ?? [];
    return restored.length === 0 ? transaction : { ...transaction, restored: [...restored].sort((a, b) => a - b) };
  }

  /** Writes transactions to disk and, meanwhile, their vectors into memory; then makes them visible. */
  async #write(transactions: readonly Transaction[]): Promise<void> {
    const { generation } = this.#present;
    const { rowCount } = generation;
    const slotCounts = generation.named.map(({ slots }) => slots.count);
    const forget = (): void => {
      generation.primary.truncate(rowCount);
      generation.named.forEach(({ field }, number) => void field.truncate(slotCounts[number]!));
      generation.text.forgetFrom(rowCount);
    };
    const appended = generation.store.append(transactions, this.#options.durability);
    const parts = transactions.flatMap(({ rows }) => rows);
    const staged = stageVectors(generation, transactions).then(() => generation.text.takeAhead(rowCount, parts));
    const [written, taken] = await Promise.allSettled([appended, staged]);
    if (written.status === "rejected") {
      forget();
      throw written.reason;
    }
    try {
      if (taken.status === "rejected") throw taken.reason;
      await appendRowTable(generation, transactions, written.value);
      applyChanges(generation, transactions, written.value);
    } catch (cause) {
      forget();
      generation.rows.truncate(rowCount);
      throw this.#present.fallBehind("a transaction", cause);
    }
    generation.position = written.value.position;
    generation.publish(generation.rows.rowCount);
  }
}

/** Bytes of a collection's log and vectors on disk. */
function writtenBytes(store: CollectionStore): number {
  const { logBytes, vectorBytes } = store.diskUsage();
  return logBytes + vectorBytes;
}
