import { beforeEach, describe, expect, it } from "vitest";
import { LynseError } from "../errors.js";
import { limits } from "../limits.js";
import { StagedFieldNames } from "./staged-field-names.js";

let known: Set<string>;
let staged: StagedFieldNames;
beforeEach(() => {
  known = new Set();
  staged = new StagedFieldNames(() => known);
});

/** Names not used elsewhere. */
function names(count: number, beginning: string): string[] {
  return Array.from({ length: count }, (_, at) => `${beginning}${at}`);
}

function fieldOf(all: readonly string[]): Record<string, number> {
  return Object.fromEntries(all.map((name) => [name, 1]));
}

function refusal(task: () => void): LynseError {
  try {
    task();
  } catch (error) {
    if (error instanceof LynseError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("staged field names", () => {
  it("are those that are not known yet, nested ones dotted", () => {
    known.add("old").add("deep.old");
    staged.take({ old: 1, fresh: 2 }, 1);
    staged.take({ deep: { old: 1, fresh: [{ inner: 2 }] }, gone: undefined }, 2);
    expect([...staged.names]).toEqual(["fresh", "deep.fresh", "deep.fresh.inner"]);
  });

  it("may be as many as the limit, and a row that passes it brings none of its names", () => {
    for (const name of names(limits.fieldNamesMax - 2, "k")) known.add(name);
    staged.take({ a: 1, k1: 2 }, 1);
    const error = refusal(() => staged.take({ b: 1, c: 1 }, "row"));
    expect(error.code).toBe("LIMIT_EXCEEDED");
    const max = limits.fieldNamesMax;
    expect(error.details).toEqual({ limit: "fieldNamesMax", max, got: max + 1, field: "c" });
    expect(error.message).toMatch(/"c" of the metadata of id "row".*fieldNamesMax = 10000/);
    expect([...staged.names]).toEqual(["a"]);
    staged.take({ b: 1 }, 2);
    expect([...staged.names]).toEqual(["a", "b"]);
  });

  it("are refused with a name of bounded length", () => {
    staged.take(fieldOf(names(limits.fieldNamesMax, "k")), 1);
    expect(refusal(() => staged.take({ ["x".repeat(1_000_000)]: 1 }, 2)).message.length).toBeLessThan(500);
  });

  it("count once where another commit has brought them meanwhile", () => {
    staged.take(fieldOf(names(limits.fieldNamesMax, "k")), 1);
    for (const name of names(100, "k")) known.add(name);
    staged.take({ k7: 1 }, 2);
    expect(refusal(() => staged.take({ other: 1 }, 3)).code).toBe("LIMIT_EXCEEDED");
  });

  it("take known names also where there are more than may be", () => {
    for (const name of names(limits.fieldNamesMax + 5, "k")) known.add(name);
    staged.take({ k3: 1, k10004: 2 }, 1);
    expect(staged.names.size).toBe(0);
    expect(refusal(() => staged.take({ k3: 1, other: 2 }, 2)).details["field"]).toBe("other");
  });

  it("of another buffer are taken all or none", () => {
    const other = new StagedFieldNames(() => known);
    staged.take(fieldOf(names(6000, "a")), 1);
    other.take(fieldOf(names(4001, "b")), 2);
    expect(refusal(() => staged.absorb(other)).details["got"]).toBe(10_001);
    expect(staged.names.size).toBe(6000);
    other.truncate(4000);
    staged.absorb(other);
    expect(staged.names.size).toBe(10_000);
    staged.truncate(6000);
    expect([...staged.names].at(-1)).toBe("a5999");
  });

  it("of transactions that are committed together count together", () => {
    const other = new StagedFieldNames(() => known);
    staged.take(fieldOf(names(6000, "a")), 1);
    other.take(fieldOf(names(4001, "b")), 2);
    staged.checkJoin(new Set());
    other.checkJoin(new Set());
    expect(refusal(() => other.checkJoin(staged.names)).code).toBe("LIMIT_EXCEEDED");
  });
});
