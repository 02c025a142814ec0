/**
 * Do columns find the same rows as the semantics, whatever the rows, the filter and the history of the store?
 *
 * Rows whose keys, values and shapes collide on purpose, and texts of the whole grammar over the same keys and values,
 * so that a leaf is TRUE, FALSE and unknown often enough (the last test counts that).
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Id, JsonValue, WhereParams, WhereValue } from "../types.js";
import { ColumnStore, type RowSource } from "./column-store.js";
import type { FieldRecord } from "./field-path.js";
import { evaluateRow } from "./row-evaluator.js";
import type { WhereNode } from "./where-node.js";
import { parseWhere } from "./where-parser.js";
import { pathsOf } from "./where-paths.js";
import { printWhere } from "./where-printer.js";

interface Row {
  readonly id: Id;
  readonly field: FieldRecord;
}

/** Committed rows in memory; counts what is read. */
class MemoryRows implements RowSource {
  readonly rows: Row[];
  rowsRead = 0;

  constructor(rows: readonly Row[]) {
    this.rows = [...rows];
  }

  get rowCount(): number {
    return this.rows.length;
  }

  idAt(row: number): Id {
    return this.rows[row]!.id;
  }

  async readFields(from: number, to: number): Promise<readonly FieldRecord[]> {
    this.rowsRead += to - from;
    await Promise.resolve();
    return this.rows.slice(from, to).map((row) => row.field);
  }
}

const keys = ["a", "b", "id", "a.b", "b.c", "__proto__", "constructor", 'q"u', "ä", "not", "length"] as const;
const paths = [
  ...["a", "b", "id", "field.id", "a.b", "a.b.c", "b.c", "b.a", "a.a", "items.a", "items.b", "items.a.b", "items"],
  ...["__proto__", "constructor", "constructor.a", '"q""u"', '`q"u`', "ä", '"not"', "length", '"a.b"', "missing"],
] as const;
const numbers = [0, -0, 1, 2, 2.5, -1, 1e21, 1e-7, 5, 3, 4, 6, 7, 8, 9, 10] as const;
const texts = ["", "a", "b", "ab", "A", "Ab", "É", "é", "😀", "\uff5e", "\ud83d", "it's", "a%b", "a_b", "1", "%", "\\"];

const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom<JsonValue>(...numbers),
  fc.constantFrom<JsonValue>(...texts),
  fc.constantFrom<JsonValue>(true, false, null),
);

const key = fc.oneof({ weight: 2, arbitrary: fc.constantFrom("a", "b", "items") }, fc.constantFrom(...keys));

/** `JSON.parse` makes own keys of every name, as rows from the log have them. */
function recordOf(value: fc.Arbitrary<JsonValue>): fc.Arbitrary<FieldRecord> {
  return fc
    .array(fc.tuple(key, value), { maxLength: 5 })
    .map((entries) => JSON.parse(`{${entries.map(([key, v]) => `${JSON.stringify(key)}:${JSON.stringify(v)}`)}}`));
}

const flatArray = fc.array(scalar, { maxLength: 4 });
const small = recordOf(fc.oneof({ weight: 3, arbitrary: scalar }, { weight: 1, arbitrary: flatArray }));
const arrayOfMixed = fc.array(fc.oneof({ weight: 3, arbitrary: small }, { weight: 1, arbitrary: scalar }), {
  maxLength: 4,
});
const nested = recordOf(fc.oneof(scalar, flatArray, arrayOfMixed, small, fc.array(flatArray, { maxLength: 2 })));
const field = recordOf(fc.oneof({ weight: 4, arbitrary: scalar }, flatArray, arrayOfMixed, small, nested));
/** Mostly one type a key, as real metadata has it, with some of anything in between. */
const usualNumber = fc.oneof({ weight: 6, arbitrary: fc.constantFrom<JsonValue>(...numbers) }, scalar);
const usualText = fc.oneof({ weight: 6, arbitrary: fc.constantFrom<JsonValue>(...texts) }, scalar);
const usualFlag = fc.oneof({ weight: 6, arbitrary: fc.boolean() }, scalar);
const usualItem = fc.record({ a: usualNumber, b: usualText, flag: usualFlag }, { requiredKeys: ["a"] });
const usual: fc.Arbitrary<FieldRecord> = fc.record(
  {
    a: usualNumber,
    b: usualText,
    flag: usualFlag,
    tags: fc.array(scalar, { minLength: 1, maxLength: 4 }),
    items: fc.array(usualItem, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["a", "b", "flag"] },
);
const uniform = fc.record({ a: fc.constantFrom<number>(...numbers), b: fc.constantFrom(...texts) });
const id = fc.oneof(fc.nat({ max: 8 }), fc.constantFrom("a", "b", "Ab", "1"));
const row = fc.record({ id, field: fc.oneof({ weight: 3, arbitrary: usual }, { weight: 2, arbitrary: field }) });
const rows = fc.oneof(
  { weight: 4, arbitrary: fc.array(row, { maxLength: 70, size: "max" }) },
  { weight: 1, arbitrary: fc.array(fc.record({ id: fc.nat(), field: uniform }), { maxLength: 70, size: "max" }) },
);

interface Expression {
  readonly text: string;
  readonly params: WhereParams;
}

/** A literal as text, or as a parameter whose value is collected under a name of its own. */
const literal = scalar.chain((value) =>
  fc.record({
    value: fc.constant(value as WhereValue),
    isBound: fc.boolean(),
    keyword: fc.constantFrom("upper", "lower"),
  }),
);
type LiteralDraw = typeof literal extends fc.Arbitrary<infer T> ? T : never;

const numberLiteral = fc
  .tuple(fc.constantFrom<number>(...numbers), fc.boolean())
  .map(([value, isBound]): LiteralDraw => ({ value, isBound, keyword: "upper" }));

class Writer {
  readonly params: Record<string, WhereValue | readonly WhereValue[]> = {};
  #next = 0;

  bind(value: WhereValue | readonly WhereValue[]): string {
    this.#next += 1;
    this.params[`p${this.#next}`] = value;
    return `:p${this.#next}`;
  }

  literal({ value, isBound, keyword }: LiteralDraw): string {
    if (isBound) return this.bind(value);
    if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
    const text = Object.is(value, -0) ? "-0" : String(value);
    return keyword === "upper" ? text.toUpperCase() : text;
  }

  list(literals: readonly LiteralDraw[], isBound: boolean): string {
    if (isBound || literals.length === 0) return this.bind(literals.map(({ value }) => value));
    return `(${literals.map((one) => this.literal(one)).join(", ")})`;
  }
}

type Write = (writer: Writer) => string;

const path = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("a", "b", "items.a", "items.b", "flag", "items.flag", "tags") },
  fc.constantFrom(...paths),
);
const fieldOperand = fc.oneof(
  { weight: 10, arbitrary: path },
  { weight: 1, arbitrary: path.map((name) => `LENGTH(${name})`) },
  { weight: 1, arbitrary: path.map((name) => `lower(${name})`) },
  { weight: 1, arbitrary: path.map((name) => `LOWER( LOWER (${name}))`) },
);
const operand: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 8,
    arbitrary: fieldOperand.map(
      (text): Write =>
        () =>
          text,
    ),
  },
  {
    weight: 1,
    arbitrary: literal.map(
      (one): Write =>
        (writer) =>
          writer.literal(one),
    ),
  },
  {
    weight: 1,
    arbitrary: literal.map(
      (one): Write =>
        (writer) =>
          `LOWER(${writer.literal(one)})`,
    ),
  },
);
const not = fc.constantFrom("", "NOT ", "not\t");
const textLiteral = fc
  .tuple(fc.constantFrom(...texts), fc.boolean())
  .map(([value, isBound]): LiteralDraw => ({ value, isBound, keyword: "upper" }));
const pattern = fc.oneof(
  fc.constantFrom(
    "%",
    "_",
    "a%",
    "%b",
    "%a%",
    "a_",
    "\\%%",
    "a\\_b",
    "__%",
    "É",
    "%\\",
    "😀",
    "_%_",
    "\ud83d%",
    "%\ud83d",
  ),
  fc.array(fc.constantFrom("%", "_", "a", "b", "A", "\\", "😀"), { maxLength: 5 }).map((parts) => parts.join("")),
);

/** Leaves of every operator over one operand and one kind of literals. */
function leavesOf(of: fc.Arbitrary<Write>, one: fc.Arbitrary<LiteralDraw>): fc.Arbitrary<Write> {
  const operators = fc.constantFrom("=", "==", "!=", "<>", "<", "<=", ">", ">=");
  const list = fc.array(one, { maxLength: 12 });
  const write = (make: (writer: Writer) => string): Write => make;
  return fc.oneof(
    {
      weight: 2,
      arbitrary: fc.tuple(of, operators, one).map(([l, op, r]) => write((w) => `${l(w)} ${op} ${w.literal(r)}`)),
    },
    fc.tuple(one, operators, of).map(([l, op, r]) => write((w) => `${w.literal(l)} ${op} ${r(w)}`)),
    fc.tuple(of, operators, of).map(([l, op, r]) => write((w) => `${l(w)} ${op} ${r(w)}`)),
    fc.tuple(of, not, list, fc.boolean()).map(([l, no, r, is]) => write((w) => `${l(w)} ${no}IN ${w.list(r, is)}`)),
    fc
      .tuple(of, not, one, one)
      .map(([l, no, low, high]) => write((w) => `${l(w)} ${no}BETWEEN ${w.literal(low)} AND ${w.literal(high)}`)),
    fc
      .tuple(of, not, fc.constantFrom("LIKE", "iLike"), pattern, fc.boolean())
      .map(([l, no, word, r, is]) =>
        write((w) => `${l(w)} ${no}${word} ${w.literal({ value: r, isBound: is, keyword: "upper" })}`),
      ),
    fc.tuple(of, not).map(([l, no]) => write((w) => `${l(w)} is ${no}null`)),
    fc.tuple(of, not, one).map(([l, no, r]) => write((w) => `${l(w)} ${no}CONTAINS ${w.literal(r)}`)),
    fc
      .tuple(of, not, fc.constantFrom("ANY", "all"), list, fc.boolean())
      .map(([l, no, word, r, is]) => write((w) => `${l(w)} ${no}CONTAINS ${word} ${w.list(r, is)}`)),
  );
}

const named = (...names: string[]): fc.Arbitrary<Write> =>
  fc.constantFrom(...names).map(
    (name): Write =>
      () =>
        name,
  );

/** Fields with literals of the type that they mostly have, and anything with anything. */
const leaf: fc.Arbitrary<Write> = fc.oneof(
  { weight: 4, arbitrary: leavesOf(named("a", "items.a", "LENGTH(b)", "LENGTH(tags)", "id"), numberLiteral) },
  { weight: 4, arbitrary: leavesOf(named("b", "items.b", "LOWER(b)", "tags", "id"), textLiteral) },
  { weight: 5, arbitrary: leavesOf(operand, literal) },
  { weight: 1, arbitrary: fc.oneof(named("flag", "items.flag"), named(...paths.filter((name) => name !== "id"))) },
  { weight: 1, arbitrary: named("TRUE", "false") },
);

const { expression } = fc.letrec<{ expression: Write; node: Write }>((tie) => ({
  expression: fc.oneof({ maxDepth: 6, withCrossShrink: true }, leaf, tie("node")),
  node: fc.oneof(
    tie("expression").map(
      (inner): Write =>
        (writer) =>
          `NOT ${parenthesised(inner)(writer)}`,
    ),
    fc.tuple(fc.array(tie("expression"), { minLength: 2, maxLength: 3 }), fc.constantFrom(" AND ", " or ")).map(
      ([parts, word]): Write =>
        (writer) =>
          parts.map((part) => parenthesised(part)(writer)).join(word),
    ),
    fc.tuple(leaf, leaf, leaf, fc.constantFrom("AND", "OR"), fc.constantFrom("AND", "OR")).map(
      ([one, two, three, first, second]): Write =>
        (writer) =>
          `${one(writer)} ${first} NOT ${two(writer)} ${second} ${three(writer)}`,
    ),
  ),
}));

const parenthesised =
  (write: Write): Write =>
  (writer) =>
    `(${write(writer)})`;

const expressions: fc.Arbitrary<Expression> = expression.map((write) => {
  const writer = new Writer();
  return { text: write(writer), params: writer.params };
});

function expectedRows(node: WhereNode, committed: readonly Row[]): number[] {
  return committed.flatMap((one, at) => (evaluateRow(node, one.id, one.field) === true ? [at] : []));
}

async function foundRows(store: ColumnStore, node: WhereNode, rowCount: number): Promise<number[]> {
  await store.ensure(pathsOf(node), rowCount);
  const { bits, count } = store.evaluate(node, rowCount);
  expect(bits.length).toBe(rowCount);
  expect(count).toBe(bits.count());
  expect(store.evaluate(node, rowCount).bits).toBe(bits);
  return [...bits.rows()];
}

const fewExpressions = fc.array(expressions, { minLength: 1, maxLength: 5 });

describe("columns and the row evaluator", () => {
  it("agree on every row", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fewExpressions, async (committed, filters) => {
        const store = new ColumnStore(new MemoryRows(committed));
        for (const { text, params } of filters) {
          const node = parseWhere(text, params);
          expect(await foundRows(store, node, committed.length), text).toEqual(expectedRows(node, committed));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("agree for every operator, literal and kind of value", async () => {
    const values: JsonValue[] = [
      ...numbers.slice(0, 6),
      ...texts.slice(0, 8),
      true,
      false,
      null,
      {},
      [],
      ["a"],
      [1, "a", null],
    ];
    const fields: FieldRecord[] = values.flatMap((v): FieldRecord[] => [
      { v, w: 1, n: 1 },
      { v, n: 0 },
      { v: [{ x: v }] as JsonValue, w: "a" },
      { v: [{ x: v }, {}, { x: 1 }], w: true },
      { v: { x: v }, w: [{ x: v }] },
    ]);
    const committed = [...fields, {}].map((one, at): Row => ({ id: at % 3 === 0 ? `a${at}` : at, field: one }));
    const store = new ColumnStore(new MemoryRows(committed));
    const literalTexts = ["1", "0", "-1", "2.5", "'a'", "''", "'ab'", "TRUE", "FALSE", "NULL"];
    const operands = [
      "v",
      "v.x",
      "LENGTH(v)",
      "LENGTH(v.x)",
      "LOWER(v)",
      "LOWER(v.x)",
      "id",
      "LOWER(id)",
      "LENGTH(id)",
    ];
    const leaves = operands.flatMap((of) => [
      ...literalTexts.flatMap((one) => [
        ...["=", "!=", "<", "<=", ">", ">="].map((operator) => `${of} ${operator} ${one}`),
        ...[
          `${of} IN (${one})`,
          `${of} IN (${one}, 1, 'a')`,
          `${of} CONTAINS ${one}`,
          `${of} CONTAINS ANY (1, ${one})`,
        ],
        ...[`${of} CONTAINS ALL (${one}, 'a')`, `${of} BETWEEN ${one} AND 2`, `${of} BETWEEN '' AND ${one}`],
        `${of} IN (${one}, 11, 12, 13, 14, 15, 16, 17, 18, 19)`,
      ]),
      ...["v", "w", "n", "v.x", "w.x", "id", "LOWER(w)"].flatMap((right) =>
        ["=", "!=", "<", "<=", ">", ">="].map((operator) => `${of} ${operator} ${right}`),
      ),
      ...[`${of} LIKE 'a%'`, `${of} ILIKE '_'`, `${of} IS NULL`],
    ]);
    for (const text of [...leaves, "v", "v.x", "w"]) {
      for (const signed of [text, `NOT (${text})`]) {
        const node = parseWhere(signed);
        expect(await foundRows(store, node, committed.length), signed).toEqual(expectedRows(node, committed));
      }
    }
  });

  it("agree after every commit, on older snapshots and after a checkpoint was read back", async () => {
    const history = fc.array(fc.tuple(rows, fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(history, fewExpressions, async (commits, filters) => {
        const source = new MemoryRows([]);
        let store = new ColumnStore(source);
        const nodes = filters.map(({ text, params }) => parseWhere(text, params));
        const snapshots: number[] = [];
        for (const [added, isText, isReopened] of commits) {
          const first = source.rowCount;
          source.rows.push(...added);
          store.append(
            first,
            added.map((one) => (isText ? JSON.stringify(one.field) : one.field)),
          );
          if (isReopened) store = ColumnStore.deserialize(source, store.serialize())!;
          snapshots.push(source.rowCount);
          for (const node of nodes) {
            for (const rowCount of snapshots.toReversed()) {
              const found = await foundRowsOfSnapshot(store, node, rowCount);
              expect(found, printWhere(node)).toEqual(expectedRows(node, source.rows.slice(0, rowCount)));
            }
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it("meet TRUE, FALSE and unknown in every operator", () => {
    const outcomes = new Map<string, Map<boolean | null, number>>();
    fc.assert(
      fc.property(leaf, fc.array(row, { minLength: 20, maxLength: 40 }), (write, committed) => {
        const writer = new Writer();
        const node = parseWhere(write(writer), writer.params);
        const kind = node.kind === "not" ? `not ${node.operand.kind}` : node.kind;
        const counts = outcomes.get(kind) ?? new Map<boolean | null, number>();
        outcomes.set(kind, counts);
        for (const one of committed) {
          const result = evaluateRow(node, one.id, one.field);
          counts.set(result, (counts.get(result) ?? 0) + 1);
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
    for (const kind of [
      "comparison",
      "in",
      "not in",
      "between",
      "not between",
      "like",
      "contains",
      "not contains",
      "flag",
    ]) {
      for (const result of [true, false, null]) {
        expect(outcomes.get(kind)?.get(result) ?? 0, `${kind}: ${result}`).toBeGreaterThan(10);
      }
    }
    expect([...(outcomes.get("isNull")?.keys() ?? [])].toSorted()).toEqual([false, true]);
  });
});

/** For a snapshot older than the newest a set is cut anew every time, so only the rows are compared. */
async function foundRowsOfSnapshot(store: ColumnStore, node: WhereNode, rowCount: number): Promise<number[]> {
  await store.ensure(pathsOf(node), rowCount);
  const { bits, count } = store.evaluate(node, rowCount);
  expect(count).toBe(bits.count());
  return [...bits.rows()];
}

describe("the printer", () => {
  it("writes a text that parses to the same tree", () => {
    fc.assert(
      fc.property(expressions, ({ text, params }) => {
        const node = parseWhere(text, params);
        const printed = printWhere(node);
        expect(parseWhere(printed)).toEqual(node);
        expect(printWhere(parseWhere(printed))).toBe(printed);
      }),
      { numRuns: 3000 },
    );
  });
});
