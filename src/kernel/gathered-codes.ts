/**
 * How does a search under a filter that is used again and again become a dense scan?
 *
 * The rows that a filter names lie apart, and a search that visits them in place waits for memory at each. Here the rows of
 * filters that come back are copied into small tables of their own, side by side and in the same order, so that a search
 * reads one stream; the answer is the same to the bit. Filters are told apart by their mask's identity: the owner hands
 * in the same array as long as the filter names the same rows, and never writes to it.
 *
 * Copying is done by the searches that ask, about a millisecond each, from a filter's third use on. Memory is bounded: a
 * filter takes the place of others only when it was used three times since they were used last, so that more filters than
 * fit do not drive each other out. The tables are used again, since a memory given up is not given back at once.
 */
import { assert, isLynseError } from "../errors.js";
import type { ScanRequest, ScanResult } from "./scan-run.js";
import { type RangeRequest, VectorTable } from "./vector-table.js";

/** Bytes that all copies of a table's rows may take. Default of the constructor. */
const bytesMaxDefault = 64 << 20;
/** Uses of a filter, the present one included, after which its rows are worth copying. */
const usesMin = 3;
/** Fewer rows than this are visited quickly enough where they are. */
const rowsMin = 256;
/** Filters that name more than this share of the rows are nearly dense as it is. */
const shareMax = 1 / 4;
/** Components that one search copies: about a millisecond. */
const componentsPerStep = 1 << 17;
/** Bytes of a row's scalars beside its components and codes, at most. */
const scalarBytes = 32;

/** How often a filter was used without a copy, and when that began. */
interface Uses {
  count: number;
  since: number;
}

/** The rows of one filter. */
interface Gathered {
  /** Snapshot that the filter was looked at under: bits below it are taken. */
  readonly rowCount: number;
  /** Numbers of the rows in the whole table, ascending; as many as the copy has rows are there yet. */
  readonly rows: Uint32Array;
  readonly copy: VectorTable;
  /** Next word of the mask to be looked at; 32 × it is the first row not looked at. */
  word: number;
  lastUse: number;
}

export class GatheredCodes {
  readonly #table: VectorTable;
  #bytesMax: number;
  readonly #uses = new WeakMap<Uint32Array, Uses>();
  /** In order of last use. */
  readonly #gathered = new Map<Uint32Array, Gathered>();
  /** Tables of filters that had to give way. */
  readonly #spare: VectorTable[] = [];
  /** Most rows that each table had: what it occupies. */
  readonly #mostRows = new Map<VectorTable, number>();
  #clock = 0;

  /** Copies rows of `table` into at most `bytesMax` bytes. */
  constructor(table: VectorTable, bytesMax: number = bytesMaxDefault) {
    this.#table = table;
    this.#bytesMax = bytesMax;
  }

  /** As `VectorTable.search`; null where the filter's rows are not side by side: the whole table is to be searched. */
  search(request: ScanRequest): ScanResult | null {
    const gathered = this.#ready(request);
    if (gathered === null) return null;
    return inTable(gathered, gathered.copy.search({ ...request, ...snapshotOf(gathered, request.rowCount) }));
  }

  /** As `VectorTable.searchBatch`, or null. */
  searchBatch(queries: Float32Array, request: Omit<ScanRequest, "query">): ScanResult[] | null {
    const gathered = this.#ready(request);
    if (gathered === null) return null;
    const results = gathered.copy.searchBatch(queries, { ...request, ...snapshotOf(gathered, request.rowCount) });
    return results.map((result) => inTable(gathered, result));
  }

  /** As `VectorTable.searchRange`, or null. */
  searchRange(request: RangeRequest): ScanResult | null {
    const gathered = this.#ready(request);
    if (gathered === null) return null;
    return inTable(gathered, gathered.copy.searchRange({ ...request, ...snapshotOf(gathered, request.rowCount) }));
  }

  /** Bytes that the copies occupy, those of filters that had to give way included. */
  memoryBytes(): number {
    let bytes = 0;
    for (const rows of this.#mostRows.values()) bytes += this.#bytesOf(rows);
    return bytes;
  }

  /** Forgets all copies. */
  release(): void {
    for (const table of this.#mostRows.keys()) table.release();
    this.#mostRows.clear();
    this.#gathered.clear();
    this.#spare.length = 0;
  }

  /** The filter's rows when all of them are side by side. Counts the use, and copies some more where they are not. */
  #ready({ mask, maskCount, rowCount }: Pick<ScanRequest, "mask" | "maskCount" | "rowCount">): Gathered | null {
    if (mask === null || maskCount === undefined || maskCount < rowsMin || maskCount > rowCount * shareMax) return null;
    this.#clock += 1;
    const gathered = this.#find(mask, rowCount) ?? this.#begin(mask, maskCount, rowCount);
    if (gathered === null) return null;
    gathered.lastUse = this.#clock;
    try {
      return this.#gather(gathered, mask) ? gathered : null;
    } catch (error) {
      // Without memory for a copy the search is as good as without this class; other filters would fare no better.
      if (!isLynseError(error, "LIMIT_EXCEEDED")) throw error;
      this.release();
      this.#bytesMax = 0;
      return null;
    }
  }

  #find(mask: Uint32Array, rowCount: number): Gathered | null {
    const found = this.#gathered.get(mask);
    if (found === undefined) return null;
    this.#gathered.delete(mask);
    if (found.rowCount < rowCount) {
      // The mask may name rows that were not there then.
      this.#giveUp(found);
      return null;
    }
    this.#gathered.set(mask, found);
    return found;
  }

  /** Begins to copy the rows of a filter, if it has been used often enough and there is room. */
  #begin(mask: Uint32Array, maskCount: number, rowCount: number): Gathered | null {
    const uses = this.#uses.get(mask) ?? { count: 0, since: this.#clock };
    this.#uses.set(mask, uses);
    uses.count += 1;
    if (uses.count < usesMin) return null;
    const { since } = uses;
    this.#uses.delete(mask);
    const copy = this.#makeRoom(maskCount, since);
    if (copy === null) return null;
    this.#mostRows.set(copy, Math.max(maskCount, this.#mostRows.get(copy) ?? 0));
    const gathered = { rowCount, rows: new Uint32Array(maskCount), copy, word: 0, lastUse: this.#clock };
    this.#gathered.set(mask, gathered);
    return gathered;
  }

  /** An empty table for `rows` rows, for which filters give way that were not used since `since`; null: no room. */
  #makeRoom(rows: number, since: number): VectorTable | null {
    const bytes = this.#bytesOf(rows);
    if (bytes > this.#bytesMax) return null;
    const { dim, dtype } = this.#table;
    for (;;) {
      // The largest one: growing it costs least.
      const spare = this.#spare.sort((a, b) => this.#rowsOf(a) - this.#rowsOf(b)).pop();
      const occupied = spare === undefined ? 0 : this.#bytesOf(this.#rowsOf(spare));
      if (this.memoryBytes() + Math.max(0, bytes - occupied) <= this.#bytesMax) {
        return spare ?? new VectorTable({ dim, dtype });
      }
      if (spare !== undefined) {
        // Too small to help, and in the way.
        this.#mostRows.delete(spare);
        spare.release();
        continue;
      }
      const [oldest] = this.#gathered;
      if (oldest === undefined || oldest[1].lastUse >= since) return null;
      this.#gathered.delete(oldest[0]);
      this.#giveUp(oldest[1]);
    }
  }

  #giveUp({ copy }: Gathered): void {
    copy.truncate(0);
    this.#spare.push(copy);
  }

  #rowsOf(copy: VectorTable): number {
    return this.#mostRows.get(copy) ?? 0;
  }

  /** Bytes of `rows` rows with their codes and numbers. */
  #bytesOf(rows: number): number {
    const { bytesPerRow, codeStride } = this.#table;
    return rows * (bytesPerRow + codeStride + scalarBytes + 4);
  }

  /** Copies about as many rows as one search should. Returns true when all are there. */
  #gather(gathered: Gathered, mask: Uint32Array): boolean {
    const { rowCount, rows, copy } = gathered;
    const words = Math.ceil(rowCount / 32);
    if (gathered.word >= words) return true;
    const first = copy.rowCount;
    const wanted = Math.min(rows.length, first + Math.max(64, Math.floor(componentsPerStep / this.#table.dim)));
    let count = first;
    // Whole words: up to 31 rows more than wanted.
    while (gathered.word < words && count < wanted) {
      let word = mask[gathered.word] as number;
      const left = rowCount - gathered.word * 32;
      if (left < 32) word &= 2 ** left - 1;
      for (; word !== 0; word &= word - 1) {
        assert(count < rows.length, "a filter has no more rows than it said");
        rows[count++] = gathered.word * 32 + 31 - Math.clz32(word & -word);
      }
      gathered.word += 1;
    }
    this.#append(copy, rows.subarray(first, count));
    if (count === rows.length) gathered.word = words;
    return gathered.word >= words;
  }

  /** Appends copies of the given rows as they are stored. */
  #append(copy: VectorTable, rows: Uint32Array): void {
    const { blocks, blockRows, bytesPerRow, dim } = this.#table;
    const stride = (Math.ceil(dim / 4) * 4 * bytesPerRow) / dim;
    for (let done = 0; done < rows.length; ) {
      const place = copy.beginAppend(rows.length - done);
      for (let i = 0; i < place.rows; i++) {
        const row = rows[done + i] as number;
        const { segment, address } = blocks[Math.floor(row / blockRows)]!;
        const source = (segment.kernel.blockRows(address) >>> 0) + (row % blockRows) * stride;
        place.target.set(new Uint8Array(segment.buffer, source, bytesPerRow), i * bytesPerRow);
      }
      copy.finishAppend(place.rows);
      done += place.rows;
    }
  }
}

/** The filter's rows below `rowCount`, as a snapshot of the copy. */
function snapshotOf(
  { rows, copy, rowCount: rowCountThen }: Gathered,
  rowCount: number,
): { readonly rowCount: number; readonly mask: null; readonly maskCount: number } {
  let count = copy.rowCount;
  if (rowCount < rowCountThen) while (count > 0 && (rows[count - 1] as number) >= rowCount) count -= 1;
  return { rowCount: count, mask: null, maskCount: count };
}

/** A result with the row numbers of the whole table. */
function inTable({ rows }: Gathered, result: ScanResult): ScanResult {
  const own = result.rows;
  for (let i = 0; i < own.length; i++) own[i] = rows[own[i] as number] as number;
  return result;
}
