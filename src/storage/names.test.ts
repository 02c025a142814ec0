import fc from "fast-check";
import { expect, test } from "vitest";
import { checkName } from "./names.js";

function isAllowed(name: unknown): boolean {
  try {
    checkName(name, "collection");
    return true;
  } catch {
    return false;
  }
}

test("ordinary names are allowed", () => {
  for (const name of ["a", "A.b_c-1", "0", "x".repeat(128), ".hidden", "-", "console", "com10", "auxiliary.x"]) {
    expect(isAllowed(name), name).toBe(true);
  }
});

test("names that lead elsewhere, or that a platform keeps, are refused with the reason", () => {
  const refused = [
    "",
    ".",
    "..",
    "a..b",
    "a/b",
    "a\\b",
    "a.",
    "ä",
    "a b",
    "a\u0000",
    "x".repeat(129),
    "NUL",
    "com1.txt",
  ];
  for (const name of [...refused, 5, null, undefined, {}]) expect(isAllowed(name), String(name)).toBe(false);
  expect(() => checkName("a/b", "database")).toThrow(/"a\/b" cannot be the name of a database: only letters/);
});

test("no allowed name leaves its folder", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[./\\A-Za-z0-9_-]{1,12}$/));
  fc.assert(
    fc.property(text, (name) => {
      if (!isAllowed(name)) return;
      expect(new URL(`file:///root/${name}`).pathname).toBe(`/root/${name}`);
    }),
    { numRuns: 2000 },
  );
});
