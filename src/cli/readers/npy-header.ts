/**
 * Which array does a NumPy `.npy` file hold, and where do its numbers begin?
 *
 * The format of NEP 1 (versions 1.0, 2.0 and 3.0): a magic string, the version, the header's length, and the header, a
 * Python dictionary with `descr`, `fortran_order` and `shape`. Little-endian floats of 2, 4 or 8 bytes in C order are
 * read; anything else is refused by name, with the line of Python that mends it. Reader layer of the command line.
 */
import { LynseError } from "../../errors.js";

export interface NpyHeader {
  readonly bytesPerNumber: 2 | 4 | 8;
  readonly shape: readonly number[];
  /** Position of the first number in the file. */
  readonly dataOffset: number;
}

/** Bytes of the longest header that is looked at: NumPy's own writer stays far below. */
export const npyHeaderBytesMax = 64 * 1024;

const bytesByDescription: Record<string, 2 | 4 | 8> = { "<f2": 2, "<f4": 4, "<f8": 8 };

/** Reads the header from the first bytes of the file called `name`. */
export function parseNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const refuse = (what: string): LynseError => new LynseError("INVALID_ARGUMENT", `${name}: ${what}`, { file: name });
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  if (magic !== "\u0093NUMPY") throw refuse("not a NumPy file: it does not begin with \\x93NUMPY; is it really .npy?");
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3) throw refuse(`NumPy format version ${major}; versions 1 to 3 are read`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = major === 1 ? 2 : 4;
  if (bytes.length < 8 + lengthBytes) throw refuse("the file ends within its header; copy it again");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = 8 + lengthBytes + length;
  if (dataOffset > npyHeaderBytesMax)
    throw refuse(`a header of ${length} bytes; at most ${npyHeaderBytesMax} are read`);
  if (bytes.length < dataOffset) throw refuse("the file ends within its header; copy it again");
  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(bytes.subarray(8 + lengthBytes, dataOffset));

  const description = /'descr'\s*:\s*('[^']*'|\[[^\]]*\])/.exec(text)?.[1]?.replace(/^'|'$/g, "");
  const isFortranOrder = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shapeText = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (description === undefined || isFortranOrder === undefined || shapeText === undefined) {
    throw refuse("the header lacks descr, fortran_order or shape; write the file with numpy.save");
  }
  const bytesPerNumber = bytesByDescription[description];
  if (bytesPerNumber === undefined) {
    throw refuse(`an array of type ${description}; <f2, <f4 and <f8 are read: numpy.save(file, x.astype("<f4"))`);
  }
  if (isFortranOrder === "True") {
    throw refuse("an array in Fortran order; C order is read: numpy.save(file, numpy.ascontiguousarray(x))");
  }
  const shape = shapeText
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  if (!shape.every(Number.isSafeInteger)) throw refuse(`a shape of (${shapeText}) is larger than can be counted`);
  return { bytesPerNumber, shape, dataOffset };
}
