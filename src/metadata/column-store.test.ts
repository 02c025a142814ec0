/** Are columns built once, kept current, shared and given back? */
import { describe, expect, it } from "vitest";
import { isLynseError } from "../errors.js";
import type { Id } from "../types.js";
import { ColumnStore, type RowSource } from "./column-store.js";
import type { FieldRecord } from "./field-path.js";
import { parseWhere } from "./where-parser.js";

/** Committed rows in memory. Counts what is read, and can hold reads back or fail them. */
class MemoryRows implements RowSource {
  readonly fields: FieldRecord[];
  rowsRead = 0;
  gate: Promise<void> = Promise.resolve();
  failure: Error | null = null;

  constructor(fields: readonly FieldRecord[]) {
    this.fields = [...fields];
  }

  get rowCount(): number {
    return this.fields.length;
  }

  idAt(row: number): Id {
    return row;
  }

  async readFields(from: number, to: number): Promise<readonly FieldRecord[]> {
    await this.gate;
    if (this.failure !== null) throw this.failure;
    this.rowsRead += to - from;
    return this.fields.slice(from, to);
  }
}

const numbered = (count: number, from = 0): FieldRecord[] =>
  Array.from({ length: count }, (_, at) => ({ n: from + at, even: (from + at) % 2 === 0, doc: { lang: "en" } }));

function rowsOf(store: ColumnStore, text: string, rowCount: number): number[] {
  return [...store.evaluate(parseWhere(text), rowCount).bits.rows()];
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "resolved";
  } catch (error) {
    return isLynseError(error) ? error.code : String(error);
  }
}

describe("building columns", () => {
  it("reads the source once for all paths, and not again", async () => {
    const source = new MemoryRows(numbered(1000));
    const store = new ColumnStore(source);
    await store.ensure(["n", "even", "n"], 1000);
    expect(source.rowsRead).toBe(1000);
    await store.ensure(["even", "n"], 1000);
    expect(source.rowsRead).toBe(1000);
    expect(rowsOf(store, "n < 5 AND even", 1000)).toEqual([0, 2, 4]);
  });

  it("reads only the rows that a column lacks", async () => {
    const source = new MemoryRows(numbered(100));
    const store = new ColumnStore(source);
    await store.ensure(["n"], 60);
    source.fields.push(...numbered(50, 100));
    await store.ensure(["n"], 150);
    expect(source.rowsRead).toBe(150);
    expect(store.evaluate(parseWhere("n >= 0"), 150).count).toBe(150);
  });

  it("brings columns of different lengths up in one pass", async () => {
    const source = new MemoryRows(numbered(40));
    const store = new ColumnStore(source);
    await store.ensure(["n"], 10);
    await store.ensure(["even", "n"], 40);
    expect(source.rowsRead).toBe(50);
    expect(rowsOf(store, "n >= 8 AND n < 13 AND even", 40)).toEqual([8, 10, 12]);
  });

  it("is shared by calls at the same time", async () => {
    const source = new MemoryRows(numbered(2000));
    const store = new ColumnStore(source);
    await Promise.all([
      store.ensure(["n"], 2000),
      store.ensure(["n"], 2000),
      store.ensure(["n"], 1500),
      store.ensure(["n", "n"], 2000),
    ]);
    expect(source.rowsRead).toBe(2000);
  });

  it("of one path goes on beside that of another", async () => {
    const source = new MemoryRows(numbered(500));
    const store = new ColumnStore(source);
    await Promise.all([store.ensure(["n"], 500), store.ensure(["even", "n"], 500), store.ensure(["doc.lang"], 500)]);
    expect(source.rowsRead).toBe(1500);
    expect(store.evaluate(parseWhere("n = 3 OR even OR doc.lang = 'x'"), 500).count).toBe(251);
  });

  it("ends with ABORTED when its signal says so, and the next call goes on from there", async () => {
    const source = new MemoryRows(numbered(5000));
    const store = new ColumnStore(source);
    const controller = new AbortController();
    const readFields = source.readFields.bind(source);
    source.readFields = (from, to) => {
      if (from >= 2048) controller.abort(new Error("enough"));
      return readFields(from, to);
    };
    expect(await codeOf(store.ensure(["n"], 5000, controller.signal))).toBe("ABORTED");
    const before = source.rowsRead;
    expect(before).toBeLessThan(5000);
    await store.ensure(["n"], 5000);
    expect(source.rowsRead).toBe(5000);
    expect(await codeOf(store.ensure(["n"], 5000, AbortSignal.abort()))).toBe("ABORTED");
  });

  it("that waits for another call is not held by it, nor hurt when that gives up", async () => {
    const source = new MemoryRows(numbered(1500));
    let open = (): void => {};
    source.gate = new Promise((resolve) => (open = resolve));
    const store = new ColumnStore(source);
    const [first, waiting, patient] = [new AbortController(), new AbortController(), new AbortController()];
    const builder = codeOf(store.ensure(["n"], 1500, first.signal));
    const impatient = codeOf(store.ensure(["n"], 1500, waiting.signal));
    const other = codeOf(store.ensure(["n"], 1500, patient.signal));
    const plain = codeOf(store.ensure(["n"], 1500));
    waiting.abort();
    expect(await impatient).toBe("ABORTED");
    first.abort();
    open();
    expect(await builder).toBe("ABORTED");
    expect(await other).toBe("resolved");
    expect(await plain).toBe("resolved");
    expect(store.evaluate(parseWhere("n > 0"), 1500).count).toBe(1499);
  });

  it("gives the source's failure to its own caller, and can be tried again", async () => {
    const source = new MemoryRows(numbered(100));
    const store = new ColumnStore(source);
    source.failure = new Error("disk");
    expect(await codeOf(store.ensure(["n"], 100))).toBe("Error: disk");
    source.failure = null;
    expect(await codeOf(store.ensure(["n"], 100))).toBe("resolved");
    expect(await codeOf(store.ensure(["n"], 101))).toBe("INTERNAL");
  });

  it("lets other work run", async () => {
    const store = new ColumnStore(new MemoryRows(numbered(150_000)));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await store.ensure(["n", "doc.lang"], 150_000);
    isDone = true;
    expect(turns).toBeGreaterThan(1);
  });

  it("lets other work run between rows too, when rows are large", async () => {
    const tags = Array.from({ length: 20_000 }, (_, at) => at);
    const store = new ColumnStore(new MemoryRows(new Array(300).fill({ tags })));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await store.ensure(["tags"], 300);
    isDone = true;
    expect(turns).toBeGreaterThan(3);
  });
});

describe("commits", () => {
  it("keep built columns current without reading back, from objects and from JSON", async () => {
    const source = new MemoryRows(numbered(10));
    const store = new ColumnStore(source);
    await store.ensure(["n"], 10);
    const added = numbered(10, 10);
    source.fields.push(...added);
    store.append(10, [...added.slice(0, 5), ...added.slice(5).map((field) => JSON.stringify(field))]);
    await store.ensure(["n"], 20);
    expect(source.rowsRead).toBe(10);
    expect(rowsOf(store, "n >= 8", 20)).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it("cost nothing while no column is built: JSON is not even parsed", () => {
    const store = new ColumnStore(new MemoryRows([]));
    store.append(0, ["this is no JSON"]);
    expect(store.memoryBytes()).toBe(0);
  });

  it("leave a column alone that lacks rows before them, or has them already", async () => {
    const source = new MemoryRows(numbered(30));
    const store = new ColumnStore(source);
    await store.ensure(["n"], 10);
    await store.ensure(["even"], 30);
    store.append(20, numbered(10, 20));
    expect(await codeOf(store.ensure(["n", "even"], 30))).toBe("resolved");
    expect(store.evaluate(parseWhere("n >= 0 AND even IS NOT NULL"), 30).count).toBe(30);
    expect(source.rowsRead).toBe(10 + 30 + 20);
  });

  it("during a build are taken up, once", async () => {
    const source = new MemoryRows(numbered(1200));
    let open = (): void => {};
    source.gate = new Promise((resolve) => (open = resolve));
    const store = new ColumnStore(source);
    const build = store.ensure(["n"], 1200);
    source.fields.push(...numbered(5, 1200));
    store.append(1200, numbered(5, 1200));
    open();
    await build;
    await store.ensure(["n"], 1205);
    expect(rowsOf(store, "n >= 1198", 1205)).toEqual([1198, 1199, 1200, 1201, 1202, 1203, 1204]);
    expect(store.evaluate(parseWhere("n >= 0"), 1205).count).toBe(1205);
  });

  it("with damaged JSON stop the column, not the commit", async () => {
    const source = new MemoryRows(numbered(3));
    const store = new ColumnStore(source);
    await store.ensure(["n"], 1);
    expect(() => store.append(1, ['{"n": 1', '{"n": 2}'])).not.toThrow();
    await store.ensure(["n"], 3);
    expect(rowsOf(store, "n >= 1", 3)).toEqual([1, 2]);
  });
});

describe("found rows", () => {
  it("are the same set again until rows are added, and old sets stay as they were", async () => {
    const source = new MemoryRows(numbered(40));
    const store = new ColumnStore(source);
    await store.ensure(["n", "even"], 40);
    for (const text of ["even", "NOT even", "n > 3 AND even", "NOT (n > 3 AND even)", "TRUE", "n > 3 OR id = 0"]) {
      const first = store.evaluate(parseWhere(text), 40);
      expect(store.evaluate(parseWhere(` ${text.replace("AND", "and")}`), 40).bits).toBe(first.bits);
    }
    const before = store.evaluate(parseWhere("even"), 40);
    const words = [...before.bits.words];
    source.fields.push(...numbered(40, 40));
    store.append(40, numbered(40, 40));
    const after = store.evaluate(parseWhere("even"), 80);
    expect(after.count).toBe(40);
    expect([...before.bits.words]).toEqual(words);
    expect(before.bits.length).toBe(40);
    expect(store.evaluate(parseWhere("even"), 40).count).toBe(20);
    expect(store.evaluate(parseWhere("even"), 80).bits).toBe(after.bits);
  });

  it("need their columns built first", async () => {
    const store = new ColumnStore(new MemoryRows(numbered(10)));
    expect(() => store.evaluate(parseWhere("n = 1"), 10)).toThrow(/column n/);
    await store.ensure(["n"], 5);
    expect(() => store.evaluate(parseWhere("n = 1"), 10)).toThrow(/column n/);
    expect(() => store.compareRows("even", "asc")).toThrow(/column even/);
    expect(store.evaluate(parseWhere("id IN (1, 3)"), 10).count).toBe(2);
  });

  it("of many filters take bounded memory", async () => {
    const rowCount = 100_000;
    const store = new ColumnStore(new MemoryRows(numbered(rowCount)));
    await store.ensure(["n"], rowCount);
    const columns = store.memoryBytes();
    for (let bound = 0; bound < 3_000; bound += 1) store.evaluate(parseWhere("n = :bound", { bound }), rowCount);
    const cached = store.memoryBytes() - columns;
    expect(cached).toBeGreaterThan(16 * 1024 * 1024);
    expect(cached).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(rowsOf(store, "n = 0", rowCount)).toEqual([0]);
  });

  it("come in the order of a path", async () => {
    const store = new ColumnStore(new MemoryRows([{ n: 2 }, { n: 1 }, {}, { n: 3 }]));
    await store.ensure(["n"], 4);
    expect([0, 1, 2, 3].sort(store.compareRows("n", "desc"))).toEqual([3, 0, 1, 2]);
  });
});

describe("names", () => {
  it("that no row has are told, with the nearest that rows do have", async () => {
    const store = new ColumnStore(new MemoryRows([...numbered(3), { late: 1, gone: null }]));
    const node = parseWhere("m = 1 OR evne OR doc.lnag = 'en' OR doc IS NULL OR n = 1 OR gone = 1 OR nothing.at.all");
    await store.ensure(["m", "evne", "doc.lnag", "doc", "n", "gone", "nothing.at.all"], 4);
    expect(store.unknownPaths(node, 4)).toEqual([
      { name: "m", nearest: "n" },
      { name: "evne", nearest: "even" },
      { name: "doc.lnag", nearest: "doc.lang" },
      { name: "nothing.at.all", nearest: null },
    ]);
    expect(store.unknownPaths(parseWhere("id = 1"), 4)).toEqual([]);
  });

  it("kept for that are few, even when every row has others", async () => {
    const fields = Array.from({ length: 12_000 }, (_, at) => ({ [`key ${at}`]: 1 }));
    const store = new ColumnStore(new MemoryRows(fields));
    await store.ensure(["n"], 12_000);
    expect(store.unknownPaths(parseWhere('"key 11999x" = 1'), 12_000)[0]?.nearest).toMatch(/^key \d+$/);
    expect(store.serialize().length).toBeLessThan(12_000 * 13 + 10_000 * 20);
  });
});

describe("a checkpoint", () => {
  it("gives columns back, which are read when first needed and then go on", async () => {
    const source = new MemoryRows(numbered(1000));
    const store = new ColumnStore(source);
    await store.ensure(["n", "even"], 1000);
    const bytes = store.serialize();
    const back = ColumnStore.deserialize(source, bytes)!;
    expect(back.serialize()).toEqual(bytes);
    source.rowsRead = 0;
    source.fields.push(...numbered(10, 1000));
    back.append(1000, numbered(10, 1000));
    await back.ensure(["n"], 1010);
    expect(source.rowsRead).toBe(10);
    expect(rowsOf(back, "n >= 998", 1010)).toHaveLength(12);
    expect(back.memoryBytes()).toBeGreaterThan(1000 * 9);
    expect(back.unknownPaths(parseWhere("doc.lnag = 1"), 1000)).toEqual([{ name: "doc.lnag", nearest: "doc.lang" }]);
  });

  it("of no columns is one, and other bytes are none", () => {
    const source = new MemoryRows([]);
    expect(ColumnStore.deserialize(source, new ColumnStore(source).serialize())).toBeInstanceOf(ColumnStore);
    expect(ColumnStore.deserialize(source, new Uint8Array(64))).toBe(null);
  });

  it("with more rows than are committed, or an unsound column, costs a rebuild and nothing else", async () => {
    const many = new MemoryRows(numbered(100));
    const store = new ColumnStore(many);
    await store.ensure(["n"], 100);
    const bytes = store.serialize();
    const few = new MemoryRows(numbered(10, 500));
    const shorter = ColumnStore.deserialize(few, bytes)!;
    await shorter.ensure(["n"], 10);
    expect(few.rowsRead).toBe(10);
    expect(rowsOf(shorter, "n >= 500", 10)).toHaveLength(10);
    const damaged = Uint8Array.from(bytes);
    damaged.fill(255, -400, -300);
    const rebuilt = ColumnStore.deserialize(many, damaged)!;
    many.rowsRead = 0;
    await rebuilt.ensure(["n"], 100);
    expect(many.rowsRead).toBe(100);
    expect(rowsOf(rebuilt, "n > 97", 100)).toEqual([98, 99]);
  });
});

describe("estimates", () => {
  it("are exact once the rows are known", async () => {
    const store = new ColumnStore(new MemoryRows(numbered(3000)));
    await store.ensure(["n", "even"], 3000);
    const node = parseWhere("NOT (n < 100 OR NOT even)");
    expect(Math.abs(store.estimate(node, 3000) - 1450)).toBeLessThan(150);
    expect(store.evaluate(node, 3000).count).toBe(1450);
    expect(store.estimate(node, 3000)).toBe(1450);
    const leaf = parseWhere("NOT n < 17");
    store.evaluate(leaf, 3000);
    expect(store.estimate(leaf, 3000)).toBe(2983);
    expect(store.estimate(parseWhere("never_built = 1"), 3000)).toBeGreaterThan(0);
  });
});
