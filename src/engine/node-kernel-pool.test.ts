import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import ts from "typescript";
import { afterEach, describe, expect, it } from "vitest";
import type { KernelTask } from "../kernel/kernel-pool.js";
import type { ModuleSource } from "../kernel/wasm-module.js";
import { NodeKernelPool, type NodeKernelPoolOptions } from "./node-kernel-pool.js";

/**
 * (module
 *   (import "env" "memory" (memory 1 65536 shared))
 *   (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
 *   (func (export "nothing"))
 *   (func (export "trap") (unreachable))
 *   (func (export "bump") (param i32) (result i32) (i32.atomic.rmw.add (local.get 0) (i32.const 1)))
 *   (func (export "wait") (param i32) (result i32)
 *     (drop (i32.atomic.rmw.add offset=4 (local.get 0) (i32.const 1)))
 *     (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const -1)))
 *   (func (export "spin") (param i32) (i32.atomic.store (local.get 0) (i32.const 1)) (loop $l (br $l)))
 *   (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2))))
 */
const bytes =
  "AGFzbQEAAAABGQVgAn9/AX9gAABgAX8Bf2ABfwBgA39/fwACEgEDZW52Bm1lbW9yeQIDAYCABAMIBwABAQICAwQHNAcDYWRkAAAHbm90aGluZwAB" +
  "BHRyYXAAAgRidW1wAAMEd2FpdAAEBHNwaW4ABQRmaWxsAAYKTgcHACAAIAFqCwIACwMAAAsKACAAQQH+HgIACxUAIABBAf4eAgQaIABBAEJ//gEC" +
  "AAsQACAAQQH+FwIAA0AMAAsACwsAIAAgASAC/AsACw==";
const module: ModuleSource = { simd: bytes, relaxedSimd: bytes };

const pools: NodeKernelPool[] = [];

function makePool(options: NodeKernelPoolOptions = { threads: 2 }): NodeKernelPool {
  const pool = new NodeKernelPool(options);
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function makeMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1024, shared: true });
}

function words(memory: WebAssembly.Memory): Int32Array {
  return new Int32Array(memory.buffer);
}

/** Gives the tasks one after another. */
function listed(tasks: readonly KernelTask[]): (slot: number) => KernelTask | null {
  let index = 0;
  return () => tasks[index++] ?? null;
}

/** `count` equal tasks. */
function repeated(task: KernelTask, count: number): (slot: number) => KernelTask | null {
  return listed(new Array<KernelTask>(count).fill(task));
}

/** Lets the pool's threads come up: until then the calling thread works. */
async function warm(pool: NodeKernelPool, memory: WebAssembly.Memory): Promise<void> {
  while (pool.threads > 1 && pool.threadsUp < pool.threads) {
    await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 4));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Resolves when the word at `index` has reached `value`. */
async function reached(memory: WebAssembly.Memory, index: number, value: number): Promise<void> {
  while (Atomics.load(words(memory), index) < value) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Lets the `wait` tasks on the word at `index` end. */
function release(memory: WebAssembly.Memory, index: number): void {
  Atomics.store(words(memory), index, 1);
  Atomics.notify(words(memory), index);
}

describe("a run", () => {
  for (const threads of [1, 2, 4]) {
    it(`gives each task's result with its slot, once each, on ${threads} threads`, async () => {
      const pool = makePool({ threads });
      const memory = makeMemory();
      await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 1));
      for (let round = 0; round < 3; round++) {
        const pending = new Map<number, number>();
        const sums: number[] = [];
        let given = 0;
        await pool.run(
          (slot) => {
            expect(pending.has(slot)).toBe(false);
            expect(slot).toBeLessThan(threads);
            if (given === 200) return null;
            given += 1;
            pending.set(slot, given);
            return { module, memory, name: "add", args: [given, 1000 * round] };
          },
          {
            onResult: (result, slot) => {
              expect(result).toBe((pending.get(slot) as number) + 1000 * round);
              pending.delete(slot);
              sums.push(result);
            },
          },
        );
        expect(pending.size).toBe(0);
        expect(new Set(sums).size).toBe(200);
        if (threads === 1) expect(sums).toEqual(sums.toSorted((a, b) => a - b));
      }
    });
  }

  it("counts a function without a result as 0", async () => {
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    const results: number[] = [];
    const onResult = (result: number) => results.push(result);
    await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 2), { onResult });
    expect(results).toEqual([0, 0]);
  });

  it("goes on with a slot when another one has nothing left", async () => {
    const pool = makePool({ threads: 3 });
    const memory = makeMemory();
    await warm(pool, memory);
    const left = [20, 0, 7];
    const results: number[] = [];
    await pool.run((slot) => ((left[slot] as number)-- > 0 ? { module, memory, name: "add", args: [slot, 1] } : null), {
      onResult: (result) => results.push(result),
    });
    expect([1, 2, 3].map((result) => results.filter((other) => other === result).length)).toEqual([20, 0, 7]);
    expect(left).toEqual([-1, -1, -1]);
  });

  it("works with no task at all", async () => {
    await makePool().run(() => null);
  });

  it("has its tasks really under way together, on threads that share the memory", async () => {
    const pool = makePool({ threads: 3 });
    const memory = makeMemory();
    await warm(pool, memory);
    const run = pool.run(repeated({ module, memory, name: "wait", args: [64] }, 3));
    await reached(memory, 17, 3);
    release(memory, 16);
    await run;
  });

  it("uses no more slots than it was allowed", async () => {
    const pool = makePool({ threads: 3 });
    const memory = makeMemory();
    await warm(pool, memory);
    const slots: number[] = [];
    await pool.run(
      (slot) => {
        slots.push(slot);
        return slots.length > 50 ? null : { module, memory, name: "nothing", args: [] };
      },
      { threads: 2 },
    );
    expect(Math.max(...slots)).toBeLessThanOrEqual(1);
  });

  it("reaches memory that grew after it was sent", async () => {
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    for (let round = 0; round < 20; round++) {
      const end = memory.buffer.byteLength;
      memory.grow(8);
      await pool.run(repeated({ module, memory, name: "fill", args: [end, round + 1, 8 * 65_536] }, 2));
      expect(new Uint8Array(memory.buffer)[end + 8 * 65_536 - 1]).toBe(round + 1);
    }
  });
});

describe("a run that fails", () => {
  for (const threads of [1, 2]) {
    it(`names the function that trapped, and the pool goes on (${threads})`, async () => {
      const pool = makePool({ threads });
      const memory = makeMemory();
      await warm(pool, memory);
      const failure = pool.run(listed([{ module, memory, name: "trap", args: [] }]));
      await expect(failure).rejects.toMatchObject({ code: "INTERNAL", message: expect.stringContaining('"trap"') });
      const missing = pool.run(listed([{ module, memory, name: "absent", args: [] }]));
      await expect(missing).rejects.toMatchObject({ code: "INTERNAL", message: expect.stringContaining('"absent"') });
      await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 5));
    });

    it(`rejects with what next or onResult threw (${threads})`, async () => {
      const pool = makePool({ threads });
      const memory = makeMemory();
      await warm(pool, memory);
      const broken = () => {
        throw new RangeError("mine");
      };
      await expect(pool.run(broken)).rejects.toThrow("mine");
      const tasks = repeated({ module, memory, name: "nothing", args: [] }, 5);
      await expect(pool.run(tasks, { onResult: broken })).rejects.toThrow("mine");
    });
  }

  it("rejects only when no task of it is under way any more", async () => {
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    const tasks = listed([
      { module, memory, name: "wait", args: [64] },
      { module, memory, name: "trap", args: [] },
    ]);
    let isOver = false;
    const run = pool.run(tasks).catch((error: unknown) => {
      isOver = true;
      return error;
    });
    await reached(memory, 17, 1);
    // The trap has come back by the time that another run has gone through the free thread.
    await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 20), { threads: 1 });
    expect(isOver).toBe(false);
    release(memory, 16);
    expect(await run).toMatchObject({ code: "INTERNAL" });
  });

  it("ends with ABORTED after the tasks under way", async () => {
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    const abort = new AbortController();
    let given = 0;
    const next = () => {
      given += 1;
      return { module, memory, name: "wait", args: [64] };
    };
    const run = pool.run(next, { signal: abort.signal });
    await reached(memory, 17, 2);
    abort.abort(new Error("enough"));
    release(memory, 16);
    await expect(run).rejects.toMatchObject({ code: "ABORTED", cause: { message: "enough" } });
    expect(given).toBe(2);
    await expect(pool.run(next, { signal: abort.signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect(given).toBe(2);
  });
});

describe("a thread that stops", () => {
  it("in the middle of a task lets its run fail, others go on, and another thread takes its place", async () => {
    const workers: Worker[] = [];
    const listen = (worker: Worker) => workers.push(worker);
    process.on("worker", listen);
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    process.off("worker", listen);
    expect(workers.length).toBe(2);
    const lost = pool.run(listed([{ module, memory, name: "spin", args: [256] }]));
    const failure = expect(lost).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringMatching(/a worker thread stopped in the kernel function "spin"; call again/),
    });
    await reached(memory, 64, 1);
    const other = pool.run(repeated({ module, memory, name: "bump", args: [512] }, 500)).catch(() => {});
    // Both: one of them is in the endless task, the other one in the run that has to go on elsewhere.
    const busy = workers[0] as Worker;
    const idle = workers[1] as Worker;
    await Promise.all([busy, idle].map((worker) => worker.terminate()));
    await failure;
    await other;
    await warm(pool, memory);
    await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 10));
    expect(pool.threadsRunning).toBe(2);
  });
});

describe("concurrent runs", () => {
  it("take turns, so that a short one is not held up by a long one", async () => {
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    let given = 0;
    let isShortOver = false;
    const long = pool.run(() => {
      given += 1;
      return isShortOver ? null : { module, memory, name: "nothing", args: [] };
    });
    await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 50));
    isShortOver = true;
    await long;
    expect(given).toBeGreaterThan(10);
    expect(given).toBeLessThan(200);
  });

  it("may begin within one another", async () => {
    const pool = makePool();
    const memory = makeMemory();
    const inner: Promise<void>[] = [];
    let given = 0;
    await pool.run(() => {
      if (++given > 10) return null;
      inner.push(pool.run(repeated({ module, memory, name: "bump", args: [512] }, 5)));
      return { module, memory, name: "bump", args: [512] };
    });
    await Promise.all(inner);
    expect(words(memory)[128]).toBe(60);
  });
});

describe("the threads", () => {
  it("are stopped after some time without work, and start again", async () => {
    const pool = makePool({ threads: 2, idleMs: 300 });
    const memory = makeMemory();
    await pool.run(repeated({ module, memory, name: "nothing", args: [] }, 4));
    expect(pool.threadsRunning).toBeGreaterThan(0);
    while (pool.threadsRunning > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await warm(pool, memory);
    expect(pool.threadsRunning).toBe(2);
  });

  it("that hold a forgotten memory end; others stay", async () => {
    const pool = makePool();
    const [kept, dropped] = [makeMemory(), makeMemory()];
    await warm(pool, kept);
    pool.forget(dropped);
    expect(pool.threadsRunning).toBe(2);
    const run = pool.run(listed([{ module, memory: dropped, name: "wait", args: [64] }]));
    await reached(dropped, 17, 1);
    pool.forget(dropped);
    expect(pool.threadsUp).toBe(2);
    release(dropped, 16);
    await run;
    while (pool.threadsRunning > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(pool.threadsRunning).toBe(1);
    await warm(pool, kept);
  });

  it("end once though many of their memories are gone at the same time", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on("warning", onWarning);
    const pool = makePool();
    await warm(pool, makeMemory());
    const memories = Array.from({ length: 12 }, makeMemory);
    const tasks = memories.map((memory) => ({ module, memory, name: "nothing", args: [] }));
    // On one slot the same thread gets them all.
    await pool.run(listed(tasks), { threads: 1 });
    for (const memory of memories) pool.forget(memory);
    while (pool.threadsRunning > 1) await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("are none where there is one slot only", async () => {
    const pool = makePool({ threads: 1 });
    await pool.run(repeated({ module, memory: makeMemory(), name: "nothing", args: [] }, 4));
    expect(pool.threadsRunning).toBe(0);
  });
});

describe("a closed pool", () => {
  for (const threads of [1, 2]) {
    it(`ends runs under way with CLOSED and takes no more (${threads})`, async () => {
      const pool = makePool({ threads });
      const memory = makeMemory();
      await warm(pool, memory);
      const run = pool.run(() => ({ module, memory, name: "nothing", args: [] }));
      const failure = expect(run).rejects.toMatchObject({ code: "CLOSED" });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await pool.close();
      await failure;
      expect(pool.threadsRunning).toBe(0);
      await expect(pool.run(() => null)).rejects.toMatchObject({ code: "CLOSED" });
      await pool.close();
    });
  }

  it("does not wait for a task that never ends", async () => {
    const pool = makePool();
    const memory = makeMemory();
    await warm(pool, memory);
    const run = pool.run(listed([{ module, memory, name: "spin", args: [256] }]));
    const failure = expect(run).rejects.toMatchObject({ code: "CLOSED" });
    await reached(memory, 64, 1);
    await pool.close();
    await failure;
  });
});

/** Writes `entry` and what it imports as JavaScript into `folder`, and returns the path of `entry` there. */
function transpiled(entry: string, folder: string): string {
  const src = resolve(dirname(fileURLToPath(import.meta.url)), "..");
  const waiting = [resolve(src, entry)];
  for (const file of waiting) {
    const text = readFileSync(file, "utf8");
    const compilerOptions = {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
    };
    const { outputText } = ts.transpileModule(text, { compilerOptions });
    const target = join(folder, file.slice(src.length)).replace(/\.ts$/, ".mjs");
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText.replace(/(from ["']\..*)\.js(["'])/g, "$1.mjs$2"));
    for (const [, specifier] of outputText.matchAll(/from ["'](\..*)\.js["']/g)) {
      const imported = resolve(dirname(file), `${specifier}.ts`);
      if (!waiting.includes(imported)) waiting.push(imported);
    }
  }
  return join(folder, entry.replace(/\.ts$/, ".mjs"));
}

describe("a program", () => {
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-pool-"));
  const pool = transpiled("engine/node-kernel-pool.ts", folder);
  const head = `
    import { NodeKernelPool } from ${JSON.stringify(pool)};
    const module = { simd: ${JSON.stringify(bytes)}, relaxedSimd: ${JSON.stringify(bytes)} };
    const make = () => new WebAssembly.Memory({ initial: 1, maximum: 16384, shared: true });
    const pool = new NodeKernelPool({ threads: 2, idleMs: 3600_000 });
    async function warm(memory) {
      do {
        let left = 4;
        await pool.run(() => (left-- > 0 ? { module, memory, name: "nothing", args: [] } : null));
        await new Promise((resolve) => setTimeout(resolve, 1));
      } while (pool.threadsUp < 2);
    }
  `;
  async function program(body: string, ...flags: string[]): Promise<string> {
    const file = join(folder, `program-${Math.random().toString(36).slice(2)}.mjs`);
    writeFileSync(file, head + body);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, file], { timeout: 20_000 });
    expect(stderr).toBe("");
    return stdout.trim();
  }

  it("ends by itself after its last run, without a warning", async () => {
    const body = `
      const memory = make();
      await warm(memory);
      const sums = [];
      let left = 300;
      await pool.run(() => (left-- > 0 ? { module, memory, name: "add", args: [left, 1] } : null), { onResult: (n) => sums.push(n) });
      console.log(sums.length, pool.threadsRunning);
    `;
    expect(await program(body)).toBe("300 2");
  });

  it("is kept alive by a run alone", async () => {
    const body = `
      const memory = make();
      await warm(memory);
      const until = performance.now() + 300;
      await pool.run(() => (performance.now() < until ? { module, memory, name: "nothing", args: [] } : null));
      console.log("over");
    `;
    expect(await program(body)).toBe("over");
  });

  it("gets the bytes of a memory back that it has dropped", async () => {
    const body = `
      const rss = () => process.memoryUsage.rss() / 2 ** 20;
      async function use() {
        const memory = make();
        memory.grow(4096);
        await warm(memory);
        let slice = 0;
        const fill = (n) => ({ module, memory, name: "fill", args: [n * 2 ** 24, 1, 2 ** 24] });
        await pool.run(() => (slice < 16 ? fill(slice++) : null));
        return rss();
      }
      const full = await use();
      const until = performance.now() + 5_000;
      while ((full - rss() < 200 || pool.threadsRunning > 0) && performance.now() < until) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      console.log(full - rss() >= 200, pool.threadsRunning);
      await warm(make());
    `;
    expect(await program(body, "--expose-gc")).toBe("true 0");
  });

  it("is served on its own thread where workers are forbidden", async () => {
    const body = `
      const memory = make();
      let left = 300;
      let count = 0;
      await pool.run(() => (left-- > 0 ? { module, memory, name: "add", args: [left, 1] } : null), { onResult: () => count++ });
      console.log(count, pool.threadsRunning);
    `;
    const isStable = Number.parseInt(process.versions.node, 10) >= 24;
    const flag = isStable ? "--permission" : "--experimental-permission";
    const answer = await program(body, flag, "--allow-fs-read=*", "--no-warnings");
    expect(answer).toBe("300 0");
  });

  it("leaves nothing behind", () => {
    rmSync(folder, { recursive: true });
  });
});
