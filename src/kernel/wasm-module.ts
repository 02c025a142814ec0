/**
 * How does a compiled module of `assembly/` begin to work on a memory?
 *
 * Each is compiled once a process, on first use, in the build that this machine runs, and instantiated once a memory and
 * thread. Modules keep nothing of their own (no heap, no globals, no static data): everything is in the memory, so several
 * modules and several threads may work on one memory.
 */
import { LynseError } from "../errors.js";
import { decodeBase64, isRelaxedSimd } from "./simd-support.js";

/** The two builds of a module, base64, as `scripts/build-kernel.mjs` writes them. */
export interface ModuleSource {
  readonly simd: string;
  readonly relaxedSimd: string;
}

const compiled = new WeakMap<ModuleSource, WebAssembly.Module>();

/** The compiled module; it can be posted to another thread. */
export function compileModule(source: ModuleSource): WebAssembly.Module {
  let module = compiled.get(source);
  if (module === undefined) {
    try {
      module = new WebAssembly.Module(decodeBase64(isRelaxedSimd() ? source.relaxedSimd : source.simd));
    } catch (cause) {
      throw unsupported(cause);
    }
    compiled.set(source, module);
  }
  return module;
}

/** The module's functions, working on `memory`. */
export function instantiateModule<F>(source: ModuleSource, memory: WebAssembly.Memory): F {
  try {
    return new WebAssembly.Instance(compileModule(source), { env: { memory } }).exports as unknown as F;
  } catch (cause) {
    throw unsupported(cause);
  }
}

function unsupported(cause: unknown): LynseError {
  const message =
    "the vector kernel could not be started: this platform must support WebAssembly with SIMD and shared memory " +
    "(Node.js 20.19 or newer does)";
  return new LynseError("UNSUPPORTED", message, {}, cause);
}
