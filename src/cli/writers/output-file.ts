/**
 * Where do the bytes of an export go?
 *
 * Into a file beside the target, that is made durable and takes the target's name at the end; or to standard output under
 * the name `-`. A target that is there is refused, before anything is read. Writer layer of the command line.
 */
import { once } from "node:events";
import { type FileHandle, link, open, rm, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { unfinishedOutput } from "../../client/local/unfinished-output.js";
import { LynseError } from "../../errors.js";

export class OutputFile {
  /** The target as the user named it. */
  readonly name: string;
  readonly #unfinished: string;
  readonly #handle: FileHandle | null;
  #bytes = 0;
  #isEnded = false;

  private constructor(name: string, unfinished: string, handle: FileHandle | null) {
    this.name = name;
    this.#unfinished = unfinished;
    this.#handle = handle;
  }

  static async create(name: string): Promise<OutputFile> {
    if (name === "-") return new OutputFile(name, name, null);
    await refuseExisting(name);
    const unfinished = await unfinishedOutput(name);
    try {
      return new OutputFile(name, unfinished, await open(unfinished, "wx"));
    } catch (error) {
      throw writeError(name, error);
    }
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#bytes += bytes.length;
    if (this.#handle === null) {
      if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
      return;
    }
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
      }
    } catch (error) {
      throw writeError(this.name, error);
    }
  }

  /** Replaces bytes that were written. */
  async overwrite(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#handle === null) throw new LynseError("INTERNAL", "standard output cannot be written again");
    try {
      await this.#handle.write(bytes, 0, bytes.length, position);
    } catch (error) {
      throw writeError(this.name, error);
    }
  }

  /** Makes the file durable under its name. */
  async finish(): Promise<number> {
    this.#isEnded = true;
    if (this.#handle === null) return this.#bytes;
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await this.#takeName();
    } catch (error) {
      await rm(this.#unfinished, { force: true });
      throw error instanceof LynseError ? error : writeError(this.name, error);
    }
    return this.#bytes;
  }

  /** A link fails where the name was taken meanwhile, which a rename would replace. */
  async #takeName(): Promise<void> {
    try {
      await link(this.#unfinished, this.name);
    } catch (error) {
      if (codeOf(error) === "EEXIST") throw targetExists(this.name);
      throw error;
    }
    await unlink(this.#unfinished);
    if (process.platform === "win32") return;
    const folder = await open(dirname(this.name), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async abandon(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#handle?.close();
    if (this.#handle !== null) await rm(this.#unfinished, { force: true });
  }
}

/** `TARGET_EXISTS` where something has the name. */
export async function refuseExisting(name: string): Promise<void> {
  const found = await stat(name).catch(() => null);
  if (found !== null) throw targetExists(name);
}

function targetExists(name: string): LynseError {
  return new LynseError("TARGET_EXISTS", `${name} exists; choose another name for the export, or remove it first`, {
    path: name,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function writeError(name: string, error: unknown): LynseError {
  const code = codeOf(error);
  const reasons: Record<string, string> = {
    ENOENT: "its folder does not exist; create it first",
    EACCES: "permission denied; check the rights of its folder",
    ENOSPC: "the disk is full; make room or write elsewhere",
    EISDIR: "it is a directory; name a file in it",
  };
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  const errorCode = code === "ENOSPC" ? "NO_SPACE" : "IO_ERROR";
  return new LynseError(errorCode, `cannot write ${name}: ${reason}`, { path: name, errno: code }, error);
}
