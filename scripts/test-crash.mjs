// `npm run test:crash -- [--minutes N] [--seeds N] [--kills N] [--seed S]`: simulated crashes, failing disks, damaged files
// and killed processes for N minutes, seeds and rounds; or one run again (`--lives`, `--crash`, `--fault`, `--rot`, `--script`, as a
// failure prints it). Compiles the crash tests and runs them.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tests = `${root}tests/crash`;
const run = (args) => {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run(["node_modules/typescript/bin/tsc", "-p", `${tests}/tsconfig.json`]);
run([".tmp/crash/tests/crash/long-run.js", "--tests", tests, ...process.argv.slice(2)]);
