import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isLynseError, VectorDBClient } from "../../src/index.js";
import { Child } from "./child.js";

let folder = "";
const children: Child[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lynsedb-processes-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  rmSync(folder, { recursive: true, force: true });
});

function start(script: "writer.mjs" | "reader.mjs", ...args: string[]): Child {
  const child = new Child(script, [folder, ...args]);
  children.push(child);
  return child;
}

function errorsOf(child: Child): unknown[] {
  return child.messages.filter(({ error }) => error !== undefined);
}

test("readers see committed states in order, each as soon as it is committed, while writers are killed", async () => {
  const first = start("writer.mjs", "1", "cs");
  await first.told(({ commits, error }) => commits === 3 || error !== undefined);
  expect(errorsOf(first)).toEqual([]);
  const readers = [start("reader.mjs", "follow"), start("reader.mjs", "refresh")];
  for (const reader of readers) expect(await reader.ready()).toMatchObject({ ready: reader.pid });
  await first.kill();
  const did = new Set<string>();
  const kinds = ["csrR", "c", "csrR", "csrR"];
  for (const [round, doing] of kinds.entries()) {
    const writer = start("writer.mjs", `${round + 2}`, doing);
    const commits = 30 + round * 11;
    await writer.told((message) => message.commits === commits || message.error !== undefined);
    await writer.kill();
    expect(errorsOf(writer)).toEqual([]);
    for (const { did: what } of writer.messages) if (what !== undefined) did.add(what);
  }
  expect([...did].sort()).toEqual(["R", "c", "r", "s"]);
  for (const reader of readers) {
    reader.signal("SIGTERM");
    const code = await reader.ended();
    expect([errorsOf(reader), code]).toEqual([[], 0]);
    expect(reader.messages.at(-1)!.states).toBeGreaterThan(30);
  }
});

test("a holder that is stopped keeps the lock, and its commits go on when it wakes; the refusal says who, where, since when", async () => {
  const writer = start("writer.mjs", "1", "");
  await writer.told(({ commits }) => commits !== undefined);
  writer.signal("SIGSTOP");
  const second = new VectorDBClient(`${folder}/root`);
  const refusal = await second.listDatabases().catch((error: unknown) => error);
  if (!isLynseError(refusal, "LOCKED")) throw refusal;
  expect(refusal.details["pid"]).toBe(writer.pid);
  expect(refusal.message).toMatch(
    /process \d+ on .+, started 20\d\d-.+: close it there, open here with readOnly: true/,
  );
  const before = writer.messages.length;
  writer.signal("SIGCONT");
  await writer.told(({ commits }) => (commits ?? 0) > before + 2);
  expect(errorsOf(writer)).toEqual([]);
  await writer.kill();
  expect(await second.listDatabases()).toEqual(["app"]);
  await second.close();
});

test("of many that wait for a writer to die, exactly one takes over at a time", async () => {
  let holder = start("writer.mjs", "1", "");
  await holder.told(({ commits }) => commits !== undefined);
  for (let round = 0; round < 2; round++) {
    await holder.kill();
    const takers = Array.from({ length: 4 }, (_, at) => start("writer.mjs", `${at}`, ""));
    const answers = await Promise.all(takers.map((taker) => taker.ready()));
    const winners = takers.filter((_, at) => answers[at]?.ready !== undefined);
    expect(winners).toHaveLength(1);
    holder = winners[0]!;
    for (const [at, taker] of takers.entries()) {
      if (taker === holder) continue;
      expect(answers[at]?.error).toMatchObject({ code: "LOCKED", details: { pid: holder.pid } });
      expect(await taker.ended()).toBe(3);
    }
  }
});
