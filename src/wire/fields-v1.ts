/**
 * How does the metadata of many rows stand in bytes?
 *
 * The original's block "LDBF1", all little-endian:
 *
 *     "LDBF1" | u32 count | count × entry
 *     entry  := u8 0 (no fields; an upsert keeps what is there) | u8 1 | u32 n | n × (string key | value)
 *     string := u32 byte length | UTF-8
 *     value  := u8 tag: 0 null · 1 false · 2 true · 3 i64 · 4 u64 · 5 f64 · 6 string · 7 array (u32 n, n values)
 *               · 8 object (u32 n, n × (string | value))
 *
 * Integers beyond 2^53 become the nearest number, as in JSON. Of a key that stands twice the last value counts.
 * Counts are held against the bytes that are left before anything is made for them, so memory is bounded by the
 * input's size.
 */
import { LynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";
import type { JsonValue } from "../types.js";
import { ByteReader } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";

/** Metadata of a row as it came. */
export type WireFields = Record<string, JsonValue>;

const magic = "LDBF1";
const depthMax = 128;
/** Bytes of the smallest member: an empty key and a tag. */
const memberBytesMin = 5;
const tags = { null: 0, false: 1, true: 2, i64: 3, u64: 4, f64: 5, text: 6, array: 7, object: 8 } as const;

/**
 * The block of one entry a row; null and undefined are rows without fields. Values are JSON values and Dates (written
 * as ISO-8601 text); members that are undefined are left out.
 */
export function encodeFieldsV1(rows: readonly (object | null | undefined)[]): Uint8Array {
  const writer = new ByteWriter(rows.length * 64 + 16);
  for (let i = 0; i < magic.length; i++) writer.u8(magic.charCodeAt(i));
  writer.u32(rows.length);
  for (const row of rows) {
    if (row === null || row === undefined) {
      writer.u8(0);
      continue;
    }
    writer.u8(1);
    writeMembers(writer, row as Record<string, unknown>, 0);
  }
  return writer.finish();
}

function writeMembers(writer: ByteWriter, object: Record<string, unknown>, depth: number): void {
  const countAt = writer.length;
  writer.u32(0);
  let count = 0;
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    writer.text(key);
    writeValue(writer, value, depth);
    count += 1;
  }
  writer.setU32(countAt, count);
}

/** Recursion is bounded by `depthMax`. */
function writeValue(writer: ByteWriter, value: unknown, depth: number): void {
  if (typeof value === "string") {
    writer.u8(tags.text);
    writer.text(value);
  } else if (typeof value === "number") writeNumber(writer, value);
  else if (typeof value === "boolean") writer.u8(value ? tags.true : tags.false);
  else if (value === null) writer.u8(tags.null);
  else if (typeof value === "object") writeNested(writer, value, depth + 1);
  else throw new LynseError("INVALID_ARGUMENT", `metadata holds JSON values and Dates, got a ${typeof value}`);
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value)) {
    writer.u8(value < 0 ? tags.i64 : tags.u64);
    writer.i64(value);
    return;
  }
  if (!Number.isFinite(value)) throw new LynseError("INVALID_ARGUMENT", `numbers in metadata are finite, got ${value}`);
  writer.u8(tags.f64);
  writer.f64(value);
}

function writeNested(writer: ByteWriter, value: object, depth: number): void {
  if (depth > depthMax) throw new LynseError("INVALID_ARGUMENT", `metadata is nested deeper than ${depthMax} levels`);
  if (Array.isArray(value)) {
    writer.u8(tags.array);
    writer.u32(value.length);
    for (let i = 0; i < value.length; i++) writeValue(writer, value[i] ?? null, depth);
  } else if (value instanceof Date) {
    writer.u8(tags.text);
    writer.text(value.toISOString());
  } else {
    writer.u8(tags.object);
    writeMembers(writer, value as Record<string, unknown>, depth);
  }
}

/**
 * One entry a row, null for a row without fields; `INVALID_ARGUMENT` for anything but a whole, well-formed block of
 * `count` entries. Works in time slices.
 */
export async function decodeFieldsV1(bytes: Uint8Array, count: number): Promise<(WireFields | null)[]> {
  const slice = new TimeSlice();
  const reader = new ByteReader(bytes, "fields payload");
  for (let i = 0; i < magic.length; i++) {
    if (reader.left === 0 || reader.u8() !== magic.charCodeAt(i)) reader.refuse(`it does not begin with "${magic}"`);
  }
  const stated = reader.count(1);
  if (stated !== count) reader.refuse(`it has ${stated} entries, expected ${count}`);
  const rows: (WireFields | null)[] = [];
  for (let row = 0; row < count; row++) {
    const present = reader.u8();
    if (present > 1) reader.refuse(`an entry at offset ${reader.offset - 1} begins with ${present}, expected 0 or 1`);
    rows.push(present === 0 ? null : readMembers(reader, 0));
    if ((row & 15) === 15 && slice.isDue()) await slice.giveWay();
  }
  reader.end();
  return rows;
}

function readMembers(reader: ByteReader, depth: number): WireFields {
  const object: WireFields = {};
  const count = reader.count(memberBytesMin);
  for (let i = 0; i < count; i++) {
    const key = reader.repeatedText();
    const value = readValue(reader, depth);
    if (key === "__proto__") {
      // An assignment would change the prototype.
      Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
    } else object[key] = value;
  }
  return object;
}

/** Recursion is bounded by `depthMax`. */
function readValue(reader: ByteReader, depth: number): JsonValue {
  const tag = reader.u8();
  switch (tag) {
    case tags.null:
      return null;
    case tags.false:
      return false;
    case tags.true:
      return true;
    case tags.i64:
      return reader.i64();
    case tags.u64:
      return reader.u64();
    case tags.f64: {
      const value = reader.f64();
      return Number.isFinite(value) ? value : reader.refuse(`a number at offset ${reader.offset - 8} is not finite`);
    }
    case tags.text:
      return reader.text();
    case tags.array:
      return readArray(reader, nextDepth(reader, depth));
    case tags.object:
      return readMembers(reader, nextDepth(reader, depth));
    default:
      return reader.refuse(`unknown value tag ${tag} at offset ${reader.offset - 1}`);
  }
}

function readArray(reader: ByteReader, depth: number): JsonValue {
  const count = reader.count(1);
  const values: JsonValue[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(reader, depth));
  return values;
}

function nextDepth(reader: ByteReader, depth: number): number {
  if (depth >= depthMax) reader.refuse(`values are nested deeper than ${depthMax} levels`);
  return depth + 1;
}
