/**
 * The pages on errors and limits say what the code says, no more and no less.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type ErrorCode, errorCatalogue, LynseError, limits } from "../src/index.js";

const page = (name: string): Promise<string> => readFile(new URL(`../docs/${name}`, import.meta.url), "utf8");

/** The cells of a page's table rows that begin with a name in code quotes. */
function tableOf(text: string): string[][] {
  return [...text.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, name, rest]) => [
    name!,
    ...rest!.split(" | ").map((cell) => cell.trim()),
  ]);
}

describe("docs/errors.md", () => {
  it("lists the catalogue: code, status, retryable and meaning, in its order", async () => {
    const expected = Object.entries(errorCatalogue).map(([code, { status, isRetryable, summary }]) => [
      code,
      String(status),
      isRetryable ? "yes" : "no",
      summary,
    ]);
    expect(tableOf(await page("errors.md"))).toEqual(expected);
  });

  it("says what to do about every code", async () => {
    const sections = (await page("errors.md")).split("\n### ").slice(1);
    const advice = sections.map((section) => /^`(\w+)`\n\n(.+\n)/.exec(section)?.slice(1));
    expect(advice.map((parts) => parts?.[0])).toEqual(Object.keys(errorCatalogue));
    for (const parts of advice) expect(parts?.[1]?.length).toBeGreaterThan(10);
  });
});

describe("the catalogue of errors", () => {
  it("has statuses of errors, and a sentence for each code", () => {
    for (const [code, { status, isRetryable, summary }] of Object.entries(errorCatalogue)) {
      expect(code).toMatch(/^[A-Z][A-Z_]+$/);
      expect(status >= 400 && status < 600, code).toBe(true);
      expect(typeof isRetryable).toBe("boolean");
      expect(summary).toMatch(/^[A-Z].+\.$/);
      const error = new LynseError(code as ErrorCode, "text");
      expect([error.status, error.retryable, error.details]).toEqual([status, isRetryable, {}]);
    }
  });
});

describe("docs/limits.md", () => {
  it("lists every limit with its value and the reason that the code gives", async () => {
    const source = await readFile(new URL("../src/limits.ts", import.meta.url), "utf8");
    const reasons = new Map([...source.matchAll(/\/\*\* (.+?) \*\/\n {2}(\w+):/g)].map(([, why, name]) => [name, why]));
    const expected = Object.entries(limits).map(([name, value]) => [
      name,
      value.toLocaleString("en-US"),
      reasons.get(name),
    ]);
    expect(tableOf(await page("limits.md"))).toEqual(expected);
  });
});
