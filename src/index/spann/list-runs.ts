/**
 * Where do the posting lists lie in their file?
 *
 * A list is one or more runs of blocks: one from the build, one more for each extension that brought rows to it.
 * Immutable; an extension makes another directory.
 */

/** Consecutive blocks of one list. */
export interface ListRun {
  /** First block, counted from the beginning of the file. */
  readonly place: number;
  readonly blocks: number;
}

export class ListRuns {
  readonly lists: readonly (readonly ListRun[])[];

  constructor(lists: readonly (readonly ListRun[])[]) {
    this.lists = lists;
  }

  /** A directory of so many lists without runs. */
  static empty(count: number): ListRuns {
    return new ListRuns(Array.from({ length: count }, () => []));
  }

  /** The directory that `toWords` gave; null where it reaches beyond the file or lists run into each other. */
  static fromWords(words: Uint32Array, count: number, fileBlocks: number): ListRuns | null {
    if (words.length % 3 !== 0) return null;
    const lists: ListRun[][] = Array.from({ length: count }, () => []);
    for (let at = 0; at < words.length; at += 3) {
      const [list, place, blocks] = [words[at]!, words[at + 1]!, words[at + 2]!];
      if (list >= count || blocks === 0 || place + blocks > fileBlocks) return null;
      lists[list]!.push({ place, blocks });
    }
    return new ListRuns(lists);
  }

  /** List, place and blocks of every run. */
  toWords(): Uint32Array {
    const words = new Uint32Array(3 * this.runCount);
    let at = 0;
    this.lists.forEach((runs, list) => {
      for (const { place, blocks } of runs) {
        words.set([list, place, blocks], at);
        at += 3;
      }
    });
    return words;
  }

  get runCount(): number {
    return this.lists.reduce((sum, runs) => sum + runs.length, 0);
  }

  /** The same with one more run at the end of lists; undefined: none. */
  with(added: readonly (ListRun | undefined)[]): ListRuns {
    return new ListRuns(
      this.lists.map((runs, list) => {
        const run = added[list];
        return run === undefined ? runs : [...runs, run];
      }),
    );
  }

  /** Blocks of a list. */
  blocksOf(list: number): number {
    return this.lists[list]!.reduce((sum, { blocks }) => sum + blocks, 0);
  }

  /** All runs with their lists, in the order of the file. */
  inFile(): { readonly list: number; readonly run: ListRun }[] {
    const all = this.lists.flatMap((runs, list) => runs.map((run) => ({ list, run })));
    return all.sort((a, b) => a.run.place - b.run.place);
  }
}
