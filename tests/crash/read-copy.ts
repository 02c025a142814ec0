/**
 * What does a snapshot or an export hold, as it would be restored?
 *
 * Each copy is put into a fresh root, on files of its own that hold nothing but the copy, and read there. A copy that has
 * its name must be whole: anything that a restore refuses is a failure.
 */
import { strict as assert } from "node:assert";
import { crc32 } from "node:zlib";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { copyText, readDatabase } from "./read-world.js";
import { copiesFolder, SimulatedRoot } from "./simulated-root.js";

/** Files by path; null is a folder. */
export type Contents = ReadonlyMap<string, Uint8Array | null>;

/** Reads copies, and keeps what it read as long as no byte of their files changes. */
export class CopyReader {
  readonly #known = new Map<string, { readonly print: string; readonly text: string }>();
  /** Copies restored. */
  restored = 0;

  /** Text of each copy among the files, by name. */
  async read(contents: Contents): Promise<Record<string, string>> {
    const texts: Record<string, string> = {};
    for (const [name, files] of copiesIn(contents)) {
      const print = printOf(files);
      const known = this.#known.get(name);
      const text = known?.print === print ? known.text : await readCopy(name, files);
      if (known?.text !== text) this.restored += 1;
      this.#known.set(name, { print, text });
      texts[name] = text;
    }
    return texts;
  }
}

/** Files of each copy that has its name, in order of the names; copies under way have another. */
function copiesIn(contents: Contents): [string, Contents][] {
  const copies = new Map<string, Map<string, Uint8Array | null>>();
  for (const [path, bytes] of contents) {
    if (!path.startsWith(`${copiesFolder}/`)) continue;
    const name = path.slice(copiesFolder.length + 1).split("/")[0]!;
    if (name.includes(".tmp")) continue;
    const files = copies.get(name) ?? new Map<string, Uint8Array | null>();
    copies.set(name, files.set(path, bytes));
  }
  return [...copies].sort(([a], [b]) => (a < b ? -1 : 1));
}

function printOf(files: Contents): string {
  return JSON.stringify([...files].map(([path, bytes]) => [path, bytes?.length, bytes === null ? 0 : crc32(bytes)]));
}

/** Text of one copy, of which `files` are all files. */
export async function readCopy(name: string, files: Contents): Promise<string> {
  const path = `${copiesFolder}/${name}`;
  const root = await SimulatedRoot.open(MemoryFileSystem.of(files));
  try {
    const description = files.get(`${path}/snapshot.json`);
    const isExport = description === undefined;
    if (!isExport && textOfFile(description).includes('"kind":"database"')) {
      const database = root.database("restored");
      await database.restore(path);
      return copyText("database", await readDatabase(database));
    }
    await root.run({ kind: "createDatabase", database: "restored" });
    const database = root.database("restored");
    if (isExport) await database.importCollection("one", path);
    else await database.restoreCollection("one", path);
    const { one } = await readDatabase(database);
    assert(one !== undefined, "the copy has a collection");
    return copyText(isExport ? "export" : "snapshot", { "": one });
  } finally {
    await root.abandon();
  }
}

function textOfFile(bytes: Uint8Array | null): string {
  return bytes === null ? "" : new TextDecoder().decode(bytes);
}
