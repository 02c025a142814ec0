import { beforeEach, describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { checkSparse, decodeSparse } from "../sparse/sparse-vector.js";
import type { Transaction } from "../storage/transaction.js";
import type { Id } from "../types.js";
import type { AttachedField } from "./attached-vectors.js";
import type { CommittedRows } from "./committed-rows.js";
import { WriteBuffer } from "./write-buffer.js";

/** Committed rows as a plain list: enough to stage against. */
class CommittedList implements CommittedRows {
  version = 0;
  numbering = 1;
  readonly fieldNames = new Set<string>();
  readonly list: { id: Id; text: string; state: "live" | "deleted" | "superseded" }[] = [];

  get rowCount(): number {
    return this.list.length;
  }

  find(id: Id): number {
    return this.list.findLastIndex((row) => row.id === id);
  }

  isLive(row: number): boolean {
    return this.list[row]?.state === "live";
  }

  isDeleted(row: number): boolean {
    return this.list[row]?.state === "deleted";
  }

  fieldText(row: number): string {
    return this.list[row]!.text;
  }

  readonly attached = new Set<number>();

  hasAttached(row: number): boolean {
    return this.attached.has(row);
  }

  /** As another transaction would: the row of that id is replaced. */
  put(id: Id, text: string): void {
    const old = this.find(id);
    if (old >= 0) this.list[old]!.state = "superseded";
    this.list.push({ id, text, state: "live" });
    this.version += 1;
  }
}

let committed: CommittedList;
let buffer: WriteBuffer;
beforeEach(() => {
  committed = new CommittedList();
  committed.put(1, '{"n":1}');
  committed.put(2, '{"n":2}');
  buffer = new WriteBuffer(committed, 2, "float32");
});

function codeOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    return isLynseError(error) ? error.code : String(error);
  }
  return "none";
}

function texts(target: WriteBuffer): string[] {
  return target
    .toTransaction(committed.rowCount)
    .rows.flatMap(({ fieldBytes, fieldEnds }) =>
      Array.from(fieldEnds, (end, at) =>
        new TextDecoder().decode(fieldBytes.subarray(at === 0 ? 0 : fieldEnds[at - 1], end)),
      ),
    );
}

describe("adding", () => {
  test("refuses an id that is committed or staged, and stages nothing of it", () => {
    buffer.stage("add", 3, [1, 2], "");
    expect(codeOf(() => buffer.stage("add", 1, [1, 2], ""))).toBe("ID_EXISTS");
    expect(codeOf(() => buffer.stage("add", 3, [1, 2], ""))).toBe("ID_EXISTS");
    expect(buffer.rowCount).toBe(1);
  });

  test("an id deleted before in the same transaction is free, and its committed row is replaced", () => {
    expect(buffer.deleteId(1)).toBe(true);
    buffer.stage("add", 1, [1, 2], "");
    const transaction = buffer.toTransaction(2);
    expect([...transaction.superseded]).toEqual([0]);
    expect([...transaction.deleted]).toEqual([]);
  });

  test("a row replaced and then deleted in the same transaction is dead for buffers that it will absorb", () => {
    buffer.stage("upsert", 1, [1, 2], null);
    buffer.deleteId(1);
    buffer.deleteId(2);
    committed.put(3, "");
    expect([0, 1, 2].map((row) => buffer.deletes(row))).toEqual([true, true, false]);
  });

  test("a vector that cannot be stored leaves the buffer as it was", () => {
    buffer.stage("add", 3, [1, 2], '{"a":1}');
    expect(codeOf(() => buffer.stage("add", 4, [1, Number.NaN], '{"b":1}'))).toBe("INVALID_VECTOR");
    buffer.stage("add", 4, [3, 4], '{"c":1}');
    expect(texts(buffer)).toEqual(['{"a":1}', '{"c":1}']);
    const [part] = buffer.toTransaction(2).rows;
    expect(Array.from(new Float32Array(part!.vectorBytes[0]!.slice().buffer))).toEqual([1, 2, 3, 4]);
  });
});

describe("replacing", () => {
  test("keeps metadata of the committed row, of the row staged before, or none", () => {
    buffer.stage("upsert", 1, [1, 2], null);
    buffer.stage("upsert", 1, [3, 4], null);
    buffer.stage("upsert", 9, [3, 4], null);
    expect(texts(buffer)).toEqual(['{"n":1}', '{"n":1}', ""]);
    const transaction = buffer.toTransaction(2);
    expect([...transaction.superseded]).toEqual([0, 2]);
  });

  test("a row deleted in the same transaction has no metadata to keep", () => {
    buffer.deleteId(1);
    buffer.stage("upsert", 1, [1, 2], null);
    expect(texts(buffer)).toEqual([""]);
  });
});

describe("taking over another buffer", () => {
  type Row = readonly ["add" | "upsert", Id];
  const many = 3000;
  const first: readonly Row[] = [
    ["add", "before"],
    ["upsert", 1],
  ];
  const second: readonly Row[] = Array.from({ length: many }, (_, n) => [n % 3 === 0 ? "upsert" : "add", 1000 + n]);
  const repeated: readonly Row[] = [
    ["upsert", 2],
    ["upsert", "before"],
    ["upsert", 1001],
    ["upsert", 1001],
  ];

  function stageAll(target: WriteBuffer, rows: readonly Row[], from = 0): void {
    rows.forEach(([kind, id], n) => void target.stage(kind, id, [from + n, 1], `{"r":${from + n}}`));
  }

  function contents(target: WriteBuffer): object {
    const { rows, ...rest } = target.toTransaction(committed.rowCount);
    const vectors = rows.flatMap(({ vectorBytes }) =>
      vectorBytes.flatMap((bytes) => [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)]),
    );
    const ids = rows.flatMap(({ ids: part, rowCount }) =>
      "start" in part ? Array.from({ length: rowCount }, (_, at) => part.start + at) : [...part],
    );
    return { ids, vectors, texts: texts(target), maxIntegerId: target.maxIntegerId, ...rest };
  }

  test("of many rows is as staging them one by one, also when more are staged, or taken back, after it", () => {
    const plain = new WriteBuffer(committed, 2, "float32");
    const other = new WriteBuffer(committed, 2, "float32");
    for (const target of [buffer, plain]) stageAll(target, first);
    const all = [...second, ...repeated];
    stageAll(plain, all, 10);
    stageAll(other, all, 10);
    buffer.absorb(other);
    expect(contents(buffer)).toEqual(contents(plain));
    const savepoints = [buffer.savepoint(), plain.savepoint()] as const;
    for (const target of [buffer, plain])
      stageAll(
        target,
        [
          ["upsert", 1500],
          ["add", "after"],
        ],
        9000,
      );
    expect(contents(buffer)).toEqual(contents(plain));
    buffer.rollback(savepoints[0]);
    plain.rollback(savepoints[1]);
    expect(contents(buffer)).toEqual(contents(plain));
  });

  test("of which one id is taken, staged or committed, takes nothing of it", () => {
    stageAll(buffer, first);
    const before = contents(buffer);
    for (const taken of ["before", 2]) {
      const other = new WriteBuffer(new CommittedList(), 2, "float32");
      stageAll(other, [...second, ["add", taken]]);
      expect(codeOf(() => buffer.absorb(other))).toBe("ID_EXISTS");
      expect(contents(buffer)).toEqual(before);
    }
  });
});

describe("going back to a savepoint", () => {
  test("undoes adds, replacements of staged rows and of committed ones", () => {
    buffer.stage("add", 3, [1, 1], '{"first":1}');
    buffer.deleteId(3);
    const before = buffer.savepoint();
    buffer.stage("add", 3, [2, 2], '{"second":1}');
    buffer.stage("upsert", 1, [2, 2], '{"x":1}');
    buffer.stage("add", 700, [2, 2], "");
    buffer.rollback(before);
    const transaction = buffer.toTransaction(2);
    expect([...transaction.superseded]).toEqual([]);
    expect([...transaction.deleted]).toEqual([2]);
    expect(buffer.maxIntegerId).toBe(3);
    expect(texts(buffer)).toEqual(['{"first":1}']);
    buffer.stage("add", 3, [4, 4], "");
    expect(buffer.rowCount).toBe(2);
  });

  test("absorbing another buffer is all or nothing", () => {
    const other = new WriteBuffer(committed, 2, "float32");
    other.stage("add", 5, [1, 1], '{"o":1}');
    other.stage("upsert", 1, [1, 1], null);
    buffer.stage("add", 5, [0, 0], "");
    expect(codeOf(() => buffer.absorb(other))).toBe("ID_EXISTS");
    expect(buffer.rowCount).toBe(1);
    const free = new WriteBuffer(committed, 2, "float32");
    free.stage("upsert", 1, [7, 7], '{"mine":1}');
    free.absorb(other);
    expect(texts(free)).toEqual(['{"mine":1}', '{"o":1}', '{"mine":1}']);
  });
});

describe("after other transactions were committed", () => {
  test("an id taken meanwhile refuses the transaction", () => {
    buffer.stage("add", 3, [1, 1], "");
    committed.put(3, "");
    expect(codeOf(() => buffer.toTransaction(3))).toBe("ID_EXISTS");
  });

  test("metadata to keep is that of the row which is replaced now", () => {
    buffer.stage("upsert", 1, [1, 1], null);
    buffer.stage("upsert", 2, [1, 1], null);
    committed.put(1, '{"longer":"than before"}');
    expect(texts(buffer)).toEqual(['{"longer":"than before"}', '{"n":2}']);
    expect([...buffer.toTransaction(3).superseded]).toEqual([1, 2]);
  });

  test("a deletion by id follows the id, one by filter only the row it saw", () => {
    buffer.deleteId(1);
    buffer.deleteCommitted(1, 2, true);
    committed.put(1, "");
    committed.put(2, "");
    expect([...buffer.toTransaction(4).deleted]).toEqual([2]);
  });

  test("after a compaction rows are found by id again", () => {
    buffer.deleteCommitted(1, 2, true);
    committed.list.shift();
    committed.numbering = 2;
    committed.version += 1;
    expect([...buffer.toTransaction(1).deleted]).toEqual([0]);
  });
});

const image: AttachedField = { number: 0, dim: 2, dtype: "float32" };
const sound: AttachedField = { number: 1, dim: 1, dtype: "float16" };

/** The rows that hand on what hangs on them, each with its successor. */
function moves({ moved }: Transaction): number[][] {
  return Array.from(moved?.from ?? [], (from, at) => [from, moved!.to[at]!]);
}

/** Vectors of the field `image` by row. */
function images({ fieldVectors = [] }: Transaction): [row: number, vector: number[]][] {
  const part = fieldVectors.find(({ fieldNumber }) => fieldNumber === image.number);
  const bytes = Uint8Array.from((part?.vectorBytes ?? []).flatMap((piece) => [...piece]));
  const components = new Float32Array(bytes.buffer);
  return Array.from(part?.rows ?? [], (row, at) => [row, [...components.subarray(at * 2, at * 2 + 2)]]);
}

/** Weights of feature 7 by row; undefined for a vector without it, which takes a row's away. */
function sevens({ sparse = [] }: Transaction): [row: number, weight: number | undefined][] {
  return sparse.flatMap(({ rows, bytes, ends }) =>
    Array.from(rows, (row, at): [number, number | undefined] => {
      const vector = decodeSparse(bytes.subarray(at === 0 ? 0 : ends[at - 1], ends[at]))!;
      return [row, vector.values[[...vector.indices].indexOf(7)]];
    }),
  );
}

function attachImage(id: Id, vector: number[], target = buffer): void {
  target.attachVector(image, id, Float32Array.from(vector));
}

function attachSeven(id: Id, weight: number, target = buffer): void {
  target.attachSparse(
    id,
    checkSparse({ 7: weight }, () => "it"),
  );
}

describe("what hangs on a row that is replaced", () => {
  beforeEach(() => {
    committed.attached.add(0);
  });

  test("goes from one to the next, to the row that is there in the end", () => {
    for (let at = 0; at < 3; at++) buffer.stage("upsert", 1, [at, at], null);
    const transaction = buffer.toTransaction(2);
    expect(moves(transaction)).toEqual([
      [0, 2],
      [2, 3],
      [3, 4],
    ]);
    expect([...transaction.superseded]).toEqual([0, 2, 3]);
  });

  test("stays where nothing hangs on it, or where it is not replaced", () => {
    buffer.stage("upsert", 2, [1, 1], null);
    buffer.stage("add", 3, [1, 1], "");
    buffer.stage("upsert", 3, [1, 1], null);
    buffer.deleteId(1);
    expect(buffer.toTransaction(2).moved).toBeUndefined();
  });

  test("goes no further than a deletion", () => {
    buffer.stage("upsert", 1, [1, 1], null);
    buffer.deleteId(1);
    buffer.stage("upsert", 1, [2, 2], null);
    buffer.stage("upsert", 1, [3, 3], null);
    expect(moves(buffer.toTransaction(2))).toEqual([[0, 2]]);
  });

  test("stays with a row that is deleted before it is replaced, here or earlier", () => {
    buffer.deleteId(1);
    buffer.stage("add", 1, [1, 1], "");
    committed.list[1]!.state = "deleted";
    committed.attached.add(1);
    buffer.stage("upsert", 2, [1, 1], null);
    const transaction = buffer.toTransaction(2);
    expect(transaction.moved).toBeUndefined();
    expect([...transaction.superseded]).toEqual([0, 1]);
  });

  test("is not handed on by a row that a call which failed had staged", () => {
    const before = buffer.savepoint();
    buffer.stage("upsert", 1, [1, 1], null);
    buffer.rollback(before);
    buffer.stage("upsert", 2, [1, 1], null);
    expect(buffer.toTransaction(2).moved).toBeUndefined();
  });

  test("comes from the row that another transaction put there meanwhile", () => {
    buffer.stage("upsert", 1, [1, 1], null);
    buffer.stage("upsert", 2, [1, 1], null);
    committed.put(1, "");
    committed.put(2, "");
    committed.attached.clear();
    committed.attached.add(2);
    expect(moves(buffer.toTransaction(4))).toEqual([[2, 4]]);
    // The row deleted by another has nothing to hand on any more, and is replaced all the same.
    committed.list[2]!.state = "deleted";
    committed.version += 1;
    const transaction = buffer.toTransaction(4);
    expect(transaction.moved).toBeUndefined();
    expect([...transaction.superseded]).toEqual([2, 3]);
  });

  test("is found under the number that a compaction gave its row", () => {
    committed.attached.clear();
    committed.attached.add(1);
    buffer.stage("upsert", 2, [1, 1], null);
    buffer.stage("upsert", 2, [2, 2], null);
    committed.list.shift();
    committed.numbering = 2;
    committed.version += 1;
    committed.attached.clear();
    committed.attached.add(0);
    expect(moves(buffer.toTransaction(1))).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });
});

describe("hanging vectors on rows", () => {
  test("means the live row of the id at the end, committed or staged, and the last vector given", () => {
    attachImage(1, [9, 9]);
    attachImage(1, [1, 2]);
    attachSeven(2, 5);
    buffer.stage("upsert", 2, [0, 0], null);
    buffer.stage("add", 3, [0, 0], "");
    attachImage(3, [5, 6]);
    buffer.stage("upsert", 3, [0, 0], null);
    buffer.attachSparse(
      3,
      checkSparse({}, () => "it"),
    );
    buffer.attachVector(sound, 1, Float32Array.of(1));
    const transaction = buffer.toTransaction(2);
    expect(images(transaction)).toEqual([
      [0, [1, 2]],
      [4, [5, 6]],
    ]);
    expect(sevens(transaction)).toEqual([
      [2, 5],
      [4, undefined],
    ]);
    const [, halves] = transaction.fieldVectors!;
    expect([halves!.fieldNumber, ...halves!.rows, ...halves!.vectorBytes[0]!]).toEqual([1, 0, 0x00, 0x3c]);
  });

  test("is a change of its own, and touches the ids", () => {
    expect(buffer.isEmpty).toBe(true);
    expect(buffer.toTransaction(2).fieldVectors).toBeUndefined();
    attachSeven(2, 1);
    attachImage("x", [1, 1]);
    expect(buffer.isEmpty).toBe(false);
    expect(new Set(buffer.touchedKeys())).toEqual(new Set([2, "x"]));
  });

  test("tells which ids have a live row", () => {
    buffer.stage("add", 3, [0, 0], "");
    buffer.stage("add", 4, [0, 0], "");
    buffer.deleteId(4);
    buffer.deleteId(2);
    committed.list[0]!.state = "deleted";
    expect([1, 2, 3, 4, 5].map((id) => buffer.isLiveId(id))).toEqual([false, false, true, false, false]);
  });

  test("is undone by a deletion of the row, staged or committed, and not by another's", () => {
    buffer.stage("add", 3, [0, 0], "");
    for (const id of [1, 2, 3]) {
      attachImage(id, [id, id]);
      attachSeven(id, id);
    }
    buffer.deleteId(3);
    buffer.deleteCommitted(0, 1, true);
    const transaction = buffer.toTransaction(2);
    expect(images(transaction)).toEqual([[1, [2, 2]]]);
    expect(sevens(transaction)).toEqual([[1, 2]]);
    buffer.deleteId(2);
    expect(images(buffer.toTransaction(2))).toEqual([]);
    expect(sevens(buffer.toTransaction(2))).toEqual([]);
  });

  test("follows an id to the row that replaced the one it was staged for", () => {
    attachImage(1, [1, 2]);
    committed.put(1, "");
    expect(images(buffer.toTransaction(3))).toEqual([[2, [1, 2]]]);
    committed.list.splice(0, 1);
    committed.numbering = 2;
    committed.version += 1;
    expect(images(buffer.toTransaction(2))).toEqual([[1, [1, 2]]]);
  });

  test.each([
    ["a vector", () => attachImage(2, [1, 1])],
    ["a sparse vector", () => attachSeven(2, 1)],
  ])("%s is refused with ID_NOT_FOUND where the row went before the commit", (_, attach) => {
    attach();
    committed.list[1]!.state = "deleted";
    committed.version += 1;
    expect(codeOf(() => buffer.toTransaction(2))).toBe("ID_NOT_FOUND");
    committed.list.pop();
    committed.numbering = 2;
    committed.version += 1;
    expect(codeOf(() => buffer.toTransaction(1))).toBe("ID_NOT_FOUND");
  });

  test("comes along with the rows of another buffer, whose vectors are the later ones", () => {
    const other = new WriteBuffer(committed, 2, "float32");
    other.stage("upsert", 1, [1, 1], null);
    other.stage("add", 3, [1, 1], "");
    attachImage(1, [7, 7], other);
    attachSeven(3, 3, other);
    attachImage(1, [1, 1]);
    attachImage(2, [2, 2]);
    attachSeven(1, 1);
    buffer.absorb(other);
    const transaction = buffer.toTransaction(2);
    expect(new Map(images(transaction))).toEqual(
      new Map([
        [2, [7, 7]],
        [1, [2, 2]],
      ]),
    );
    expect(new Map(sevens(transaction))).toEqual(
      new Map([
        [2, 1],
        [3, 3],
      ]),
    );
  });

  test("does not come along with rows that are refused", () => {
    const other = new WriteBuffer(committed, 2, "float32");
    other.stage("add", 3, [1, 1], "");
    attachImage(3, [7, 7], other);
    buffer.stage("add", 3, [0, 0], "");
    expect(codeOf(() => buffer.absorb(other))).toBe("ID_EXISTS");
    expect(images(buffer.toTransaction(2))).toEqual([]);
  });

  test("keeps the order of many", () => {
    const count = 2500;
    for (let id = 10; id < 10 + count; id++) {
      buffer.stage("add", id, [0, 0], "");
      attachImage(id, [id, -id]);
      attachSeven(id, id);
    }
    const transaction = buffer.toTransaction(2);
    const numbers = Array.from({ length: count }, (_, at) => at);
    expect(images(transaction)).toEqual(numbers.map((at) => [2 + at, [10 + at, -10 - at]]));
    expect(sevens(transaction)).toEqual(numbers.map((at) => [2 + at, 10 + at]));
  });
});

test("float16 parts hold half the bytes", () => {
  const halves = new WriteBuffer(committed, 2, "float16");
  halves.stage("add", 3, [1, -2], "");
  expect([...halves.toTransaction(2).rows[0]!.vectorBytes[0]!]).toEqual([0x00, 0x3c, 0x00, 0xc0]);
  expect(codeOf(() => halves.stage("add", 4, [1, 70_000], ""))).toBe("INVALID_VECTOR");
});

test("many rows go into several parts and come out in order", () => {
  const wide = new WriteBuffer(new CommittedList(), 16_384, "float32");
  const vector = new Float32Array(16_384);
  for (let id = 0; id < 150; id++) {
    vector[0] = id;
    wide.stage("add", id, vector, `{"id":${id}}`);
  }
  const { rows } = wide.toTransaction(0);
  expect(rows.length).toBeGreaterThan(1);
  expect(rows.flatMap((part) => [...(part.ids as Id[])])).toEqual(Array.from({ length: 150 }, (_, id) => id));
  const firsts = rows.flatMap((part) =>
    Array.from({ length: part.rowCount }, (_, at) =>
      new DataView(part.vectorBytes[0]!.buffer).getFloat32(at * 65_536, true),
    ),
  );
  expect(firsts).toEqual(Array.from({ length: 150 }, (_, id) => id));
});
