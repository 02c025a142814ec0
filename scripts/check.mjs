// `npm run check`: format and lint, types, import layers, dead exports. Every step runs; the exit code is 1 if one failed.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const steps = [
  ["kernel", ["scripts/build-kernel.mjs"]],
  ["format + lint", ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."]],
  ["types", ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]],
  ["layers", ["scripts/check-layers.mjs"]],
  ["dead exports", ["node_modules/knip/bin/knip.js", "--no-progress"]],
];
let failed = 0;
for (const [name, args] of steps) {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)\n`);
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
