/**
 * Does the engine keep its promises whenever the machine stops?
 *
 * A program that follows from a seed runs on files that crash or fail on purpose, beside a model of what must be there.
 * As long as every call resolves, one world is possible. A call that was cut off leaves several: with it, without it.
 * Calls made at one time may have happened in any order. After every crash the root is opened again: what is found must
 * be one of the worlds that are possible, and is then the only one, whatever happens later.
 */
import { isLynseError } from "../../src/errors.js";
import { CrashError, type FaultPlan, FaultyFileSystem, type Loss } from "../../src/storage/faulty-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import type { Durability } from "../../src/types.js";
import { applyOperation, halfWay, type Operation, type World } from "./model.js";
import { nextOperations } from "./operations.js";
import { checkAnswers, readRows, readWorld, textOfState, textOfWorld } from "./read-world.js";
import { SimulatedRoot } from "./simulated-root.js";

/** How a call ended. */
type Ending =
  | { readonly kind: "resolved"; readonly value: unknown }
  | { readonly kind: "refused"; readonly code: string }
  /** A crash or a failing disk: it may have happened or not. */
  | { readonly kind: "cut"; readonly error: unknown };

/** How the files survive the end of a program. */
export type Ruin = Loss | "killed";

export const ruins: readonly Ruin[] = ["dropped", "kept", "torn", "reordered", "killed"];

/** Worlds beyond which a run is not worth following. */
const worldsMax = 400;

export class Simulator {
  fs: FaultyFileSystem;
  readonly random: SeededRandom;
  readonly #durability: Durability;
  #root: SimulatedRoot | null = null;
  #worlds: World[] = [{}];
  /** What happened, for the message of a failure. */
  readonly history: string[] = [];
  /** Calls that resolved, for counts. */
  resolved = 0;
  /** What a fault made a call of the last step throw; null where none did. */
  cut: unknown = null;

  constructor(seed: number, options: { readonly plan?: FaultPlan; readonly durability?: Durability } = {}) {
    this.random = new SeededRandom(seed);
    this.fs = new FaultyFileSystem(seed, options.plan);
    this.#durability = options.durability ?? "fsync";
  }

  /** Opens the root. False when a fault came in between. */
  async open(): Promise<boolean> {
    try {
      this.#root = await SimulatedRoot.open(this.fs, { durability: this.#durability });
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#note(`open: ${describe(error)}`);
      return false;
    }
  }

  /** Runs steps until a crash or until `steps` are done. Resolves to false after a crash. */
  async run(steps: number): Promise<boolean> {
    for (let step = 0; step < steps; step++) {
      if (!(await this.step())) return false;
    }
    return true;
  }

  /** Makes one call, or a few at the same time. False after a crash. */
  async step(): Promise<boolean> {
    if (this.#root === null && !(await this.open())) return !this.fs.isCrashed;
    const operations = nextOperations(this.#worlds[0]!, this.random);
    const endings = await Promise.all(operations.map((operation) => this.#ending(operation)));
    for (const [at, operation] of operations.entries()) {
      this.#note(`${at === 0 ? "-" : "|"} ${textOf(operation)} -> ${describeEnding(endings[at]!)}`);
    }
    this.resolved += endings.filter((ending) => ending.kind === "resolved").length;
    this.#worlds = this.#explain(operations, endings);
    if (this.fs.isCrashed) return false;
    this.cut = endings.find((ending) => ending.kind === "cut")?.error ?? null;
    try {
      const isDue = this.#worlds.length > 1 || this.cut !== null || this.random.oneIn(8);
      if (isDue) await this.#compare("the running program", "rows");
    } catch (error) {
      if (!this.fs.isCrashed) throw error;
    }
    return !this.fs.isCrashed;
  }

  /** Opens the root; what is found must be possible, and is the truth from now on. False when a crash came in between. */
  async reopen(): Promise<boolean> {
    try {
      if (this.#root === null && !(await this.open())) return false;
      await this.#compare("the root after opening it again", "all");
      await this.#checkAnswers();
      return true;
    } catch (error) {
      if (this.fs.isCrashed) return false;
      throw error;
    }
  }

  /** Closes the root, which may fail as the disk does, and opens it again. */
  async closeAndReopen(): Promise<void> {
    const root = this.#root;
    this.#root = null;
    await root?.close().catch((error: unknown) => {
      if (!isFault(error)) throw this.#failure("close threw", error);
      this.#note(`close: ${describe(error)}`);
    });
    if (!(await this.reopen())) throw this.#failure("the root cannot be opened again");
  }

  /** Ends the run; nothing of it stays in memory or changes files any more. */
  async end(): Promise<void> {
    const root = this.#root;
    this.#root = null;
    if (!this.fs.isCrashed) this.fs.arm({ crashAtChange: 1 });
    await root?.close().catch(() => {});
  }

  /** Another machine with what is left of this one's files, and the worlds that are possible. Not opened yet. */
  afterCrash(ruin: Ruin, seed: number): Simulator {
    const next = new Simulator(seed, { durability: this.#durability });
    next.fs = ruin === "killed" ? this.fs.afterKill(seed) : this.fs.afterPowerLoss(ruin, seed);
    next.#worlds = this.#worlds;
    next.history.push(...this.history, `crash at ${this.fs.trace.at(-1)}: ${ruin}`);
    return next;
  }

  async #ending(operation: Operation): Promise<Ending> {
    try {
      return { kind: "resolved", value: await this.#root!.run(operation) };
    } catch (error) {
      if (this.fs.isCrashed || isFault(error) || isLynseError(error, "CLOSED")) return { kind: "cut", error };
      if (isLynseError(error) && error.code !== "INTERNAL") return { kind: "refused", code: error.code };
      throw this.#failure(`${textOf(operation)} threw`, error);
    }
  }

  /** Worlds that explain how calls made at one time have ended. */
  #explain(operations: readonly Operation[], endings: readonly Ending[]): World[] {
    const found = new Map<string, World>();
    const visit = (world: World, left: readonly number[]): void => {
      if (left.every((at) => endings[at]!.kind === "cut")) found.set(JSON.stringify(world), world);
      for (const at of left) {
        const rest = left.filter((other) => other !== at);
        for (const next of afterCall(world, operations[at]!, endings[at]!, operations.length === 1)) visit(next, rest);
      }
    };
    for (const world of this.#worlds) visit(world, [...operations.keys()]);
    if (found.size === 0) throw this.#failure("no order of these calls explains how they ended");
    if (found.size > worldsMax) throw this.#failure(`${found.size} worlds are possible, too many to tell anything`);
    return [...found.values()];
  }

  /** Keeps the worlds that look like what is found; fails when there is none. */
  async #compare(where: string, what: "all" | "rows"): Promise<void> {
    const found = await this.#read();
    const matching = this.#worlds.filter((world) => isAlike(textOfWorld(world), found, what));
    if (matching.length > 0) {
      this.#worlds = matching;
      return;
    }
    const possible = this.#worlds.map((world) => JSON.stringify(textOfWorld(world)));
    throw this.#failure(`${where} holds\n  ${JSON.stringify(found)}\npossible were\n  ${possible.join("\n  ")}`);
  }

  /** Reads everything; a fault that hits the reading itself hits it once. */
  async #read(): ReturnType<typeof readWorld> {
    for (let attempts = 0; ; attempts++) {
      try {
        return await readWorld(this.#root!);
      } catch (error) {
        if (attempts === 2 || !isFault(error)) throw this.#failure("reading threw", error);
        this.#note(`reading: ${describe(error)}`);
      }
    }
  }

  async #checkAnswers(): Promise<void> {
    const world = this.#worlds[0]!;
    for (const [database, content] of Object.entries(world)) {
      for (const [name, state] of Object.entries(content)) {
        const collection = await this.#root!.database(database).getCollection(name);
        try {
          await checkAnswers(collection, state, this.random);
        } catch (error) {
          throw this.#failure(`answers of ${database}/${name}`, error);
        }
        if ((await readRows(collection)) !== textOfState(state).rows) throw this.#failure("reading changed the rows");
      }
    }
  }

  #note(text: string): void {
    this.history.push(text);
  }

  #failure(what: string, cause?: unknown): Error {
    const reason = cause instanceof Error ? `: ${cause.stack}` : "";
    return new Error(`${what}${reason}\nafter\n  ${this.history.join("\n  ")}`, { cause });
  }
}

/** Worlds that a call may have made of one, given how it ended. */
function afterCall(world: World, operation: Operation, ending: Ending, isAlone: boolean): World[] {
  const effect = applyOperation(world, operation);
  if (ending.kind === "refused") {
    // A transaction that met another's changes may be refused even where some order would have let both pass.
    const isConflict = !isAlone && ending.code === "ID_EXISTS";
    return isConflict || effect.refusal === ending.code ? [world] : [];
  }
  if (ending.kind === "cut") {
    return [...halfWay(world, operation), ...(effect.refusal === undefined ? [effect.world] : [])];
  }
  if (effect.refusal !== undefined) return [];
  // What a call resolves to is exact where nothing else ran.
  if (isAlone && JSON.stringify(effect.value) !== JSON.stringify(ending.value)) return [];
  return [effect.world];
}

/** True for what a crash or a failing disk makes calls throw. */
export function isFault(error: unknown): boolean {
  return error instanceof CrashError || isLynseError(error, "IO_ERROR") || isLynseError(error, "NO_SPACE");
}

function isAlike(
  possible: ReturnType<typeof textOfWorld>,
  found: ReturnType<typeof textOfWorld>,
  what: "all" | "rows",
): boolean {
  if (what === "all") return JSON.stringify(possible) === JSON.stringify(found);
  const rows = (texts: ReturnType<typeof textOfWorld>): string =>
    JSON.stringify(texts, (key, value: unknown) => (key === "settings" ? undefined : value));
  return rows(possible) === rows(found);
}

function textOf(operation: Operation): string {
  return JSON.stringify(operation, (key, value: unknown) => {
    if (key === "vector") return undefined;
    return typeof value === "string" && value.length > 20 ? `${value.slice(0, 10)}… (${value.length})` : value;
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function describeEnding(ending: Ending): string {
  if (ending.kind === "resolved") return "resolved";
  return ending.kind === "refused" ? `refused with ${ending.code}` : describe(ending.error);
}
