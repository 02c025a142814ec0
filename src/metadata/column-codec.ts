/**
 * How do columns become bytes, and bytes columns that can be trusted?
 *
 * ```
 * magic u32 "LCOL", version u32, header length u32 (bytes), 0 u32
 * header   JSON: { names, namedRows, columns: [{ path, sections: [byte lengths of the eight sections below] }] }
 * sections of each column in order, each padded with zeros to 8 bytes:
 *   texts (JSON arrays of strings, each after its length as u32), element numbers f64, kinds u8, numbers f64, codes u32,
 *   lists u32, list ends u32, elements u32
 * ```
 * Numbers are in the machine's byte order; on a machine of the other order the magic does not match. Checksums are the
 * storage layer's. Reading checks every size, kind, code and list, so that no later access can leave its array, and gives
 * null for anything else.
 */
import { Column, elementConstants, elementTag, valueKind, valueKindCount } from "./column.js";

const magic = 0x4c4f434c;
const version = 1;
const preambleBytes = 16;

/** Characters of one JSON array of texts: far below the engine's longest string. */
const textChunkCharacters = 4 * 1024 * 1024;

export interface StoredColumns {
  readonly columns: readonly Column[];
  readonly names: readonly string[];
  readonly namedRows: number;
}

export function writeColumns(stored: StoredColumns): Uint8Array {
  const sections = stored.columns.map(sectionsOf);
  const header = new TextEncoder().encode(
    JSON.stringify({
      names: stored.names,
      namedRows: stored.namedRows,
      columns: stored.columns.map(({ path }, at) => ({ path, sections: sections[at]?.map((bytes) => bytes.length) })),
    }),
  );
  let length = preambleBytes + padded(header.length);
  for (const bytes of sections.flat()) length += padded(bytes.length);
  const file = new Uint8Array(length);
  new Uint32Array(file.buffer, 0, 3).set([magic, version, header.length]);
  file.set(header, preambleBytes);
  let offset = preambleBytes + padded(header.length);
  for (const bytes of sections.flat()) {
    file.set(bytes, offset);
    offset += padded(bytes.length);
  }
  return file;
}

function sectionsOf(column: Column): Uint8Array[] {
  const rows = column.length;
  const numbers = Float64Array.from({ length: column.elementNumbers.size }, (_, at) =>
    column.elementNumbers.at(at + 1),
  );
  const rowsOf = <T extends Uint8Array | Float64Array | Uint32Array>(values: T): T =>
    values.subarray(0, Math.min(rows, values.length)) as T;
  return [
    textBytes(column),
    numbers,
    rowsOf(column.kinds),
    rowsOf(column.numbers),
    rowsOf(column.codes),
    rowsOf(column.lists),
    column.listEnds.values.subarray(0, column.listEnds.length),
    column.elements.values.subarray(0, column.elements.length),
  ].map((values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
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

/** The columns in `bytes`, or null when they are not columns of this version in every detail. */
export function readColumns(bytes: Uint8Array): StoredColumns | null {
  try {
    return parseColumns(bytes);
  } catch {
    // Bytes that are no UTF-8, no JSON or lie about their sizes: the columns are built again.
    return null;
  }
}

function parseColumns(bytes: Uint8Array): StoredColumns | null {
  if (bytes.length < preambleBytes) return null;
  const [foundMagic, foundVersion, headerBytes] = words(copyOf(bytes, 0, preambleBytes));
  if (foundMagic !== magic || foundVersion !== version || headerBytes === undefined) return null;
  const header = parseHeader(bytes.subarray(preambleBytes, preambleBytes + headerBytes));
  if (header === null || preambleBytes + headerBytes > bytes.length) return null;
  let offset = preambleBytes + padded(headerBytes);
  const columns: Column[] = [];
  const paths = new Set<string>();
  for (const { path, sections } of header.columns) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (const length of sections) {
      if (offset + length > bytes.length) return null;
      parts.push(copyOf(bytes, offset, offset + length));
      offset += padded(length);
    }
    const column = paths.has(path) ? null : parseColumn(path, parts);
    if (column === null) return null;
    paths.add(path);
    columns.push(column);
  }
  if (offset !== bytes.length) return null;
  return { columns, names: header.names, namedRows: header.namedRows };
}

interface Header {
  readonly names: readonly string[];
  readonly namedRows: number;
  readonly columns: readonly { readonly path: string; readonly sections: readonly number[] }[];
}

function parseHeader(bytes: Uint8Array): Header | null {
  const header: unknown = JSON.parse(decode(bytes));
  if (!isRecord(header)) return null;
  const { names, namedRows, columns } = header;
  if (!isArrayOf(names, (name) => typeof name === "string") || !isSize(namedRows)) return null;
  const isColumn = (column: unknown): column is Header["columns"][number] =>
    isRecord(column) && typeof column["path"] === "string" && isArrayOf(column["sections"], isSize);
  if (!isArrayOf(columns, isColumn)) return null;
  return { names, namedRows, columns };
}

function parseColumn(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Column | null {
  const [text, elementNumberBytes, kinds, numberBytes, codeBytes, listBytes, endBytes, elementBytes] = parts;
  if (parts.length !== 8 || elementBytes === undefined) return null;
  const column = {
    texts: parseTexts(text!),
    elementNumbers: doubles(elementNumberBytes!),
    kinds: kinds!,
    numbers: doubles(numberBytes!),
    codes: words(codeBytes!),
    lists: words(listBytes!),
    listEnds: words(endBytes!),
    elements: words(elementBytes),
  };
  if (column.texts === null || new Set(column.texts).size !== column.texts.length) return null;
  const { elementNumbers } = column;
  if (!elementNumbers.every(Number.isFinite) || new Set(elementNumbers).size !== elementNumbers.length) return null;
  const checked = { ...column, texts: column.texts };
  return areRowsSound(checked) && areListsSound(checked) ? Column.restore(path, checked) : null;
}

type Parts = Parameters<typeof Column.restore>[1];

/** Every kind is one, and each row has a value in the array of its kind and in no other. */
function areRowsSound(parts: Parts): boolean {
  const { kinds, numbers, codes, lists } = parts;
  const rows = kinds.length;
  for (const values of [numbers, codes, lists]) if (values.length !== 0 && values.length !== rows) return false;
  const lastList = parts.listEnds.length - 1;
  for (let row = 0; row < rows; row += 1) {
    const kind = kinds[row]!;
    const code = codes[row] ?? 0;
    const list = lists[row] ?? 0;
    if (kind >= valueKindCount || code > parts.texts.length || list > lastList) return false;
    if ((kind === valueKind.text) !== code > 0) return false;
    if ((kind === valueKind.array || kind === valueKind.many) !== list > 0) return false;
    const number = numbers[row] ?? Number.NaN;
    if (kind === valueKind.number ? !Number.isFinite(number) : !Number.isNaN(number)) return false;
  }
  return true;
}

/** List ends ascend to the last element; every element is something, and lists stand in lists one deep and backwards. */
function areListsSound(parts: Parts): boolean {
  const { listEnds, elements, kinds, lists } = parts;
  if (listEnds[0] !== 0 || listEnds.at(-1) !== elements.length) return false;
  const hasLists = new Uint8Array(listEnds.length);
  const sizes = [elementConstants.length - 1, parts.texts.length, parts.elementNumbers.length];
  for (let list = 1; list < listEnds.length; list += 1) {
    if (listEnds[list]! < listEnds[list - 1]!) return false;
    for (let at = listEnds[list - 1]!; at < listEnds[list]!; at += 1) {
      const tag = elements[at]! & 3;
      const index = elements[at]! >>> 2;
      if (tag === elementTag.list) {
        if (index === 0 || index >= list || hasLists[index] === 1) return false;
        hasLists[list] = 1;
      } else if (index > sizes[tag]! || (tag !== elementTag.constant && index === 0)) {
        return false;
      }
    }
  }
  return kinds.every((kind, row) => kind !== valueKind.array || hasLists[lists[row]!] === 0);
}

function parseTexts(bytes: Uint8Array): string[] | null {
  const view = new DataView(bytes.buffer);
  const texts: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > bytes.length) return null;
    const chunk: unknown = JSON.parse(decode(bytes.subarray(offset, offset + length)));
    if (!isArrayOf(chunk, (text) => typeof text === "string")) return null;
    for (const text of chunk) texts.push(text);
    offset += length;
  }
  return texts;
}

/** A copy at the start of its own buffer; the `slice` of Node's Buffer would be a view. */
function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.prototype.slice.call(bytes, from, to) as Uint8Array<ArrayBuffer>;
}

const padded = (length: number): number => Math.ceil(length / 8) * 8;
const words = (bytes: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => new Uint32Array(bytes.buffer);
const doubles = (bytes: Uint8Array<ArrayBuffer>): Float64Array<ArrayBuffer> => new Float64Array(bytes.buffer);
const decode = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isArrayOf<T>(value: unknown, is: (element: unknown) => element is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}
