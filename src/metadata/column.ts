/**
 * Which values does one field path have in all rows?
 *
 * A kind a row, and typed arrays beside it that exist only once a row needs them: `numbers` (NaN where the row has
 * none, so comparisons need no look at the kind), `codes` of texts (0 where the row has none), `lists` for arrays and
 * for the many values of a path through an array (0: none). Rows are only ever appended. The arrays' capacity is a
 * multiple of 32 and what lies beyond the last row reads as missing, so scans work in whole words.
 *
 * An element of a list is one code: two bits say what it is, the rest which one. An array inside an array is kept as
 * "something that is no scalar"; the array value of one of many values is a list of its own.
 */
import { assert } from "../errors.js";
import type { JsonValue } from "../types.js";
import { FieldPath, type FieldRecord, isArray, ManyValues, type PathValue } from "./field-path.js";
import { GrowingUint32Array } from "./growing-uint32-array.js";
import { NumberStatistics } from "./number-statistics.js";
import { ValueDictionary } from "./value-dictionary.js";

/** What a row has at the path. Missing and null are one. Stored in checkpoints. */
export const valueKind = {
  missing: 0,
  number: 1,
  text: 2,
  false: 3,
  true: 4,
  object: 5,
  array: 6,
  many: 7,
} as const;

export const valueKindCount = 8;

/** What an element code's low two bits say. Stored in checkpoints. */
export const elementTag = { constant: 0, text: 1, number: 2, list: 3 } as const;

/** Elements that are neither text, number nor list, in the order of their codes. Stored in checkpoints. */
export const elementConstants: readonly JsonValue[] = Object.freeze([null, false, true, Object.freeze({})]);

const objectElement = 3;
const rowsAtFirst = 1024;
const rowsPerWord = 32;

/** What a column consists of, an entry a row in `kinds` and in those of the others that are not empty. */
export interface ColumnParts {
  readonly texts: ValueDictionary<string>;
  readonly elementNumbers: ValueDictionary<number>;
  readonly kinds: Uint8Array<ArrayBuffer>;
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly codes: Uint32Array<ArrayBuffer>;
  readonly lists: Uint32Array<ArrayBuffer>;
  readonly listEnds: Uint32Array<ArrayBuffer>;
  readonly elements: Uint32Array<ArrayBuffer>;
}

export class Column {
  readonly path: string;
  readonly texts: ValueDictionary<string>;
  /** Numbers that stand in lists. */
  readonly elementNumbers: ValueDictionary<number>;
  /** Rows a kind. */
  readonly kindRows = new Uint32Array(valueKindCount);
  /** Rows a text code. */
  readonly textRows = GrowingUint32Array.of(new Uint32Array(1));
  /** Times a text code stands in a list. */
  readonly textElements = GrowingUint32Array.of(new Uint32Array(1));
  readonly numberStatistics = new NumberStatistics();
  readonly #reader: FieldPath;
  #kinds = new Uint8Array(0);
  #numbers = new Float64Array(0);
  #codes = new Uint32Array(0);
  #lists = new Uint32Array(0);
  #length = 0;
  /** List i has the elements from `#listEnds[i - 1]` to `#listEnds[i]`. */
  #listEnds = GrowingUint32Array.of(new Uint32Array(1));
  #elements = new GrowingUint32Array();

  /** A column without rows, or one of `parts`, which were checked and whose statistics `recount` makes anew. */
  constructor(path: string, parts?: ColumnParts) {
    this.path = path;
    this.#reader = new FieldPath(path);
    this.texts = parts?.texts ?? new ValueDictionary();
    this.elementNumbers = parts?.elementNumbers ?? new ValueDictionary();
    if (parts === undefined) return;
    this.#listEnds = GrowingUint32Array.of(parts.listEnds);
    this.#elements = GrowingUint32Array.of(parts.elements);
    this.#kinds = parts.kinds;
    this.#numbers = parts.numbers;
    this.#codes = parts.codes;
    this.#lists = parts.lists;
    this.#length = parts.kinds.length;
    for (let code = 1; code <= this.texts.size; code += 1) {
      this.textRows.push(0);
      this.textElements.push(0);
    }
    this.#resize(this.#length);
  }

  /** Takes rows that came as parts into the statistics. */
  recountRows(from: number, to: number): void {
    for (let row = from; row < to; row += 1) {
      const kind = this.#kinds[row]!;
      this.kindRows[kind]! += 1;
      if (kind === valueKind.text) this.textRows.increment(this.#codes[row]!);
      else if (kind === valueKind.number) this.numberStatistics.add(this.#numbers[row]!);
    }
  }

  /** Takes list elements that came as parts into the statistics. */
  recountElements(from: number, to: number): void {
    for (let at = from; at < to; at += 1) {
      const code = this.#elements.values[at]!;
      if ((code & 3) === elementTag.text) this.textElements.increment(code >>> 2);
    }
  }

  /** Rows that the column has. */
  get length(): number {
    return this.#length;
  }

  get kinds(): Uint8Array {
    return this.#kinds;
  }

  /** Empty while no row is a number. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  /** Empty while no row is a text. */
  get codes(): Uint32Array {
    return this.#codes;
  }

  /** Empty while no row has a list. */
  get lists(): Uint32Array {
    return this.#lists;
  }

  get listEnds(): GrowingUint32Array {
    return this.#listEnds;
  }

  get elements(): GrowingUint32Array {
    return this.#elements;
  }

  /** Makes room for `rows` rows at once. */
  reserve(rows: number): void {
    if (rows > this.#kinds.length) this.#resize(rows);
  }

  /** Appends the path's value in the next row. */
  append(field: FieldRecord): void {
    const row = this.#length;
    if (row === this.#kinds.length) this.#resize(Math.max(rowsAtFirst, row + (row >>> 1)));
    const kind = this.#store(row, this.#reader.read(field));
    this.#kinds[row] = kind;
    this.kindRows[kind]! += 1;
    this.#length = row + 1;
  }

  /** The value of a row. Objects are empty ones, arrays inside arrays too: filters look no deeper. */
  valueAt(row: number): PathValue {
    const kind = this.#kinds[row];
    switch (kind) {
      case valueKind.number:
        return this.#numbers[row];
      case valueKind.text:
        return this.texts.at(this.#codes[row]!);
      case valueKind.false:
      case valueKind.true:
        return kind === valueKind.true;
      case valueKind.object:
        return {};
      case valueKind.array:
        return this.#listValues(this.#lists[row]!);
      case valueKind.many:
        return new ManyValues(this.#listValues(this.#lists[row]!));
      default:
        return undefined;
    }
  }

  /** The code of a scalar as a list element, -1 when no list has it. Null is no scalar. */
  elementCodeOf(value: string | number | boolean): number {
    if (typeof value === "boolean") return elementCode(elementTag.constant, value ? 2 : 1);
    const code = typeof value === "string" ? this.texts.codeOf(value) : this.elementNumbers.codeOf(value);
    if (code === 0) return -1;
    return elementCode(typeof value === "string" ? elementTag.text : elementTag.number, code);
  }

  memoryBytes(): number {
    return (
      this.#kinds.byteLength +
      this.#numbers.byteLength +
      this.#codes.byteLength +
      this.#lists.byteLength +
      this.#listEnds.memoryBytes() +
      this.#elements.memoryBytes() +
      this.textRows.memoryBytes() +
      this.textElements.memoryBytes() +
      this.texts.memoryBytes() +
      this.elementNumbers.memoryBytes() +
      this.numberStatistics.memoryBytes()
    );
  }

  #store(row: number, value: PathValue): number {
    switch (typeof value) {
      case "number":
        return this.#storeNumber(row, value);
      case "string": {
        if (this.#codes.length === 0) this.#codes = new Uint32Array(this.#kinds.length);
        const code = this.#textCode(value);
        this.#codes[row] = code;
        this.textRows.increment(code);
        return valueKind.text;
      }
      case "boolean":
        return value ? valueKind.true : valueKind.false;
      case "object":
        if (value === null) return valueKind.missing;
        if (value instanceof ManyValues) {
          this.#storeList(row, this.#addMany(value));
          return valueKind.many;
        }
        if (!isArray(value)) return valueKind.object;
        this.#storeList(row, this.#addArray(value));
        return valueKind.array;
      default:
        return valueKind.missing;
    }
  }

  #storeNumber(row: number, value: number): number {
    // What JSON writes as null is null.
    if (!Number.isFinite(value)) return valueKind.missing;
    if (this.#numbers.length === 0) this.#numbers = new Float64Array(this.#kinds.length).fill(Number.NaN);
    this.#numbers[row] = value;
    this.numberStatistics.add(value);
    return valueKind.number;
  }

  #storeList(row: number, list: number): void {
    if (this.#lists.length === 0) this.#lists = new Uint32Array(this.#kinds.length);
    this.#lists[row] = list;
  }

  #textCode(text: string): number {
    const code = this.texts.add(text);
    if (code === this.textRows.length) {
      this.textRows.push(0);
      this.textElements.push(0);
    }
    return code;
  }

  #addArray(array: readonly JsonValue[]): number {
    for (const element of array) this.#elements.push(this.#scalarCode(element));
    return this.#endList();
  }

  /** Arrays among the values become lists first, since a list's elements stand in one run. */
  #addMany(many: ManyValues): number {
    const inner = many.values.map((value) => (isArray(value) ? this.#addArray(value) : 0));
    for (let at = 0; at < inner.length; at += 1) {
      const list = inner[at] ?? 0;
      this.#elements.push(list === 0 ? this.#scalarCode(many.values[at]) : elementCode(elementTag.list, list));
    }
    return this.#endList();
  }

  #endList(): number {
    this.#listEnds.push(this.#elements.length);
    return this.#listEnds.length - 1;
  }

  #scalarCode(value: JsonValue | undefined): number {
    if (typeof value === "string") {
      const code = this.#textCode(value);
      this.textElements.increment(code);
      return elementCode(elementTag.text, code);
    }
    if (typeof value === "number" && Number.isFinite(value)) {
      return elementCode(elementTag.number, this.elementNumbers.add(value));
    }
    if (typeof value === "boolean") return elementCode(elementTag.constant, value ? 2 : 1);
    return elementCode(elementTag.constant, typeof value === "object" && value !== null ? objectElement : 0);
  }

  #listValues(list: number): JsonValue[] {
    const end = this.#listEnds.values[list]!;
    const values: JsonValue[] = [];
    for (let at = this.#listEnds.values[list - 1]!; at < end; at += 1) {
      const code = this.#elements.values[at]!;
      const index = code >>> 2;
      switch (code & 3) {
        case elementTag.text:
          values.push(this.texts.at(index));
          break;
        case elementTag.number:
          values.push(this.elementNumbers.at(index));
          break;
        case elementTag.list:
          values.push(this.#listValues(index));
          break;
        default:
          values.push(elementConstants[index] ?? null);
      }
    }
    return values;
  }

  #resize(rows: number): void {
    const capacity = Math.ceil(rows / rowsPerWord) * rowsPerWord;
    const kinds = new Uint8Array(capacity);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    if (this.#numbers.length > 0) {
      const numbers = new Float64Array(capacity);
      numbers.set(this.#numbers);
      this.#numbers = numbers.fill(Number.NaN, this.#length);
    }
    if (this.#codes.length > 0) {
      const codes = new Uint32Array(capacity);
      codes.set(this.#codes);
      this.#codes = codes;
    }
    if (this.#lists.length > 0) {
      const lists = new Uint32Array(capacity);
      lists.set(this.#lists);
      this.#lists = lists;
    }
  }
}

function elementCode(tag: number, index: number): number {
  assert(index < 2 ** 30, "a column has fewer than 2^30 lists and distinct values");
  return ((index << 2) | tag) >>> 0;
}
