import { expect, test } from "vitest";
import { ResultView } from "./result-view.js";

const view = new ResultView<object>({
  type: "search",
  ids: [7, "b"],
  distances: Float32Array.of(0.5, 0.25),
  fields: [
    { title: "one", id: "own", nested: { a: 1 } },
    { title: "two", rank: 2 },
  ],
  k: 5,
  metric: "cos",
  index: "FLAT-COS",
});

test("iterates over rows, best first", () => {
  expect([...view]).toEqual([
    { id: 7, distance: 0.5, field: { title: "one", id: "own", nested: { a: 1 } } },
    { id: "b", distance: 0.25, field: { title: "two", rank: 2 } },
  ]);
  expect(view.length).toBe(2);
  expect(view.at(-1)?.id).toBe("b");
  expect(view.at(2)).toBeUndefined();
});

test("flat rows keep metadata that would overwrite under field", () => {
  expect(view.toList()).toEqual([
    { id: 7, distance: 0.5, title: "one", nested: { a: 1 }, field: { id: "own" } },
    { id: "b", distance: 0.25, title: "two", rank: 2 },
  ]);
  expect(Object.keys(view.toList()[1]!)).toEqual(["id", "distance", "title", "rank"]);
});

test("metadata called field gives way only where something else must stay under field", () => {
  const one = (field: object): object =>
    new ResultView({ type: "data", ids: [1], fields: [field], metric: "ip", index: "FLAT-IP" }).toList()[0]!;
  expect(one({ field: 1 })).toEqual({ id: 1, field: 1 });
  expect(one({ field: 1, distance: 2 })).toEqual({ id: 1, field: { field: 1, distance: 2 } });
});

test("columns have one entry a row, null where a row lacks the field", () => {
  expect({ ...view.toColumns() }).toEqual({
    id: [7, "b"],
    distance: [0.5, 0.25],
    title: ["one", "two"],
    "field.id": ["own", null],
    nested: [{ a: 1 }, null],
    rank: [null, 2],
  });
});

test("a column may be called __proto__", () => {
  const field = JSON.parse('{"__proto__": 1}');
  const hostile = new ResultView({ type: "data", ids: [1], fields: [field], metric: "ip", index: "FLAT-IP" });
  expect(Object.entries(hostile.toColumns())).toContainEqual(["__proto__", [1]]);
  expect(Object.getPrototypeOf(hostile.toList()[0])).toBe(Object.prototype);
});

test("JSON has the labels and the rows", () => {
  expect(JSON.parse(JSON.stringify(view))).toMatchObject({
    type: "search",
    metric: "cos",
    index: "FLAT-COS",
    k: 5,
    cursor: null,
    rows: [{ id: 7, distance: 0.5 }, { id: "b" }],
  });
});

test("an empty view is a valid view", () => {
  const empty = new ResultView({ type: "query", ids: [], metric: "ip", index: "FLAT-IP" });
  expect([...empty]).toEqual([]);
  expect(empty.toList()).toEqual([]);
  expect(empty.distances).toEqual(new Float32Array(0));
  expect(empty.fields).toBeNull();
});
