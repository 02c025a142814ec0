/**
 * Which value does a dotted path have in a row?
 *
 * `a.b` is the literal key "a.b" where the object has it, else the path: the longest leading names that are a key are
 * tried first, and the first key through which the rest is found decides. Where the path goes on through an array, each
 * element has a value of its own (`ManyValues`); an element that is no object or lacks the rest has none, and where no
 * element has it the path is missing. Only own keys count, so `constructor` and `__proto__` are names like any other.
 */
import { checkLimit } from "../limits.js";
import type { JsonValue } from "../types.js";

/** A row's metadata as parsed JSON. */
export type FieldRecord = Readonly<Record<string, JsonValue>>;

/** The values that a path has in the elements of an array; undefined where an element has none. At least one has. */
export class ManyValues {
  readonly values: readonly (JsonValue | undefined)[];

  constructor(values: readonly (JsonValue | undefined)[]) {
    this.values = values;
  }
}

/** What a path can lead to; undefined is missing. */
export type PathValue = JsonValue | ManyValues | undefined;

/** A path prepared for reading many rows. */
export class FieldPath {
  readonly path: string;
  readonly #nameCount: number;
  /** `#keys[i][k]` is the key made of the names from the i-th to the one before the last k. */
  readonly #keys: readonly (readonly string[])[];

  constructor(path: string) {
    this.path = path;
    const names = path.split(".");
    checkLimit("fieldDepthMax", names.length, `where: the number of names in the field path ${path.slice(0, 40)}…`);
    this.#nameCount = names.length;
    this.#keys = names.map((_, from) =>
      names.slice(from).map((__, shorterBy) => names.slice(from, names.length - shorterBy).join(".")),
    );
  }

  read(field: FieldRecord): PathValue {
    return this.#readObject(field, 0);
  }

  /** Recursion is bounded by the number of names, at most `limits.fieldDepthMax`. */
  #readObject(object: FieldRecord, from: number): PathValue {
    const keys = this.#keys[from] ?? [];
    const whole = keys[0] ?? "";
    if (Object.hasOwn(object, whole)) {
      const value = object[whole];
      if (value !== undefined) return value;
    }
    for (let shorterBy = 1; shorterBy < keys.length; shorterBy += 1) {
      const key = keys[shorterBy] ?? "";
      if (!Object.hasOwn(object, key)) continue;
      const found = this.#readMember(object[key], this.#nameCount - shorterBy);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #readMember(value: JsonValue | undefined, from: number): PathValue {
    if (typeof value !== "object" || value === null) return undefined;
    if (!isArray(value)) return this.#readObject(value, from);
    const values: (JsonValue | undefined)[] = [];
    let isFound = false;
    for (const element of value) {
      const found = isObject(element) ? this.#readObject(element, from) : undefined;
      if (found !== undefined) isFound = true;
      if (found instanceof ManyValues) for (const inner of found.values) values.push(inner);
      else values.push(found);
    }
    return isFound ? new ManyValues(values) : undefined;
  }
}

/** `Array.isArray` that narrows readonly JSON arrays. */
export function isArray(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue | undefined): value is FieldRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
