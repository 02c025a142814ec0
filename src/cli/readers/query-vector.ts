/**
 * Which vector does a search ask about?
 *
 * A JSON array on the command line or in a file, or the one row of a `.npy` or `.f32` file. Reader layer of the command
 * line.
 */
import { open } from "node:fs/promises";
import { LynseError } from "../../errors.js";
import { fileError } from "./byte-source.js";
import { isVectorFileName, VectorFile } from "./vector-file.js";

/** Bytes of a file that holds one vector as JSON: the longest vector, written at full length. */
const jsonBytesMax = 1 << 20;

/** `dim` is the dimension of the collection, 0 where it is not known. */
export async function readQueryVector(
  input: { readonly vector?: string; readonly vectorFile?: string },
  dim: number,
): Promise<ArrayLike<number>> {
  if (input.vector !== undefined) return parseVector(input.vector, "--vector");
  const name = input.vectorFile ?? "";
  return isVectorFileName(name) ? await readVectorFile(name, dim) : parseVector(await readSmallFile(name), name);
}

async function readVectorFile(name: string, dim: number): Promise<Float32Array> {
  const file = await VectorFile.open(name, dim === 0 ? null : dim);
  try {
    if (file.rowCount === 1) return await file.read(1);
    const what = `${name} holds ${file.rowCount} vectors; one is wanted`;
    throw new LynseError("INVALID_ARGUMENT", what, { file: name, got: file.rowCount });
  } finally {
    await file.close();
  }
}

async function readSmallFile(name: string): Promise<string> {
  try {
    const handle = await open(name, "r");
    try {
      const bytes = new Uint8Array(jsonBytesMax);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      return new TextDecoder().decode(bytes.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(name, error);
  }
}

function parseVector(text: string, name: string): number[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (Array.isArray(value) && value.every((number) => typeof number === "number")) return value;
  throw new LynseError("INVALID_ARGUMENT", `${name}: a JSON array of numbers is wanted, as [0.1, 0.2, 0.3]`, { name });
}
