import { expect, test } from "vitest";
import { answerError } from "./answer-error.js";

const bodyOf = (code: string, error = "message", details: object = {}): string =>
  JSON.stringify({ error, code, details });

test("what is missing is told by our servers' details, and by LynseDB's messages", () => {
  const details = { missing: "database", database: "app" };
  const error = answerError(404, bodyOf("not_found", "there is no database", details));
  expect([error.code, error.message, error.details]).toEqual([
    "DATABASE_NOT_FOUND",
    "there is no database",
    { database: "app" },
  ]);
  expect(answerError(404, bodyOf("not_found", "x", { missing: "collection" })).code).toBe("COLLECTION_NOT_FOUND");
  expect(answerError(404, bodyOf("not_found", "x", { missing: "route" })).code).toBe("UNSUPPORTED");
  expect(answerError(404, bodyOf("not_found", "x", { missing: "constructor" })).code).toBe("COLLECTION_NOT_FOUND");
  expect(answerError(404, JSON.stringify({ error: "Database not found: x", code: "not_found" })).code).toBe(
    "DATABASE_NOT_FOUND",
  );
  expect(answerError(404, JSON.stringify({ error: "Collection not found: x", code: "not_found" })).code).toBe(
    "COLLECTION_NOT_FOUND",
  );
});

test("codes of the catalogue come back as they were, others as what their status says", () => {
  expect(answerError(409, bodyOf("id_exists", "m", { id: 1 }))).toMatchObject({
    code: "ID_EXISTS",
    details: { id: 1 },
  });
  expect(answerError(500, bodyOf("internal_error")).code).toBe("INTERNAL");
  expect(answerError(404, "").code).toBe("UNSUPPORTED");
  expect(answerError(400, bodyOf("__proto__")).code).toBe("INVALID_ARGUMENT");
  const foreign = answerError(502, "<html>Bad gateway</html>");
  expect([foreign.code, foreign.details]).toEqual(["UNAVAILABLE", { status: 502 }]);
  expect(foreign.message).toContain("Bad gateway");
});
