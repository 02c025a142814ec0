/**
 * Which rows of a file were left out, and why?
 *
 * One JSON object a line: where the row stands, its id where it has one, the error's code and its reason. Import part of the
 * command line.
 */
import { type FileHandle, open } from "node:fs/promises";
import { LynseError } from "../../errors.js";
import type { RejectedRow } from "./row-batches.js";

export class RejectFile {
  readonly name: string;
  readonly #handle: FileHandle;
  #count = 0;

  private constructor(name: string, handle: FileHandle) {
    this.name = name;
    this.#handle = handle;
  }

  /** Begins the file anew: every run tells all rows that it leaves out. */
  static async create(name: string): Promise<RejectFile> {
    try {
      return new RejectFile(name, await open(name, "w"));
    } catch (error) {
      throw cannotWrite(name, error);
    }
  }

  /** Rows left out so far. */
  get count(): number {
    return this.#count;
  }

  async add({ line, id, reason }: RejectedRow): Promise<void> {
    this.#count += 1;
    const { code, message } = reason;
    await this.#handle.write(
      `${JSON.stringify({ line, ...(id === undefined ? {} : { id }), code, reason: message })}\n`,
    );
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function cannotWrite(name: string, error: unknown): LynseError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const reasons: Record<string, string> = {
    ENOENT: "its folder does not exist; make it first",
    ENOTDIR: "a part of the path is a file; choose another one",
    EISDIR: "it is a directory; name a file in it",
    EACCES: "permission denied; choose another path",
  };
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new LynseError("IO_ERROR", `cannot write ${name}: ${reason}`, { path: name, code }, error);
}
