import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonElements } from "./json-elements.js";

function elementsOf(text: string, blockLength = text.length || 1): unknown[] {
  const elements = new JsonElements();
  const found: string[] = [];
  for (let at = 0; at < text.length; at += blockLength) found.push(...elements.push(text.slice(at, at + blockLength)));
  elements.end();
  return found.map((each) => JSON.parse(each));
}

const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), { maxLength: 6 });

test("the objects of a list, of an answer, and of lines are the same, however the text is cut", () => {
  fc.assert(
    fc.property(objects, fc.integer({ min: 1, max: 9 }), fc.boolean(), (all, blockLength, isSpaced) => {
      const expected = JSON.parse(JSON.stringify(all));
      const space = isSpaced ? 2 : 0;
      const answer = { usage: { points: "no list" }, result: { points: all, next_page_offset: [1] }, status: "ok" };
      for (const text of [
        JSON.stringify(all, null, space),
        JSON.stringify({ points: all }, null, space),
        JSON.stringify(answer, null, space),
      ]) {
        expect(elementsOf(text, blockLength)).toEqual(expected);
      }
    }),
  );
});

test("objects that stand by themselves are told one by one, lists called points in their payload are theirs", () => {
  const points = [{ id: 1, payload: { points: [{ a: 1 }], result: { points: [{}] } } }, { id: 2 }];
  expect(elementsOf(points.map((point) => JSON.stringify(point)).join("\n"), 3)).toEqual(points);
  const answers = points.map((point) => JSON.stringify({ result: { points: [point] } })).join("\n");
  expect(elementsOf(answers, 5)).toEqual(points);
});

test.each([
  '[{"a":1}',
  '{"a":"',
  "]",
  '{"a":1]',
  "[{}}",
])("a text that ends or closes wrongly is refused: %s", (text) => {
  expect(() => elementsOf(text)).toThrow(SyntaxError);
});
