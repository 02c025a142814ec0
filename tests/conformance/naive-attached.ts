/**
 * What hangs on the rows of a collection, said as plainly as possible?
 *
 * A list of rows in plain JavaScript, each with its named vectors and its sparse vector: what the random sequences of
 * calls are compared with. An upsert keeps what hangs on the live row; a row that is added again under a deleted id
 * starts with nothing.
 */
import type { Id } from "../../src/index.js";

export interface AttachedFields {
  readonly n: number;
  readonly tag: string;
  readonly text?: string;
}

/** Weights by feature; none where it is empty. */
export type Sparse = Readonly<Record<number, number>>;

export interface AttachedRow {
  readonly id: Id;
  readonly vector: readonly number[];
  readonly fields: AttachedFields;
  readonly state: "live" | "deleted" | "gone";
  /** Vectors by named field. */
  readonly named: Readonly<Record<string, readonly number[]>>;
  readonly sparse: Sparse | null;
}

/** One row of a write; `fields` undefined keeps what the id has. */
export interface AttachedItem {
  readonly id: Id;
  readonly vector: readonly number[];
  readonly fields: AttachedFields | undefined;
  readonly named?: Readonly<Record<string, readonly number[]>>;
  readonly sparse?: Sparse;
}

/** A write that can be part of a transaction. */
export type Write =
  | { readonly kind: "add" | "upsert"; readonly items: readonly AttachedItem[] }
  | { readonly kind: "delete"; readonly ids: readonly Id[] }
  | { readonly kind: "deleteBelow"; readonly n: number }
  | { readonly kind: "named"; readonly field: string; readonly vectors: readonly (readonly [Id, readonly number[]])[] }
  | { readonly kind: "sparse"; readonly vectors: readonly (readonly [Id, Sparse])[] };

/** What a write resolves to, or the code that refuses it. */
export type Outcome = { readonly count: number } | { readonly refusal: string };

/** What a transaction hangs on the rows of an id; it goes there when the transaction ends. */
interface Given {
  readonly named: Record<string, readonly number[]>;
  sparse?: Sparse;
}

/** Metadata of rows that are added without. */
const noFields = {} as AttachedFields;

export class NaiveAttached {
  #rows: AttachedRow[];

  constructor(rows: readonly AttachedRow[] = []) {
    this.#rows = [...rows];
  }

  copy(): NaiveAttached {
    return new NaiveAttached(this.#rows);
  }

  get rows(): readonly AttachedRow[] {
    return this.#rows;
  }

  get live(): readonly AttachedRow[] {
    return this.#rows.filter(({ state }) => state === "live");
  }

  get deletedIds(): readonly Id[] {
    return this.#rows.filter(({ state }) => state === "deleted").map(({ id }) => id);
  }

  /**
   * One transaction: the outcome of each write. A write that is refused changes nothing, and the others count all the
   * same. What the transaction hangs on a row that it then deletes goes with the deletion.
   */
  transact(writes: readonly Write[], fields: ReadonlySet<string>): Outcome[] {
    const given = new Map<Id, Given>();
    const outcomes = writes.map((write) => this.#write(write, fields, given));
    for (const [id, { named, sparse }] of given) {
      this.#change(
        (row) => row.state === "live" && row.id === id,
        (row) => ({
          ...row,
          named: { ...row.named, ...named },
          sparse: sparse === undefined ? row.sparse : Object.keys(sparse).length === 0 ? null : sparse,
        }),
      );
    }
    return outcomes;
  }

  #write(write: Write, fields: ReadonlySet<string>, given: Map<Id, Given>): Outcome {
    switch (write.kind) {
      case "add":
      case "upsert":
        return this.#put(write.kind, write.items, given);
      case "delete":
        return this.#delete(({ id }) => write.ids.includes(id), given);
      case "deleteBelow":
        return this.#delete(({ fields: { n } }) => n < write.n, given);
      case "named":
        if (!fields.has(write.field)) return { refusal: "INVALID_ARGUMENT" };
        if (!write.vectors.every(([id]) => this.#isLive(id))) return { refusal: "ID_NOT_FOUND" };
        for (const [id, vector] of write.vectors) givenTo(given, id).named[write.field] = vector;
        return { count: write.vectors.length };
      case "sparse":
        if (!write.vectors.every(([id]) => this.#isLive(id))) return { refusal: "ID_NOT_FOUND" };
        for (const [id, vector] of write.vectors) givenTo(given, id).sparse = vector;
        return { count: write.vectors.length };
    }
  }

  #put(kind: "add" | "upsert", items: readonly AttachedItem[], given: Map<Id, Given>): Outcome {
    const ids = items.map(({ id }) => id);
    if (kind === "add" && (new Set(ids).size < ids.length || ids.some((id) => this.#isLive(id)))) {
      return { refusal: "ID_EXISTS" };
    }
    for (const { id, vector, fields: own, named = {}, sparse } of items) {
      const present = kind === "add" ? undefined : this.live.find((row) => row.id === id);
      this.#change(
        (row) => row.id === id,
        // A live row hands on what hangs on it; a deleted one keeps it to its end.
        (row) => ({ ...row, state: "gone", ...(row === present ? { named: {}, sparse: null } : {}) }),
      );
      const kept = present ?? { fields: noFields, named: {}, sparse: null };
      this.#rows.push({ ...kept, id, vector, fields: own ?? kept.fields, state: "live" });
      for (const [name, each] of Object.entries(named)) givenTo(given, id).named[name] = each;
      if (sparse !== undefined) givenTo(given, id).sparse = sparse;
    }
    return { count: items.length };
  }

  #delete(isMeant: (row: AttachedRow) => boolean, given: Map<Id, Given>): Outcome {
    const rows = this.live.filter(isMeant);
    for (const { id } of rows) given.delete(id);
    this.#change(
      (row) => rows.includes(row),
      (row) => ({ ...row, state: "deleted" }),
    );
    return { count: rows.length };
  }

  restore(ids: readonly Id[]): number {
    return this.#change(
      ({ id, state }) => state === "deleted" && ids.includes(id),
      (row) => ({ ...row, state: "live" }),
    );
  }

  /** Rows removed: deleted and replaced ones. */
  compact(): number {
    const before = this.#rows.length;
    this.#rows = [...this.live];
    return before - this.#rows.length;
  }

  #isLive(id: Id): boolean {
    return this.live.some((row) => row.id === id);
  }

  #change(isMeant: (row: AttachedRow) => boolean, change: (row: AttachedRow) => AttachedRow): number {
    let count = 0;
    this.#rows = this.#rows.map((row) => {
      if (!isMeant(row)) return row;
      count += 1;
      return change(row);
    });
    return count;
  }
}

function givenTo(given: Map<Id, Given>, id: Id): Given {
  const present = given.get(id) ?? { named: {} };
  given.set(id, present);
  return present;
}
