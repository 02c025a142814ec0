/**
 * Which rows of one column make a leaf TRUE, or FALSE?
 *
 * One pass a kind of value that the column has, each in whole words and without a branch on the data: numbers through
 * `number-scan`, texts by a verdict a code, lists a row at a time, and the other kinds by a verdict a kind.
 */
import { type Column, valueKind, valueKindCount } from "./column.js";
import { applyOperand, LeafTest, looksAtNumbers, looksAtTexts } from "./leaf-test.js";
import { ListTest } from "./list-test.js";
import { numberTest, scanNumbers } from "./number-scan.js";
import type { LeafNode } from "./where-node.js";

/** Sets the bit of every row from word `fromWord` to before word `toWord` for which the leaf is `wanted`. */
export function scanColumn(
  leaf: LeafNode,
  wanted: boolean,
  column: Column,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  const test = new LeafTest(leaf);
  const kind = leaf.operand.kind;
  const verdicts = new Uint8Array(valueKindCount);
  const samples = { missing: undefined, number: 0, text: "", false: false, true: true, object: {} };
  for (const [name, value] of Object.entries(samples)) {
    const verdict = test.test(applyOperand(kind, value)) === wanted;
    verdicts[valueKind[name as keyof typeof samples]] = Number(verdict);
  }
  if (column.numbers.length > 0 && looksAtNumbers(leaf)) {
    verdicts[valueKind.number] = 0;
    scanNumbers(numberTest(leaf, wanted), column.numbers, fromWord, toWord, words);
  }
  if (column.codes.length > 0 && looksAtTexts(leaf)) {
    verdicts[valueKind.text] = 0;
    scanTexts(leaf, test, wanted, column, fromWord, toWord, words);
  }
  const member = membership(leaf, column);
  if (member !== null) {
    scanMembership(column, column.elementCodeOf(member), wanted, fromWord, toWord, words);
  } else if (column.lists.length > 0) {
    scanLists(new ListTest(leaf, test, column), wanted, column.lists, fromWord, toWord, words);
  }
  if (verdicts.some((verdict, at) => verdict === 1 && column.kindRows[at]! > 0)) {
    scanVerdicts(verdicts, column.kinds, fromWord, toWord, words);
  }
}

function scanTexts(
  leaf: LeafNode,
  test: LeafTest,
  wanted: boolean,
  column: Column,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  const { codes, texts } = column;
  if (leaf.kind === "comparison" && leaf.operand.kind === "field" && leaf.right.kind === "literal") {
    const isEquality = leaf.operator === (wanted ? "=" : "!=");
    if (isEquality && typeof leaf.right.value === "string") {
      const code = texts.codeOf(leaf.right.value);
      if (code !== 0) scanCode(code, codes, fromWord, toWord, words);
      return;
    }
  }
  if ((toWord - fromWord) * 32 < texts.size) {
    scanTextRows(leaf, test, wanted, column, fromWord, toWord, words);
    return;
  }
  scanVerdicts(textVerdicts(leaf, test, wanted, column), codes, fromWord, toWord, words);
}

/** A verdict a text code, each text asked once. */
function textVerdicts(leaf: LeafNode, test: LeafTest, wanted: boolean, column: Column): Uint8Array {
  const { texts } = column;
  const verdicts = new Uint8Array(texts.size + 1);
  if (leaf.kind === "in" && leaf.operand.kind === "field") {
    // What is in the list decides, and all other texts get one answer.
    const isFalseElsewhere = leaf.values.every((value) => typeof value === "string");
    if (!wanted && isFalseElsewhere) verdicts.fill(1, 1);
    for (const value of leaf.values) {
      const code = typeof value === "string" ? texts.codeOf(value) : 0;
      if (code !== 0) verdicts[code] = Number(wanted);
    }
    return verdicts;
  }
  const kind = leaf.operand.kind;
  for (let code = 1; code <= texts.size; code += 1) {
    verdicts[code] = Number(test.test(applyOperand(kind, texts.at(code))) === wanted);
  }
  return verdicts;
}

/** For fewer rows than there are texts: asks a row at a time. */
function scanTextRows(
  leaf: LeafNode,
  test: LeafTest,
  wanted: boolean,
  column: Column,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  const { codes, texts } = column;
  const kind = leaf.operand.kind;
  for (let row = fromWord * 32; row < toWord * 32; row += 1) {
    const code = codes[row]!;
    if (code === 0) continue;
    if (test.test(applyOperand(kind, texts.at(code))) === wanted) words[row >>> 5]! |= 1 << (row & 31);
  }
}

function scanCode(code: number, codes: Uint32Array, fromWord: number, toWord: number, words: Uint32Array): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) word |= Number(codes[base + bit] === code) << bit;
    words[at]! |= word;
  }
}

function scanVerdicts(
  verdicts: Uint8Array,
  codes: Uint8Array | Uint32Array,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  for (let at = fromWord; at < toWord; at += 1) {
    const base = at * 32;
    let word = 0;
    for (let bit = 0; bit < 32; bit += 1) word |= verdicts[codes[base + bit]!]! << bit;
    words[at]! |= word;
  }
}

/** The one scalar that arrays are asked to contain, where the column's only lists are arrays; else null. */
function membership(leaf: LeafNode, column: Column): string | number | boolean | null {
  const isOfArrays = column.kindRows[valueKind.array]! > 0 && column.kindRows[valueKind.many] === 0;
  if (!isOfArrays || leaf.kind !== "contains" || leaf.operand.kind !== "field") return null;
  return leaf.values.length === 1 ? (leaf.values[0] ?? null) : null;
}

function scanMembership(
  column: Column,
  code: number,
  wanted: boolean,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  const { lists } = column;
  const ends = column.listEnds.values;
  const elements = column.elements.values;
  for (let row = fromWord * 32; row < toWord * 32; row += 1) {
    const list = lists[row]!;
    if (list === 0) continue;
    const end = ends[list]!;
    let isMember = 0;
    for (let at = ends[list - 1]!; at < end; at += 1) isMember |= Number(elements[at] === code);
    words[row >>> 5]! |= Number(isMember === Number(wanted)) << (row & 31);
  }
}

function scanLists(
  test: ListTest,
  wanted: boolean,
  lists: Uint32Array,
  fromWord: number,
  toWord: number,
  words: Uint32Array,
): void {
  for (let row = fromWord * 32; row < toWord * 32; row += 1) {
    if (lists[row] !== 0 && test.testRow(row) === wanted) words[row >>> 5]! |= 1 << (row & 31);
  }
}
