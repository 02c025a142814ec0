import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { TextIndex, type TextSearch } from "./text-index.js";

/** Lower case words; "the" is a stop word, and a final s is cut off. */
const analyser: TextAnalyser = {
  segments(text, visit) {
    for (const match of text.matchAll(/[\p{L}\p{N}\ud800-\udfff]+/gu)) visit(match.index, match.index + match[0].length);
  },
  termOf(token) {
    const word = token.toLowerCase();
    return word === "the" ? null : word.length > 2 && word.endsWith("s") ? word.slice(0, -1) : word;
  },
  prefixOf: (token) => token.toLowerCase(),
};

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type Row = { readonly [key: string]: Json } | null;
type Words = Map<string, string[]>;

/** Terms of a row by dotted field name. */
function wordsOf(row: Row): Words {
  const words: Words = new Map();
  const visit = (path: string, value: Json) => {
    if (typeof value === "string") {
      const list = words.get(path) ?? [];
      analyser.segments(value, (start, end) => {
        const term = analyser.termOf(value.slice(start, end));
        if (term !== null) list.push(term);
      });
      words.set(path, list);
    } else if (Array.isArray(value)) {
      for (const element of value as readonly Json[]) visit(path, element);
    } else if (value !== null && typeof value === "object") {
      for (const [key, member] of Object.entries(value)) visit(path === "" ? key : `${path}.${key}`, member as Json);
    }
  };
  if (row !== null) visit("", row);
  return words;
}

const covers = (names: readonly string[] | null, path: string): boolean =>
  names === null || names.some((name) => path === name || path.startsWith(`${name}.`));

type Ask = Pick<TextSearch, "groups" | "k" | "k1" | "b"> & {
  required?: TextSearch["required"];
  excluded?: TextSearch["excluded"];
  fields?: readonly string[] | null;
  mask?: ReadonlySet<number> | null;
  rowLimit?: number;
  dead?: ReadonlySet<number>;
};

/** The same by the formula alone. */
class NaiveIndex {
  readonly rows: Words[];

  constructor(rows: readonly Row[], fields: readonly string[] | null) {
    this.rows = rows.map((row) => new Map([...wordsOf(row)].filter(([path]) => covers(fields, path))));
  }

  #texts(fields: readonly string[] | null): string[][] {
    return this.rows.map((row) => [...row].flatMap(([path, words]) => (covers(fields, path) ? words : [])));
  }

  #has(text: readonly string[], terms: TextSearch["required"][number]): number {
    if ("prefix" in terms) return text.filter((word) => word.startsWith(terms.prefix)).length;
    return text.filter((word) => terms.includes(word)).length;
  }

  matches(ask: Ask): boolean[] {
    const texts = this.#texts(ask.fields ?? null);
    return texts.map((text, row) => {
      if (row >= (ask.rowLimit ?? texts.length) || (ask.mask && !ask.mask.has(row))) return false;
      if ((ask.required ?? []).some((terms) => this.#has(text, terms) === 0)) return false;
      if ((ask.excluded ?? []).some((terms) => this.#has(text, terms) > 0)) return false;
      return ask.groups.some(({ terms }) => this.#has(text, terms) > 0);
    });
  }

  search(ask: Ask): { row: number; score: number }[] {
    const texts = this.#texts(ask.fields ?? null);
    const isLive = (row: number) => !ask.dead?.has(row);
    const counted = texts.filter((text, row) => isLive(row) && text.length > 0);
    const average = counted.reduce((sum, text) => sum + text.length, 0) / counted.length;
    const scores = texts.map(() => 0);
    for (const { terms, weight } of ask.groups) {
      const times = texts.map((text) => this.#has(text, terms));
      const found = times.filter((t, row) => t > 0 && isLive(row)).length;
      const idf = Math.log((counted.length - found + 0.5) / (found + 0.5) + 1);
      times.forEach((t, row) => {
        const norm = ask.k1 * (1 - ask.b + (ask.b * (texts[row] as string[]).length) / average);
        if (t > 0) scores[row] = (scores[row] as number) + (weight * idf * t * (ask.k1 + 1)) / (t + norm);
      });
    }
    const matches = this.matches(ask);
    return scores
      .map((score, row) => ({ row, score }))
      .filter(({ row, score }) => matches[row] && score > 0)
      .sort((a, b) => b.score - a.score || a.row - b.row)
      .slice(0, ask.k);
  }
}

const encoder = new TextEncoder();

function append(index: TextIndex, rows: readonly Row[]): void {
  const parts = rows.map((row) => (row === null ? new Uint8Array(0) : encoder.encode(JSON.stringify(row))));
  const ends = new Uint32Array(rows.length);
  let end = 0;
  parts.forEach((part, i) => {
    end += part.length;
    ends[i] = end;
  });
  const bytes = new Uint8Array(end);
  parts.forEach((part, i) => {
    bytes.set(part, (ends[i] as number) - part.length);
  });
  const middle = rows.length >> 1;
  index.append(bytes, ends, 0, middle);
  index.append(bytes, ends, middle, rows.length);
}

function setOf(rows: Iterable<number>, rowCount: number): Uint32Array {
  const set = new Uint32Array(Math.ceil(rowCount / 32));
  for (const row of rows) set[row >>> 5] = (set[row >>> 5] as number) | (1 << (row & 31));
  return set;
}

let version = 0;

const sectionsOf = (index: TextIndex) => new Map(index.serialize().map(({ name, bytes }) => [name, bytes]));

function request(ask: Ask, rowCount: number): TextSearch {
  const dead = ask.dead ?? new Set<number>();
  const live = Array.from({ length: rowCount }, (_, row) => row).filter((row) => !dead.has(row));
  version += 1;
  return {
    groups: ask.groups,
    required: ask.required ?? [],
    excluded: ask.excluded ?? [],
    fields: ask.fields ?? null,
    mask: ask.mask ? setOf(ask.mask, rowCount) : null,
    rowLimit: ask.rowLimit ?? rowCount,
    live: { mask: dead.size === 0 ? null : setOf(live, rowCount), count: live.length, version },
    k: ask.k,
    k1: ask.k1,
    b: ask.b,
  };
}

/** Compares with the naive index; rows of nearly equal score may change places. */
function compare(index: TextIndex, naive: NaiveIndex, ask: Ask): void {
  const rowCount = naive.rows.length;
  const search = request(ask, rowCount);
  const { rows, scores } = index.search(search);
  const expected = naive.search({ ...ask, k: rowCount });
  const scoreOf = new Map(expected.map(({ row, score }) => [row, score]));
  expect(rows.length).toBe(Math.min(ask.k, expected.length));
  rows.forEach((row, i) => {
    const wanted = expected[i] as { row: number; score: number };
    const tolerance = 1e-12 * Math.max(1, wanted.score);
    expect(Math.abs((scores[i] as number) - wanted.score)).toBeLessThan(tolerance);
    expect(Math.abs((scores[i] as number) - (scoreOf.get(row) ?? Number.NaN))).toBeLessThan(tolerance);
    if (i === 0) return;
    expect(scores[i] as number).toBeLessThanOrEqual(scores[i - 1] as number);
    if (scores[i] === scores[i - 1]) expect(row).toBeGreaterThan(rows[i - 1] as number);
  });
  expect(new Set(rows).size).toBe(rows.length);
  const set = index.matches(search);
  naive.matches(ask).forEach((isIn, row) => {
    expect(((set[row >>> 5] as number) >>> (row & 31)) & 1, `row ${row}`).toBe(isIn ? 1 : 0);
  });
}

const word = fc.constantFrom("a", "b", "cat", "cats", "dog", "the", "The", "Dogs", "fish", "ab", "abc", "é", "éa", "x\ud800");
const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const value = fc.oneof(
  text,
  fc.array(text, { maxLength: 3 }),
  fc.record({ a: text, b: fc.array(fc.record({ c: text }), { maxLength: 2 }) }),
  fc.constantFrom(1, null, true, "\n\"cat\\", "\u2028dog"),
);
const row = fc.option(
  fc.dictionary(fc.constantFrom("a", "b", "t", "a.b", "ü", "q\""), value, { maxKeys: 4 }) as fc.Arbitrary<Row>,
);
const terms = fc.oneof(
  fc.constantFrom("a", "b", "cat", "dog", "fish", "ab", "abc", "é", "none", "x\ud800").map((term) => [term]),
  fc.array(fc.constantFrom("a", "b", "cat", "dog", "none"), { maxLength: 3 }),
  fc.constantFrom("a", "c", "é", "zz", "").map((prefix) => ({ prefix })),
);
const fields = fc.option(fc.subarray(["a", "b", "t", "a.b", "a.b.c", "ü", "no"]));
const ask = fc.record({
  groups: fc.array(fc.record({ terms, weight: fc.integer({ min: 1, max: 3 }) }), { maxLength: 4 }),
  required: fc.array(terms, { maxLength: 1 }),
  excluded: fc.array(terms, { maxLength: 1 }),
  fields,
  mask: fc.option(fc.array(fc.nat(40)).map((rows) => new Set(rows))),
  dead: fc.array(fc.nat(40), { maxLength: 5 }).map((rows) => new Set(rows)),
  rowLimit: fc.integer({ min: 0, max: 40 }),
  k: fc.integer({ min: 0, max: 45 }),
  k1: fc.constantFrom(0, 0.5, 1.2, 2),
  b: fc.constantFrom(0, 0.75, 1),
});

describe("TextIndex", () => {
  test("gives the rows and scores of the formula", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), fields, fc.array(ask, { minLength: 1, maxLength: 4 }), (rows, chosen, asks) => {
        const index = new TextIndex({ analyser, fields: chosen });
        append(index, rows);
        const naive = new NaiveIndex(rows, chosen);
        const restored = TextIndex.deserialize({ analyser, fields: chosen }, sectionsOf(index)) as TextIndex;
        for (const one of asks) {
          const within = (set: ReadonlySet<number>) => new Set([...set].filter((r) => r < rows.length));
          const rowLimit = Math.min(one.rowLimit, rows.length);
          const picked = version % 2 === 0 ? index : restored;
          compare(picked, naive, { ...one, rowLimit, mask: one.mask && within(one.mask), dead: within(one.dead) });
        }
        index.release();
      }),
      { numRuns: 150 },
    );
  });
});
