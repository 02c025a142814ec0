/**
 * Which files does an index on disk still need?
 *
 * The one that it works on; the one that the sections given away last name, since they are only known to be kept when
 * the next ones are asked for; and those that searches still read which began on a state before.
 */
import type { IndexFolder } from "../vector-index.js";
import { BlockFile } from "./block-file.js";

export class FileTenure {
  readonly #folder: IndexFolder;
  #present: BlockFile;
  #retired: BlockFile[] = [];
  /** The file that the last sections given away name; null: none were. */
  #serialized: string | null;
  readonly #users = new Map<BlockFile, number>();

  /** `isLoaded`: sections name the file already. */
  constructor(folder: IndexFolder, file: BlockFile, isLoaded: boolean) {
    this.#folder = folder;
    this.#present = file;
    this.#serialized = isLoaded ? file.name : null;
  }

  /** Runs a read on a file, which stays open meanwhile. */
  async during<T>(file: BlockFile, run: () => Promise<T>): Promise<T> {
    const users = this.#users;
    users.set(file, (users.get(file) ?? 0) + 1);
    try {
      return await run();
    } finally {
      const left = users.get(file)! - 1;
      if (left === 0) users.delete(file);
      else users.set(file, left);
    }
  }

  /** The index works on another file, or on another handle of it, from now on. */
  replace(file: BlockFile): void {
    if (file === this.#present) return;
    this.#retired.push(this.#present);
    this.#present = file;
  }

  /** Sections that name the present file are given away: files that nobody needs any more go. */
  async giveAway(): Promise<void> {
    if (this.#serialized !== null) {
      const names = new Set([this.#present.name, this.#serialized]);
      for (const { name } of this.#users.keys()) names.add(name);
      await this.#closeRetired((file) => !names.has(file.name));
      await BlockFile.removeOthers(this.#folder, (name) => names.has(name));
    }
    this.#serialized = this.#present.name;
  }

  /** Closes all files. */
  async release(): Promise<void> {
    await this.#closeRetired(() => true);
    await this.#present.close();
  }

  async #closeRetired(isOver: (file: BlockFile) => boolean): Promise<void> {
    for (const file of this.#retired) if (isOver(file)) await file.close();
    this.#retired = this.#retired.filter((file) => !isOver(file));
  }
}
