import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type InspectFolder, inspectFolder } from "./inspect-folder.js";

let place: InspectFolder;

beforeAll(async () => {
  place = await inspectFolder();
});

afterAll(() => rmSync(place.folder, { recursive: true, force: true }));

test("an intact directory is told as such, with exit code 0", async () => {
  const { code, stdout } = await place.run("verify");
  expect(stdout).toMatch(/^collection .*\ndefault\/docs +20 +0 +2 .* good\nno damage; 1 collection, /);
  expect(code).toBe(0);
  const json = JSON.parse((await place.run("verify", "default/docs", "--deep", "--json")).stdout);
  expect(json).toMatchObject({ isClean: true, counts: { error: 0 }, collections: [{ collection: "docs", rows: 20 }] });
});

test("damage is told with file, ids and advice, and exit code 1", async () => {
  place.damage("g1/vectors-default.lynse", 64, new Uint8Array(8).fill(9));
  const { code, stdout, stderr } = await place.run("verify");
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /error: .*g1\/vectors-default\.lynse, byte 64\n {2}what +vectors 0 to 9 do not match their checksum/,
  );
  expect(stdout).toContain("ids       0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n");
  expect(stderr).toContain('lynse: 1 damaged place found; "lynse repair"');
  const json = JSON.parse((await place.run("verify", "--json")).stdout);
  expect(json.collections[0].findings[0]).toMatchObject({
    severity: "error",
    code: "vectors",
    offset: 64,
    idCount: 10,
  });
});

test.each([
  [["verify", "a/b/c"], "a database, or database/collection, is wanted"],
  [["verify", "nothing"], "there is no database"],
  [["verify", "data"], "data is a directory here; name it as --data data"],
  [["repair", "data", "--yes"], "data is a directory here; name it as --data data"],
  [["verify", "--quick", "--deep"], "cannot be used with option"],
])("%j is refused", async (args, text) => {
  const { code, stderr } = await place.run(...args);
  expect(code).not.toBe(0);
  expect(stderr).toContain(text);
});
