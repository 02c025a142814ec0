/**
 * Where does long kernel work run?
 *
 * Long work is cut into tasks of a few milliseconds each: one call of a module's function on a memory. A pool runs tasks on
 * its threads; slots tell concurrent tasks apart, so that each has scratch of its own. The pool here has no threads: it
 * works on the calling thread and gives way in between. `engine/` has one with worker threads.
 */
import { LynseError } from "../errors.js";
import { TimeSlice } from "../time-slice.js";
import { instantiateModule, type ModuleSource } from "./wasm-module.js";

/** One call of a module's exported function. */
export interface KernelTask {
  readonly module: ModuleSource;
  readonly memory: WebAssembly.Memory;
  /** Name of the exported function. */
  readonly name: string;
  readonly args: readonly number[];
}

export interface RunOptions {
  /** Slots to use at most. Default and upper bound: the pool's threads. */
  readonly threads?: number;
  /** Ends the run with `ABORTED` when the tasks under way have ended. */
  readonly signal?: AbortSignal | undefined;
  /** Called with what a task's function returned (0 where it returns nothing). */
  readonly onResult?: (result: number, slot: number) => void;
}

export interface KernelPool {
  /** Tasks that can run at the same time, at least 1. */
  readonly threads: number;
  /**
   * Runs what `next` gives until it gives null. `next(slot)` is called on the calling thread whenever the slot (0 to
   * threads − 1) is free. With one thread tasks run in the order in which they were given. Rejects when a task fails or a
   * thread dies; no task is under way any more by then.
   */
  run(next: (slot: number) => KernelTask | null, options?: RunOptions): Promise<void>;
}

const instances = new WeakMap<WebAssembly.Memory, Map<ModuleSource, Record<string, (...args: number[]) => unknown>>>();

/** Calls a task's function on this thread. */
export function callTask({ module, memory, name, args }: KernelTask): number {
  let ofMemory = instances.get(memory);
  if (ofMemory === undefined) {
    ofMemory = new Map();
    instances.set(memory, ofMemory);
  }
  let functions = ofMemory.get(module);
  if (functions === undefined) {
    functions = instantiateModule<Record<string, (...args: number[]) => unknown>>(module, memory);
    ofMemory.set(module, functions);
  }
  return Number(functions[name]!(...args) ?? 0);
}

/** Runs tasks on the calling thread, one after another, and lets other work run in between. */
export const inlinePool: KernelPool = {
  threads: 1,
  async run(next, { signal, onResult } = {}) {
    const slice = new TimeSlice();
    for (;;) {
      if (signal?.aborted === true) {
        throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
      }
      const task = next(0);
      if (task === null) return;
      onResult?.(callTask(task), 0);
      if (slice.isDue()) await slice.giveWay();
    }
  },
};
