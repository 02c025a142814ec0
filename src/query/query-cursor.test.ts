import fc from "fast-check";
import { expect, test } from "vitest";
import { isLynseError } from "../errors.js";
import { decodeCursor, encodeCursor } from "./query-cursor.js";

test("comes back as it was, for any id, and is safe in a URL", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.nat(),
      fc.oneof(fc.nat(), fc.string({ minLength: 1, unit: "grapheme" })),
      fc.string(),
      (generation, row, id, query) => {
        const cursor = encodeCursor({ generation, row, id }, query);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor(cursor, query)).toEqual({ generation, row, id });
      },
    ),
  );
});

test("of another query is refused", () => {
  const cursor = encodeCursor({ generation: 1, row: 2, id: 3 }, "one");
  expect(() => decodeCursor(cursor, "other")).toThrow(/another query/);
});

test("any other text is refused, never misread", () => {
  const good = encodeCursor({ generation: 1, row: 2, id: "three" }, "query");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.nat({ max: good.length - 1 }).map((at) => good.slice(0, at)),
      ),
      (text) => {
        try {
          decodeCursor(text, "query");
          return false;
        } catch (error) {
          return isLynseError(error, "INVALID_ARGUMENT");
        }
      },
    ),
  );
});
