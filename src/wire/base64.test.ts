import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBase64, decodeByTable, encodeBase64, encodeByTable } from "./base64.js";

const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });

describe("base64", () => {
  it("gives the examples of RFC 4648 §10", () => {
    const examples = {
      "": "",
      f: "Zg==",
      fo: "Zm8=",
      foo: "Zm9v",
      foob: "Zm9vYg==",
      fooba: "Zm9vYmE=",
      foobar: "Zm9vYmFy",
    };
    for (const [text, base64] of Object.entries(examples)) {
      expect(encodeByTable(new TextEncoder().encode(text))).toBe(base64);
      expect(new TextDecoder().decode(decodeBase64(base64, "it"))).toBe(text);
    }
  });

  it("agrees with Node's coder on any bytes, by the tables and by the platform", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64");
        expect(encodeByTable(bytes)).toBe(text);
        expect(encodeBase64(bytes)).toBe(text);
        expect([...decodeBase64(text, "it")]).toEqual([...bytes]);
        expect([...decodeByTable(text, bytes.length, "it")]).toEqual([...bytes]);
      }),
    );
  });

  it("refuses what is no canonical base64, naming the member", () => {
    const texts = [
      "a",
      "ab=",
      "ab c",
      "abc\n",
      "ab==abcd",
      "====",
      "=abc",
      "a===",
      "ab-_",
      "Zh==",
      "Zm9=",
      "äbcd",
      "日本日本",
      "abc\u0000",
    ];
    for (const text of texts) expect(() => decodeBase64(text, "vector_b64"), text).toThrow(invalid);
    expect(() => decodeBase64("a", "vector_b64")).toThrow(/vector_b64/);
  });

  it("takes no text that Node's coder would write differently", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 24 }), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = decodeBase64(text, "it");
        } catch (error) {
          expect(error).toEqual(invalid);
          return;
        }
        expect(Buffer.from(bytes).toString("base64")).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  it("gives bytes of their own, aligned for float32", () => {
    const bytes = decodeBase64("AACAPw==", "it");
    expect(bytes.byteOffset).toBe(0);
    expect(new Float32Array(bytes.buffer)[0]).toBe(1);
  });
});
