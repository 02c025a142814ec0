/**
 * How is an index built on a server?
 *
 * The server begins it and answers at once; its id is asked after until it has ended, seldom where it takes long. No request
 * is under way for longer than a moment, so no time limit of a server, a proxy or a platform ends a build.
 */
import { LynseError } from "../../errors.js";
import type { Progress } from "../collection.js";
import { answerError } from "./answer-error.js";
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

/** Time between two looks: a share of the time that the build has taken, within these. */
const lookMsMin = 5;
const lookMsMax = 1_000;
const lookShare = 0.1;
/** Longest time between two looks where somebody watches. */
const watchedLookMs = 200;

export async function buildIndex(
  state: RemoteState,
  body: BuildBody,
  { signal, onProgress }: BuildCalls,
): Promise<void> {
  // Without the signal: a build whose beginning was not heard of could not be ended.
  const { build_id } = await state.change("/build_index", { ...body, wait: false });
  const build = { build_id };
  const startedAt = performance.now();
  const longestMs = onProgress === undefined ? lookMsMax : watchedLookMs;
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    await pause(Math.min(longestMs, Math.max(lookMsMin, elapsedMs * lookShare)), signal);
    if (signal?.aborted === true) await state.change("/cancel_index_build", build);
    const { state: reached, progress, error } = await state.read("/index_build", build);
    if (progress !== null) onProgress?.(progress as Progress);
    if (reached === "built") return;
    if (reached === "building") continue;
    if (signal?.aborted === true) {
      throw new LynseError("ABORTED", "the call was ended by its AbortSignal", {}, signal.reason);
    }
    throw answerError(failureStatus, JSON.stringify(error));
  }
}

/** Of an error whose code says what it is. */
const failureStatus = 500;

/** Waits, or less where the signal aborts. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal?.aborted === true) end();
    else signal?.addEventListener("abort", end);
  });
}
