/**
 * Does what a program was told to be committed survive its `kill -9`?
 *
 * Rounds on one real folder: a child process writes and tells what has resolved, is killed at a moment nobody chose, and
 * the folder is opened and compared with what it told. Every commit puts or deletes a group of rows as a whole, so half a
 * commit shows as a group of two versions or of the wrong size.
 */
import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Collection, VectorDBClient } from "../../src/index.js";

export type Mode = "mixed" | "compact" | "checkpoint";

/** What a child tells, a line each. */
export interface Message {
  readonly ready?: number;
  readonly begin?: number;
  readonly kind?: "put" | "delete";
  readonly group?: number;
  readonly size?: number;
  readonly done?: number;
  readonly looks?: number;
  readonly error?: { readonly code?: string; readonly message: string; readonly details?: Record<string, unknown> };
}

interface Group {
  readonly version: number;
  readonly size: number;
}

type Groups = ReadonlyMap<number, Group>;

/** A child process and what it has told so far. */
export class Child {
  readonly messages: Message[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;
  #rest = "";
  #isEnded = false;
  #wake: (() => void) | null = null;

  constructor(
    script: "writer-process.mjs" | "reader-process.mjs",
    folder: string,
    args: readonly string[],
    tests: string,
  ) {
    this.#process = spawn(process.execPath, [`${tests}/${script}`, folder, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process.stdout!.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    this.#ended = new Promise((resolve) => {
      this.#process.on("close", (code) => {
        this.#isEnded = true;
        this.#wake?.();
        resolve(code);
      });
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Resolves when a message like this has come, to it; or to undefined when the child has ended. */
  async told(isLike: (message: Message) => boolean): Promise<Message | undefined> {
    for (;;) {
      const found = this.messages.find(isLike);
      if (found !== undefined || this.#isEnded) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Kills the child; resolves when everything it told has arrived. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Resolves to the exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.messages.push(JSON.parse(line) as Message);
    this.#wake?.();
  }
}

/** Folder of the test sources, where the children's scripts are. */
export const testsFolder = fileURLToPath(new URL(".", import.meta.url));

export class KillRounds {
  readonly #folder: string;
  readonly #tests: string;
  #groups: Groups = new Map();
  #nextCommit = 1;
  /** Commits that resolved, over all rounds. */
  commits = 0;

  constructor(folder: string, tests: string) {
    this.#folder = folder;
    this.#tests = tests;
  }

  /** Runs a writer for `lifeMs` after it is ready, kills it, and checks what it left. */
  async round(seed: number, mode: Mode, lifeMs: number): Promise<void> {
    const child = new Child("writer-process.mjs", this.#folder, [`${seed}`, `${this.#nextCommit}`, mode], this.#tests);
    await child.told((message) => message.ready !== undefined || message.error !== undefined);
    await new Promise((resolve) => setTimeout(resolve, lifeMs));
    await child.kill();
    const failure = child.messages.find((message) => message.error !== undefined);
    assert(failure === undefined, `the writer failed: ${JSON.stringify(failure)}`);
    await this.#check(child.messages);
  }

  async #check(messages: readonly Message[]): Promise<void> {
    let sure = this.#groups;
    let open: Message | null = null;
    for (const message of messages) {
      if (message.begin !== undefined) {
        open = message;
        this.#nextCommit = message.begin + 1;
      } else if (message.done !== undefined) {
        sure = after(sure, open!);
        open = null;
        this.commits += 1;
      }
    }
    const found = await readGroups(this.#folder);
    const possible = open === null ? [sure] : [sure, after(sure, open)];
    const texts = possible.map(textOf);
    assert(texts.includes(textOf(found)), `found ${textOf(found)}\npossible were ${texts.join("\n")}`);
    this.#groups = found;
  }
}

function after(groups: Groups, { begin, kind, group, size }: Message): Groups {
  const next = new Map(groups);
  if (kind === "delete") next.delete(group!);
  else next.set(group!, { version: begin!, size: size! });
  return next;
}

function textOf(groups: Groups): string {
  return JSON.stringify([...groups].sort(([a], [b]) => a - b));
}

/** What a root holds; every row of every group is checked. */
async function readGroups(folder: string): Promise<Groups> {
  const client = new VectorDBClient(folder);
  try {
    const database = await client.createDatabase("crash");
    const collection = await database.requireCollection<RowField>("rows", { dim: 16 });
    return await groupsOf(collection);
  } finally {
    await client.close();
  }
}

interface RowField {
  readonly group: number;
  readonly size: number;
  readonly version: number;
  readonly note: string;
}

async function groupsOf(collection: Collection<RowField>): Promise<Groups> {
  const groups = new Map<number, { version: number; size: number; rows: Set<number> }>();
  for await (const { id, field, vector } of collection.scan({ returnVectors: true })) {
    const { group, size, version, note } = field;
    const row = Number(String(id).slice(`${group}-`.length));
    const seen = groups.get(group) ?? { version, size, rows: new Set<number>() };
    groups.set(group, seen);
    assert.equal(version, seen.version, `group ${group} holds rows of two commits`);
    assert.equal(note.length, (version * row) % 60, `metadata of ${id}`);
    assert.deepEqual([...vector!], vectorOf(version, row), `vector of ${id}`);
    seen.rows.add(row);
  }
  for (const [group, { size, rows, version }] of groups) {
    assert.equal(rows.size, size, `group ${group} is whole`);
    await checkAttached(collection, group, version, size);
  }
  return new Map([...groups].map(([group, { version, size }]) => [group, { version, size }]));
}

/** Results looked at of a group. */
const attachedMax = 200;

/** The vectors that `attachedOf` in writer-process.mjs hangs on rows hang on the right ones. */
async function checkAttached(
  collection: Collection<RowField>,
  group: number,
  version: number,
  size: number,
): Promise<void> {
  const k = Math.min(size, attachedMax);
  const first = await collection.search([version * 65_536, 0], { vectorField: "place", k });
  const expected = Array.from({ length: k }, (_, row) => `${group}-${row}`);
  assert.deepEqual(first.ids, expected, `named vectors of group ${group}`);
  assert.deepEqual(
    [...first.distances],
    expected.map((_, row) => row ** 2),
  );
  const last = await collection.searchSparse([[version, 1]], { k });
  const heaviest = Array.from({ length: k }, (_, at) => `${group}-${size - 1 - at}`);
  assert.deepEqual(last.ids, heaviest, `sparse vectors of group ${group}`);
  assert.deepEqual(
    [...last.distances],
    heaviest.map((_, at) => size - at),
  );
}

/** Must say the same as `vectorOf` in writer-process.mjs. */
function vectorOf(version: number, row: number): number[] {
  return Array.from({ length: 16 }, (_, at) => ((version * 31 + row * 7 + at * 3) % 101) / 4);
}
