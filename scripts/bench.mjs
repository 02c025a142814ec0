// `npm run bench -- [options]`: measures the built package against the engines that bench/package.json names.
// They are installed into bench/node_modules on first use, and never into the library's own.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bench = fileURLToPath(new URL("../bench", import.meta.url));

function run(what, command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", ...options });
  if (error !== undefined) process.stderr.write(`bench: ${what} could not be started: ${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
}

// The lock's digest beside what it installed: file times say nothing after a checkout.
const digest = createHash("sha256")
  .update(readFileSync(`${bench}/package-lock.json`))
  .digest("hex");
const stamp = `${bench}/node_modules/.installed-lock`;
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest) {
  process.stdout.write("bench: installing the engines to compare with (some are compiled: a minute or two)\n");
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  // Not "npm ci": it refuses a lock that lacks packages for other platforms, which a registry may not have.
  run("npm install", command, [...args, "install", "--no-save"], { cwd: bench });
  writeFileSync(stamp, digest);
}
run("tsc", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "bench/tsconfig.json"], { cwd: root });
run("the benchmark", process.execPath, [`${bench}/dist/main.js`, ...process.argv.slice(2)]);
