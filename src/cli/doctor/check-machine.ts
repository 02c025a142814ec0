/**
 * Can this machine run the database well: Node.js, WebAssembly, threads, open files, memory, optional packages?
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, freemem, totalmem } from "node:os";
import { formatBytes } from "../print/quantity.js";
import { type HealthCheck, ok, problem, warning } from "./health-check.js";

/** A module with one function that uses a 128-bit constant: it is valid where there is SIMD (WebAssembly SIMD proposal). */
const simdModule = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);

const openFilesWanted = 1024;
/** Optional packages, and what for. */
const peers = [
  ["@orama/stemmers", "stemming of text in other languages than English"],
  ["@orama/stopwords", "lists of stop words"],
  ["@huggingface/transformers", "local embedding models"],
] as const;

/** `range` is the supported range of Node.js as package.json has it, `>=20.19`; `dataBytes` is the size of all files. */
export function checkMachine(range: string, dataBytes: number): HealthCheck[] {
  return [checkNode(range), checkSimd(), checkThreads(), ...checkOpenFiles(), checkMemory(dataBytes), ...checkPeers()];
}

export function checkNode(range: string, version: string = process.versions.node): HealthCheck {
  const wanted = /(\d+)\.(\d+)/.exec(range);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor, wantedMinor] = [Number(wanted?.[1] ?? 0), Number(wanted?.[2] ?? 0)];
  const isEnough = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  const found = `${version}, ${range} is supported`;
  return isEnough ? ok("Node.js", found) : problem("Node.js", found, `install Node.js ${range}`);
}

function checkSimd(): HealthCheck {
  if (WebAssembly.validate(simdModule)) return ok("WebAssembly SIMD", "there");
  const advice = "run on x86-64 with SSE4.1, or on ARM64, and leave --no-wasm-simd out";
  return problem("WebAssembly SIMD", "missing: no search can run", advice);
}

function checkThreads(): HealthCheck {
  const count = availableParallelism();
  if (count > 1) return ok("threads", `${count} can run at one time`);
  return warning("threads", "one processor", "long searches and builds of indexes use more where there are more");
}

function checkOpenFiles(): HealthCheck[] {
  if (process.platform === "win32") return [];
  let limit = Number.NaN;
  try {
    const text = execFileSync("/bin/sh", ["-c", "ulimit -n"], { encoding: "utf8", timeout: 5000 }).trim();
    limit = text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text);
  } catch {
    return [];
  }
  if (limit >= openFilesWanted) return [ok("open files", Number.isFinite(limit) ? `up to ${limit}` : "no limit")];
  const advice = `raise the limit (ulimit -n ${openFilesWanted}): a collection takes two files and one a vector field`;
  return [warning("open files", `up to ${limit}`, advice)];
}

/** Memory that this process may use: of the container where it is limited. */
function memoryLimit(): number {
  for (const path of ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]) {
    if (!existsSync(path)) continue;
    const limit = Number(readFileSync(path, "utf8").trim());
    if (Number.isFinite(limit) && limit > 0) return Math.min(limit, totalmem());
  }
  return totalmem();
}

function checkMemory(dataBytes: number): HealthCheck {
  const limit = memoryLimit();
  const found = `${formatBytes(limit)} may be used, ${formatBytes(Math.min(limit, freemem()))} free; ${formatBytes(dataBytes)} on disk`;
  if (dataBytes < limit * 0.6) return ok("memory", found);
  const advice =
    "vectors of open collections lie in memory: set a memory budget, use an index on disk, or give more memory";
  return warning("memory", found, advice);
}

function checkPeers(): HealthCheck[] {
  const require = createRequire(import.meta.url);
  const isThere = (name: string): boolean => {
    try {
      require.resolve(name);
      return true;
    } catch (error) {
      // A package without an entry for CommonJS is there all the same.
      return error instanceof Error && "code" in error && error.code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
    }
  };
  const missing = peers.filter(([name]) => !isThere(name));
  if (missing.length === 0) return [ok("optional packages", "all there")];
  const texts = missing.map(([name, purpose]) => `${name} (${purpose})`);
  return [ok("optional packages", `not installed, wanted only for what they do: ${texts.join(", ")}`)];
}
