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
import { applyOperation, type CollectionChange, halfWay, type Operation, type World } from "./model.js";
import { nextOperations } from "./operations.js";
import { checkAnswers, readRows, readWorld, textOfState, textOfWorld, type WorldText } from "./read-world.js";
import { SimulatedRoot } from "./simulated-root.js";

/** How a call ended. */
type Ending =
  | { readonly kind: "resolved"; readonly value: unknown }
  | { readonly kind: "refused"; readonly code: string }
  /** An earlier failure lets nothing more be written: it has not happened. */
  | { readonly kind: "turned away"; readonly error: unknown }
  /** A crash or a failing disk: it may have happened or not. */
  | { readonly kind: "cut"; readonly error: unknown };

/** How the files survive the end of a program. */
export type Ruin = Loss | "killed";

export const ruins: readonly Ruin[] = ["dropped", "kept", "torn", "reordered", "killed"];

const none: ReadonlySet<string> = new Set();

/** Worlds beyond which a run is not worth following. */
const worldsMax = 2000;

export class Simulator {
  fs: FaultyFileSystem;
  readonly random: SeededRandom;
  readonly #durability: Durability;
  #root: SimulatedRoot | null = null;
  /** What is possible; first what the running program shows. */
  #worlds: World[] = [{}];
  /** Collections, and databases, where a call was cut off since the last one that was written. */
  readonly #doubts = new Set<string>();
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
    // A program that has ended makes no calls, whose effect would then be in doubt.
    if (this.fs.isCrashed) return false;
    if (this.#root === null && !(await this.open())) return !this.fs.isCrashed;
    const operations = nextOperations(this.#worlds[0]!, this.random);
    const endings = await Promise.all(operations.map((operation) => this.#ending(operation)));
    for (const [at, operation] of operations.entries()) {
      this.#note(`${at === 0 ? "-" : "|"} ${textOf(operation)} -> ${describeEnding(endings[at]!)}`);
    }
    this.resolved += endings.filter((ending) => ending.kind === "resolved").length;
    this.#doubt(operations, endings);
    this.#worlds = this.#explain(operations, endings);
    if (this.fs.isCrashed) return false;
    const cut = endings.find((ending) => ending.kind === "cut" || ending.kind === "turned away");
    this.cut = cut !== undefined && "error" in cut ? cut.error : null;
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
      this.#doubts.clear();
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
      if (isTurnedAway(error)) return { kind: "turned away", error };
      if (this.fs.isCrashed || isFault(error) || isLynseError(error, "CLOSED")) return { kind: "cut", error };
      if (isLynseError(error) && error.code !== "INTERNAL") return { kind: "refused", code: error.code };
      throw this.#failure(`${textOf(operation)} threw`, error);
    }
  }

  /** Worlds that explain how calls made at one time have ended. */
  #explain(operations: readonly Operation[], endings: readonly Ending[]): World[] {
    const found = new Map<string, World>();
    const isAlone = operations.length === 1;
    const visit = (world: World, shown: World, left: readonly number[]): void => {
      if (left.every((at) => endings[at]!.kind === "cut")) found.set(JSON.stringify(world), world);
      for (const at of left) {
        const rest = left.filter((other) => other !== at);
        const shownNext = shownAfter(shown, operations[at]!, endings[at]!);
        for (const next of afterCall(world, shown, operations[at]!, endings[at]!, isAlone)) {
          visit(next, shownNext, rest);
        }
      }
    };
    for (const world of this.#worlds) visit(world, this.#worlds[0]!, [...operations.keys()]);
    if (found.size === 0) throw this.#failure("no order of these calls explains how they ended");
    if (found.size > worldsMax) throw this.#failure(`${found.size} worlds are possible, too many to tell anything`);
    return [...found.values()];
  }

  /**
   * What is found must be a possible world. Worlds that look otherwise are impossible from now on, except where a call was
   * cut off: what a running program shows there need not be what the next one finds.
   */
  async #compare(where: string, what: "all" | "rows"): Promise<void> {
    const found = await this.#read();
    const texts = this.#worlds.map((world) => textOfWorld(world));
    const at = texts.findIndex((text) => isAlike(text, found, what, none));
    if (at < 0) {
      const possible = texts.map((text) => shortened(text));
      throw this.#failure(`${where} holds\n  ${shortened(found)}\npossible were\n  ${possible.join("\n  ")}`);
    }
    const rest = this.#worlds.filter((_, other) => other !== at && isAlike(texts[other]!, found, what, this.#doubts));
    this.#worlds = [this.#worlds[at]!, ...rest];
  }

  /** Notes where calls were cut off, and where a later one has shown that their effect is what the program sees. */
  #doubt(operations: readonly Operation[], endings: readonly Ending[]): void {
    const collectionOf = (operation: Operation): string => ("collection" in operation ? operation.collection : "");
    const placeOf = (operation: Operation): string => `${operation.database}/${collectionOf(operation)}`;
    for (const [at, operation] of operations.entries()) {
      if (endings[at]!.kind !== "resolved" || !isWritten(this.#worlds[0]!, operation)) continue;
      this.#doubts.delete(placeOf(operation));
      this.#doubts.delete(`${operation.database}/`);
    }
    // Last, because what resolved at the same time may have come first.
    for (const [at, operation] of operations.entries()) {
      if (endings[at]!.kind === "cut") this.#doubts.add(placeOf(operation));
    }
  }

  /** Reads everything; a fault that hits the reading itself hits it once. */
  async #read(): Promise<WorldText> {
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

/** What the running program shows after a call, to those made at the same time that come after it. */
function shownAfter(shown: World, operation: Operation, ending: Ending): World {
  const effect = applyOperation(shown, operation);
  return ending.kind === "resolved" && effect.refusal === undefined ? effect.world : shown;
}

/** Worlds that a call may have made of one, given how it ended and what the running program showed. */
function afterCall(world: World, shown: World, operation: Operation, ending: Ending, isAlone: boolean): World[] {
  const effect = applyOperation(world, operation);
  if (ending.kind === "turned away") return [world];
  if (ending.kind === "refused") {
    // A transaction that met another's changes may be refused even where some order would have let both pass.
    const isConflict = !isAlone && ending.code === "ID_EXISTS";
    // After a failed sync the program refuses by what it shows, which need not be what the disk holds.
    const isShownRefusal =
      rowsText(world, operation) !== rowsText(shown, operation) &&
      applyOperation(shown, operation).refusal === ending.code;
    return isConflict || isShownRefusal || effect.refusal === ending.code ? [world] : [];
  }
  if (ending.kind === "cut") {
    if (isNotStored(operation, ending.error)) return [world, ...halfWay(world, operation)];
    return [...halfWay(world, operation), ...(effect.refusal === undefined ? [effect.world] : [])];
  }
  // The program goes by what it shows: where that gives nothing to write, nothing was written to what may be there.
  const isSetting = "change" in operation && ["describe", "index", "createField"].includes(operation.change.kind);
  const isOther = !isSetting && rowsText(world, operation) !== rowsText(shown, operation);
  if (isOther && !isWritten(shown, operation)) return [world];
  if (effect.refusal !== undefined) return [];
  // What a call resolves to is exact where nothing else ran.
  if (isAlone && JSON.stringify(effect.value) !== JSON.stringify(ending.value)) return [];
  return [effect.world];
}

/** True for what a crash or a failing disk makes calls throw. */
function isFault(error: unknown): boolean {
  return error instanceof CrashError || isLynseError(error, "IO_ERROR") || isLynseError(error, "NO_SPACE");
}

/** True for what a collection answers to writes after one that failed beyond repair. */
export function isTurnedAway(error: unknown): boolean {
  return (
    (isLynseError(error, "IO_ERROR") || isLynseError(error, "NO_SPACE")) && error.message.includes("reopen to write")
  );
}

/** True when two worlds hold the same, leaving out the places in doubt and, for `"rows"`, the settings. */
function isAlike(possible: WorldText, found: WorldText, what: "all" | "rows", doubts: ReadonlySet<string>): boolean {
  const picked = (texts: WorldText): string => {
    const kept: unknown[] = [];
    for (const [database, content] of Object.entries(texts)) {
      if (doubts.has(`${database}/`)) continue;
      kept.push(database);
      for (const [collection, { settings, rows }] of Object.entries(content)) {
        if (!doubts.has(`${database}/${collection}`)) kept.push([collection, rows, what === "all" ? settings : ""]);
      }
    }
    return JSON.stringify(kept);
  };
  return picked(possible) === picked(found);
}

/** True when an operation that resolved must have reached the disk. */
function isWritten(world: World, operation: Operation): boolean {
  const effect = applyOperation(world, operation);
  if (effect.refusal !== undefined) return false;
  if (!("change" in operation)) return JSON.stringify(effect.world) !== JSON.stringify(world);
  // Vectors that a row has already are written again.
  if (isHanging(operation.change)) return true;
  return rowsText(effect.world, operation) !== rowsText(world, operation);
}

function isHanging(change: CollectionChange): boolean {
  const steps: readonly { readonly kind: string }[] = change.kind === "session" ? change.staged : [change];
  return steps.some(({ kind }) => kind === "named" || kind === "sparse");
}

/** True when a call that failed stored nothing for certain: its rows were refused before they could be made durable. */
function isNotStored(operation: Operation, error: unknown): boolean {
  if (!isLynseError(error) || !("change" in operation)) return false;
  const { kind } = operation.change;
  if (kind === "compact" || kind === "checkpoint" || kind === "reopen") return false;
  return error.details["operation"] !== "sync" && error.details["operation"] !== "sync folder";
}

function rowsText(world: World, operation: Operation): string {
  return "change" in operation ? JSON.stringify(world[operation.database]?.[operation.collection]?.rows) : "";
}

/** A world for a message, long metadata cut. */
function shortened(text: WorldText): string {
  return JSON.stringify(text).replaceAll(/x{20,}/g, (run) => `x…(${run.length})`);
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
