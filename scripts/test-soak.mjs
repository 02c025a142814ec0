// `npm run test:soak -- --minutes N [--seed S]`: a server with writers, readers, builds, snapshots and kills for N minutes,
// checked against a model all the time. Compiles the soak and runs it on the built package.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = (args) => {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
run(["node_modules/typescript/bin/tsc", "-p", `${root}tests/soak/tsconfig.json`]);
run([".tmp/soak/tests/soak/long-soak.js", "--lynse", `${root}dist/cli/main.js`, ...process.argv.slice(2)]);
