import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type InspectFolder, inspectFolder } from "./inspect-folder.js";

let place: InspectFolder;

beforeAll(async () => {
  place = await inspectFolder();
  place.damage("g1/vectors-default.lynse", 64, new Uint8Array(8).fill(9));
});

afterAll(() => rmSync(place.folder, { recursive: true, force: true }));

test("without a terminal it wants --yes", async () => {
  const { code, stderr } = await place.run("repair");
  expect(code).toBe(2);
  expect(stderr).toContain("add --yes to repair without a question");
});

test("a dry run says what is lost, and changes nothing", async () => {
  const { code, stdout } = await place.run("repair", "--dry-run");
  expect(code).toBe(0);
  expect(stdout).toContain("write 10 rows and 0 deleted ones to new files");
  expect(stdout).toMatch(/lost rows +10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n/);
  expect(stdout).toMatch(/nothing was changed\n$/);
  expect((await place.run("verify")).code).toBe(1);
});

test("what is whole is kept, what is lost stands beside, and everything is in order afterwards", async () => {
  const { code, stdout } = await place.run("repair", "default/docs", "--yes");
  expect(code).toBe(0);
  expect(stdout).toMatch(/default\/docs: repaired, with 10 rows; the damaged files are in .*quarantine-\d{8}T\d{6}Z\n/);
  expect((await place.run("verify")).code).toBe(0);
  expect((await place.run("get", "10", "--collection", "docs")).stdout).toContain("row 10");
  const folder = join(place.data, "default/docs");
  const quarantine = join(folder, readdirSync(folder).find((name) => name.startsWith("quarantine-"))!);
  expect(readdirSync(quarantine).sort()).toContain("report.json");
  const lost = readFileSync(join(quarantine, "lost-rows.jsonl"), "utf8").trim().split("\n");
  expect(JSON.parse(lost[0]!)).toEqual({ id: 0, field: { title: "row 0" } });
  expect((await place.run("repair", "--yes")).stdout).toContain("default/docs: nothing to repair\n");
});
