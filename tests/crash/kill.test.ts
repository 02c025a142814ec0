import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isLynseError, VectorDBClient } from "../../src/index.js";
import { Child, KillRounds, testsFolder } from "./kill-rounds.js";

let folder = "";
const children: Child[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lynsedb-kill-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  rmSync(folder, { recursive: true, force: true });
});

function start(script: "writer-process.mjs" | "reader-process.mjs", ...args: string[]): Child {
  const child = new Child(script, folder, args, testsFolder);
  children.push(child);
  return child;
}

const isReady = ({ ready, error }: { ready?: number; error?: unknown }): boolean =>
  ready !== undefined || error !== undefined;

test("what a killed writer was told to be committed is there, round after round, and a reader beside it follows", async () => {
  const rounds = new KillRounds(folder, testsFolder);
  await rounds.round(1, "mixed", 150);
  const reader = start("reader-process.mjs");
  expect(await reader.told(isReady)).toHaveProperty("ready");
  const modes = ["mixed", "compact", "checkpoint"] as const;
  for (let round = 0; round < 7; round++) await rounds.round(round + 2, modes[round % 3]!, 60 + round * 53);
  expect(rounds.commits).toBeGreaterThan(20);
  const looks = reader.messages.length;
  await reader.told(({ looks: at, error }) => error !== undefined || (at ?? 0) > looks);
  expect(reader.messages.find(({ error }) => error !== undefined)).toBe(undefined);
});

test("a second writer is refused with the holder's pid; readers are not", async () => {
  const writer = start("writer-process.mjs", "7", "1", "mixed");
  await writer.told(({ done }) => done !== undefined);
  const second = new VectorDBClient(folder);
  const refusal = await second.listDatabases().catch((error: unknown) => error);
  expect(isLynseError(refusal, "LOCKED") && refusal.details["pid"]).toBe(writer.pid);
  const reader = new VectorDBClient(folder, { readOnly: true });
  const collection = await (await reader.getDatabase("crash")).getCollection("rows");
  // However many rows the writer has left by now: the reader stays at one state of them.
  expect(await collection.count()).toBe((await collection.shape())[0]);
  await writer.kill();
  expect(await second.listDatabases()).toEqual(["crash"]);
  await collection.refresh();
  await (await second.getDatabase("crash")).dropCollection("rows");
  const gone = await collection.refresh().catch((error: unknown) => error);
  expect(isLynseError(gone, "CLOSED")).toBe(true);
  await reader.close();
  await second.close();
});

test("of two writers that take over a dead one's lock at once, one succeeds", async () => {
  const first = start("writer-process.mjs", "1", "1", "mixed");
  await first.told(({ done }) => done !== undefined);
  await first.kill();
  const takers = [start("writer-process.mjs", "2", "1000", "mixed"), start("writer-process.mjs", "3", "2000", "mixed")];
  const answers = await Promise.all(takers.map((taker) => taker.told(isReady)));
  expect(answers.filter((answer) => answer?.ready !== undefined)).toHaveLength(1);
  const winner = takers[answers.findIndex((answer) => answer?.ready !== undefined)]!;
  const loser = answers.find((answer) => answer?.error !== undefined);
  expect(loser?.error?.code).toBe("LOCKED");
  expect(loser?.error?.details?.["pid"]).toBe(winner.pid);
});
