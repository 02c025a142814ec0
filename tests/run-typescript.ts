/**
 * What does a user's program print?
 *
 * Compiles a program under strict settings against the built package, as a user would, and runs it in an empty folder.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const settings = [
  "--ignoreConfig",
  "--strict",
  ...["--module", "nodenext"],
  ...["--target", "es2022"],
  ...["--lib", "es2023,esnext.disposable"],
  ...["--types", "node"],
];

/** The output of a program. Compiler errors are in the message of the error that is thrown. */
export async function runTypeScript(program: string, name: string): Promise<{ stdout: string; stderr: string }> {
  // Within the package, so that its name is found.
  const build = join(root, ".tmp", `${name}-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), `lynse-${name}-`));
  mkdirSync(build, { recursive: true });
  try {
    const source = join(build, "program.mts");
    writeFileSync(source, program);
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [tsc, ...settings, "--rootDir", build, "--outDir", build, source], { cwd: root }).catch(
      ({ stdout }) => Promise.reject(new Error(`the program does not compile:\n${stdout}`)),
    );
    return await run(process.execPath, [join(build, "program.mjs")], { cwd: folder });
  } finally {
    rmSync(build, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}
