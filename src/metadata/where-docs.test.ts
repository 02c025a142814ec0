/** Is every filter that docs/where.md shows one that parses, and does its error message stand there as it is? */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isLynseError } from "../errors.js";
import { limits } from "../limits.js";
import { parseWhere } from "./where-parser.js";

const page = readFileSync(new URL("../../docs/where.md", import.meta.url), "utf8");
const shown = [...page.matchAll(/```sql\n([\s\S]*?)```/g)]
  .flatMap((block) => (block[1] ?? "").split("\n"))
  .map((line) => line.replace(/\s+-- .*/, ""))
  .filter((line) => line !== "");

describe("docs/where.md", () => {
  it.each(shown)("shows %s, which parses", (text) => {
    expect(() => parseWhere(text)).not.toThrow();
  });

  it("shows filters at all", () => {
    expect(shown.length).toBeGreaterThan(25);
  });

  it("shows an error as it is", () => {
    let message = "";
    try {
      parseWhere("lang = 'en' AND in = 5");
    } catch (error) {
      if (isLynseError(error, "WHERE_SYNTAX")) message = error.message;
    }
    expect(message).not.toBe("");
    expect(page).toContain(message);
  });

  it("names the limits", () => {
    expect(page).toContain(`${limits.whereBytesMax / 1024} KiB of text, ${limits.whereDepthMax} levels of nesting`);
    expect(page).toContain(
      `${limits.fieldDepthMax} names in a path, ${limits.whereInListMax.toLocaleString("en")} values`,
    );
  });
});
