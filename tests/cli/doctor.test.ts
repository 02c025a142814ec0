import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkNode } from "../../src/cli/doctor/check-machine.js";
import { VectorDBClient } from "../../src/index.js";
import { NodeFileSystem } from "../../src/storage/node-file-system.js";
import { encodeSealedJson } from "../../src/storage/sealed-json.js";
import { type InspectFolder, inspectFolder } from "./inspect-folder.js";

let place: InspectFolder;

beforeAll(async () => {
  place = await inspectFolder();
});

afterAll(() => rmSync(place.folder, { recursive: true, force: true }));

interface Report {
  readonly isHealthy: boolean;
  readonly checks: readonly { readonly name: string; readonly state: string; readonly found: string }[];
}

async function doctor(...args: string[]): Promise<{ readonly report: Report; readonly code: number | null }> {
  const { stdout, code } = await place.run("doctor", "--json", ...args);
  return { report: JSON.parse(stdout) as Report, code };
}

test("a directory in order has no problem", async () => {
  const { report, code } = await doctor("--data-dir", place.data);
  expect(report.checks.filter(({ state }) => state === "problem")).toEqual([]);
  expect(code).toBe(0);
  for (const name of ["Node.js", "WebAssembly SIMD", "permissions", "disk space", "sync", "writer lock", "structure"]) {
    expect(report.checks.map((check) => check.name)).toContain(name);
  }
});

test("the holder of the lock is named", async () => {
  const client = new VectorDBClient(place.data);
  try {
    await client.createDatabase("other");
    const { report } = await doctor();
    expect(report.checks.find(({ name }) => name === "writer lock")!.found).toContain(
      `held by process ${process.pid} on`,
    );
  } finally {
    await client.close();
  }
});

test("a holder elsewhere whose clock is ahead is named, with the way out", async () => {
  const data = join(place.folder, "elsewhere");
  mkdirSync(data);
  const fs = new NodeFileSystem();
  const beatAt = new Date(Date.now() + 3 * 3600_000).toISOString();
  const holder = {
    state: "held",
    pid: 4711,
    host: "web-1",
    space: "web-1",
    startMark: null,
    startedAt: beatAt,
    beatAt,
  };
  writeFileSync(join(data, "writer-000003.lock"), encodeSealedJson(fs, "lynsedb writer lock", holder));
  const { report } = await doctor("--data-dir", data);
  expect(report.checks.find(({ name }) => name === "clock")).toMatchObject({
    state: "warning",
    advice: expect.stringContaining(`lynse unlock --data ${data}`),
  });
  await expect(new VectorDBClient(data).createDatabase("one")).rejects.toThrow(`lynse unlock --data ${data}`);
});

test("lynse unlock takes a lock from nobody who runs", async () => {
  expect((await place.run("unlock")).stdout).toContain("nobody holds the lock");
  const client = new VectorDBClient(place.data);
  try {
    await client.createDatabase("another");
    const { code, stderr } = await place.run("unlock");
    expect(code).toBe(1);
    expect(stderr).toContain(`process ${process.pid}`);
  } finally {
    await client.close();
  }
});

test("damage is a problem, and ends with exit code 1", async () => {
  place.damage("manifest.json", 20, new Uint8Array([0]));
  const { report, code } = await doctor();
  expect(code).toBe(1);
  expect(report.checks.find(({ name }) => name === "structure")).toMatchObject({ state: "problem" });
});

test.runIf(process.getuid?.() !== 0 && process.platform !== "win32")("missing rights are a problem", async () => {
  const file = join(place.data, "default/docs/g1/log-000001.lynse");
  chmodSync(file, 0o400);
  const { report } = await doctor();
  chmodSync(file, 0o600);
  expect(report.checks.find(({ name }) => name === "permissions")).toMatchObject({ state: "problem" });
});

test("a server that does not answer is a problem", async () => {
  const { stdout, code } = await place.run("doctor", "--uri", "http://127.0.0.1:9");
  expect(code).toBe(1);
  expect(stdout).toMatch(/PROBLEM +server/);
});

test.each([
  ["20.19.0", "ok"],
  ["22.1.0", "ok"],
  ["20.18.1", "problem"],
  ["18.20.0", "problem"],
])("Node.js %s is %s", (version, state) => {
  expect(checkNode(">=20.19", version).state).toBe(state);
});
