/**
 * How many lists must be read for the best rows?
 *
 * More for more rows: `k` rows reach farther than ten. A filter that has nothing to do with where rows lie makes k rows
 * reach as far as k divided by its share would without one. A filter that lets fewer rows through near the query than
 * elsewhere makes the nearest ones lie in lists far from it, which are known less well: then as many rows that may be
 * returned must be met as a search without a filter looks at, twice. Figures are in
 * docs/internals/disk-indexes.md.
 */

/** Lists for ten rows: so many times the root of their number, and at least. */
const probesPerRoot = 0.75;
const probesMin = 8;
/** Power by which lists grow with the rows wanted. */
const probesGrowth = 0.4;
/** Rows that are met, in multiples of k, before lists that are much farther are left out. */
const metBeforePruning = 8;
/** Rows met under a filter, in multiples of k at least, and of the rows that a search without one looks at. */
const matchesPerWanted = 16;
const matchesPerVisit = 2;
/** Lists under a filter whose rows lie evenly, in multiples of what a search without one needs; rows met, of those expected. */
const evenEffort = 2;
const evenShare = 0.75;
/** Rows expected from which on their number tells whether they lie evenly. */
const evenFrom = 16;
/** Rows met there, in multiples of k, at least. */
const evenMatches = 40;

interface Lists {
  readonly listCount: number;
  readonly rowCount: number;
  /** Rows of a list, with those that stand in others too. */
  readonly meanRows: number;
}

export class SpannEffort {
  /** Lists that a search without a filter reads. */
  readonly probes: number;
  /** True where the number of lists was given. */
  readonly isGiven: boolean;
  readonly #k: number;
  readonly #lists: Lists;
  #isUneven = false;

  /** `nprobe`: lists to read; 0: as many as `k` rows need. */
  constructor(lists: Lists, k: number, nprobe: number) {
    const { listCount } = lists;
    const forTen = Math.max(probesMin, probesPerRoot * Math.sqrt(listCount));
    this.isGiven = nprobe > 0;
    this.probes = Math.min(listCount, nprobe > 0 ? nprobe : Math.ceil(forTen * Math.max(1, k / 10) ** probesGrowth));
    this.#k = k;
    this.#lists = lists;
  }

  /** Lists to read under a filter whose rows, so many, lie evenly among all. */
  evenProbes(matches: number): number {
    const { listCount, rowCount } = this.#lists;
    const share = Math.max(1, matches) / Math.max(1, rowCount);
    const forMatches = (evenMatches * this.#k * listCount) / Math.max(1, matches);
    return Math.min(listCount, Math.max(evenEffort * this.probes * share ** -probesGrowth, forMatches));
  }

  /** True when so many lists were read, and so many rows met in them, as a search without a filter needs. */
  suffices(lists: number, met: number, isFar: boolean): boolean {
    return lists >= this.probes ? met >= this.#k : isFar && met >= metBeforePruning * this.#k;
  }

  /** The same under a filter that `matches` rows pass; asked again and again while lists are read. */
  sufficesFiltered(lists: number, met: number, matches: number): boolean {
    if (met >= matches) return true;
    const { listCount, meanRows } = this.#lists;
    const expected = lists * (matches / listCount);
    if (expected >= evenFrom && met < evenShare * expected) this.#isUneven = true;
    const needed = Math.max(this.#k * matchesPerWanted, matchesPerVisit * this.probes * meanRows);
    if (met >= needed) return lists >= this.probes;
    return !this.#isUneven && met >= evenMatches * this.#k && lists >= this.evenProbes(matches);
  }
}
