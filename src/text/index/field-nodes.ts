/**
 * Which fields does a text index know, and which may it learn?
 *
 * Every field is a node of the kernel's: a key under another field. Chosen fields are there from the beginning, in
 * every way in which a dotted name can be read (`a.b`: the key "a.b", or "b" under "a"); what is nested under them is
 * learnt as it comes. Without a choice the row itself is the one chosen field.
 */
import { nodeIndexed } from "./text-kernel.js";
import type { TextMemory } from "./text-memory.js";

/** Names of a path up to which every way of reading it is prepared: there are 2 ** (names - 1). */
const readNamesMax = 8;

/** A field as it is stored. */
export interface StoredNode {
  readonly parent: number;
  /** Bytes of the key between the quotes of canonical JSON. */
  readonly key: Uint8Array;
}

interface FieldNode extends StoredNode {
  readonly path: string;
  readonly isIndexed: boolean;
}

export class FieldNodes {
  readonly #memory: TextMemory;
  readonly #fields: readonly string[];
  readonly #nodes: FieldNode[] = [];
  /** Nodes that the chosen fields brought. */
  readonly #chosenCount: number;

  constructor(memory: TextMemory, fields: readonly string[] | null) {
    this.#memory = memory;
    this.#fields = fields ?? [];
    this.#add(0, "", new Uint8Array(0), fields === null);
    const known = new Map<string, number>();
    for (const path of waysToRead(this.#fields)) {
      const parent = known.get(JSON.stringify(path.slice(0, -1))) ?? 0;
      const key = path.at(-1) as string;
      known.set(JSON.stringify(path), this.#nodes.length);
      const name = path.join(".");
      this.#add(parent, name, new TextEncoder().encode(JSON.stringify(key).slice(1, -1)), covers(this.#fields, name));
    }
    this.#chosenCount = this.#nodes.length;
  }

  get count(): number {
    return this.#nodes.length;
  }

  /** Nodes that came later than the chosen ones, in order. */
  get learnt(): readonly StoredNode[] {
    return this.#nodes.slice(this.#chosenCount);
  }

  /** Adds a field that a chosen one covers; false where none does. */
  learn(parent: number, key: Uint8Array): boolean {
    const above = this.#nodes[parent];
    if (above === undefined) return false;
    const name = keyText(key);
    const path = above.path === "" ? name : `${above.path}.${name}`;
    if (!above.isIndexed && !covers(this.#fields, path)) return false;
    this.#add(parent, path, key, true);
    return true;
  }

  /** A byte a node: 1 where one of `names` covers it. Null where they cover all that is indexed. */
  chosen(names: readonly string[] | null): Uint8Array | null {
    if (names === null) return null;
    const chosen = new Uint8Array(this.#nodes.length);
    let isAll = true;
    for (let node = 0; node < chosen.length; node++) {
      const { path, isIndexed } = this.#nodes[node] as FieldNode;
      const isCovered = node > 0 && covers(names, path);
      chosen[node] = isCovered ? 1 : 0;
      if (isIndexed && !isCovered && node > 0) isAll = false;
    }
    return isAll ? null : chosen;
  }

  #add(parent: number, path: string, key: Uint8Array, isIndexed: boolean): void {
    const memory = this.#memory;
    memory.withScratch(key.length, (address) => {
      memory.bytes.set(key, address);
      const flags = isIndexed ? nodeIndexed : 0;
      while (memory.kernel.addNode(memory.state, parent, address, key.length, flags) < 0) memory.growAsWanted();
    });
    this.#nodes.push({ parent, key: key.slice(), path, isIndexed });
  }
}

/** True where one of the names is the path, or leads to it. */
function covers(names: readonly string[], path: string): boolean {
  return names.some((name) => path === name || path.startsWith(`${name}.`));
}

/** The key that stands between the quotes of JSON. */
function keyText(key: Uint8Array): string {
  const text = new TextDecoder().decode(key);
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

/** Every list of keys that one of the names, or the beginning of one, can be read as; parents first. */
function waysToRead(fields: readonly string[]): (readonly string[])[] {
  const ways = new Map<string, readonly string[]>();
  for (const field of fields) {
    const names = field.split(".");
    const cuts = names.length - 1;
    const masks = names.length <= readNamesMax ? Array.from({ length: 2 ** cuts }, (_, mask) => mask) : [0, -1];
    for (const mask of masks) {
      const keys = keysOf(names, mask);
      for (let depth = 1; depth <= keys.length; depth++)
        ways.set(JSON.stringify(keys.slice(0, depth)), keys.slice(0, depth));
    }
  }
  return [...ways.values()].sort((a, b) => a.length - b.length);
}

/** The keys when a cut follows each name whose bit is set; bits repeat beyond 32 names. */
function keysOf(names: readonly string[], mask: number): string[] {
  const keys: string[] = [];
  let from = 0;
  for (let to = 1; to <= names.length; to++) {
    if (to < names.length && ((mask >> ((to - 1) & 31)) & 1) === 0) continue;
    keys.push(names.slice(from, to).join("."));
    from = to;
  }
  return keys;
}
