/**
 * What may anybody find of the groups of rows that writers put, replace and delete as a whole?
 *
 * Each group has the states that were begun, in order, and the newest of them that was acknowledged. Who looks at a group
 * must find a state that is no older than the one acknowledged when the look began, and was begun when it ended. A write
 * that was cut off by the server's death is in doubt until its writer looks.
 */
import { strict as assert } from "node:assert";

/** Rows of one group: all of one version. */
export interface GroupState {
  readonly version: number;
  readonly size: number;
}

interface History {
  /** Null: no such group. */
  readonly states: (GroupState | null)[];
  acknowledged: number;
}

/** A look at a group that has begun. */
export interface Look {
  readonly group: string;
  readonly from: number;
}

export class GroupBook {
  readonly #histories = new Map<string, History>();

  /** Names of all groups that ever were. */
  get groups(): string[] {
    return [...this.#histories.keys()];
  }

  /** The state of a group that no write is in doubt of. */
  present(group: string): GroupState | null {
    const history = this.#histories.get(group);
    if (history === undefined) return null;
    assert.equal(history.acknowledged, history.states.length - 1, `group ${group} is in doubt`);
    return history.states[history.acknowledged]!;
  }

  /** A write is about to be asked for. */
  begin(group: string, state: GroupState | null): void {
    const history = this.#histories.get(group) ?? { states: [null], acknowledged: 0 };
    this.#histories.set(group, history);
    history.states.push(state);
  }

  /** The last write of a group resolved. */
  acknowledge(group: string): void {
    const history = this.#histories.get(group)!;
    history.acknowledged = history.states.length - 1;
  }

  /** What was found of a group whose last write is in doubt: it has happened, or it has not. */
  settle(group: string, found: GroupState | null): void {
    const history = this.#histories.get(group)!;
    const [before, wanted] = history.states.slice(-2);
    const isThere = isSame(found, wanted!);
    assert(
      isThere || isSame(found, before!),
      `${group} is ${text(found)}, possible were ${text(before!)}, ${text(wanted!)}`,
    );
    if (!isThere) history.states.push(before!);
    this.acknowledge(group);
  }

  /** A look at a group begins. */
  look(group: string): Look {
    return { group, from: this.#histories.get(group)?.acknowledged ?? 0 };
  }

  /** Throws unless a look may have found this. */
  check({ group, from }: Look, found: GroupState | null, who: string): void {
    const states = this.#histories.get(group)?.states ?? [null];
    const possible = states.slice(from);
    const isPossible = possible.some((state) => isSame(state, found));
    assert(isPossible, `${who} found ${group} as ${text(found)}, possible were ${possible.map(text).join(", ")}`);
  }
}

function isSame(one: GroupState | null, other: GroupState | null): boolean {
  return one?.version === other?.version && one?.size === other?.size;
}

function text(state: GroupState | null): string {
  return state === null ? "missing" : `version ${state.version} of ${state.size} rows`;
}
