import fc from "fast-check";
import { expect, test } from "vitest";
import { formatId, parseId, parseIdList } from "./id-text.js";

test("whole numbers are number ids, the rest text, quotes make text of anything", () => {
  expect(parseIdList('1, abc ,"42","a,b",007')).toEqual([1, "abc", "42", "a,b", "007"]);
});

test.each(["", '"', '""', '"open', "9007199254740993"])("%j is no id", (text) => {
  expect(() => parseId(text)).toThrow(/is no id/);
});

test("what is shown can be given back", () => {
  const id = fc.oneof(fc.nat(), fc.string({ minLength: 1 }), fc.nat().map(String), fc.constant('"x"'));
  fc.assert(
    fc.property(id, (value) => {
      expect(parseId(formatId(value))).toBe(value);
    }),
  );
});
