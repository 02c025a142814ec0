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
  /** Called with what a task's function returned (0 where it returns nothing), before its slot is free again. */
  readonly onResult?: (result: number, slot: number) => void;
}

export interface KernelPool {
  /** Tasks that can run at the same time, at least 1. */
  readonly threads: number;
  /**
   * Runs what `next` gives. `next(slot)` is called on the calling thread whenever the slot (0 to threads − 1) is free,
   * until it gives null for that slot; the run is over when it gave null for each. With one thread tasks run in the order
   * in which they were given. Rejects when a task fails or a thread dies, or with what `next` or `onResult` threw; no task
   * is under way any more by then.
   */
  run(next: (slot: number) => KernelTask | null, options?: RunOptions): Promise<void>;
}

type KernelFunctions = Record<string, ((...args: number[]) => unknown) | undefined>;

const instances = new WeakMap<WebAssembly.Memory, Map<ModuleSource, KernelFunctions>>();

function functionsOf(module: ModuleSource, memory: WebAssembly.Memory): KernelFunctions {
  let ofMemory = instances.get(memory);
  if (ofMemory === undefined) {
    ofMemory = new Map();
    instances.set(memory, ofMemory);
  }
  let functions = ofMemory.get(module);
  if (functions === undefined) {
    functions = instantiateModule<KernelFunctions>(module, memory);
    ofMemory.set(module, functions);
  }
  return functions;
}

/** What a run rejects with when the function `name` did not come to its end. */
export function taskFailure(name: string, reason: string, cause?: unknown): LynseError {
  const message = `the kernel function "${name}" failed: ${reason}; please report this bug`;
  return new LynseError("INTERNAL", message, { function: name }, cause);
}

/** Calls a task's function on this thread. */
export function callTask({ module, memory, name, args }: KernelTask): number {
  const called = functionsOf(module, memory)[name];
  if (called === undefined) throw taskFailure(name, "its module has no function of that name");
  try {
    return Number(called(...args) ?? 0);
  } catch (cause) {
    throw taskFailure(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** What a run rejects with when its signal fired. */
export function abortedBy(signal: AbortSignal): LynseError {
  return new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
}

/** Runs tasks on the calling thread, one after another, and lets other work run in between. */
export const inlinePool: KernelPool = {
  threads: 1,
  async run(next, { signal, onResult } = {}) {
    const slice = new TimeSlice();
    for (;;) {
      if (signal?.aborted === true) throw abortedBy(signal);
      const task = next(0);
      if (task === null) return;
      const result = callTask(task);
      onResult?.(result, 0);
      if (slice.isDue()) await slice.giveWay();
    }
  },
};
