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
import type { JumpingClock } from "./jumping-clock.js";
import { nextOperations } from "./operations.js";
import { type Ending, PossibleWorlds } from "./possible-worlds.js";
import { CopyReader } from "./read-copy.js";
import { checkAnswers, readDatabases, readRows, textOfState, type WorldText } from "./read-world.js";
import { copiesFolder, SimulatedRoot } from "./simulated-root.js";
import type { Operation, World } from "./world.js";

/** How the files survive the end of a program. */
export type Ruin = Loss | "killed";

export const ruins: readonly Ruin[] = ["dropped", "kept", "torn", "reordered", "killed"];

export interface SimulatorOptions {
  readonly plan?: FaultPlan;
  readonly durability?: Durability;
  /** Jumps by hours now and then. */
  readonly clock?: JumpingClock;
  /** No calls at the same time: every commit is seen. */
  readonly isSequential?: boolean;
  /** Calls to make first, those of a list at one time; random ones follow. */
  readonly script?: readonly (readonly Operation[])[];
}

export class Simulator {
  fs: FaultyFileSystem;
  readonly random: SeededRandom;
  readonly #options: SimulatorOptions;
  #root: SimulatedRoot | null = null;
  #worlds = new PossibleWorlds();
  #copies = new CopyReader();
  /** What happened, for the message of a failure. */
  readonly history: string[] = [];
  #steps = 0;
  /** Calls that resolved, for counts. */
  resolved = 0;
  /** What a fault made a call of the last step throw; null where none did. */
  cut: unknown = null;

  constructor(seed: number, options: SimulatorOptions = {}) {
    this.random = new SeededRandom(seed);
    this.fs = new FaultyFileSystem(seed, options.plan);
    this.#options = options;
  }

  /** What the running program shows. */
  get shown(): World {
    return this.#worlds.shown;
  }

  /** Copies that were restored and read. */
  get copiesRead(): number {
    return this.#copies.restored;
  }

  /** Opens the root. False when a fault came in between. */
  async open(): Promise<boolean> {
    try {
      this.#root = await SimulatedRoot.open(this.fs, { durability: this.#options.durability ?? "fsync" });
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
    // A program that has ended makes no calls, whose effect would then be in doubt.
    if (this.fs.isCrashed) return false;
    if (this.#root === null && !(await this.open())) return !this.fs.isCrashed;
    this.#options.clock?.jump((this.random.below(7) - 3) * (this.random.oneIn(4) ? 3_600_000 : 0));
    const drawn = this.#options.script?.[this.#steps++] ?? nextOperations(this.#worlds.shown, this.random);
    const operations = this.#options.isSequential === true ? drawn.slice(0, 1) : drawn;
    const endings = await Promise.all(operations.map((operation) => this.#ending(operation)));
    for (const [at, operation] of operations.entries()) {
      this.#note(`${at === 0 ? "-" : "|"} ${textOf(operation)} -> ${describeEnding(endings[at]!)}`);
    }
    this.resolved += endings.filter((ending) => ending.kind === "resolved").length;
    const contradiction = this.#worlds.explain(operations, endings);
    if (contradiction !== null) throw this.#failure(contradiction);
    if (this.fs.isCrashed) return false;
    const cut = endings.find((ending) => ending.kind === "cut" || ending.kind === "turned away");
    this.cut = cut !== undefined && "error" in cut ? cut.error : null;
    try {
      const isDue = this.#worlds.count > 1 || this.cut !== null || this.random.oneIn(8);
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
      this.#worlds.reopen();
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

  /** Removes a copy, so that its name can be given again; before the root is opened, after power was lost. */
  async forgetCopy(): Promise<void> {
    const names = Object.keys(this.shown.copies);
    if (names.length === 0) return;
    const name = names[this.random.below(names.length)]!;
    // It may be missing in the world that comes true.
    if (await this.fs.forget(`${copiesFolder}/${name}`)) this.#note(`${name} was removed`);
    this.#worlds.forgetCopy(name);
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
    const next = new Simulator(seed, { durability: this.#options.durability ?? "fsync" });
    next.fs = ruin === "killed" ? this.fs.afterKill(seed) : this.fs.afterPowerLoss(ruin, seed);
    next.#worlds = this.#worlds.clone();
    next.#copies = this.#copies;
    if (ruin !== "killed") next.#worlds.losePower();
    next.history.push(...this.history, `crash at ${this.fs.trace.at(-1)}: ${ruin}`);
    return next;
  }

  async #ending(operation: Operation): Promise<Ending> {
    try {
      return { kind: "resolved", value: await this.#root!.run(operation) };
    } catch (error) {
      // What has put other files into the place of a collection's may say so, too, when it cannot open them.
      if (isTurnedAway(error) && !isReplacing(operation)) return { kind: "turned away", error };
      if (this.fs.isCrashed || isFault(error) || isLynseError(error, "CLOSED")) return { kind: "cut", error };
      if (isLynseError(error) && error.code !== "INTERNAL") return { kind: "refused", code: error.code };
      throw this.#failure(`${textOf(operation)} threw`, error);
    }
  }

  /** What is found must be possible. */
  async #compare(where: string, what: "all" | "rows"): Promise<void> {
    const found = await this.#read();
    const possible = this.#worlds.narrow(found, what);
    if (possible === null) return;
    const [different] = possible.map((text) => differences(text, found)).sort((a, b) => a.length - b.length);
    throw this.#failure(`${where} holds what is none of ${possible.length} worlds; the nearest:\n${different}`);
  }

  /** Reads everything; a fault that hits the reading itself hits it once. */
  async #read(): Promise<WorldText> {
    for (let attempts = 0; ; attempts++) {
      try {
        const databases = await readDatabases(this.#root!);
        return { databases, copies: await this.#copies.read(this.fs.contentsOf(copiesFolder)) };
      } catch (error) {
        if (attempts === 2 || !isFault(error)) throw this.#failure("reading threw", error);
        this.#note(`reading: ${describe(error)}`);
      }
    }
  }

  async #checkAnswers(): Promise<void> {
    const { databases } = this.#worlds.shown;
    for (const [database, content] of Object.entries(databases)) {
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

/** True for what a crash or a failing disk makes calls throw; what is missing is no fault. */
function isFault(error: unknown): boolean {
  if (error instanceof CrashError || isLynseError(error, "NO_SPACE")) return true;
  return isLynseError(error, "IO_ERROR") && error.details["errno"] !== "ENOENT";
}

function isReplacing(operation: Operation): boolean {
  return "overwrite" in operation || ("change" in operation && operation.change.kind === "compact");
}

/** True for what a collection answers to writes after one that failed beyond repair. */
export function isTurnedAway(error: unknown): boolean {
  if (!isLynseError(error, "IO_ERROR") && !isLynseError(error, "NO_SPACE")) return false;
  return /reopen to write|open it again to write|close and reopen/.test(error.message);
}

/** What two worlds do not have in common, a line each; long metadata cut. */
function differences(possible: WorldText, found: WorldText): string {
  const flat = ({ databases, copies }: WorldText): Map<string, string> => {
    const parts = new Map(Object.entries(copies).map(([name, text]) => [`copy ${name}`, text]));
    for (const [database, content] of Object.entries(databases)) {
      parts.set(database, "a database");
      for (const [collection, texts] of Object.entries(content)) {
        for (const [part, text] of Object.entries(texts)) parts.set(`${part} of ${database}/${collection}`, text);
      }
    }
    return parts;
  };
  const [wanted, got] = [flat(possible), flat(found)];
  const names = [...new Set([...wanted.keys(), ...got.keys()])].filter((name) => wanted.get(name) !== got.get(name));
  const lines = names.map((name) => `  ${name} expected ${wanted.get(name)}\n  ${name} found    ${got.get(name)}`);
  return lines.join("\n").replaceAll(/(.)\1{20,}/g, (run) => `${run[0]}…(${run.length})`);
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
