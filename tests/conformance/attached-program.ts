/**
 * What does a random program do with what hangs on rows?
 *
 * Steps that follow from a seed: few ids, few features, few words, so that calls meet. Vector components are multiples
 * of 1/8, exact in float16, and weights of 1/4: sums of their products are exact.
 */
import type { Id } from "../../src/index.js";
import type { AttachedFields, AttachedItem, Sparse, Write } from "./naive-attached.js";
import { randomNumbers } from "./random-numbers.js";

export const ids: readonly Id[] = [0, 1, 2, 3, 7, "0", "1", "a", "é", 2 ** 40];
export const features = [0, 1, 2, 3, 5, 8, 65_536, 4_294_967_295] as const;
const words = ["ash", "birch", "cedar", "dogwood", "elm", "fir"] as const;
const tags = ["x", "y", "z"] as const;

interface FieldKind {
  readonly dim: number;
  readonly metric: "l2" | "cos";
  readonly dtype: "float32" | "float16";
}

export const kinds: Readonly<Record<string, FieldKind>> = {
  image: { dim: 3, metric: "l2", dtype: "float32" },
  sound: { dim: 2, metric: "cos", dtype: "float16" },
};

/** How the texts are searched, as `configureText` was told. */
export interface TextSettings {
  readonly fields?: readonly (keyof AttachedFields)[];
  readonly k1?: number;
  readonly b?: number;
}

const textSettings: readonly TextSettings[] = [
  {},
  { fields: ["text"] },
  { k1: 2, b: 0.3 },
  { fields: ["tag", "text"] },
];

export type Step =
  | { readonly kind: "session"; readonly writes: readonly Write[]; readonly fails: boolean }
  | { readonly kind: "call"; readonly write: Write }
  | { readonly kind: "together"; readonly calls: readonly Call[] }
  | { readonly kind: "restore"; readonly ids: readonly Id[] }
  | { readonly kind: "createField"; readonly field: string }
  | { readonly kind: "configureText"; readonly settings: TextSettings }
  | { readonly kind: "compact" | "checkpoint" | "reopen" };

/** What can run beside others. */
export type Call = Write | { readonly kind: "restore"; readonly id: Id } | { readonly kind: "compact" };

/** The steps that follow from a seed. */
export class Program {
  /** Named fields created so far. */
  readonly fields = new Set<string>();
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomNumbers(seed);
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  step(): Step {
    const choice = this.below(40);
    if (choice < 11) {
      const writes = Array.from({ length: 1 + this.below(4) }, () => this.write());
      return { kind: "session", writes, fails: this.below(4) === 0 };
    }
    if (choice < 25) return { kind: "call", write: this.write() };
    if (choice < 29) return { kind: "together", calls: Array.from({ length: 2 + this.below(3) }, () => this.#call()) };
    if (choice < 32) return { kind: "restore", ids: this.#ids() };
    if (choice < 34) return { kind: "createField", field: this.pick(Object.keys(kinds)) };
    if (choice < 35) return { kind: "configureText", settings: this.pick(textSettings) };
    return { kind: this.pick(["compact", "checkpoint", "reopen"]) };
  }

  write(): Write {
    const choice = this.below(16);
    if (choice < 3) return { kind: "add", items: this.#items() };
    if (choice < 7) return { kind: "upsert", items: this.#items() };
    if (choice < 9) return { kind: "delete", ids: this.#ids() };
    if (choice < 10) return { kind: "deleteBelow", n: this.below(5) };
    const someIds = this.#ids();
    if (choice < 13) return { kind: "sparse", vectors: someIds.map((id) => [id, this.sparse()] as const) };
    const field = this.pick(Object.keys(kinds));
    return { kind: "named", field, vectors: someIds.map((id) => [id, this.vector(kinds[field]!.dim)] as const) };
  }

  /** Of three ids, so that calls meet; with metadata, since what an upsert keeps may be older than what it meets. */
  #call(): Call {
    const id = this.pick(ids.slice(0, 3));
    const choice = this.below(12);
    if (choice < 2) return { kind: "restore", id };
    if (choice < 3) return { kind: "compact" };
    if (choice < 5) return { kind: "delete", ids: [id] };
    if (choice < 7) return { kind: "sparse", vectors: [[id, this.sparse()]] };
    if (choice < 9) return { kind: "named", field: "image", vectors: [[id, this.vector(3)]] };
    const items = [{ id, vector: this.vector(2), fields: this.#fields() }];
    return { kind: this.pick(["add", "upsert"]), items };
  }

  #items(): AttachedItem[] {
    return this.#ids().map((id) => {
      const named: Record<string, readonly number[]> = {};
      for (const name of this.fields) if (this.below(4) === 0) named[name] = this.vector(kinds[name]!.dim);
      return {
        ...{ id, vector: this.vector(2), fields: this.below(3) === 0 ? undefined : this.#fields() },
        ...(Object.keys(named).length === 0 ? {} : { named }),
        ...(this.below(4) === 0 ? { sparse: this.sparse() } : {}),
      };
    });
  }

  #fields(): AttachedFields {
    const text = Array.from({ length: this.below(7) }, () => this.pick(words)).join(" ");
    return { n: this.below(5), tag: this.pick(tags), ...(text === "" ? {} : { text }) };
  }

  #ids(): Id[] {
    return [...new Set(Array.from({ length: 1 + this.below(4) }, () => this.pick(ids)))];
  }

  /** Multiples of 1/8: exact in float16, and in sums. */
  vector(dim: number): number[] {
    return Array.from({ length: dim }, () => (this.below(33) - 16) / 8);
  }

  sparse(): Sparse {
    const count = this.below(5) === 0 ? 0 : 1 + this.below(4);
    const weights = Array.from({ length: count }, () => [this.pick(features), (1 + this.below(12)) / 4]);
    return Object.fromEntries(weights.map(([feature, weight]) => [feature!, this.below(6) === 0 ? -weight! : weight!]));
  }

  text(): string {
    return Array.from({ length: 1 + this.below(3) }, () => this.pick([...words, ...tags, "zelkova"])).join(" ");
  }
}
