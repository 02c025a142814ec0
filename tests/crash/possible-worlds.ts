/**
 * What may a root hold, after calls of which some were cut off and some ran at one time?
 *
 * Every world that explains how the calls ended. As long as each resolves, there is one. A call that was cut off leaves
 * two: with it, without it; calls made at one time, one for each order. What is read from the root narrows them down.
 */
import { isLynseError } from "../../src/errors.js";
import type { CollectionChange, CollectionState } from "./model.js";
import { textOfWorld, type WorldText } from "./read-world.js";
import {
  applyOperation,
  contentText,
  emptyWorld,
  halfWay,
  type Operation,
  stateOf,
  stateText,
  type World,
  worldText,
} from "./world.js";

/** How a call ended. */
export type Ending =
  | { readonly kind: "resolved"; readonly value: unknown }
  | { readonly kind: "refused"; readonly code: string }
  /** An earlier failure lets nothing more be written: it has not happened. */
  | { readonly kind: "turned away"; readonly error: unknown }
  /** A crash or a failing disk: it may have happened or not. */
  | { readonly kind: "cut"; readonly error: unknown };

/** Worlds beyond which a run is not worth following. */
const worldsMax = 2000;

/** Beginning of the place of a copy; other places are paths of a collection, of its blobs, or of a database. */
const copyPlace = "copy:";

export class PossibleWorlds {
  /** First what the running program shows. */
  #worlds: World[] = [emptyWorld];
  /** Places where a call was cut off since the last one that was written. */
  readonly #doubts = new Set<string>();

  /** What the running program shows. */
  get shown(): World {
    return this.#worlds[0]!;
  }

  get count(): number {
    return this.#worlds.length;
  }

  /**
   * Blobs of collections whose restore was cut off: the running program goes on with the rows that it has open, but blobs
   * are found by name, and may be those of the collection that took its place.
   */
  readonly #mixed = new Set<string>();

  /** The same possibilities, for the machine after this one. */
  clone(): PossibleWorlds {
    const next = new PossibleWorlds();
    next.#worlds = [...this.#worlds];
    for (const place of this.#doubts) next.#doubts.add(place);
    return next;
  }

  /** Power was lost: what is found from now on is durable. */
  losePower(): void {
    this.#doubts.clear();
  }

  /** The root is opened: what it shows it has made durable. Copies are none of its business. */
  reopen(): void {
    this.#mixed.clear();
    for (const place of [...this.#doubts]) if (!place.startsWith(copyPlace)) this.#doubts.delete(place);
  }

  /** A copy was removed. */
  forgetCopy(name: string): void {
    this.#worlds = this.#worlds.map((world) => {
      const { [name]: _, ...copies } = world.copies;
      return { ...world, copies };
    });
  }

  /** Takes in how calls made at one time have ended; the message of what cannot be, or null. */
  explain(operations: readonly Operation[], endings: readonly Ending[]): string | null {
    this.#doubt(operations, endings);
    const found = new Map<string, World>();
    const isAlone = operations.length === 1;
    const visit = (world: World, shown: World, left: readonly number[]): void => {
      if (left.every((at) => endings[at]!.kind === "cut")) found.set(worldText(world), world);
      for (const at of left) {
        const rest = left.filter((other) => other !== at);
        for (const next of this.#after(world, shown, operations[at]!, endings[at]!, isAlone)) {
          for (const shownNext of shownAfter(shown, operations[at]!, endings[at]!)) visit(next, shownNext, rest);
        }
      }
    };
    for (const world of this.#worlds) visit(world, this.shown, [...operations.keys()]);
    if (found.size === 0) return "no order of these calls explains how they ended";
    if (found.size > worldsMax) return `${found.size} worlds are possible, too many to tell anything`;
    this.#worlds = [...found.values()];
    return null;
  }

  /**
   * What is found must be a possible world; the worlds as text where it is not. Worlds that look otherwise are impossible
   * from now on, except where a call was cut off: what a running program shows there need not be what the next one finds.
   */
  narrow(found: WorldText, what: "all" | "rows"): readonly WorldText[] | null {
    const wanted = picked(found, what, this.#mixed);
    const texts = this.#worlds.map((world) => textOfWorld(world));
    const at = texts.findIndex((text) => picked(text, what, this.#mixed) === wanted);
    if (at < 0) return texts;
    if (texts.length === 1) return null;
    const sure = picked(found, what, this.#doubts);
    const rest = this.#worlds.filter((_, other) => other !== at && picked(texts[other]!, what, this.#doubts) === sure);
    this.#worlds = [this.#worlds[at]!, ...rest];
    return null;
  }

  /** Worlds that a call may have made of one; what is shown while settings are in doubt may have any of them. */
  #after(world: World, shown: World, operation: Operation, ending: Ending, isAlone: boolean): World[] {
    if (!("bytes" in operation) || this.#worlds.length === 1)
      return afterCall(world, shown, operation, ending, isAlone);
    const variants = new Map<string, World>();
    for (const other of [shown, ...this.#worlds]) {
      const variant = withSettings(shown, other, operation.database);
      variants.set(contentText(variant.databases[operation.database]), variant);
    }
    return [...variants.values()].flatMap((variant) => afterCall(world, variant, operation, ending, isAlone));
  }

  /** Notes where calls were cut off, and where a later one has shown that their effect is what the program sees. */
  #doubt(operations: readonly Operation[], endings: readonly Ending[]): void {
    for (const [at, operation] of operations.entries()) {
      if (endings[at]!.kind !== "resolved" || !isWritten(this.shown, operation)) continue;
      for (const place of this.#doubts) if (isSettledBy(place, operation)) this.#doubts.delete(place);
    }
    // Last, because what resolved at the same time may have come first.
    for (const [at, operation] of operations.entries()) {
      if (endings[at]!.kind !== "cut") continue;
      this.#doubts.add(placeOf(operation));
      if ("overwrite" in operation) this.#mixed.add(`${placeOf(operation)}#blobs`);
    }
  }
}

/** A world with the settings that another one has for the collections of a database. */
function withSettings(world: World, other: World, database: string): World {
  const content = Object.entries(world.databases[database] ?? {}).map(([name, state]) => {
    const { dim, index, description, fields } = other.databases[database]?.[name] ?? state;
    return [name, { ...state, dim: state.dim ?? dim, index, description, fields }] as const;
  });
  if (content.length === 0) return world;
  return { ...world, databases: { ...world.databases, [database]: Object.fromEntries(content) } };
}

function placeOf(operation: Operation): string {
  if ("bytes" in operation) return copyPlace + operation.copy;
  const collection = "collection" in operation ? (operation.collection ?? "") : "";
  return `${operation.database}/${collection}${isOfBlobs(operation) ? "#blobs" : ""}`;
}

/** True when an operation that was written leaves no doubt about a place. */
function isSettledBy(place: string, operation: Operation): boolean {
  const own = placeOf(operation);
  if (place === own) return true;
  if ("bytes" in operation || isOfBlobs(operation)) return false;
  if (place === `${operation.database}/`) return true;
  // A collection, or a database, that is new altogether.
  return "copy" in operation && place.startsWith(operation.collection === null ? own : `${own}#`);
}

function isOfBlobs(operation: Operation): boolean {
  return "change" in operation && (operation.change.kind === "writeBlob" || operation.change.kind === "deleteBlob");
}

/** What the running program may show after a call, to those made at the same time that come after it. */
function shownAfter(shown: World, operation: Operation, ending: Ending): World[] {
  const effect = applyOperation(shown, operation);
  if (effect.refusal !== undefined) return [shown];
  if (ending.kind === "resolved") return [effect.world];
  return ending.kind === "cut" ? [shown, ...halfWay(shown, operation), effect.world] : [shown];
}

/** Worlds that a call may have made of one, given how it ended and what the running program showed. */
function afterCall(world: World, shown: World, operation: Operation, ending: Ending, isAlone: boolean): World[] {
  const effect = effectOf(world, shown, operation);
  if (ending.kind === "turned away") return [world];
  if (ending.kind === "refused") {
    // A transaction that met another's changes may be refused even where some order would have let both pass.
    const isConflict = !isAlone && ending.code === "ID_EXISTS";
    // After a failed sync the program refuses by what it shows, which need not be what the disk holds.
    const isShownRefusal =
      subjectText(world, operation) + settingsText(world, operation) !==
        subjectText(shown, operation) + settingsText(shown, operation) &&
      applyOperation(shown, operation).refusal === ending.code;
    return isConflict || isShownRefusal || effect.refusal === ending.code ? [world] : [];
  }
  if (ending.kind === "cut") {
    if (isNotStored(operation, ending.error)) return [world, ...halfWay(world, operation)];
    return [world, ...halfWay(world, operation), ...(effect.refusal === undefined ? [effect.world] : [])];
  }
  // The program goes by what it shows: where that gives nothing to write, nothing was written to what may be there.
  const isSetting = "change" in operation && ["describe", "index", "createField"].includes(operation.change.kind);
  const isOther =
    "change" in operation && !isSetting && subjectText(world, operation) !== subjectText(shown, operation);
  if (isOther && !isWritten(shown, operation)) return [world];
  if (effect.refusal !== undefined) return [];
  // What a call resolves to is exact where nothing else ran.
  if (isAlone && JSON.stringify(effect.value) !== JSON.stringify(ending.value)) return [];
  return [effect.world];
}

/** The effect of an operation on a world; copies are made of, and found by, what the running program shows. */
function effectOf(world: World, shown: World, operation: Operation): ReturnType<typeof applyOperation> {
  if (!("copy" in operation)) return applyOperation(world, operation);
  const isMade = "bytes" in operation;
  const effect = applyOperation(isMade ? shown : { ...world, copies: shown.copies }, operation);
  if (effect.refusal !== undefined) return effect;
  if (!isMade) return { ...effect, world: { ...effect.world, copies: world.copies } };
  const made = effect.world.copies[operation.copy]!;
  return { ...effect, world: { ...world, copies: { ...world.copies, [operation.copy]: made } } };
}

/** What two worlds must have in common to be alike, leaving out the places in doubt and, for `"rows"`, the settings. */
function picked(text: WorldText, what: "all" | "rows", doubts: ReadonlySet<string>): string {
  const kept: unknown[] = [];
  for (const [database, content] of Object.entries(text.databases)) {
    if (doubts.has(`${database}/`)) continue;
    kept.push(database);
    for (const [collection, { settings, rows, blobs }] of Object.entries(content)) {
      const place = `${database}/${collection}`;
      if (!doubts.has(place)) kept.push([collection, rows, what === "all" ? settings : ""]);
      if (!doubts.has(place) && !doubts.has(`${place}#blobs`)) kept.push(blobs);
    }
  }
  for (const [name, copy] of Object.entries(text.copies)) if (!doubts.has(copyPlace + name)) kept.push([name, copy]);
  return JSON.stringify(kept);
}

/** True when an operation that resolved must have reached the disk. */
function isWritten(world: World, operation: Operation): boolean {
  const effect = applyOperation(world, operation);
  if (effect.refusal !== undefined) return false;
  if (!("change" in operation)) return worldText(effect.world) !== worldText(world);
  // Vectors that a row has already are written again, and so are blobs.
  if (isHanging(operation.change) || operation.change.kind === "writeBlob") return true;
  return subjectText(effect.world, operation) !== subjectText(world, operation);
}

function isHanging(change: CollectionChange): boolean {
  const steps: readonly { readonly kind: string }[] = change.kind === "session" ? change.staged : [change];
  return steps.some(({ kind }) => kind === "named" || kind === "sparse");
}

/** True when a call that failed stored nothing for certain: its rows were refused before they could be made durable. */
function isNotStored(operation: Operation, error: unknown): boolean {
  if (!isLynseError(error)) return false;
  // A copy has its name, or not, but for a sync that fails behind that.
  if ("bytes" in operation) return error.details["operation"] !== "sync folder";
  if (!("change" in operation)) return false;
  const { kind } = operation.change;
  if (kind === "compact" || kind === "checkpoint" || kind === "reopen") return false;
  return error.details["operation"] !== "sync" && error.details["operation"] !== "sync folder";
}

/** What an operation goes by: rows and blobs that it changes, or what has the name that it gives. */
function subjectText(world: World, operation: Operation): string {
  const state = stateOf(world, operation);
  if ("copy" in operation) {
    if (operation.collection === null) return contentText(world.databases[operation.database]);
    return state === undefined ? "" : stateText(state);
  }
  if (!("change" in operation) || state === undefined) return "";
  return rowsTextOf(state);
}

/** Settings of the collection that an operation is about. */
function settingsText(world: World, operation: Operation): string {
  const { dim, index, description, fields } = stateOf(world, operation) ?? {};
  return JSON.stringify([dim, index, description, fields]);
}

const rowsTexts = new WeakMap<object, string>();

function rowsTextOf({ rows, blobs }: CollectionState): string {
  const known = rowsTexts.get(rows) ?? JSON.stringify(rows);
  rowsTexts.set(rows, known);
  return known + JSON.stringify(blobs);
}
