/**
 * What a process that was killed left of a copy, and who removes it.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { verify } from "../../src/client/local/local-inspect.js";
import { type Collection, VectorDBClient } from "../../src/index.js";
import type { ProcessIdentity } from "../../src/storage/file-system.js";
import { NodeFileSystem } from "../../src/storage/node-file-system.js";
import { parseUnfinishedName, unfinishedPath } from "../../src/storage/unfinished-name.js";

let folder = "";
let client: VectorDBClient;
let docs: Collection;
const fs = new NodeFileSystem();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lynse-unfinished-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  client = new VectorDBClient("memory://", { threads: 1 });
  docs = await (await client.createDatabase("app")).requireCollection("docs", { dim: 1 });
  await docs.add({ vectors: [[1]] });
});
afterEach(() => client.close());

/** The path that a process with this identity would write to. */
const pathOf = (identity: Partial<ProcessIdentity>, target: string): string =>
  unfinishedPath({ identity: { ...fs.identity, ...identity }, crc32: (bytes) => fs.crc32(bytes) }, target);

/** A process that has ended, killed or not. */
function goneProcess(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

function leave(path: string): string {
  mkdirSync(path);
  writeFileSync(join(path, "vectors.f32"), "half");
  return path.slice(folder.length + 1);
}

describe.each(["snapshotTo", "exportTo"] as const)("%s", (call) => {
  test("removes what a killed process left of a copy to the same place, and nothing else", async () => {
    const target = join(folder, call);
    const dead = { pid: goneProcess(), startMark: "77" };
    const other = { space: "another machine", ...dead };
    const kept = [
      leave(pathOf({}, target)),
      leave(pathOf(other, target)),
      leave(pathOf(dead, `${target}-other`)),
      leave(`${target}.tmp`),
      leave(`${target}.mine.tmp`),
    ];
    const gone = [leave(pathOf(dead, target)), leave(pathOf({ ...dead, startMark: null }, target))];
    // The pid lives, but belongs to a process that began later.
    gone.push(leave(pathOf({ startMark: "1" }, target)));
    await docs[call](target);
    const left = readdirSync(folder);
    expect(left).toEqual(expect.arrayContaining([call, ...kept]));
    for (const name of gone) expect(left).not.toContain(name);
    await expect(docs[call](target)).rejects.toMatchObject({ code: "TARGET_EXISTS" });
  });
});

/** Runs as a process of its own: takes a name as an export does, and waits to be killed. */
const program = `
  const { readFileSync } = await import("node:fs");
  const stat = readFileSync("/proc/self/stat", "utf8");
  console.log(process.pid, stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  setInterval(() => {}, 1000);
`;

test.runIf(process.platform === "linux")(
  "a copy is left alone while its process lives, and goes when it was killed",
  async () => {
    const target = join(folder, "killed");
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve) => {
      child.stdout.once("data", (bytes) => resolve(String(bytes)));
    });
    const [pid, startMark] = line.trim().split(" ");
    const name = leave(pathOf({ pid: Number(pid), startMark: startMark! }, target));
    expect(await parseUnfinishedName(fs, name)).toEqual({ target: "killed", writer: "running" });
    await docs.exportTo(target);
    expect(readdirSync(folder)).toContain(name);
    rmSync(target, { recursive: true });
    const ended = new Promise((resolve) => {
      child.once("exit", resolve);
    });
    child.kill("SIGKILL");
    await ended;
    expect(await parseUnfinishedName(fs, name)).toEqual({ target: "killed", writer: "gone" });
    await docs.exportTo(target);
    expect(readdirSync(folder)).not.toContain(name);
  },
);

test("names of other things are none of a copy", async () => {
  for (const name of [
    "a",
    "a.tmp",
    "a.1-2-3.tmp",
    "a.1-2-3-0123456789ABCDEF.tmp",
    ".1-2-3-0123456789abcdef.tmp",
    "a.1-2-3-0123456789abcdef",
  ]) {
    expect(await parseUnfinishedName(fs, name)).toBeNull();
  }
  const own = unfinishedPath(fs, "x.1-2-3-0123456789abcdef.tmp");
  expect(await parseUnfinishedName(fs, own)).toEqual({ target: "x.1-2-3-0123456789abcdef.tmp", writer: "running" });
  const huge = `a.${"z".repeat(100)}--${own.split("-")[2]}-0123456789abcdef.tmp`;
  expect((await parseUnfinishedName(fs, huge))?.writer).not.toBe("gone");
});

test("verify tells of copies in the directory that were not finished, not of those under way", async () => {
  const root = join(folder, "root");
  const local = new VectorDBClient(root, { threads: 1 });
  await local.createDatabase("app");
  await local.close();
  const dead = { pid: goneProcess(), startMark: "77" };
  const [gone, elsewhere] = [pathOf(dead, join(root, "a")), pathOf({ ...dead, space: "elsewhere" }, join(root, "b"))];
  for (const path of [gone, elsewhere, pathOf({}, join(root, "c"))]) leave(path);
  const { findings } = await verify(root, { depth: "quick" });
  expect(findings.map(({ code, file, advice }) => [code, file, advice])).toEqual([
    ["leftover", gone, expect.stringContaining("the next one to the same place removes it")],
    ["leftover", elsewhere, expect.stringContaining("unless it is being written")],
  ]);
});
