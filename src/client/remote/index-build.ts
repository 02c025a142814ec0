/**
 * How is an index built on a server?
 *
 * One request, answered when the index serves. A server that gives up waiting goes on building: then, and for progress, its
 * statistics are looked at.
 */
import { isLynseError, LynseError } from "../../errors.js";
import type { Progress } from "../collection.js";
import { statsAnswer } from "./read-answers.js";
import type { RemoteState } from "./remote-state.js";

export interface BuildBody {
  readonly field_name: string;
  readonly index_mode: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface BuildCalls {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** Time between two looks. */
const lookMs = 200;
const primaryField = "default";

export async function buildIndex(
  state: RemoteState,
  body: BuildBody,
  { signal, onProgress }: BuildCalls,
): Promise<void> {
  const watch = onProgress === undefined ? null : new ProgressWatch(state, body.field_name, onProgress);
  try {
    // A caller with a signal wants the build to end by it, one without waits for as long as it takes.
    await state.change("/build_index", { ...body, cancel: signal !== undefined }, { signal, timeoutMs: 0 });
  } catch (error) {
    if (!hasOutlived(error) || body.field_name !== primaryField) throw error;
    await untilBuilt(state, body.index_mode, signal);
  } finally {
    await watch?.end();
  }
  if (onProgress === undefined) return;
  const rows = (await state.vectorFields()).find(({ name }) => name === body.field_name)?.rows ?? 0;
  onProgress({ done: rows, total: rows });
}

/** True where the server, or the platform's fetch, gave up waiting for the answer. */
function hasOutlived(error: unknown): boolean {
  if (isLynseError(error, "TIMEOUT")) return true;
  return isLynseError(error, "UNAVAILABLE") && error.details["reason"] === "UND_ERR_HEADERS_TIMEOUT";
}

/** Waits for a build that outlived its request. */
async function untilBuilt(state: RemoteState, mode: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const { full } = await state.read("/stats", { full: true }, signal);
    const { index, indexState } = statsAnswer(full as Readonly<Record<string, unknown>>);
    if (indexState.state === "failed") {
      throw new LynseError("INTERNAL", `the index could not be built: ${indexState.failure ?? "unknown"}`);
    }
    if (indexState.state !== "building") {
      if (index === mode) return;
      throw new LynseError("TIMEOUT", `the server gave up building ${mode}; its log says why`);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

/** Tells of a build's progress until it is ended. */
class ProgressWatch {
  readonly #ended: Promise<void>;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(state: RemoteState, fieldName: string, onProgress: (progress: Progress) => void) {
    // Of named fields the server tells nothing before the end.
    this.#ended = fieldName === primaryField ? this.#watch(state, onProgress) : Promise.resolve();
    this.#ended.catch(() => {});
  }

  async #watch(state: RemoteState, onProgress: (progress: Progress) => void): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (this.#isEnded) return;
      const { full } = await state.read("/stats", { full: true });
      const { progress } = statsAnswer(full as Readonly<Record<string, unknown>>).indexState;
      if (!this.#isEnded && progress !== null) onProgress(progress);
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    this.#wake();
    await this.#ended;
  }
}
