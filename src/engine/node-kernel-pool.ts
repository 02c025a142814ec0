/**
 * On which threads does kernel work run in Node.js?
 *
 * Worker threads, started when there is work and stopped when there has been none for some seconds; they never keep the
 * process alive but while a run is going on. Until the first of them is up, and where none can be started, the calling
 * thread works itself and gives way in between. The calling thread never waits: tasks go out and results come back as
 * messages.
 *
 * A thread keeps alive the memories that it was sent, each up to 4 GiB of address space. A thread that holds a memory that
 * nobody else has any more is therefore ended as soon as its task is done; the next run starts another.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { assert, LynseError } from "../errors.js";
import {
  callTask,
  inlinePool,
  type KernelPool,
  type KernelTask,
  type RunOptions,
  taskFailure,
} from "../kernel/kernel-pool.js";
import { compileModule, type ModuleSource } from "../kernel/wasm-module.js";
import { TimeSlice } from "../time-slice.js";
import { jobProgram } from "./job-program.js";
import { type Job, JobQueue } from "./job-queue.js";

/** Time without work after which the threads are stopped, milliseconds. */
const idleMsDefault = 10_000;

export interface NodeKernelPoolOptions {
  /** Threads at most, at least 1; with 1 everything runs on the calling thread. Default: the processors available. */
  readonly threads?: number;
  /** Time without work after which the threads are stopped, milliseconds. Default 10,000. */
  readonly idleMs?: number;
}

/** A number for each object, for as long as it lives. */
class Numbers<T extends object> {
  readonly #numbers = new WeakMap<T, number>();
  #last = 0;

  of(object: T): number {
    let number = this.#numbers.get(object);
    if (number === undefined) {
      number = ++this.#last;
      this.#numbers.set(object, number);
    }
    return number;
  }
}

const moduleNumbers = new Numbers<ModuleSource>();
const memoryNumbers = new Numbers<WebAssembly.Memory>();

/** What a thread tells its pool. */
interface ThreadOwner {
  onUp(thread: WorkerThread): void;
  onAnswer(thread: WorkerThread, answer: number | string): void;
  onExit(thread: WorkerThread, cause: unknown): void;
}

/** One worker, and what it was sent. */
class WorkerThread {
  readonly #worker: Worker;
  readonly #modules = new Set<number>();
  readonly #memories = new Set<number>();
  readonly #ended: Promise<void>;
  isUp = false;
  isEnding = false;
  /** True when it holds a memory that is used no more. */
  isStale = false;
  job: Job | null = null;

  /** Throws where no worker can be had. */
  constructor(owner: ThreadOwner) {
    // Neither flags nor variables of the program are handed down: loaders and hooks are nothing to this one.
    this.#worker = new Worker(jobProgram, { eval: true, execArgv: [], env: {}, name: "lynsedb" });
    let cause: unknown;
    this.#worker.once("online", () => {
      this.isUp = true;
      owner.onUp(this);
    });
    this.#worker.on("message", (answer: number | string) => owner.onAnswer(this, answer));
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        owner.onExit(this, cause);
        resolve();
      });
    });
  }

  /** Keeps the process alive, or no longer. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref();
    else this.#worker.unref();
  }

  holds(memory: number): boolean {
    return this.#memories.has(memory);
  }

  /** Sends a task; throws what cannot be sent. */
  begin(job: Job): void {
    const { module, memory, name, args } = job.task;
    const moduleNumber = moduleNumbers.of(module);
    const memoryNumber = memoryNumbers.of(memory);
    if (!this.#modules.has(moduleNumber)) {
      this.#worker.postMessage(["module", moduleNumber, compileModule(module)]);
      this.#modules.add(moduleNumber);
    }
    if (!this.#memories.has(memoryNumber)) {
      this.#worker.postMessage(["memory", memoryNumber, memory]);
      this.#memories.add(memoryNumber);
    }
    this.#worker.postMessage(["call", moduleNumber, memoryNumber, name, args]);
    this.job = job;
  }

  /** Ends the thread, also in the middle of a task. To be called as often as there are reasons. */
  async end(): Promise<void> {
    if (this.isEnding) return this.#ended;
    this.isEnding = true;
    // Rejects only where the worker is gone already.
    this.#worker.terminate().catch(() => {});
    await this.#ended;
  }
}

export class NodeKernelPool implements KernelPool {
  readonly threads: number;
  readonly #idleMs: number;
  readonly #queue = new JobQueue();
  readonly #workers = new Set<WorkerThread>();
  /** Up and without a task; the one used last is used next, so that it finds its caches warm. */
  readonly #idle: WorkerThread[] = [];
  /** Tells when a memory that threads were sent is gone. */
  readonly #watched = new WeakSet<WebAssembly.Memory>();
  readonly #registry = new FinalizationRegistry<number>((memory) => this.#dropMemory(memory));
  readonly #owner: ThreadOwner;
  #timer: NodeJS.Timeout | null = null;
  #canStart = true;
  #isClosed = false;
  #isFilling = false;
  #isWorkingHere = false;
  #isHeld = false;

  constructor({ threads = availableParallelism(), idleMs = idleMsDefault }: NodeKernelPoolOptions = {}) {
    assert(Number.isInteger(threads) && threads >= 1, "a pool has at least one thread");
    this.threads = threads;
    this.#idleMs = idleMs;
    this.#owner = {
      onUp: (thread) => {
        this.#idle.push(thread);
        this.#fill();
      },
      onAnswer: (thread, answer) => this.#onAnswer(thread, answer),
      onExit: (thread, cause) => this.#onExit(thread, cause),
    };
  }

  /** Threads that are there now, those coming up included. */
  get threadsRunning(): number {
    return this.#workers.size;
  }

  /** Threads that take tasks now. */
  get threadsUp(): number {
    let count = 0;
    for (const thread of this.#workers) if (thread.isUp && !thread.isEnding) count += 1;
    return count;
  }

  async run(next: (slot: number) => KernelTask | null, options: RunOptions = {}): Promise<void> {
    if (this.#isClosed) throw closedError();
    if (this.threads === 1) return inlinePool.run((slot) => (this.#isClosed ? throwClosed() : next(slot)), options);
    const slots = Math.max(1, Math.min(this.threads, options.threads ?? this.threads));
    const done = this.#queue.add(next, options, slots);
    this.#hold(true);
    this.#fill();
    return done;
  }

  /** Gives back what threads keep of a memory that is used no more. Without this it happens after it was collected. */
  forget(memory: WebAssembly.Memory): void {
    if (this.#watched.has(memory)) this.#dropMemory(memoryNumbers.of(memory));
  }

  /** Ends the threads; runs that are not over reject with `CLOSED`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#queue.endAll(closedError());
    await Promise.all([...this.#workers].map((thread) => thread.end()));
  }

  /** Hands tasks to all idle threads. */
  #fill(): void {
    // `next` may begin a run of its own: the loop under way sees it.
    if (this.#isFilling) return;
    this.#isFilling = true;
    this.#startThread();
    for (;;) {
      const thread = this.#idle.pop();
      if (thread === undefined) break;
      if (thread.isEnding) continue;
      const job = this.#queue.take();
      if (job === null) {
        this.#idle.push(thread);
        break;
      }
      this.#begin(thread, job);
    }
    this.#isFilling = false;
    if (this.threadsUp === 0 && !this.#queue.isEmpty) void this.#workHere();
    this.#hold(!this.#queue.isEmpty);
  }

  #begin(thread: WorkerThread, job: Job): void {
    const { memory, name } = job.task;
    if (!this.#watched.has(memory)) {
      this.#watched.add(memory);
      this.#registry.register(memory, memoryNumbers.of(memory));
    }
    try {
      thread.begin(job);
    } catch (cause) {
      this.#queue.fail(job, cause instanceof LynseError ? cause : taskFailure(name, "it could not be sent", cause));
      this.#idle.push(thread);
    }
  }

  #onAnswer(thread: WorkerThread, answer: number | string): void {
    const { job } = thread;
    thread.job = null;
    if (job !== null) this.#settle(job, answer);
    if (thread.isStale) void thread.end();
    else this.#idle.push(thread);
    this.#fill();
  }

  #settle(job: Job, answer: number | string): void {
    if (typeof answer === "number") this.#queue.finish(job, answer);
    else this.#queue.fail(job, taskFailure(job.task.name, answer));
  }

  #onExit(thread: WorkerThread, cause: unknown): void {
    this.#workers.delete(thread);
    const index = this.#idle.indexOf(thread);
    if (index >= 0) this.#idle.splice(index, 1);
    // One that did not even come up would not the next time either.
    if (!thread.isUp && !thread.isEnding) this.#canStart = false;
    const { job } = thread;
    thread.job = null;
    if (job !== null) this.#queue.fail(job, this.#isClosed ? closedError() : stoppedError(job.task.name, cause));
    this.#fill();
  }

  /**
   * Starts a thread when the runs can use one more. One comes up at a time: a start costs some tens of milliseconds of a
   * processor, and short runs are over before a second one is of use.
   */
  #startThread(): void {
    if (this.#isClosed || !this.#canStart) return;
    let usable = 0;
    for (const thread of this.#workers) {
      if (thread.isEnding) continue;
      if (!thread.isUp) return;
      usable += 1;
    }
    if (usable >= Math.min(this.threads, this.#queue.slots)) return;
    try {
      const thread = new WorkerThread(this.#owner);
      thread.hold(this.#isHeld);
      this.#workers.add(thread);
    } catch {
      // Workers are forbidden here, or the system has no thread left.
      this.#canStart = false;
    }
  }

  /** Works on the calling thread until a thread is up. Never rejects. */
  async #workHere(): Promise<void> {
    if (this.#isWorkingHere) return;
    this.#isWorkingHere = true;
    const slice = new TimeSlice();
    while (this.threadsUp === 0) {
      const job = this.#queue.take();
      if (job === null) break;
      try {
        this.#queue.finish(job, callTask(job.task));
      } catch (error) {
        this.#queue.fail(job, error);
      }
      if (slice.isDue()) await slice.giveWay();
    }
    this.#isWorkingHere = false;
    if (this.threadsUp > 0) this.#fill();
    else this.#hold(!this.#queue.isEmpty);
  }

  /** Holds the process while runs are going on; counts the time since the last one. */
  #hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    for (const thread of this.#workers) thread.hold(isHeld);
    if (isHeld || this.#isClosed) return;
    if (this.#timer === null) this.#timer = setTimeout(() => this.#stopIdle(), this.#idleMs).unref();
    else this.#timer.refresh();
  }

  #stopIdle(): void {
    if (!this.#queue.isEmpty) return;
    for (const thread of this.#workers) void thread.end();
  }

  /** Ends the threads that hold a memory, those with a task when it is done. */
  #dropMemory(memory: number): void {
    for (const thread of this.#workers) {
      if (!thread.holds(memory)) continue;
      thread.isStale = true;
      if (thread.job === null) void thread.end();
    }
  }
}

function closedError(): LynseError {
  return new LynseError("CLOSED", "the threads were stopped because the database was closed; open it again");
}

function throwClosed(): never {
  throw closedError();
}

function stoppedError(name: string, cause: unknown): LynseError {
  const message = `a worker thread stopped in the kernel function "${name}"; call again, another thread takes its place`;
  return new LynseError("INTERNAL", message, { function: name }, cause);
}
