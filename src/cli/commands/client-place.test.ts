import { describe, expect, test } from "vitest";
import { clientPlace } from "./client-place.js";

const url = "http://127.0.0.1:7637";

describe("where the data is", () => {
  test("is up to the client where nothing is said", () => {
    expect(clientPlace({}, {})).toEqual({ uri: undefined, apiKey: null });
    expect(clientPlace({}, { LYNSE_API_KEY: "k", LYNSE_URI: "" })).toEqual({ uri: undefined, apiKey: null });
  });

  test("a server of the environment, with its key", () => {
    expect(clientPlace({}, { LYNSE_URI: url, LYNSE_API_KEY: "k" })).toEqual({ uri: url, apiKey: "k" });
  });

  test("flags count before the environment", () => {
    const env = { LYNSE_URI: url, LYNSE_API_KEY: "k" };
    expect(clientPlace({ uri: "https://db.example", apiKey: "j" }, env)).toEqual({
      uri: "https://db.example",
      apiKey: "j",
    });
    expect(clientPlace({ uri: "https://db.example" }, env)).toEqual({ uri: "https://db.example", apiKey: "k" });
  });

  test("a directory that was named counts before a server of the environment, and gets no key", () => {
    expect(clientPlace({ data: "d" }, { LYNSE_URI: url, LYNSE_API_KEY: "k" })).toEqual({ uri: "d", apiKey: null });
  });

  test("a key without a server is a mistake", () => {
    expect(() => clientPlace({ apiKey: "k" }, {})).toThrow(/--api-key is for a server: name it with --uri/);
  });

  test.each(["127.0.0.1:7637", "ftp://x", "./data", "http://"])("LYNSE_URI=%s is refused", (uri) => {
    expect(() => clientPlace({}, { LYNSE_URI: uri })).toThrow(/\$LYNSE_URI must be a URL/);
  });
});
