/**
 * Which names of metadata fields would a transaction bring into its collection?
 *
 * Metadata whose keys are data (a key a user, a key a day) gives a collection a field a row, and each costs memory: in the
 * list of known names, and as a column once it is filtered by. Rows are therefore held to `fieldNamesMax` when they are
 * staged, and again when they are committed, before anything is written. Counted are the names that the collection is
 * known to have: those of the newest checkpoint, of commits since it was opened, and of rows read to build columns. Rows
 * that are there are never refused: what a crash left in the log, or what a compaction keeps, counts again once its names
 * are written or read. The count may thus be lower than the truth, never higher.
 */
import { LynseError } from "../errors.js";
import { type LimitName, limits } from "../limits.js";
import { collectFieldNames } from "../metadata/field-names.js";
import type { FieldRecord } from "../metadata/field-path.js";
import type { Fields, Id } from "../types.js";

const limit: LimitName = "fieldNamesMax";

export class StagedFieldNames {
  readonly #known: () => ReadonlySet<string>;
  /** Names that were not known when they were staged, in that order. */
  readonly #names = new Set<string>();
  /** Names of one row whose metadata is nested. */
  readonly #nested = new Set<string>();

  /** @param known The names that the collection is known to have. */
  constructor(known: () => ReadonlySet<string>) {
    this.#known = known;
  }

  /** Names that were not known when they were staged. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Takes the names of a row's metadata; `LIMIT_EXCEEDED`, and none is taken, where they would be too many. */
  take(field: Fields, id: Id): void {
    const known = this.#known();
    const fresh = this.#unknownIn(field as FieldRecord, known);
    if (fresh === null) return;
    checkCount(known, [this.#names, fresh], () => `of the metadata of id ${JSON.stringify(id)}`);
    for (const name of fresh) this.#names.add(name);
  }

  /** Null where there are none. The common flat case stays in this loop. */
  #unknownIn(field: FieldRecord, known: ReadonlySet<string>): string[] | null {
    let fresh: string[] | null = null;
    for (const key in field) {
      const value = field[key];
      if (value === undefined) continue;
      if (typeof value === "object" && value !== null && hasMembers(value)) return this.#unknownNested(field, known);
      if (known.has(key) || this.#names.has(key)) continue;
      fresh ??= [];
      fresh.push(key);
    }
    return fresh;
  }

  #unknownNested(field: FieldRecord, known: ReadonlySet<string>): string[] | null {
    this.#nested.clear();
    collectFieldNames(field, this.#nested);
    const fresh = [...this.#nested].filter((name) => !known.has(name) && !this.#names.has(name));
    return fresh.length === 0 ? null : fresh;
  }

  /** Takes what another buffer has staged; `LIMIT_EXCEEDED`, and nothing is taken, where it would be too much. */
  absorb(other: StagedFieldNames): void {
    if (other.#names.size === 0) return;
    checkCount(this.#known(), [this.#names, other.#names], () => "of these writes");
    for (const name of other.#names) this.#names.add(name);
  }

  /** Forgets all names but the first `count`. */
  truncate(count: number): void {
    let at = 0;
    for (const name of this.#names) if (at++ >= count) this.#names.delete(name);
  }

  /** `LIMIT_EXCEEDED` where the names would be too many with those of transactions that are committed together. */
  checkJoin(accepted: ReadonlySet<string>): void {
    if (this.#names.size === 0) return;
    checkCount(this.#known(), [accepted, this.#names], () => "of these writes");
  }
}

/** Refuses names, of which the last brought in some, that would be too many together with those that are known. */
function checkCount(known: ReadonlySet<string>, parts: readonly Iterable<string>[], whose: () => string): void {
  const max = limits[limit];
  const added = new Set<string>();
  let last: string | null = null;
  for (const [at, part] of parts.entries()) {
    for (const name of part) {
      if (known.has(name) || added.has(name)) continue;
      added.add(name);
      if (at === parts.length - 1) last = name;
    }
  }
  const got = known.size + added.size;
  if (last === null || got <= max) return;
  const shown = JSON.stringify(last.length > 100 ? `${last.slice(0, 100)}…` : last);
  throw new LynseError(
    "LIMIT_EXCEEDED",
    `with field ${shown} ${whose()} the number of field names of the collection is ${got}, above the limit ${limit} = ${max}; ` +
      "keep what varies from row to row in values, such as { key, value } pairs, not in names",
    { limit, max, got, field: last },
  );
}

/** True for what may have names of its own: an object, or an array that holds one. */
function hasMembers(value: object): boolean {
  if (!Array.isArray(value)) return true;
  for (const element of value) if (typeof element === "object" && element !== null) return true;
  return false;
}
