/**
 * How do columns become bytes, and bytes columns that can be trusted?
 *
 * ```
 * magic u32 "LCOL", version u32, header length u32 (bytes), 0 u32
 * header   JSON: { names, namedRows, columns: [{ path, sections: [byte lengths of the eight sections below] }] }
 * sections of each column in order, each padded with zeros to 8 bytes:
 *   texts (JSON arrays of strings, each after its length as u32), element numbers f64, kinds u8, numbers f64, codes
 * u32,
 *   lists u32, list ends u32, elements u32
 * ```
 * Numbers are in the machine's byte order; on a machine of the other order the magic does not match. Checksums are the
 * storage layer's. Columns are read one at a time, when they are needed: every size, kind, code and list is checked, so
 * that no later access can leave its array, and what is not sound gives null.
 */
import type { TimeSlice } from "../time-slice.js";
import { Column, type ColumnParts, elementConstants, elementTag, valueKind, valueKindCount } from "./column.js";
import { ValueDictionary } from "./value-dictionary.js";

const magic = 0x4c4f434c;
const version = 1;
const preambleBytes = 16;
const sectionCount = 8;

/** Characters of one JSON array of texts: a millisecond of parsing. */
const textChunkCharacters = 128 * 1024;

/** Values looked at between two looks at the clock. */
const sliceValues = 1 << 15;

/** A column as bytes. */
export interface StoredColumn {
  readonly path: string;
  readonly sections: readonly Uint8Array[];
}

export interface StoredColumns {
  readonly columns: readonly StoredColumn[];
  readonly names: readonly string[];
  readonly namedRows: number;
}

/** Rows of a stored column, whatever else it is. */
export function storedRows(stored: StoredColumn): number {
  return stored.sections[2]?.length ?? 0;
}

export function writeColumns(stored: StoredColumns): Uint8Array {
  const header = new TextEncoder().encode(
    JSON.stringify({
      names: stored.names,
      namedRows: stored.namedRows,
      columns: stored.columns.map(({ path, sections }) => ({ path, sections: sections.map((bytes) => bytes.length) })),
    }),
  );
  const sections = stored.columns.flatMap((column) => column.sections);
  let length = preambleBytes + padded(header.length);
  for (const bytes of sections) length += padded(bytes.length);
  const file = new Uint8Array(length);
  new Uint32Array(file.buffer, 0, 3).set([magic, version, header.length]);
  file.set(header, preambleBytes);
  let offset = preambleBytes + padded(header.length);
  for (const bytes of sections) {
    file.set(bytes, offset);
    offset += padded(bytes.length);
  }
  return file;
}

/** A column as bytes, most of them views of its arrays: valid until the column changes. */
export function storeColumn(column: Column): StoredColumn {
  const rows = column.length;
  const numbers = Float64Array.from({ length: column.elementNumbers.size }, (_, at) =>
    column.elementNumbers.at(at + 1),
  );
  const sections = [
    textBytes(column),
    numbers,
    column.kinds.subarray(0, rows),
    column.numbers.subarray(0, rows),
    column.codes.subarray(0, rows),
    column.lists.subarray(0, rows),
    column.listEnds.values.subarray(0, column.listEnds.length),
    column.elements.values.subarray(0, column.elements.length),
  ].map((values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return { path: column.path, sections };
}

/** JSON keeps lone surrogates, which UTF-8 alone would lose. */
function textBytes(column: Column): Uint8Array {
  const encoder = new TextEncoder();
  const chunks: Uint8Array[] = [];
  let texts: string[] = [];
  let characters = 0;
  const end = (): void => {
    if (texts.length > 0) chunks.push(encoder.encode(JSON.stringify(texts)));
    texts = [];
    characters = 0;
  };
  for (let code = 1; code <= column.texts.size; code += 1) {
    const text = column.texts.at(code);
    if (characters + text.length > textChunkCharacters) end();
    texts.push(text);
    characters += text.length + 3;
  }
  end();
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length + 4, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const chunk of chunks) {
    view.setUint32(offset, chunk.length, true);
    bytes.set(chunk, offset + 4);
    offset += 4 + chunk.length;
  }
  return bytes;
}

/** The stored columns in `bytes`, as views of them, or null when they are not columns of this version. */
export function readColumns(bytes: Uint8Array): StoredColumns | null {
  if (bytes.length < preambleBytes) return null;
  const [foundMagic, foundVersion, headerBytes] = words(bytes.subarray(0, preambleBytes));
  if (foundMagic !== magic || foundVersion !== version || headerBytes === undefined) return null;
  if (preambleBytes + headerBytes > bytes.length) return null;
  const header = parseHeader(bytes.subarray(preambleBytes, preambleBytes + headerBytes));
  if (header === null) return null;
  let offset = preambleBytes + padded(headerBytes);
  const columns: StoredColumn[] = [];
  for (const { path, sections: lengths } of header.columns) {
    const sections: Uint8Array[] = [];
    for (const length of lengths) {
      if (offset + length > bytes.length) return null;
      sections.push(bytes.subarray(offset, offset + length));
      offset += padded(length);
    }
    columns.push({ path, sections });
  }
  const isDistinct = new Set(columns.map(({ path }) => path)).size === columns.length;
  if (offset !== bytes.length || !isDistinct) return null;
  return { columns, names: header.names, namedRows: header.namedRows };
}

interface Header {
  readonly names: readonly string[];
  readonly namedRows: number;
  readonly columns: readonly { readonly path: string; readonly sections: readonly number[] }[];
}

function parseHeader(bytes: Uint8Array): Header | null {
  const header = parseJson(bytes);
  if (!isRecord(header)) return null;
  const { names, namedRows, columns } = header;
  if (!isArrayOf(names, isString) || !isSize(namedRows) || !isArrayOf(columns, isColumnHeader)) return null;
  return { names, namedRows, columns };
}

function isColumnHeader(column: unknown): column is Header["columns"][number] {
  if (!isRecord(column) || !isString(column["path"])) return false;
  return isArrayOf(column["sections"], isSize) && column["sections"].length === sectionCount;
}

/** The column that `stored` is, or null when it is not sound in every detail. Gives way to other work. */
export async function restoreColumn(stored: StoredColumn, slice: TimeSlice): Promise<Column | null> {
  const [text, elementNumberBytes, kinds, numbers, codes, lists, listEnds, elements] = stored.sections;
  const texts = await restoreTexts(text!, slice);
  const elementNumbers = restoreNumbers(elementNumberBytes!);
  const isWhole = [elements, listEnds, lists, codes].every((bytes) => bytes!.length % 4 === 0);
  if (texts === null || elementNumbers === null || !isWhole || numbers!.length % 8 !== 0) return null;
  const parts: ColumnParts = {
    texts,
    elementNumbers,
    kinds: copyOf(kinds!),
    numbers: doubles(numbers!),
    codes: words(codes!),
    lists: words(lists!),
    listEnds: words(listEnds!),
    elements: words(elements!),
  };
  if (!areSizesSound(parts)) return null;
  for (let from = 0; from < parts.kinds.length; from += sliceValues) {
    if (!areRowsSound(parts, from, Math.min(from + sliceValues, parts.kinds.length))) return null;
    if (slice.isDue()) await slice.giveWay();
  }
  if (!areListsSound(parts)) return null;
  if (slice.isDue()) await slice.giveWay();
  const column = new Column(stored.path, parts);
  for (let from = 0; from < parts.kinds.length; from += sliceValues) {
    column.recountRows(from, Math.min(from + sliceValues, parts.kinds.length));
    if (slice.isDue()) await slice.giveWay();
  }
  column.recountElements(0, parts.elements.length);
  return column;
}

async function restoreTexts(bytes: Uint8Array, slice: TimeSlice): Promise<ValueDictionary<string> | null> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts = new ValueDictionary<string>();
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + 4 > bytes.length) return null;
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > bytes.length) return null;
    const chunk = parseJson(bytes.subarray(offset, offset + length));
    if (!isArrayOf(chunk, isString)) return null;
    for (const text of chunk) {
      const code = texts.size + 1;
      if (texts.add(text) !== code) return null;
    }
    offset += length;
    if (slice.isDue()) await slice.giveWay();
  }
  return texts;
}

function restoreNumbers(bytes: Uint8Array): ValueDictionary<number> | null {
  if (bytes.length % 8 !== 0) return null;
  const numbers = new ValueDictionary<number>();
  for (const value of doubles(bytes)) {
    const code = numbers.size + 1;
    if (!Number.isFinite(value) || numbers.add(value) !== code) return null;
  }
  return numbers;
}

function areSizesSound(parts: ColumnParts): boolean {
  const rows = parts.kinds.length;
  const isSound = (values: { readonly length: number }): boolean => values.length === 0 || values.length === rows;
  return isSound(parts.numbers) && isSound(parts.codes) && isSound(parts.lists);
}

/** Every kind is one, and each row has a value in the array of its kind and in no other. */
function areRowsSound(parts: ColumnParts, from: number, to: number): boolean {
  const { kinds, numbers, codes, lists } = parts;
  const lastText = parts.texts.size;
  const lastList = parts.listEnds.length - 1;
  for (let row = from; row < to; row += 1) {
    const kind = kinds[row]!;
    const code = codes.length === 0 ? 0 : codes[row]!;
    const list = lists.length === 0 ? 0 : lists[row]!;
    const number = numbers.length === 0 ? Number.NaN : numbers[row]!;
    if (kind >= valueKindCount || code > lastText || list > lastList) return false;
    if ((kind === valueKind.text) !== code > 0) return false;
    if ((kind === valueKind.array || kind === valueKind.many) !== list > 0) return false;
    if (kind === valueKind.number ? !Number.isFinite(number) : !Number.isNaN(number)) return false;
  }
  return true;
}

/**
 * List ends ascend to the last element; every element is something, and lists stand in lists one deep and backwards.
 */
function areListsSound(parts: ColumnParts): boolean {
  const { listEnds, elements, kinds, lists } = parts;
  if (listEnds[0] !== 0 || listEnds.at(-1) !== elements.length) return false;
  const hasLists = new Uint8Array(listEnds.length);
  const last = [elementConstants.length - 1, parts.texts.size, parts.elementNumbers.size];
  for (let list = 1; list < listEnds.length; list += 1) {
    const to = listEnds[list]!;
    if (to < listEnds[list - 1]! || to > elements.length) return false;
    for (let at = listEnds[list - 1]!; at < to; at += 1) {
      const tag = elements[at]! & 3;
      const index = elements[at]! >>> 2;
      if (tag === elementTag.list) {
        if (index === 0 || index >= list || hasLists[index] === 1) return false;
        hasLists[list] = 1;
      } else if (index > last[tag]! || (tag !== elementTag.constant && index === 0)) {
        return false;
      }
    }
  }
  if (lists.length === 0) return true;
  for (let row = 0; row < kinds.length; row += 1) {
    if (kinds[row] === valueKind.array && hasLists[lists[row]!] === 1) return false;
  }
  return true;
}

/** The parsed JSON, or undefined for bytes that are none. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** A copy at the start of its own buffer, as wider numbers need it; the `slice` of Node's Buffer would be a view. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

const padded = (length: number): number => Math.ceil(length / 8) * 8;
const words = (bytes: Uint8Array): Uint32Array<ArrayBuffer> => new Uint32Array(copyOf(bytes).buffer);
const doubles = (bytes: Uint8Array): Float64Array<ArrayBuffer> => new Float64Array(copyOf(bytes).buffer);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isString = (value: unknown): value is string => typeof value === "string";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isArrayOf<T>(value: unknown, is: (element: unknown) => element is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}
