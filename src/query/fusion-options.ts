/**
 * Which options does a fusion take, and what do they mean?
 *
 * Checked once, before any search runs. Other options of the call are not looked at here.
 */
import { checkLimit, limits } from "../limits.js";
import type { Fusion, SignalName } from "./fusion.js";
import { optionError } from "./option-error.js";

/** What a fusion was told, with defaults filled in. */
export interface FusionOptions {
  readonly fusion: Fusion;
  readonly rrfK: number;
  readonly weights: Readonly<Record<SignalName, number>>;
  /** Rows that each signal contributes, at least k. */
  readonly candidateLimit: number;
}

const rrfKDefault = 60;
const weightDefault = 1;
/** Candidates of each signal for one wanted row: enough that a row in the middle of two lists can come first. */
const candidatesPerRow = 4;

/**
 * `fusion`, `rrfK`, `vectorWeight`, `textWeight`, `sparseWeight` and `candidateLimit` of an options object for a search
 * by `signals` that wants `k` rows. `INVALID_ARGUMENT` for anything else than what they take.
 */
export function checkFusionOptions(options: unknown, signals: readonly SignalName[], k: number): FusionOptions {
  if (options !== undefined && (typeof options !== "object" || options === null || Array.isArray(options))) {
    throw optionError("the options of a hybrid search", "an object", options);
  }
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const weights = {
    vector: checkWeight(given, "vectorWeight"),
    text: checkWeight(given, "textWeight"),
    sparse: checkWeight(given, "sparseWeight"),
  };
  if (signals.length > 0 && signals.every((name) => weights[name] === 0)) {
    const names = signals.map((name) => `${name}Weight`).join(" and ");
    throw optionError(names, "above 0 for at least one signal, since nothing would be ranked", 0);
  }
  return { fusion: checkFusion(given["fusion"]), rrfK: checkRrfK(given["rrfK"]), weights, ...checkLimits(given, k) };
}

function checkFusion(fusion: unknown): Fusion {
  if (fusion === undefined || fusion === "rrf") return "rrf";
  if (fusion === "weighted") return fusion;
  throw optionError("fusion", '"rrf" (by rank) or "weighted" (by normalised score)', fusion);
}

function checkRrfK(rrfK: unknown): number {
  if (rrfK === undefined) return rrfKDefault;
  if (typeof rrfK === "number" && Number.isFinite(rrfK) && rrfK >= 1) return rrfK;
  throw optionError("rrfK", "a finite number of at least 1", rrfK);
}

function checkWeight(given: Readonly<Record<string, unknown>>, name: string): number {
  const weight = given[name] ?? weightDefault;
  if (typeof weight === "number" && Number.isFinite(weight) && weight >= 0) return weight;
  throw optionError(name, "a finite number of at least 0", weight);
}

function checkLimits(given: Readonly<Record<string, unknown>>, k: number): { readonly candidateLimit: number } {
  const limit = given["candidateLimit"];
  if (limit === undefined) return { candidateLimit: Math.max(k, Math.min(candidatesPerRow * k, limits.kMax)) };
  if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1) {
    throw optionError("candidateLimit", "an integer of at least 1", limit);
  }
  checkLimit("kMax", limit, "candidateLimit");
  return { candidateLimit: Math.max(limit, k) };
}
