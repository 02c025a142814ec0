/**
 * What may a caller say about a scan?
 */
import { limits } from "../../limits.js";
import { checkBoolean, checkInteger, checkOptions } from "../check-options.js";
import type { ScanOptions } from "../collection.js";
import type { ReadInput } from "./read-options.js";
import { whereNode } from "./where-input.js";

const batchDefault = 1000;
const optionNames = [
  ...["where", "params", "batchSize", "returnVectors", "returnNamedVectors", "returnSparse"],
] as const;

export interface ScanInput {
  readonly where: ReadInput["where"];
  readonly batchSize: number;
  readonly returnVectors: boolean;
  readonly returnNamedVectors: boolean;
  readonly returnSparse: boolean;
}

export function scanInput(options: ScanOptions = {}): ScanInput {
  checkOptions(options, optionNames, "scan");
  const { returnVectors = false, returnNamedVectors = false, returnSparse = false } = options;
  return {
    batchSize: checkInteger(options.batchSize ?? batchDefault, "batchSize", 1, limits.kMax),
    returnVectors: checkBoolean(returnVectors, "returnVectors"),
    returnNamedVectors: checkBoolean(returnNamedVectors, "returnNamedVectors"),
    returnSparse: checkBoolean(returnSparse, "returnSparse"),
    where: whereNode(options.where, options.params),
  };
}
