import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import { TextIndex, type TextSearch } from "./text-index.js";

/** Lower case words; "the" is a stop word, and a final s is cut off. */
const analyser: TextAnalyser = {
  segments(text, visit) {
    for (const match of text.matchAll(/[\p{L}\p{N}\ud800-\udfff]+/gu))
      visit(match.index, match.index + match[0].length);
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
  const wrong = [...rows].filter((row, i) => {
    const score = scores[i] as number;
    const wanted = (expected[i] as { score: number }).score;
    const tolerance = 1e-12 * Math.max(1, wanted);
    if (!(Math.abs(score - wanted) < tolerance && Math.abs(score - (scoreOf.get(row) ?? Number.NaN)) < tolerance))
      return true;
    if (i === 0) return false;
    const before = scores[i - 1] as number;
    return score > before || (score === before && row < (rows[i - 1] as number));
  });
  expect(wrong).toEqual([]);
  expect(new Set(rows).size).toBe(rows.length);
  const set = index.matches(search);
  const wantedSet = setOf(
    naive.matches(ask).flatMap((isIn, row) => (isIn ? [row] : [])),
    search.rowLimit,
  );
  expect(set).toEqual(wantedSet);
}

const word = fc.constantFrom(
  "a",
  "b",
  "cat",
  "cats",
  "dog",
  "the",
  "The",
  "Dogs",
  "fish",
  "ab",
  "abc",
  "é",
  "éa",
  "x\ud800",
);
const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const value = fc.oneof(
  text,
  fc.array(text, { maxLength: 3 }),
  fc.record({ a: text, b: fc.array(fc.record({ c: text }), { maxLength: 2 }) }),
  fc.constantFrom(1, null, true, '\n"cat\\', "\u2028dog"),
);
const row = fc.option(
  fc.dictionary(fc.constantFrom("a", "b", "t", "a.b", "ü", 'q"'), value, { maxKeys: 4 }) as fc.Arbitrary<Row>,
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
      fc.property(
        fc.array(row, { maxLength: 40 }),
        fields,
        fc.array(ask, { minLength: 1, maxLength: 4 }),
        (rows, chosen, asks) => {
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
        },
      ),
      { numRuns: 150 },
    );
  });

  test("is exact over many rows, blocks and windows, before and after a checkpoint", () => {
    const random = generator(7);
    const words = Array.from({ length: 60 }, (_, i) => `w${i}`);
    const some = (count: number) =>
      Array.from({ length: count }, () => words[Math.floor(60 * random() ** 3)]).join(" ");
    const rows: Row[] = Array.from({ length: 5000 }, (_, i) => {
      if (i % 500 === 3) return { title: "rare", body: some(300), tags: [] };
      if (i % 997 === 5) return null;
      if (i % 70 === 0) return { body: some(2) };
      const tags = Array.from({ length: Math.floor(random() * 3) }, () => some(1));
      // Lengths that seldom repeat: the best rows are anywhere, and few scores are equal.
      return { title: some(2), body: some(Math.floor(4 + 60 * random())), tags, n: i };
    });
    const index = new TextIndex({ analyser, fields: null });
    append(index, rows);
    const naive = new NaiveIndex(rows, null);
    const restored = TextIndex.deserialize({ analyser, fields: null }, sectionsOf(index)) as TextIndex;
    const chance = (share: number) => new Set(rows.map((_, r) => r).filter(() => random() < share));
    for (let i = 0; i < 45; i++) {
      const groups = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const first = words[Math.floor(random() * 60)] as string;
        if (random() < 0.1) return { terms: { prefix: first.slice(0, 2) }, weight: 1 };
        return { terms: random() < 0.1 ? [first, "rare"] : [first], weight: 1 + Math.floor(random() * 2) };
      });
      compare(i % 3 === 0 ? restored : index, naive, {
        groups,
        fields: [null, ["title"], ["body", "tags"], ["none"]][Math.floor(random() * 4)] as string[] | null,
        mask: random() < 0.5 ? null : chance(random() ** 2),
        dead: random() < 0.6 ? new Set() : chance(0.1),
        required: random() < 0.2 ? [["w1"]] : [],
        excluded: random() < 0.2 ? [["w0", "w2"]] : [],
        rowLimit: random() < 0.7 ? 5000 : Math.floor(random() * 5000),
        k: [1, 10, 100, 6000][Math.floor(random() * 4)] as number,
        k1: [0, 1.2, 2][Math.floor(random() * 3)] as number,
        b: [0, 0.75, 1][Math.floor(random() * 3)] as number,
      });
    }
  });

  test("gives equal answers to rows that come one by one and between searches", () => {
    const random = generator(11);
    const rows: Row[] = Array.from({ length: 700 }, (_, i) => {
      const text = Array.from({ length: 1 + Math.floor(random() * 9) }, () => `v${Math.floor(9 * random() ** 2)}`).join(
        " ",
      );
      return i % 5 === 0 ? { [`key${i % 25}`]: text } : { a: text, b: { c: text } };
    });
    const index = new TextIndex({ analyser, fields: null });
    for (let from = 0; from < rows.length; from += 20) {
      append(index, rows.slice(from, from + 20));
      if (from % 100 !== 60) continue;
      const naive = new NaiveIndex(rows.slice(0, from + 20), null);
      for (const fields of [null, ["a"], ["b", "key5"]]) {
        compare(index, naive, {
          groups: [
            { terms: ["v0"], weight: 1 },
            { terms: ["v7"], weight: 1 },
          ],
          fields,
          k: 10,
          k1: 1.2,
          b: 0.75,
        });
      }
    }
    expect(index.rowCount).toBe(700);
    expect(index.termCount).toBe(9);
  });

  test("counts more than 65,535 occurrences and takes rows larger than its batches", () => {
    const rows: Row[] = [
      { a: "x ".repeat(70_000), b: "y" },
      { a: "x", b: "y y" },
      { a: `${"long".repeat(30_000)} y` },
      { a: `${"x ".repeat(300)}z` },
      { a: "é ".repeat(66_000) },
    ];
    const index = new TextIndex({ analyser, fields: null });
    append(index, rows);
    const naive = new NaiveIndex(rows, null);
    for (const term of ["x", "y", "z", "é", "long".repeat(30_000)]) {
      for (const fields of [null, ["a"], ["b"]]) {
        compare(index, naive, { groups: [{ terms: [term], weight: 1 }], fields, k: 10, k1: 1.2, b: 0.75 });
      }
    }
    const restored = TextIndex.deserialize({ analyser, fields: null }, sectionsOf(index)) as TextIndex;
    compare(restored, naive, { groups: [{ terms: ["x"], weight: 2 }], k: 10, k1: 1.2, b: 0.75 });
  });

  test("reads deep, odd and broken JSON without harm", () => {
    const texts = [
      `${'{"a":'.repeat(64)}"deep"${"}".repeat(64)}`,
      `{"a":"one","a":"two"}`,
      `{"a":[[["one"],{"b":"two"}],"three"],"c":"one"}`,
      String.raw`{"a":"tab\tone \u0074wo \"three\" \\one"}`,
      `{"a":"one`,
      `{"a`,
      ']}]}"one"',
      "[".repeat(1000),
      `${'{"a":['.repeat(500)}"x"`,
      "\\",
      `{"a":"\\`,
      "",
    ];
    const index = new TextIndex({ analyser, fields: null });
    const parts = texts.map((text) => encoder.encode(text));
    for (const part of parts) index.append(part, Uint32Array.of(part.length), 0, 1);
    expect(index.rowCount).toBe(texts.length);
    const found = (term: string) => [
      ...index.search(request({ groups: [{ terms: [term], weight: 1 }], k: 99, k1: 1, b: 0 }, texts.length)).rows,
    ];
    expect(found("deep")).toEqual([0]);
    expect(found("two")).toContain(2);
    expect(found("three")).toContain(2);
    expect(found("two")).toContain(3);
    expect(TextIndex.deserialize({ analyser, fields: null }, sectionsOf(index))?.rowCount).toBe(texts.length);
  });

  test("has no answer to an empty question or of an empty index", () => {
    const index = new TextIndex({ analyser, fields: null });
    const nothing = { groups: [{ terms: ["a"], weight: 1 }], k: 5, k1: 1.2, b: 0.75 };
    expect(index.search(request(nothing, 0)).rows.length).toBe(0);
    expect(TextIndex.deserialize({ analyser, fields: null }, sectionsOf(index))?.rowCount).toBe(0);
    append(index, [{ n: 1 }, null, { t: "the" }]);
    expect(index.search(request(nothing, 3)).rows.length).toBe(0);
    expect(index.matches(request({ ...nothing, groups: [] }, 3))).toEqual(new Uint32Array(1));
    expect(index.search(request({ ...nothing, groups: [{ terms: [], weight: 1 }] }, 3)).rows.length).toBe(0);
  });

  test("gives rows of equal score in their order", () => {
    const index = new TextIndex({ analyser, fields: ["t"] });
    append(
      index,
      Array.from({ length: 5000 }, (_, i) => ({ t: i % 2 === 0 ? "same words" : "other words" })),
    );
    const { rows } = index.search(
      request(
        {
          groups: [
            { terms: ["word"], weight: 1 },
            { terms: ["same"], weight: 1 },
          ],
          k: 2503,
          k1: 1.2,
          b: 0.75,
        },
        5000,
      ),
    );
    expect([...rows.slice(0, 2500)]).toEqual(Array.from({ length: 2500 }, (_, i) => 2 * i));
    expect([...rows.slice(2500)]).toEqual([1, 3, 5]);
  });

  test("keeps the work of terms in the order of their weight and counts only live rows", () => {
    const index = new TextIndex({ analyser, fields: null });
    append(index, [{ t: "a" }, { t: "a b" }, { t: "b" }, { t: "b" }]);
    const ask = { groups: [{ terms: ["a"], weight: 1 }], k: 4, k1: 0, b: 0 };
    const all = index.search(request(ask, 4)).scores[0] as number;
    const some = index.search(request({ ...ask, dead: new Set([1]) }, 4)).scores[0] as number;
    expect(all).toBeCloseTo(Math.log(2.5 / 2.5 + 1), 12);
    expect(some).toBeCloseTo(Math.log(2.5 / 1.5 + 1), 12);
  });

  test("cannot be used after an analyser's error or its release", () => {
    const failing: TextAnalyser = {
      ...analyser,
      termOf(token) {
        if (token === "bad") throw new Error("no such word");
        return token;
      },
    };
    const index = new TextIndex({ analyser: failing, fields: null });
    append(index, [{ t: "good" }]);
    expect(() => append(index, [{ t: "good bad" }, { t: "good" }])).toThrow("no such word");
    expect(() => index.rowCount).toThrow("make it anew");
    expect(index.memoryBytes).toBe(0);
  });
});

describe("a checkpoint's bytes", () => {
  const random = generator(3);
  const rows: Row[] = Array.from({ length: 600 }, (_, i) => ({
    t: Array.from({ length: 1 + (i % 5) }, () => `Term${Math.floor(20 * random() ** 2)}`).join(" "),
    u: i % 3 === 0 ? ["the cats", `only${i}`] : "dog",
  }));
  const index = new TextIndex({ analyser, fields: null });
  append(index, rows);
  const sections = sectionsOf(index);
  const question = {
    groups: [
      { terms: { prefix: "" }, weight: 1 },
      { terms: ["term1"], weight: 1 },
    ],
    k: 50,
    k1: 1.2,
    b: 0.75,
  };

  /** Reads damaged sections; where that gives an index, it can be asked anything. */
  function use(damaged: ReadonlyMap<string, Uint8Array>): boolean {
    const restored = TextIndex.deserialize({ analyser, fields: null }, damaged);
    if (restored === null) return false;
    for (const fields of [null, ["t"], ["u"]]) restored.search(request({ ...question, fields }, restored.rowCount));
    append(restored, rows.slice(0, 5));
    return true;
  }

  test("are read when they are whole, and refused when a section is missing or cut", () => {
    expect(use(sections)).toBe(true);
    for (const [name, bytes] of sections) {
      expect(use(new Map([...sections].filter(([other]) => other !== name)))).toBe(false);
      for (const length of [0, 1, bytes.length >> 1, bytes.length - 1]) {
        if (name === "fields" && length === bytes.length) continue;
        expect(use(new Map([...sections, [name, bytes.subarray(0, length)]])), `${name} ${length}`).toBe(false);
      }
      if (name === "terms") expect(use(new Map([...sections, [name, Uint8Array.of(...bytes, 1, 0)]]))).toBe(false);
    }
  });

  test("are read in slices with the same result", async () => {
    const restored = await TextIndex.restore({ analyser, fields: null }, sections);
    const whole = request(question, rows.length);
    expect(restored?.search(whole)).toEqual(index.search(whole));
    expect(await TextIndex.restore({ analyser, fields: null }, new Map())).toBeNull();
  });

  test("are refused where postings name rows or signatures that are not there", () => {
    const fewer = new TextIndex({ analyser, fields: null });
    append(fewer, rows.slice(0, 300));
    const few = sectionsOf(fewer);
    const decode = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes));
    const head = (changes: object) => encoder.encode(JSON.stringify({ ...decode(sections.get("head")), ...changes }));
    const swapped = new Map([
      ...sections,
      ["lengths", few.get("lengths") as Uint8Array],
      ["head", head({ rows: 300 })],
    ]);
    expect(use(swapped as Map<string, Uint8Array>)).toBe(false);
    const signatures = sections.get("signatures") as Uint8Array;
    const cut = signatures.subarray(0, signatures.length - 12);
    const count = decode(sections.get("head")).signatures - 1;
    expect(use(new Map([...sections, ["signatures", cut], ["head", head({ signatures: count })]]))).toBe(false);
  });

  test("do no harm whatever is in them", () => {
    let accepted = 0;
    for (let i = 0; i < 1000; i++) {
      const name = ["terms", "terms", "terms", "lengths", "signatures", "fields", "head"][i % 7] as string;
      const bytes = (sections.get(name) as Uint8Array).slice();
      for (let n = 0; n < 1 + (i % 3); n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      if (use(new Map([...sections, [name, bytes]]))) accepted += 1;
    }
    expect(accepted).toBeLessThan(1000);
  });
});

/** Numbers from 0 to 1, the same ones every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
