import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { runTypeScript } from "../run-typescript.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

test("the demo finds everything as it should be, and leaves nothing behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lynse-demo-"));
  try {
    const { stdout, stderr } = await run(process.execPath, [join(root, "examples/demo.mjs")], {
      env: { ...process.env, TMPDIR: folder },
    });
    expect(stderr).toBe("");
    expect(stdout).not.toContain("FAIL");
    expect(stdout.match(/^ {2}ok {3}/gm)?.length).toBeGreaterThanOrEqual(24);
    expect(stdout).toMatch(/\nAll as it should be \([\d.]+ s\)\.\n$/);
    expect(execFileSync("ls", [folder], { encoding: "utf8" })).toBe("");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the quickstart compiles under strict settings, as a user's program, and finds what it says", async () => {
  const program = readFileSync(join(root, "examples/quickstart.ts"), "utf8");
  const { stdout, stderr } = await runTypeScript(program, "quickstart");
  expect(stderr).toBe("");
  expect(stdout).toBe("1 1.000 Vector databases\n2 0.667 Full-text search\n");
});
