/**
 * Where do the bytes of an input come from?
 *
 * A file, or standard input under the name `-`, read once from front to back in chunks, so that no input is ever whole
 * in memory. A file that cannot be opened is refused by name before any row is read. Reader layer of the command line.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { LynseError } from "../../errors.js";

/** Bytes asked of the operating system at once. */
const chunkBytes = 1 << 20;

/** Turns a refused file operation into an `IO_ERROR` that says which file and why in words. */
export function fileError(path: string, error: unknown): LynseError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reasons: Record<string, string> = {
    ENOENT: "there is no such file; check the path",
    EACCES: "permission denied; check the file's rights",
    EISDIR: "it is a directory; name a file in it",
  };
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new LynseError("IO_ERROR", `cannot read ${path}: ${reason}`, { path, code }, error);
}

export class ByteSource {
  /** The input as the user named it. */
  readonly name: string;
  /** Length of a file; null for standard input. */
  readonly byteLength: number | null;
  #bytesRead = 0;

  private constructor(name: string, byteLength: number | null) {
    this.name = name;
    this.byteLength = byteLength;
  }

  static async open(path: string): Promise<ByteSource> {
    if (path === "-") return new ByteSource("standard input", null);
    try {
      const status = await stat(path);
      if (status.isDirectory()) throw Object.assign(new Error("is a directory"), { code: "EISDIR" });
      return new ByteSource(path, status.isFile() ? status.size : null);
    } catch (error) {
      throw fileError(path, error);
    }
  }

  /** Bytes handed out so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const stream =
      this.name === "standard input" ? process.stdin : createReadStream(this.name, { highWaterMark: chunkBytes });
    try {
      for await (const chunk of stream) {
        const bytes = chunk as Uint8Array;
        this.#bytesRead += bytes.length;
        yield bytes;
      }
    } catch (error) {
      throw fileError(this.name, error);
    }
  }
}
