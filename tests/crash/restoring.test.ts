/**
 * Restoring: what takes which name, and what is there when it was cut off.
 */
import { expect, test } from "vitest";
import { EngineRegistry } from "../../src/engine/engine-registry.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { config } from "./plain-config.js";
import { callsOf, changesOf, crashAt, faultAt } from "./scenarios.js";
import { scripts } from "./scripts.js";

const root = "/data/root";
const options = { isReadOnly: false, durability: "fsync" } as const;
const restoring = { overwrite: false, signal: undefined };

const script = scripts.replacing;
const steps = script.length;

test("a crash at every change of a program that restores leaves the old or the new", async () => {
  const changes = await changesOf(1, steps, script);
  for (let at = 1; at <= changes; at++) await crashAt(1, steps, at, script);
}, 120_000);

test("a failure at every second call of a program that restores loses nothing", async () => {
  const calls = await callsOf(1, steps, script);
  const plans = [{ errno: "EIO" }, { errno: "ENOSPC" }, { errno: "ENOSPC", staysFull: true }];
  for (let at = 1; at <= calls; at += 2) await faultAt(1, steps, { ...plans[(at >> 1) % 3]!, failAtCall: at }, script);
}, 120_000);

async function rootWithSnapshot(): Promise<{ fs: MemoryFileSystem; registry: EngineRegistry }> {
  const fs = new MemoryFileSystem();
  const registry = await EngineRegistry.open(fs, root, options);
  await registry.createDatabase("from", false);
  await registry.requireCollection("from", "docs", () => config);
  await registry.snapshotDatabase("from", "/copies/one", { copy: false, signal: undefined });
  return { fs, registry };
}

test("a folder that an interrupted creation left does not take the name from a restore", async () => {
  const { fs, registry } = await rootWithSnapshot();
  await fs.makeFolder(`${root}/to/empty`);
  await (await fs.open(`${root}/to/database.json.tmp`, "write")).close();
  await registry.restoreDatabase("to", "/copies/one", restoring);
  expect(await registry.collectionNames("to")).toEqual(["docs"]);
});

test("a folder with somebody's files is left alone", async () => {
  const { fs, registry } = await rootWithSnapshot();
  await fs.makeFolder(`${root}/to/photos`);
  await fs.openExclusive(`${root}/to/photos/one.jpg`, new Uint8Array(3));
  await expect(registry.restoreDatabase("to", "/copies/one", restoring)).rejects.toMatchObject({
    code: "TARGET_EXISTS",
  });
  expect(await fs.exists(`${root}/to/photos/one.jpg`)).toBe(true);
});
