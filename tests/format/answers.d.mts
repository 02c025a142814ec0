import type { VectorDBClient } from "../../src/index.js";

/** Answers of all collections of all databases, as plain JSON, by their names. */
export declare function answersOf(
  client: Pick<VectorDBClient, "listDatabases" | "getDatabase">,
): Promise<Record<string, Record<string, unknown>>>;
