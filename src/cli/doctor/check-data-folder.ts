/**
 * Is a data directory in order: permissions, free space, file system, lock, and what crashes left?
 */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { lockHolder, verify } from "../../client/local/local-inspect.js";
import { isLynseError } from "../../errors.js";
import { countOf, formatBytes, formatDuration } from "../print/quantity.js";
import { type HealthCheck, ok, problem, warning } from "./health-check.js";

/** File systems over a network (magic numbers of statfs(2), and names of /proc/mounts). */
const networkTypes = /^(nfs4?|cifs|smb3?|smbfs|fuse\.sshfs|9p|afs|ceph|glusterfs|fuse\.glusterfs|lustre)$/;
const memoryTypes = /^(tmpfs|ramfs)$/;
const freeBytesMin = 100_000_000;
/** A beat is written every ten seconds: one from the future means that clocks differ. */
const clockSkewMs = 15_000;
const staleBeatMs = 60_000;

export interface FolderFacts {
  readonly checks: readonly HealthCheck[];
  /** Bytes of all files. */
  readonly dataBytes: number;
}

export async function checkDataFolder(root: string): Promise<FolderFacts> {
  if (!existsSync(root)) {
    const advice = "nothing has to be done: the first write creates it; or name another one with --data";
    return { checks: [warning("data directory", `${root} does not exist`, advice)], dataBytes: 0 };
  }
  const { denied, dataBytes } = await walk(root);
  const checks = [ok("data directory", `${resolve(root)}, ${formatBytes(dataBytes)}`), checkPermissions(denied)];
  checks.push(checkSpace(root, dataBytes), checkFileSystem(root));
  if (denied.length === 0) checks.push(checkSync(root));
  checks.push(...(await checkLock(root)), ...(await checkContents(root)));
  return { checks, dataBytes };
}

/** Sizes of all files, and what this process may not read or write. */
async function walk(root: string): Promise<{ readonly denied: string[]; readonly dataBytes: number }> {
  const denied: string[] = [];
  let dataBytes = 0;
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const mode = constants.R_OK | constants.W_OK | constants.X_OK;
    const mayUse = await access(folder, mode).then(
      () => true,
      () => false,
    );
    if (!mayUse) denied.push(folder);
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else {
        dataBytes += await stat(path).then(
          ({ size }) => size,
          () => 0,
        );
        await access(path, constants.R_OK | constants.W_OK).catch(() => denied.push(path));
      }
    }
  }
  return { denied, dataBytes };
}

function checkPermissions(denied: readonly string[]): HealthCheck {
  if (denied.length === 0) return ok("permissions", "everything can be read and written");
  const rest = denied.length > 3 ? ` and ${denied.length - 3} more` : "";
  const found = `no right to read and write ${denied.slice(0, 3).join(", ")}${rest}`;
  return problem("permissions", found, "give this user the rights, or open the directory with readOnly: true");
}

function checkSpace(root: string, dataBytes: number): HealthCheck {
  const { bavail, bsize } = statfsSync(root);
  const free = bavail * bsize;
  const found = `${formatBytes(free)} free`;
  if (free < freeBytesMin) return problem("disk space", found, "free some: commits fail where the disk is full");
  if (free >= dataBytes) return ok("disk space", found);
  const advice = "free some: a compaction, and a new index, need about as much as the largest collection has";
  return warning("disk space", `${found}, less than the data has (${formatBytes(dataBytes)})`, advice);
}

/** Type of the file system of a folder by the longest mount point above it; null where the system does not tell. */
function fileSystemType(root: string): string | null {
  if (!existsSync("/proc/mounts")) return null;
  const path = `${resolve(root)}/`;
  let best = "";
  let type: string | null = null;
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [, mount, name] = line.split(" ");
    if (mount === undefined || name === undefined) continue;
    const place = mount.replaceAll("\\040", " ").replace(/\/?$/, "/");
    if (!path.startsWith(place) || place.length < best.length) continue;
    best = place;
    type = name;
  }
  return type;
}

function checkFileSystem(root: string): HealthCheck {
  const type = fileSystemType(root);
  if (type === null) return ok("file system", "unknown on this system");
  if (networkTypes.test(type)) {
    const advice = "keep data on a local disk: over a network, syncs and the writer lock cannot be relied on";
    return warning("file system", `${type}, over a network`, advice);
  }
  if (!memoryTypes.test(type)) return ok("file system", type);
  return warning("file system", `${type}, in memory`, "keep data on a disk that should outlive the machine");
}

/** Whether the volume takes a sync of a file and of a folder, and how long that takes. */
function checkSync(root: string): HealthCheck {
  const path = join(root, `.doctor-${process.pid}`);
  try {
    const startedAt = performance.now();
    const file = openSync(path, "wx", 0o600);
    try {
      writeSync(file, Buffer.alloc(4096));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (process.platform !== "win32") {
      const folder = openSync(root, "r");
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    }
    return ok("sync", `a small file is durable in ${formatDuration(performance.now() - startedAt)}`);
  } catch (error) {
    const found = `a file cannot be made durable (${error instanceof Error ? error.message : error})`;
    return problem("sync", found, "keep data on a volume that can sync: commits would not survive a power loss");
  } finally {
    rmSync(path, { force: true });
  }
}

async function checkLock(root: string): Promise<HealthCheck[]> {
  const facts = await lockHolder(root);
  if (facts === null || facts.holder === "free") return [ok("writer lock", "nobody writes")];
  const { holder, pid, host, beatAgeMs, file } = facts;
  if (holder === "unreadable") {
    return [warning("writer lock", `${file} cannot be read`, "nothing has to be done: the next writer takes it over")];
  }
  const age = beatAgeMs === null ? "" : `, last sign of life ${formatDuration(Math.max(0, beatAgeMs))} ago`;
  const who = `process ${pid} on ${host}${age}`;
  const checks: HealthCheck[] = [];
  const isSilent = beatAgeMs !== null && beatAgeMs > staleBeatMs;
  if (holder === "dead") checks.push(ok("writer lock", `left by ${who}, which is gone; the next writer takes it over`));
  else if (holder === "elsewhere" && isSilent) {
    checks.push(warning("writer lock", `${who}: it counts as dead`, "make sure that it does not run any more"));
  } else if (holder !== "unknown") checks.push(ok("writer lock", `held by ${who}`));
  if (beatAgeMs !== null && beatAgeMs < -clockSkewMs) {
    const found = `the last sign of life in ${file} is ${formatDuration(-beatAgeMs)} in the future`;
    const unlocking = `; where ${host} is gone for good: lynse unlock --data ${root}`;
    const isStuck = holder === "elsewhere";
    const advice = "set the clocks of the machines that share the directory (NTP)";
    checks.push(warning("clock", found, isStuck ? advice + unlocking : advice));
  }
  if (holder === "unknown") {
    const found = `${who}, of which the system does not tell whether it runs`;
    checks.push(warning("writer lock", found, `where it is gone: lynse unlock --data ${root}`));
  }
  return checks;
}

/** Formats, leftovers and damaged structure, by a quick look. */
async function checkContents(root: string): Promise<HealthCheck[]> {
  try {
    const { collections, findings, counts } = await verify(root, { depth: "quick" });
    const all = [findings, ...collections.map((each) => each.findings)].flat();
    const checks: HealthCheck[] = [];
    const tooNew = all.filter(({ code }) => code === "format-too-new");
    const damaged = all.filter(({ severity, code }) => severity === "error" && code !== "format-too-new");
    const leftovers = all.filter(({ code }) => code === "leftover");
    if (tooNew.length > 0) {
      const found = `${countOf(tooNew.length, "file")} of a newer version, ${tooNew[0]!.file} first`;
      checks.push(problem("format", found, "upgrade lynsedb"));
    } else checks.push(ok("format", `${countOf(collections.length, "collection")} that this version reads`));
    if (damaged.length > 0) {
      const found = `${countOf(counts.error, "damaged place")}, the first in ${damaged[0]!.file}`;
      checks.push(problem("structure", found, 'run "lynse verify", then "lynse repair"'));
    } else checks.push(ok("structure", 'no damage at a quick look; "lynse verify" reads every byte'));
    if (leftovers.length > 0) {
      checks.push(ok("leftovers", `${leftovers.length} of crashes or repairs, harmless; "lynse verify" lists them`));
    }
    return checks;
  } catch (error) {
    if (!isLynseError(error)) throw error;
    if (error.code === "DATABASE_NOT_FOUND") return [ok("contents", "no database yet")];
    return [problem("contents", error.message, 'run "lynse verify"')];
  }
}
