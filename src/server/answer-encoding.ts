/**
 * How does an answer become bytes?
 *
 * JSON by the platform, which writes numbers that are not finite as null, as LynseDB does. Answers with long lists are
 * written in slices, so that they don't hold up the event loop. What is above a kibibyte is compressed when the client
 * asks for it, on the platform's threads.
 */
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { TimeSlice } from "../time-slice.js";

/** Bytes from which compression pays. */
export const compressBytesMin = 1024;
/** List elements from which a list is written in slices. */
const longList = 1000;
/** Characters and numbers that a piece of a list should have at most. */
const pieceWeight = 4096;
/** Levels of an answer in which long lists are looked for: `params.items.fields`, `result[0][i]`. */
const levelsMax = 4;

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

/** The JSON text of an answer. */
export function jsonText(value: unknown): string | Promise<string> {
  return hasLongList(value, levelsMax) ? slicedText(value) : (JSON.stringify(value) ?? "null");
}

function hasLongList(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null || levels === 0) return false;
  if (Array.isArray(value)) {
    if (value.length >= longList) return true;
    const [first] = value;
    if (Array.isArray(first) && value.length * first.length >= longList) return true;
    return value.length <= levelsMax && value.some((member) => hasLongList(member, levels - 1));
  }
  for (const member of Object.values(value)) if (hasLongList(member, levels - 1)) return true;
  return false;
}

async function slicedText(value: unknown): Promise<string> {
  const pieces: string[] = [];
  await writeSliced(value, levelsMax, pieces, new TimeSlice());
  return pieces.join("");
}

async function writeSliced(value: unknown, levels: number, pieces: string[], slice: TimeSlice): Promise<void> {
  if (slice.isDue()) await slice.giveWay();
  if (typeof value !== "object" || value === null || levels === 0 || !isPlain(value)) {
    pieces.push(JSON.stringify(value) ?? "null");
  } else if (Array.isArray(value)) {
    if (value.length <= levelsMax && hasLongList(value, levels)) {
      for (const [at, member] of value.entries()) {
        pieces.push(at === 0 ? "[" : ",");
        await writeSliced(member, levels - 1, pieces, slice);
      }
      pieces.push("]");
    } else await writeList(value, pieces, slice);
  } else {
    let before = "{";
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue;
      pieces.push(before, JSON.stringify(name), ":");
      before = ",";
      await writeSliced(member, levels - 1, pieces, slice);
    }
    pieces.push(before === "{" ? "{}" : "}");
  }
}

/** A list, in groups of elements: as many as weigh about a piece. */
async function writeList(list: readonly unknown[], pieces: string[], slice: TimeSlice): Promise<void> {
  let before = "[";
  for (let at = 0; at < list.length; ) {
    const first = list[at];
    const weight = Array.isArray(first) ? first.length : typeof first === "object" && first !== null ? 64 : 8;
    const group = list.slice(at, at + Math.max(1, Math.floor(pieceWeight / Math.max(1, weight))));
    pieces.push(before, JSON.stringify(group).slice(1, -1));
    before = ",";
    at += group.length;
    if (slice.isDue()) await slice.giveWay();
  }
  pieces.push(list.length === 0 ? "[]" : "]");
}

function isPlain(value: object): boolean {
  return !("toJSON" in value);
}

/** The encoding that a client's `Accept-Encoding` asks for, of those that are offered. */
export function chosenEncoding(accepted: string | undefined): "gzip" | "br" | null {
  if (accepted === undefined) return null;
  const offers = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(",", 20)) {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim());
    const quality = parameters.find((text) => text.startsWith("q="));
    offers.set(name, quality === undefined ? 1 : Number(quality.slice(2)) || 0);
  }
  // gzip first: it takes a third of the time for nearly the same size.
  const any = offers.get("*") ?? 0;
  if ((offers.get("gzip") ?? any) > 0) return "gzip";
  return (offers.get("br") ?? 0) > 0 ? "br" : null;
}

export async function compressed(body: string | Uint8Array, encoding: "gzip" | "br"): Promise<Uint8Array> {
  if (encoding === "gzip") return gzipAsync(body, { level: 1 });
  return brotliAsync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } });
}
