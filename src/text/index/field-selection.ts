/**
 * What does the index know about some of its fields?
 *
 * A selection of fields is searched as one text: its lengths by row, its occurrences by code and its bounds by block
 * are derived from what is kept for all fields, when they are first asked for, and extended as the index grows. All
 * fields together need no derivation. The selections used last are kept.
 */
import type { FieldNodes } from "./field-nodes.js";
import { cursorPlace, statePlace } from "./text-kernel.js";
import type { TextMemory } from "./text-memory.js";

/** Selections kept. */
const keptMax = 8;
const lengthTableBytes = 40;
const allAddress = statePlace.signatures;

/** What a search reads of a selection; addresses. */
export interface SelectionView {
  readonly isAll: boolean;
  readonly lengths: number;
  readonly lengthShift: number;
  /** Occurrences by code, 1 << tableShift bytes apart. */
  readonly table: number;
  readonly tableShift: number;
  /** Rows with text in the fields, dead ones included, and their lengths together. */
  readonly rowsWithText: number;
  readonly totalLength: number;
  /** Numbers that depend on which rows are alive, kept as long as that does not change. */
  readonly counts: LiveCounts;
  /** Gives an open cursor its bounds. */
  bound(cursor: number, term: number): void;
}

/** Counts of live rows, true for one state of the rows. */
export class LiveCounts {
  /** What state they belong to. */
  state = "";
  rows = 0;
  totalLength = 0;
  /** Rows of a term, by its record. */
  readonly ofTerm = new Map<number, number>();

  /** Forgets what belongs to another state; true when it did. */
  begin(state: string): boolean {
    if (state === this.state) return false;
    this.state = state;
    this.ofTerm.clear();
    return true;
  }
}

interface BoundTable {
  address: number;
  capacity: number;
  count: number;
}

/** A selection of some fields. */
class DerivedSelection {
  readonly counts = new LiveCounts();
  readonly #memory: TextMemory;
  readonly #place: number;
  /** Lengths, shift, capacity, page, place in it, rows read in it, rows, rows with text, lengths together (f64). */
  readonly #table: number;
  readonly #chosen: number;
  readonly #chosenBytes: number;
  #codes = 0;
  #codeCapacity = 0;
  #codeCount = 0;
  readonly #bounds = new Map<number, BoundTable>();

  constructor(memory: TextMemory, chosen: Uint8Array) {
    this.#memory = memory;
    this.#chosenBytes = Math.ceil(Math.max(1, chosen.length) / 4) * 4;
    this.#place = memory.take(lengthTableBytes + 4);
    this.#table = ((this.#place + 7) >>> 3) * 8;
    this.#chosen = memory.take(this.#chosenBytes);
    memory.bytes.fill(0, this.#table, this.#table + lengthTableBytes);
    memory.bytes.set(chosen, this.#chosen);
  }

  /** The selection over all rows and codes that there are. */
  view(): SelectionView {
    const memory = this.#memory;
    const table = this.#table;
    const rowCount = memory.stateWord("row");
    while (!memory.kernel.extendLengths(memory.state, table, this.#chosen, rowCount)) memory.growAsWanted();
    this.#extendCodes();
    const words = memory.words;
    return {
      isAll: false,
      lengths: words[table >>> 2] as number,
      lengthShift: words[(table + 4) >>> 2] as number,
      table: this.#codes,
      tableShift: 2,
      rowsWithText: words[(table + 28) >>> 2] as number,
      totalLength: memory.doubles[(table + 32) >>> 3] as number,
      counts: this.counts,
      bound: (cursor, term) => this.#bound(cursor, term),
    };
  }

  #extendCodes(): void {
    const memory = this.#memory;
    const count = memory.stateWord("signatureCount");
    if (count > this.#codeCapacity) {
      const capacity = count + (count >>> 2) + 16;
      const place = memory.take(capacity * 4);
      if (this.#codeCapacity > 0) {
        memory.bytes.copyWithin(place, this.#codes, this.#codes + this.#codeCount * 4);
        memory.release(this.#codes, this.#codeCapacity * 4);
      }
      this.#codes = place;
      this.#codeCapacity = capacity;
    }
    memory.kernel.fillOccurrences(memory.state, this.#codes, this.#chosen, this.#codeCount, count);
    this.#codeCount = count;
  }

  #bound(cursor: number, term: number): void {
    const memory = this.#memory;
    const sealed = memory.words[(cursor + cursorPlace.sealed) >>> 2] as number;
    if (sealed === 0) return;
    let table = this.#bounds.get(term);
    if (table === undefined) {
      table = { address: 0, capacity: 0, count: 0 };
      this.#bounds.set(term, table);
    }
    if (sealed > table.capacity) {
      const capacity = sealed + (sealed >>> 2);
      const place = memory.take(capacity * 8);
      if (table.capacity > 0) {
        memory.bytes.copyWithin(place, table.address, table.address + table.count * 8);
        memory.release(table.address, table.capacity * 8);
      }
      table.address = place;
      table.capacity = capacity;
    }
    if (table.count < sealed) {
      const lengths = memory.words[this.#table >>> 2] as number;
      const shift = memory.words[(this.#table + 4) >>> 2] as number;
      memory.kernel.fillBounds(cursor, lengths, shift, table.address, table.count, sealed);
      table.count = sealed;
    }
    memory.words[(cursor + cursorPlace.boundTable) >>> 2] = table.address;
  }

  /** Gives its places back. */
  release(): void {
    const memory = this.#memory;
    const lengths = memory.words[this.#table >>> 2] as number;
    const shift = memory.words[(this.#table + 4) >>> 2] as number;
    const capacity = memory.words[(this.#table + 8) >>> 2] as number;
    if (capacity > 0) memory.release(lengths, capacity << shift);
    if (this.#codeCapacity > 0) memory.release(this.#codes, this.#codeCapacity * 4);
    for (const { address, capacity: bounds } of this.#bounds.values()) memory.release(address, bounds * 8);
    memory.release(this.#chosen, this.#chosenBytes);
    memory.release(this.#place, lengthTableBytes + 4);
  }
}

interface ChosenFields {
  /** A byte a node. */
  readonly nodes: Uint8Array;
  readonly key: string;
}

/** The selections of an index. */
export class FieldSelections {
  readonly #memory: TextMemory;
  readonly #nodes: FieldNodes;
  readonly #allCounts = new LiveCounts();
  /** By chosen nodes, the one used last at the end. */
  readonly #derived = new Map<string, DerivedSelection>();
  /** By the names asked for, as long as no field is added. */
  readonly #named = new Map<string, ChosenFields | null>();
  #nodeCount = 0;

  constructor(memory: TextMemory, nodes: FieldNodes) {
    this.#memory = memory;
    this.#nodes = nodes;
  }

  /** The fields that `names` cover, all for null; current when it is given. */
  view(names: readonly string[] | null): SelectionView {
    const chosen = names === null ? null : this.#chosen(names);
    if (chosen === null) return this.#viewAll();
    const { key, nodes } = chosen;
    let selection = this.#derived.get(key);
    if (selection === undefined) {
      selection = new DerivedSelection(this.#memory, nodes);
      this.#evict();
    } else {
      this.#derived.delete(key);
    }
    this.#derived.set(key, selection);
    return selection.view();
  }

  #chosen(names: readonly string[]): ChosenFields | null {
    if (this.#nodeCount !== this.#nodes.count || this.#named.size > 64) {
      this.#named.clear();
      this.#nodeCount = this.#nodes.count;
    }
    const key = JSON.stringify(names);
    let chosen = this.#named.get(key);
    if (chosen === undefined) {
      const nodes = this.#nodes.chosen(names);
      chosen = nodes === null ? null : { nodes, key: nodes.join("") };
      this.#named.set(key, chosen);
    }
    return chosen;
  }

  #evict(): void {
    if (this.#derived.size < keptMax) return;
    for (const [key, selection] of this.#derived) {
      selection.release();
      this.#derived.delete(key);
      return;
    }
  }

  #viewAll(): SelectionView {
    const memory = this.#memory;
    return {
      isAll: true,
      lengths: memory.stateWord("lengths"),
      lengthShift: memory.stateWord("lengthShift"),
      table: (memory.words[(memory.state + allAddress) >>> 2] as number) + 12,
      tableShift: 4,
      rowsWithText: memory.stateWord("rowsWithText"),
      totalLength: memory.doubles[(memory.state + statePlace.totalLength) >>> 3] as number,
      counts: this.#allCounts,
      bound: () => {},
    };
  }
}
