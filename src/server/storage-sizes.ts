/**
 * How many bytes does a data directory take?
 *
 * Looks at the files on each call, but not more often than every ten seconds: metrics are asked for often. Files that go
 * away meanwhile don't count.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface StorageSizes {
  readonly disk: number;
  /** Commit logs. */
  readonly wal: number;
  /** Index folders. */
  readonly index: number;
}

const restMs = 10_000;

export class StorageMeter {
  readonly #folder: string | null;
  #sizes: Promise<StorageSizes> | null = null;
  #measuredAt = 0;

  /** @param folder Null where the data is in memory. */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  sizes(): Promise<StorageSizes> {
    if (this.#sizes === null || performance.now() - this.#measuredAt > restMs) {
      this.#measuredAt = performance.now();
      this.#sizes = this.#folder === null ? Promise.resolve({ disk: 0, wal: 0, index: 0 }) : sizesOf(this.#folder);
    }
    return this.#sizes;
  }
}

async function sizesOf(folder: string): Promise<StorageSizes> {
  const sizes = { disk: 0, wal: 0, index: 0 };
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => null);
    const bytes = found?.size ?? 0;
    sizes.disk += bytes;
    if (/^log-\d+\.lynse$/.test(entry.name)) sizes.wal += bytes;
    if (/[\\/]index-[^\\/]+$/.test(entry.parentPath)) sizes.index += bytes;
  }
  return sizes;
}
