/**
 * What vectors does the answer of an embedding service hold?
 *
 * The answer of OpenAI's `POST /embeddings` and of those who copied it: `data`, an entry a text, each with its `index`
 * and an `embedding` that is an array of numbers or base64 of little-endian float32. Entries may come in any order;
 * one each is required. An answer is a stranger's: whatever does not fit is named. Imports the errors alone.
 */
import { LynseError } from "../errors.js";

/** The vectors of `count` texts, in their order. `dim`: the length that was asked for, if one was. */
export function readEmbeddings(answer: string, count: number, dim: number | undefined): Float32Array[] {
  const data = member(parsed(answer), "data");
  if (!Array.isArray(data)) throw unfit(`has no array "data"`);
  if (data.length !== count) throw unfit(`has ${data.length} vectors for ${count} texts`);
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined);
  for (const [position, entry] of data.entries()) {
    const index = member(entry, "index") ?? position;
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= count) {
      throw unfit(`has the index ${JSON.stringify(index)} in a batch of ${count} texts`);
    }
    if (vectors[index] !== undefined) throw unfit(`has two vectors for text ${index}`);
    const vector = toVector(member(entry, "embedding"), index);
    if (dim !== undefined && vector.length !== dim) {
      throw unfit(`has a vector of ${vector.length} numbers for text ${index}, though ${dim} were asked for`);
    }
    vectors[index] = vector;
  }
  return vectors as Float32Array[];
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    throw unfit("is not JSON");
  }
}

function toVector(embedding: unknown, index: number): Float32Array {
  if (typeof embedding === "string") return fromBase64(embedding, index);
  if (!Array.isArray(embedding)) throw unfit(`has no vector for text ${index}`);
  const bad = embedding.findIndex((value) => typeof value !== "number");
  if (bad >= 0) throw unfit(`has ${JSON.stringify(embedding[bad])} at component ${bad} of text ${index}`);
  return Float32Array.from(embedding);
}

function fromBase64(text: string, index: number): Float32Array {
  let bytes: string;
  try {
    bytes = atob(text);
  } catch {
    throw unfit(`has a vector for text ${index} that is not base64`);
  }
  if (bytes.length % 4 !== 0) throw unfit(`has ${bytes.length} bytes for text ${index}, no whole number of float32`);
  const view = new DataView(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)).buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(at * 4, true));
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function unfit(what: string): LynseError {
  return new LynseError(
    "UNAVAILABLE",
    `the answer of the embedding service ${what}; expected OpenAI's embeddings format`,
  );
}
