import { beforeEach, describe, expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import type { Id } from "../types.js";
import { type CommittedRows, WriteBuffer } from "./write-buffer.js";

/** Committed rows as a plain list: enough to stage against. */
class CommittedList implements CommittedRows {
  version = 0;
  numbering = 1;
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
