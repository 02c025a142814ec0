/**
 * Do the pages tell the truth?
 *
 * The TypeScript of a page is one program: it compiles under strict settings as a user's would, runs, and prints what the
 * comments behind its `console.log` calls say.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const settings = [
  "--ignoreConfig",
  "--strict",
  "--module",
  "nodenext",
  "--target",
  "es2022",
  "--lib",
  "es2023,esnext.disposable",
];

/** The TypeScript of a page, all of it. */
function programOf(page: string): string {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join("\n");
}

test.each(["docs/search.md"])("the code of %s compiles, runs, and prints what it says", async (page) => {
  const program = programOf(page);
  const expected = [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);
  expect(expected.length).toBeGreaterThan(3);
  // Within the package, so that its name is found.
  const build = join(root, ".tmp", `pages-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), "lynse-pages-"));
  mkdirSync(build, { recursive: true });
  try {
    const source = join(build, "page.mts");
    writeFileSync(source, program);
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [tsc, ...settings, "--types", "node", "--rootDir", build, "--outDir", build, source], {
      cwd: root,
    });
    const { stdout, stderr } = await run(process.execPath, [join(build, "page.mjs")], { cwd: folder });
    expect(stderr).toBe("");
    const lines = stdout.split("\n");
    for (const text of expected) {
      const at = lines.indexOf(text);
      expect(at, `${text}\nis not among what is left of the output:\n${lines.join("\n")}`).not.toBe(-1);
      lines.splice(0, at + 1);
    }
  } finally {
    rmSync(build, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
});
