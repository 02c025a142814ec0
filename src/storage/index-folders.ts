/**
 * Where are indexes kept?
 *
 * Each build of an index has a folder of its own in its generation, `index-<field>-<number>/`, so that the old one serves
 * until the new one is whole. `head.lynse` in it is a section file written last: a folder without an intact one is what a
 * crash left. What else is in the folder belongs to the index. The newest intact folder counts that is of the index that the
 * configuration names; all of it is derived.
 */
import { assert, isLynseError } from "../errors.js";
import type { JsonValue } from "../types.js";
import { corruptFile } from "./corrupt-file.js";
import type { FileSystem } from "./file-system.js";
import type { GenerationFiles } from "./generation-files.js";
import { type FileSection, readSectionFile, writeSectionFile } from "./section-file.js";

/** A folder of one build. */
export interface IndexPlace {
  readonly fs: FileSystem;
  readonly path: string;
  readonly field: string;
  readonly number: number;
}

/** What a head says of its index. */
export interface IndexDescription {
  /** Canonical name, e.g. `"HNSW-COS"`. */
  readonly name: string;
  readonly parameters: { readonly [name: string]: JsonValue };
}

export interface StoredIndex {
  readonly place: IndexPlace;
  readonly description: IndexDescription;
  readonly sections: ReadonlyMap<string, Uint8Array>;
  /** Size of the head. */
  readonly fileBytes: number;
}

const headName = "head.lynse";
/** Named so that no index calls a section of its own by it. */
const descriptionSection = "folder.description";

export class IndexFolders {
  readonly #files: GenerationFiles;
  readonly #assertMayWrite: () => Promise<unknown>;

  constructor(files: GenerationFiles, assertMayWrite: () => Promise<unknown>) {
    this.#files = files;
    this.#assertMayWrite = assertMayWrite;
  }

  /** A fresh folder for a build. */
  async create(field: string): Promise<IndexPlace> {
    await this.#assertMayWrite();
    const places = await this.#places(field);
    const number = (places.at(-1)?.number ?? 0) + 1;
    assert(number < 1_000_000, "folder numbers have six digits");
    const place = this.#place(field, number);
    await this.#files.fs.makeFolder(place.path);
    return place;
  }

  /** Makes an index count, durably; resolves to the size of its head. What it keeps in its folder is durable already. */
  async save(place: IndexPlace, description: IndexDescription, sections: readonly FileSection[]): Promise<number> {
    await this.#assertMayWrite();
    const { fs, generation, salt, folder } = this.#files;
    const text = new TextEncoder().encode(JSON.stringify(description));
    const all = [{ name: descriptionSection, bytes: text }, ...sections];
    const fileBytes = await writeSectionFile(
      fs,
      `${place.path}/${headName}`,
      { kind: "LYNSEIDX", generation, salt },
      all,
    );
    await fs.syncFolder(folder);
    return fileBytes;
  }

  /**
   * The newest index of a field that has this name and can be read; null when there is none. One of another name was saved,
   * but does not count yet, or no more: what counts is what the configuration names.
   */
  async load(field: string, name: string): Promise<StoredIndex | null> {
    for (const place of (await this.#places(field)).reverse()) {
      try {
        const found = await this.#read(place);
        if (found.description.name === name) return found;
      } catch (error) {
        if (!isLynseError(error)) throw error;
      }
    }
    return null;
  }

  async #read(place: IndexPlace): Promise<StoredIndex> {
    const { fs, generation, salt } = this.#files;
    const path = `${place.path}/${headName}`;
    const { sections, fileBytes } = await readSectionFile(fs, path, "LYNSEIDX", (header) => {
      if (header.generation === generation && header.salt === salt) return;
      throw corruptFile(path, 0, "the file belongs to another collection or generation");
    });
    const text = new TextDecoder().decode(sections.get(descriptionSection) ?? new Uint8Array());
    const description = descriptionOf(text);
    if (description === null) throw corruptFile(path, 0, "the description is malformed");
    sections.delete(descriptionSection);
    return { place, description, sections, fileBytes };
  }

  /** Removes the folders of a field but one (null: all). */
  async removeOthers(field: string, keep: IndexPlace | null): Promise<void> {
    await this.#assertMayWrite();
    for (const place of await this.#places(field)) if (place.number !== keep?.number) await this.remove(place);
  }

  /** Removes a folder: first the head, so that a half-removed one does not count. */
  async remove(place: IndexPlace): Promise<void> {
    await this.#assertMayWrite();
    await this.#files.fs.remove(`${place.path}/${headName}`);
    await this.#files.fs.removeFolder(place.path);
  }

  /** Folders of a field by number. */
  async #places(field: string): Promise<IndexPlace[]> {
    const prefix = `index-${field}-`;
    const places: IndexPlace[] = [];
    for (const { name, isFolder } of await this.#files.fs.list(this.#files.folder)) {
      const digits = name.slice(prefix.length);
      if (!isFolder || !name.startsWith(prefix) || !/^\d{6}$/.test(digits)) continue;
      places.push(this.#place(field, Number(digits)));
    }
    return places.sort((one, other) => one.number - other.number);
  }

  #place(field: string, number: number): IndexPlace {
    const name = `index-${field}-${String(number).padStart(6, "0")}`;
    return { fs: this.#files.fs, path: `${this.#files.folder}/${name}`, field, number };
  }
}

function descriptionOf(text: string): IndexDescription | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { name, parameters } = value as { name?: unknown; parameters?: unknown };
  if (typeof name !== "string" || typeof parameters !== "object" || parameters === null) return null;
  return { name, parameters: parameters as IndexDescription["parameters"] };
}
