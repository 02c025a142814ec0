/**
 * What should a collection do, said as plainly as possible?
 *
 * A list of rows in plain JavaScript, with the rules of the contract and nothing else: what the model tests compare the
 * package with.
 */
import type { Id } from "../../src/index.js";

export interface ModelField {
  readonly n?: number;
  readonly tag?: string;
}

export interface ModelRow {
  readonly id: Id;
  readonly vector: readonly number[];
  readonly field: ModelField;
  state: "live" | "deleted" | "gone";
}

/** One row of a write: `field` undefined keeps what an upserted row has. */
export interface ModelItem {
  readonly id: Id;
  readonly vector: readonly number[];
  readonly field: ModelField | undefined;
}

export class NaiveCollection {
  #rows: ModelRow[];

  constructor(rows: readonly ModelRow[] = []) {
    this.#rows = rows.map((row) => ({ ...row }));
  }

  copy(): NaiveCollection {
    return new NaiveCollection(this.#rows);
  }

  /** Live rows, in order of insertion. */
  get live(): readonly ModelRow[] {
    return this.#rows.filter(({ state }) => state === "live");
  }

  get deletedIds(): readonly Id[] {
    return this.#rows.filter(({ state }) => state === "deleted").map(({ id }) => id);
  }

  has(id: Id): boolean {
    return this.live.some((row) => row.id === id);
  }

  /** Adds all items, or none: false when one of the ids is taken or stands twice. */
  add(items: readonly ModelItem[]): boolean {
    const ids = items.map(({ id }) => id);
    if (new Set(ids).size < ids.length || ids.some((id) => this.has(id))) return false;
    for (const item of items) this.#put(item, item.field ?? {});
    return true;
  }

  upsert(items: readonly ModelItem[]): void {
    for (const item of items) {
      const present = this.live.find(({ id }) => id === item.id);
      this.#put(item, item.field ?? present?.field ?? {});
    }
  }

  /** A new row takes the place of whatever had its id, deleted rows too. */
  #put({ id, vector }: ModelItem, field: ModelField): void {
    for (const row of this.#rows) if (row.id === id) row.state = "gone";
    this.#rows.push({ id, vector: vector.map(Math.fround), field, state: "live" });
  }

  delete(isMeant: (row: ModelRow) => boolean): number {
    const rows = this.live.filter(isMeant);
    for (const row of rows) row.state = "deleted";
    return rows.length;
  }

  restore(ids: readonly Id[]): number {
    const rows = this.#rows.filter(({ id, state }) => state === "deleted" && ids.includes(id));
    for (const row of rows) row.state = "live";
    return rows.length;
  }

  /** Rows removed: deleted and replaced ones. */
  compact(): number {
    const before = this.#rows.length;
    this.#rows = this.#rows.filter(({ state }) => state === "live");
    return before - this.#rows.length;
  }
}
