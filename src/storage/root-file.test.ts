import { expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { readDatabaseFile, writeDatabaseFile } from "./database-file.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { openRoot } from "./root-file.js";
import { decodeSealedJson, encodeSealedJson } from "./sealed-json.js";

const writable = { isReadOnly: false };

test("a root is created once, and read afterwards", async () => {
  const fs = new FaultyFileSystem(1);
  await openRoot(fs, "/a/b/root", writable);
  const before = fs.changes;
  await openRoot(fs, "/a/b/root", writable);
  await openRoot(fs, "/a/b/root", { isReadOnly: true });
  expect(fs.changes).toBe(before);
  expect((await fs.list("/a/b/root")).map(({ name }) => name)).toEqual(["lynse.json"]);
});

test("two processes may create a root at once", async () => {
  const fs = new MemoryFileSystem();
  await Promise.all([
    openRoot(fs, "/root", writable),
    openRoot(fs, "/root", writable),
    openRoot(fs, "/root", writable),
  ]);
  await openRoot(fs, "/root", { isReadOnly: true });
});

test("a read-only open creates nothing", async () => {
  const fs = new MemoryFileSystem();
  const opening = openRoot(fs, "/root", { isReadOnly: true });
  await expect(opening).rejects.toSatisfy((error) => isLynseError(error, "DATABASE_NOT_FOUND"));
  expect(await fs.list("/")).toEqual([]);
});

test("damage and newer formats are told apart", async () => {
  const fs = new FaultyFileSystem(1);
  await openRoot(fs, "/root", writable);
  const bits = (await fs.readFile("/root/lynse.json", 1000))!.length * 8;
  for (let bit = 0; bit < bits; bit += 3) {
    await fs.flipBit("/root/lynse.json", bit);
    await expect(openRoot(fs, "/root", writable)).rejects.toSatisfy((error) => isLynseError(error, "CORRUPT"));
    await fs.flipBit("/root/lynse.json", bit);
  }
  const newer = encodeSealedJson(fs, "lynsedb root", { version: 2 });
  const reading = (): unknown => decodeSealedJson(fs, newer, "lynsedb root", "lynse.json");
  expect(reading).toThrow(/format version 2.*upgrade/);
});

test("a database is live, dropped, or none; damage to its file hides no data", async () => {
  const fs = new FaultyFileSystem(1);
  await fs.makeFolder("/root/db");
  expect(await readDatabaseFile(fs, "/root/db")).toBe(null);
  for (const state of ["live", "dropped"] as const) {
    await writeDatabaseFile(fs, "/root/db", state);
    expect(await readDatabaseFile(fs, "/root/db")).toBe(state);
  }
  await fs.flipBit("/root/db/database.json", 50);
  expect(await readDatabaseFile(fs, "/root/db")).toBe("live");
});
