/**
 * About how many rows match, without looking at all of them?
 *
 * From what columns know of themselves: rows a kind, rows a distinct text, a sample of the numbers with least and
 * greatest, and a few hundred probed rows for what has no statistics of its own (patterns, arrays). NOT is pushed down
 * as in evaluation. Leaves on one field that stand in the same AND or OR are asked together, so that a range written as
 * two comparisons counts as one and `a = 1 OR a = 2` adds up; beyond that fields are taken as independent.
 *
 * Shares of what nothing is known about are those of System R (Selinger et al., 1979).
 */
import { valueKind } from "./column.js";
import { ManyValues, type PathValue } from "./field-path.js";
import { applyOperand, LeafTest, literalsOf, looksAtNumbers, looksAtTexts, testMany } from "./leaf-test.js";
import { numberTest } from "./number-scan.js";
import type { LeafNode, Literal, WhereNode } from "./where-node.js";

/** Rows looked at where a column has no statistics of what is asked. */
const probesMax = 512;

/** Times that a number stands in the sample from which on its share there is believed. */
const seenOften = 4;

const equalityShare = 0.1;
const otherShare = 1 / 3;

/** What is known of a field. */
export interface ColumnStatistics {
  /** Rows that the statistics are of. */
  readonly length: number;
  /** Rows a `valueKind`. */
  readonly kindRows: ArrayLike<number>;
  /** All numbers where `values()` are as many as there are rows of numbers, else a uniform sample. */
  readonly numberStatistics: { readonly min: number; readonly max: number; values(): Float64Array; distinct(): number };
  /** The code of a text, 0 when no row has it; rows a code. */
  readonly texts: { codeOf(text: string): number };
  readonly textRows: { readonly values: ArrayLike<number> };
  /** Times that a text code stands in an array. */
  readonly textElements: { readonly values: ArrayLike<number> };
  valueAt(row: number): PathValue;
}

/** A leaf and which of its values is asked for. */
interface Ask {
  readonly leaf: LeafNode;
  readonly wanted: boolean;
  readonly test: LeafTest;
}

/** Leaves on one field, all of which or any of which must be as wanted. */
interface Group {
  readonly asks: readonly Ask[];
  readonly needsAll: boolean;
}

/** Estimated rows among `rowCount` for which the filter is TRUE. Null statistics: nothing is known of the field. */
export function estimateMatches(
  node: WhereNode,
  statisticsOf: (path: string) => ColumnStatistics | null,
  rowCount: number,
): number {
  const rows = shareOf(node, true, statisticsOf, rowCount) * rowCount;
  return rows > 0 && rows < 1 ? 1 : Math.round(rows);
}

function shareOf(
  node: WhereNode,
  wanted: boolean,
  statisticsOf: (path: string) => ColumnStatistics | null,
  rowCount: number,
): number {
  switch (node.kind) {
    case "constant":
      return node.value === wanted ? 1 : 0;
    case "not":
      return shareOf(node.operand, !wanted, statisticsOf, rowCount);
    case "and":
    case "or": {
      const needsAll = (node.kind === "and") === wanted;
      const groups = new Map<string, Ask[]>();
      const shares: number[] = [];
      for (const operand of node.operands) {
        const ask = askOf(operand, wanted);
        const path = ask === null ? null : soleField(ask.leaf);
        if (ask === null || path === null) shares.push(shareOf(operand, wanted, statisticsOf, rowCount));
        else groups.set(path, [...(groups.get(path) ?? []), ask]);
      }
      for (const [path, asks] of groups) shares.push(groupShare({ asks, needsAll }, statisticsOf(path)));
      return needsAll
        ? shares.reduce((product, share) => product * share, 1)
        : 1 - shares.reduce((product, share) => product * (1 - share), 1);
    }
    default: {
      const path = soleField(node);
      if (path === null) return unknownShare(node, wanted, rowCount);
      return groupShare(
        { asks: [{ leaf: node, wanted, test: new LeafTest(node) }], needsAll: true },
        statisticsOf(path),
      );
    }
  }
}

/** The leaf under as many NOTs as there are, or null for anything else. */
function askOf(node: WhereNode, wanted: boolean): Ask | null {
  if (node.kind === "not") return askOf(node.operand, !wanted);
  if (node.kind === "and" || node.kind === "or" || node.kind === "constant") return null;
  return { leaf: node, wanted, test: new LeafTest(node) };
}

/** The only field that a leaf reads, or null when it reads the id or two fields. */
function soleField(leaf: LeafNode): string | null {
  const { operand } = leaf;
  const base = operand.kind === "length" || operand.kind === "lower" ? operand.of : operand;
  if (base.kind === "id" || (leaf.kind === "comparison" && leaf.right.kind !== "literal")) return null;
  return base.path;
}

/** The share of rows for leaves that no statistics answer: on the id, which is unique, or between two fields. */
function unknownShare(leaf: LeafNode, wanted: boolean, rowCount: number): number {
  const isId = leaf.operand.kind === "id" && (leaf.kind !== "comparison" || leaf.right.kind === "literal");
  const listed = leaf.kind === "in" ? leaf.values.length : 1;
  const isEquality = leaf.kind === "in" || (leaf.kind === "comparison" && leaf.operator === "=");
  if (leaf.kind === "isNull" && isId) return wanted ? 0 : 1;
  const share =
    isEquality && isId ? Math.min(1, listed / Math.max(1, rowCount)) : isEquality ? equalityShare : otherShare;
  return wanted ? share : 1 - share;
}

function groupShare(group: Group, statistics: ColumnStatistics | null): number {
  if (statistics === null) {
    const shares = group.asks.map(({ leaf, wanted }) => unknownShare(leaf, wanted, 1));
    if (group.needsAll) return shares.reduce((product, share) => product * share, 1);
    return Math.min(
      1,
      shares.reduce((sum, share) => sum + share, 0),
    );
  }
  if (statistics.length === 0) return 0;
  const { kindRows } = statistics;
  let rows = 0;
  if (passes(group, undefined)) rows += kindRows[valueKind.missing]!;
  if (passes(group, false)) rows += kindRows[valueKind.false]!;
  if (passes(group, true)) rows += kindRows[valueKind.true]!;
  if (passes(group, {})) rows += kindRows[valueKind.object]!;
  rows += numberRows(group, statistics);
  const textRows = exactTextRows(group, statistics);
  rows += textRows ?? 0;
  rows += probedRows(group, statistics, textRows === null);
  return Math.min(1, rows / statistics.length);
}

function passes(group: Group, value: PathValue): boolean {
  const isWanted = ({ leaf, wanted, test }: Ask): boolean => {
    const { kind } = leaf.operand;
    if (value instanceof ManyValues) return testMany(leaf, test, kind, value) === wanted;
    return test.test(applyOperand(kind, value)) === wanted;
  };
  return group.needsAll ? group.asks.every(isWanted) : group.asks.some(isWanted);
}

function numberRows(group: Group, statistics: ColumnStatistics): number {
  const rows = statistics.kindRows[valueKind.number]!;
  if (rows === 0) return 0;
  const { min, max } = statistics.numberStatistics;
  const sample = statistics.numberStatistics.values();
  const isWhole = sample.length >= rows;
  const listed = isWhole ? null : listedValues(group);
  if (listed !== null) return Math.min(rows, listedNumberRows(group, listed, statistics));
  let hits = 0;
  for (const value of sample) if (passes(group, value)) hits += 1;
  if (isWhole || hits > 0) return (hits / sample.length) * rows;
  // No hit in the sample says only that hits are rare, unless they are out of reach.
  return couldHold(group, min, max) ? rows / sample.length / 2 : 0;
}

/** Rows of the numbers named: by the sample where it has a number often, else an average number of rows. */
function listedNumberRows(group: Group, listed: readonly Literal[], statistics: ColumnStatistics): number {
  const { min, max } = statistics.numberStatistics;
  const total = statistics.kindRows[valueKind.number]!;
  const sample = statistics.numberStatistics.values();
  const times = new Map<number, number>();
  for (const value of sample) times.set(value, (times.get(value) ?? 0) + 1);
  let oftenSeen = 0;
  let oftenDistinct = 0;
  for (const count of times.values()) {
    if (count < seenOften) continue;
    oftenSeen += count;
    oftenDistinct += 1;
  }
  const seldomRows = (total * (sample.length - oftenSeen)) / sample.length;
  const average = seldomRows / Math.max(1, statistics.numberStatistics.distinct() - oftenDistinct);
  let rows = 0;
  for (const value of new Set(listed)) {
    if (typeof value !== "number" || value < min || value > max || !passes(group, value)) continue;
    const seen = times.get(value) ?? 0;
    rows += seen >= seenOften ? (seen / sample.length) * total : average;
  }
  return rows;
}

/** False when no number from `min` to `max` could pass. */
function couldHold(group: Group, min: number, max: number): boolean {
  const isPossible = ({ leaf, wanted, test }: Ask): boolean => {
    if (!looksAtNumbers(leaf)) return test.test(applyOperand(leaf.operand.kind, min)) === wanted;
    const asked = numberTest(leaf, wanted);
    switch (asked.kind) {
      case "none":
        return false;
      case "inside":
        return asked.low <= max && asked.high >= min;
      case "outside":
        return min < asked.low || max > asked.high;
      case "member":
        return [...asked.set].some((value) => value >= min && value <= max);
      case "stranger":
        return true;
    }
  };
  return group.needsAll ? group.asks.every(isPossible) : group.asks.some(isPossible);
}

/** The values that a row must have one of to pass, or null when the group does not name them. */
function listedValues(group: Group): readonly Literal[] | null {
  const lists = group.asks.map(({ leaf, wanted }) => {
    if (leaf.operand.kind !== "field") return null;
    if (leaf.kind === "in" && wanted) return leaf.values;
    return leaf.kind === "comparison" && leaf.operator === (wanted ? "=" : "!=") ? literalsOf(leaf) : null;
  });
  if (group.needsAll) return lists.find((list) => list !== null) ?? null;
  return lists.every((list) => list !== null) ? lists.flat() : null;
}

/** Rows of texts that pass, where the group names the texts or says the same of all; else null. */
function exactTextRows(group: Group, statistics: ColumnStatistics): number | null {
  const all = statistics.kindRows[valueKind.text]!;
  if (all === 0) return 0;
  if (!group.asks.some(({ leaf }) => looksAtTexts(leaf))) return passes(group, "") ? all : 0;
  const listed = listedValues(group);
  if (listed === null) return null;
  let rows = 0;
  for (const text of new Set(listed)) {
    if (typeof text !== "string" || !passes(group, text)) continue;
    const code = statistics.texts.codeOf(text);
    if (code !== 0) rows += statistics.textRows.values[code]!;
  }
  return rows;
}

/** Rows of arrays, of many values and (`withTexts`) of texts that pass, from rows probed all over the column. */
function probedRows(group: Group, statistics: ColumnStatistics, withTexts: boolean): number {
  const { kindRows, length } = statistics;
  const probed = [valueKind.array, valueKind.many, ...(withTexts ? [valueKind.text] : [])];
  if (probed.every((kind) => kindRows[kind] === 0)) return 0;
  const seen = new Map<number, { tested: number; hits: number }>(probed.map((kind) => [kind, { tested: 0, hits: 0 }]));
  const probes = Math.min(length, probesMax);
  for (let probe = 0; probe < probes; probe += 1) {
    const value = statistics.valueAt(probes === length ? probe : spread(probe, probes, length));
    const tally = seen.get(kindOf(value));
    if (tally === undefined) continue;
    tally.tested += 1;
    if (passes(group, value)) tally.hits += 1;
  }
  let rows = 0;
  for (const [kind, { tested, hits }] of seen) {
    const ofKind = kindRows[kind]!;
    if (ofKind === 0) continue;
    if (tested === 0) rows += ofKind * otherShare;
    // No hit among few says only that hits are rare.
    else rows += ofKind * (hits === 0 && tested < ofKind ? 0.5 / tested : hits / tested);
  }
  return Math.min(rows, rowsContaining(group, statistics));
}

/** At most so many rows have an array with the texts asked for; infinity where the group does not ask for texts. */
function rowsContaining(group: Group, statistics: ColumnStatistics): number {
  const { kindRows, texts, textElements } = statistics;
  if (kindRows[valueKind.text]! > 0 || kindRows[valueKind.many]! > 0) return Number.POSITIVE_INFINITY;
  const bounds = group.asks.map(({ leaf, wanted }) => {
    if (leaf.kind !== "contains" || !wanted || leaf.operand.kind !== "field") return Number.POSITIVE_INFINITY;
    const rows = leaf.values.map((value) => {
      if (typeof value !== "string") return Number.POSITIVE_INFINITY;
      const code = texts.codeOf(value);
      return code === 0 ? 0 : textElements.values[code]!;
    });
    return rows.reduce(leaf.quantifier === "all" ? least : sum);
  });
  return bounds.reduce(group.needsAll ? least : sum);
}

const least = (a: number, b: number): number => Math.min(a, b);
const sum = (a: number, b: number): number => a + b;

function kindOf(value: PathValue): number {
  if (typeof value === "string") return valueKind.text;
  if (value instanceof ManyValues) return valueKind.many;
  return Array.isArray(value) ? valueKind.array : valueKind.missing;
}

/**
 * A row in the `probe`-th of `probes` equal parts, at a place that follows no period (multiples of the golden ratio).
 */
function spread(probe: number, probes: number, length: number): number {
  return Math.floor(((probe + ((probe * 0.618033988749895) % 1)) * length) / probes);
}
