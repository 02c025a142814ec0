/**
 * What may stand in a description where something else belongs?
 */
import type { JsonValue } from "../../src/types.js";

export const oddValues: readonly JsonValue[] = [
  null,
  -1,
  0,
  1.5,
  2 ** 40,
  "",
  "x",
  "0".repeat(16),
  true,
  [],
  {},
  [[1]],
  "__proto__",
];
