import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { isLynseError } from "../errors.js";
import type { ProcessIdentity, ProcessState } from "./file-system.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { NodeFileSystem } from "./node-file-system.js";
import { encodeSealedJson } from "./sealed-json.js";
import { acquireWriterLock, breakWriterLock } from "./writer-lock.js";

const root = "/root";

/** One machine's files, seen by several processes. */
class SharedFiles {
  readonly #files = new MemoryFileSystem();

  seenBy(identity: Partial<ProcessIdentity>): MemoryFileSystem {
    const full: ProcessIdentity = {
      pid: 1,
      host: "here",
      space: "here",
      startMark: "1",
      startedAtMs: 1000,
      stateOf: async () => "running",
      ...identity,
    };
    const files = this.#files;
    return new Proxy(files, {
      get: (_target, key) => {
        if (key === "identity") return full;
        const value: unknown = Reflect.get(files, key);
        return typeof value === "function" ? value.bind(files) : value;
      },
    });
  }
}

async function refusal(fs: MemoryFileSystem): Promise<string> {
  const error = await acquireWriterLock(fs, root).catch((reason: unknown) => reason);
  expect(isLynseError(error, "LOCKED"), String(error)).toBe(true);
  return String(error);
}

function identityOf(pid: number, state: ProcessState, more: Partial<ProcessIdentity> = {}): Partial<ProcessIdentity> {
  return { pid, stateOf: async () => state, ...more };
}

describe("one machine", () => {
  test("a second writer is told who holds the lock, and gets it after the release", async () => {
    const files = new SharedFiles();
    const first = await acquireWriterLock(files.seenBy({ pid: 77, startedAtMs: 0 }), root);
    const other = files.seenBy(identityOf(2, "running"));
    const text = await refusal(other);
    for (const part of ["process 77", "here", "1970-01-01T00:00:00.000Z", "readOnly", "lynse serve"]) {
      expect(text).toContain(part);
    }
    await first.release();
    await first.release();
    const second = await acquireWriterLock(other, root);
    await second.release();
  });

  test("the same process is told that it has it open already", async () => {
    const files = new SharedFiles();
    const lock = await acquireWriterLock(files.seenBy({}), root);
    expect(await refusal(files.seenBy({}))).toContain("already open for writing in this process");
    await lock.release();
  });

  test("a dead holder's lock is taken over, also when its pid was given out again", async () => {
    const files = new SharedFiles();
    await acquireWriterLock(files.seenBy({ pid: 5 }), root);
    const second = await acquireWriterLock(files.seenBy(identityOf(6, "gone")), root);
    // Our own pid, but another start: the holder was an earlier process.
    const third = await acquireWriterLock(files.seenBy(identityOf(6, "running", { startMark: "2" })), root);
    await expect(second.assertHeld()).resolves.toBe(undefined);
    const without = { startMark: null, startedAtMs: 999_000 };
    await acquireWriterLock(files.seenBy(identityOf(6, "running", without)), root);
    await third.release();
  });

  test("a pid that may have been given out again is not taken over, and the file to remove is named", async () => {
    const files = new SharedFiles();
    await acquireWriterLock(files.seenBy({ pid: 5, startMark: null }), root);
    expect(await refusal(files.seenBy(identityOf(6, "unknown")))).toContain("/root/writer-000001.lock");
  });

  test("a lock file that was never completed is passed", async () => {
    const files = new SharedFiles();
    const fs = files.seenBy({});
    await fs.makeFolder(root);
    await fs.openExclusive(`${root}/writer-000009.lock`, new Uint8Array(0));
    const lock = await acquireWriterLock(fs, root);
    expect((await fs.list(root)).map(({ name }) => name)).toEqual(["writer-000010.lock"]);
    await lock.release();
  });

  test("of many takers of a dead holder's lock, one succeeds", async () => {
    for (let round = 0; round < 20; round++) {
      const files = new SharedFiles();
      await acquireWriterLock(files.seenBy({ pid: 99 }), root);
      const stateOf = async (pid: number): Promise<ProcessState> => (pid === 99 ? "gone" : "running");
      const takers = Array.from({ length: 6 }, (_, at) =>
        acquireWriterLock(files.seenBy({ pid: at + 1, stateOf }), root),
      );
      const results = await Promise.allSettled(takers);
      expect(results.filter(({ status }) => status === "fulfilled").length).toBe(1);
    }
  });

  test("a taker that was held up does not undo the success of others", async () => {
    const files = new SharedFiles();
    await acquireWriterLock(files.seenBy({ pid: 99 }), root);
    // This taker finds the holder dead; before it creates the next file, two others have held the lock in turn.
    const late = identityOf(1, "gone", {
      stateOf: async () => {
        if (isFirst) {
          isFirst = false;
          const gone = async (): Promise<ProcessState> => "gone";
          await (await acquireWriterLock(files.seenBy({ pid: 2, stateOf: gone }), root)).release();
          winner = await acquireWriterLock(files.seenBy({ pid: 3, stateOf: gone }), root);
          return "gone";
        }
        return "running";
      },
    });
    let isFirst = true;
    let winner: Awaited<ReturnType<typeof acquireWriterLock>> | null = null;
    expect(await refusal(files.seenBy(late))).toContain("process 3");
    await winner!.assertHeld();
    expect((await files.seenBy({}).list(root)).map(({ name }) => name)).toEqual(["writer-000003.lock"]);
  });
});

function passNinetySeconds(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 90_000 });
}

describe("other machines", () => {
  const there = (beatAt: string): Record<string, string | number> => ({
    state: "held",
    pid: 1,
    host: "there",
    space: "there",
    startMark: "1",
    startedAt: beatAt,
    beatAt,
  });
  const heldThere = async (ageMs: number): Promise<MemoryFileSystem> => {
    const fs = new SharedFiles().seenBy({});
    await fs.makeFolder(root);
    const bytes = encodeSealedJson(fs, "lynsedb writer lock", there(new Date(Date.now() - ageMs).toISOString()));
    await fs.openExclusive(`${root}/writer-000001.lock`, bytes);
    return fs;
  };

  test("a holder that gave a sign of life lately keeps the lock", async () => {
    expect(await refusal(await heldThere(30_000))).toMatch(/host there.*last sign of life 3\d s ago/);
  });

  test("one whose clock is hours ahead is not judged by it: the way out is named, and works", async () => {
    const fs = await heldThere(-3 * 3600_000);
    const text = await refusal(fs);
    for (const part of ["/root/writer-000001.lock", "ahead of the clock here", "lynse unlock --data /root"]) {
      expect(text).toContain(part);
    }
    expect(await breakWriterLock(fs, root, 20)).toBe(true);
    expect(await breakWriterLock(fs, root, 20)).toBe(false);
    const lock = await acquireWriterLock(fs, root);
    // The epochs go on: the holder, should it wake up, finds a higher one than its own.
    expect((await fs.list(root)).map(({ name }) => name)).toEqual(["writer-000003.lock"]);
    await lock.release();
  });

  test("a holder whose lock was taken away notices before it writes", async () => {
    const files = new SharedFiles();
    const sleeper = await acquireWriterLock(files.seenBy({ host: "there", space: "there" }), root);
    try {
      expect(await breakWriterLock(files.seenBy({}), root, 20)).toBe(true);
      passNinetySeconds();
      await expect(sleeper.assertHeld()).rejects.toSatisfy((error) => isLynseError(error, "LOCKED"));
      await sleeper.release();
    } finally {
      vi.useRealTimers();
    }
  });

  test("a holder that gives a sign of life while it is watched, or is known to run, keeps the lock", async () => {
    const fs = await heldThere(-3 * 3600_000);
    const bytes = encodeSealedJson(
      fs,
      "lynsedb writer lock",
      there(new Date(Date.now() + 3 * 3600_000 + 1).toISOString()),
    );
    const broken = breakWriterLock(fs, root, 200).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const handle = await fs.open(`${root}/writer-000001.lock`, "write");
    await handle.write(bytes, 0);
    await handle.close();
    expect(String(await broken)).toContain("process 1 on host there gave a sign of life");

    const files = new SharedFiles();
    await acquireWriterLock(files.seenBy({ pid: 5 }), root);
    await expect(breakWriterLock(files.seenBy({ pid: 6 }), root, 20)).rejects.toThrow("process 5");
    await expect(acquireWriterLock(files.seenBy({ pid: 6 }), root)).rejects.toThrow("process 5");
  });

  test("a silent holder loses it, and notices before it writes", async () => {
    const lock = await acquireWriterLock(await heldThere(61_000), root);
    await lock.release();
    const files = new SharedFiles();
    const sleeper = await acquireWriterLock(files.seenBy({ host: "there", space: "there" }), root);
    try {
      // Ninety seconds pass in which the holder's timer never runs.
      passNinetySeconds();
      const taker = await acquireWriterLock(files.seenBy({}), root);
      await expect(sleeper.assertHeld()).rejects.toSatisfy((error) => isLynseError(error, "LOCKED"));
      await taker.assertHeld();
      await sleeper.release();
      await expect(acquireWriterLock(files.seenBy({ pid: 8 }), root)).rejects.toThrow("process 1");
    } finally {
      vi.useRealTimers();
    }
  });

  test("a holder that was asleep, and was not taken over, goes on", async () => {
    const files = new SharedFiles();
    const sleeper = await acquireWriterLock(files.seenBy({ host: "there", space: "there" }), root);
    try {
      passNinetySeconds();
      await sleeper.assertHeld();
      await expect(acquireWriterLock(files.seenBy({}), root)).rejects.toThrow("last sign of life");
    } finally {
      vi.useRealTimers();
    }
  });
});

/** The storage layer as plain JavaScript, for processes of their own. */
const built = mkdtempSync(join(tmpdir(), "lynse-lock-"));
const children: ChildProcess[] = [];

beforeAll(() => {
  const source = fileURLToPath(new URL("..", import.meta.url));
  mkdirSync(join(built, "storage"));
  writeFileSync(join(built, "package.json"), '{"type":"module"}');
  const names = [...readdirSync(source), ...readdirSync(join(source, "storage")).map((name) => `storage/${name}`)];
  for (const name of names.filter((each) => each.endsWith(".ts") && !each.endsWith(".test.ts"))) {
    const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
    const { outputText } = ts.transpileModule(readFileSync(join(source, name), "utf8"), { compilerOptions });
    writeFileSync(join(built, name.replace(/\.ts$/, ".js")), outputText);
  }
  writeFileSync(
    join(built, "taker.js"),
    `import { NodeFileSystem } from "./storage/node-file-system.js";
     import { acquireWriterLock } from "./storage/writer-lock.js";
     process.on("message", async (root) => {
       try {
         await acquireWriterLock(new NodeFileSystem(), root);
         process.send("held");
       } catch (error) {
         process.send(String(error));
       }
     });
     process.send("ready");`,
  );
});

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(built, { recursive: true, force: true });
});

function answer(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(String(message)));
    child.once("exit", () => reject(new Error("the process ended")));
  });
}

async function startTaker(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(built, "taker.js")], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  children.push(child);
  expect(await answer(child)).toBe("ready");
  return child;
}

describe("real processes", () => {
  test("a holder is named; after it was killed, one of two takers succeeds, the other is told by whom", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lynse-root-"));
    const [holder, ...takers] = await Promise.all([startTaker(), startTaker(), startTaker()]);
    holder!.send(folder);
    expect(await answer(holder!)).toBe("held");
    await expect(acquireWriterLock(new NodeFileSystem(), folder)).rejects.toThrow(`process ${holder!.pid}`);
    const ended = new Promise((resolve) => holder!.once("exit", resolve));
    holder!.kill("SIGKILL");
    await ended;
    for (const taker of takers) taker.send(folder);
    const answers = await Promise.all(takers.map(answer));
    const winner = answers.indexOf("held");
    expect(answers.filter((text) => text === "held").length, answers.join("\n")).toBe(1);
    expect(answers[1 - winner]).toContain(`process ${takers[winner]!.pid}`);
    rmSync(folder, { recursive: true, force: true });
  });

  test("a process ends by itself while it holds the lock", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lynse-root-"));
    const script = `import { NodeFileSystem } from "./storage/node-file-system.js";
      import { acquireWriterLock } from "./storage/writer-lock.js";
      await acquireWriterLock(new NodeFileSystem(), process.argv[2]);`;
    writeFileSync(join(built, "ends.js"), script);
    const child = spawn(process.execPath, [join(built, "ends.js"), folder], { stdio: "inherit" });
    children.push(child);
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(0);
    const lock = await acquireWriterLock(new NodeFileSystem(), folder);
    await lock.release();
    rmSync(folder, { recursive: true, force: true });
  });
});
