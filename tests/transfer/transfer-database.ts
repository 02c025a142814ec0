/**
 * What do the tests of exports and imports begin with?
 *
 * A database in memory, new for every test, and a folder of the file's own on the disk.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Database, VectorDBClient } from "../../src/index.js";

export let folder = "";
export let db: Database;
let client: VectorDBClient;
let paths = 0;

/** A path in the folder that nothing stands at. */
export const newPath = (): string => join(folder, `export-${paths++}`);

/** To be called once by a file of tests. */
export function useTransferDatabase(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lynse-transfer-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    client = new VectorDBClient("memory://", { threads: 1 });
    db = await client.createDatabase("app");
  });
  afterEach(() => client.close());
}
