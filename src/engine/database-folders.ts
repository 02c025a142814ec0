/**
 * Which databases and collections are in a root folder, and what did a crash leave there?
 *
 * A database is a folder with an intact `database.json`; a collection one with a manifest. Folders whose names begin with
 * `~` are not finished: nobody sees them, and the next writable open ends, or removes, what they stand for.
 */
import { LynseError } from "../errors.js";
import { CollectionStore } from "../storage/collection-store.js";
import { type DatabaseState, readDatabaseFile } from "../storage/database-file.js";
import type { FileSystem } from "../storage/file-system.js";
import { unfinishedEnding } from "../storage/replace-file.js";
import { finishReplacement, replacedBy } from "./replace-database.js";
import { stagedBeginning } from "./snapshots.js";

/** How long a reader waits for a database to be put into the place of another one, and the time between two looks. */
const replacementWaitMs = 2000;
const replacementStepMs = 5;

export class DatabaseFolders {
  readonly #fs: FileSystem;
  readonly #folder: string;

  constructor(fs: FileSystem, folder: string) {
    this.#fs = fs;
    this.#folder = folder;
  }

  /** Names of the databases in a state, sorted. */
  async names(state: DatabaseState): Promise<string[]> {
    const names: string[] = [];
    for (const { name, isFolder } of await this.#fs.list(this.#folder)) {
      if (!isFolder || name.startsWith(stagedBeginning)) continue;
      if ((await readDatabaseFile(this.#fs, this.database(name))) === state) names.push(name);
    }
    return names;
  }

  /** State of a database. A reader waits while another one is put into its place, which leaves the name free for a moment. */
  async stateOf(name: string, waits: boolean): Promise<DatabaseState | null> {
    for (let waitedMs = 0; ; waitedMs += replacementStepMs) {
      const folder = this.database(name);
      const state = await readDatabaseFile(this.#fs, folder);
      if (state !== null || !waits) return state;
      // It may have got its place while this call looked for who takes it.
      if (!(await this.replacedNames()).includes(name)) return readDatabaseFile(this.#fs, folder);
      if (waitedMs >= replacementWaitMs) {
        const text = `database ${JSON.stringify(name)} is being replaced by a restore that was interrupted; open ${this.#folder} for writing once, which ends it`;
        throw new LynseError("DATABASE_NOT_FOUND", text, { database: name });
      }
      await new Promise((resolve) => setTimeout(resolve, replacementStepMs));
    }
  }

  /** Names of databases that are being replaced. */
  async replacedNames(): Promise<string[]> {
    const staged = await this.#stagedIn(this.#folder);
    const names = await Promise.all(staged.map((folder) => replacedBy(this.#fs, folder)));
    return names.filter((name) => name !== null);
  }

  /**
   * Removes the folder of a database marked as dropped. Its collections go durably, one by one, first: a database of the
   * same name may be created next, and a power loss must not bring them back into that.
   */
  async remove(name: string): Promise<void> {
    const folder = this.database(name);
    for (const { name: inner, isFolder } of await this.#fs.list(folder)) {
      if (isFolder) await CollectionStore.remove(this.#fs, `${folder}/${inner}`);
    }
    await this.#fs.removeFolder(folder);
    await this.#fs.syncFolder(this.#folder);
  }

  /** Removes what an interrupted creation or drop left under a name that no database has; false where more is there. */
  async freeName(name: string): Promise<boolean> {
    const folder = this.database(name);
    if ((await readDatabaseFile(this.#fs, folder)) === "dropped") {
      await this.remove(name);
      return true;
    }
    for (const folders = [folder]; folders.length > 0; ) {
      const each = folders.pop()!;
      for (const entry of await this.#fs.list(each)) {
        if (entry.isFolder) folders.push(`${each}/${entry.name}`);
        else if (!entry.name.endsWith(`.json${unfinishedEnding}`)) return false;
      }
    }
    await this.#fs.removeFolder(folder);
    await this.#fs.syncFolder(this.#folder);
    return true;
  }

  /** Ends what was interrupted: drops go on, and what is found, or gone, stays so through a power loss. */
  async recover(): Promise<void> {
    // A restored database has its name by a rename, which need not be durable yet; what is committed to it next relies on it.
    await this.#fs.syncFolder(this.#folder);
    for (const folder of await this.#stagedIn(this.#folder)) {
      const name = await replacedBy(this.#fs, folder);
      if (name !== null) await finishReplacement(this.#fs, this.#folder, folder, name);
    }
    for (const folder of await this.#stagedIn(this.#folder)) await this.#fs.removeFolder(folder);
    for (const name of await this.names("dropped")) await this.remove(name);
    for (const database of await this.names("live")) {
      const folder = this.database(database);
      await this.#fs.syncFolder(folder);
      for (const staged of await this.#stagedIn(folder)) await this.#fs.removeFolder(staged);
      for (const { name, isFolder } of await this.#fs.list(folder)) {
        const inner = `${folder}/${name}`;
        // The manifest of a drop that failed half-way may be gone for readers, but not yet from the disk.
        if (isFolder && !(await CollectionStore.exists(this.#fs, inner))) await this.#fs.syncFolder(inner);
      }
    }
  }

  /** Folders in `folder` that are not finished. */
  async #stagedIn(folder: string): Promise<string[]> {
    const entries = await this.#fs.list(folder);
    const staged = entries.filter(({ name, isFolder }) => isFolder && name.startsWith(stagedBeginning));
    return staged.map(({ name }) => `${folder}/${name}`);
  }

  /** Folder of a database. */
  database(name: string): string {
    return `${this.#folder}/${name}`;
  }

  /** Folder of a collection. */
  collection(database: string, name: string): string {
    return `${this.database(database)}/${name}`;
  }

  /** Names of a database's collections, sorted. */
  async collectionNames(database: string): Promise<readonly string[]> {
    const names: string[] = [];
    const folder = this.database(database);
    for (const { name, isFolder } of await this.#fs.list(folder)) {
      if (!isFolder || name.startsWith(stagedBeginning)) continue;
      if (await CollectionStore.exists(this.#fs, `${folder}/${name}`)) names.push(name);
    }
    return names;
  }
}
