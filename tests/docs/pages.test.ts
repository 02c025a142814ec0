/**
 * Do the pages tell the truth?
 *
 * The TypeScript of a page is one program: it compiles under strict settings as a user's would, runs, and prints what the
 * comments behind its `console.log` calls say.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runTypeScript } from "../run-typescript.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The TypeScript of a page, all of it. */
function programOf(page: string): string {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join("\n");
}

test.each([
  "docs/search.md",
  "docs/guides/backup-and-restore.md",
  "docs/guides/durability.md",
  "docs/guides/several-processes.md",
  "docs/guides/import-and-export.md",
])("the code of %s compiles, runs, and prints what it says", async (page) => {
  const program = programOf(page);
  const expected = [...program.matchAll(/^\s*(?:if \(.*\) )?console\.log\(.*\); \/\/ (.*)$/gm)].map(
    ([, text]) => text!,
  );
  expect(expected.length).toBeGreaterThan(3);
  const { stdout, stderr } = await runTypeScript(program, "page");
  expect(stderr).toBe("");
  const lines = stdout.split("\n");
  for (const text of expected) {
    const at = lines.indexOf(text);
    expect(at, `${text}\nis not among what is left of the output:\n${lines.join("\n")}`).not.toBe(-1);
    lines.splice(0, at + 1);
  }
});
