import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Soak } from "./soak.js";

const lynse = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

test("a server that is killed again and again loses nothing that it acknowledged, and shows nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-soak-"));
  mkdirSync(join(folder, "snapshots"));
  try {
    const counts = await new Soak({ lynse, folder, seed: 1, runMs: 10_000, lifeMs: 1500 }).run();
    for (const what of ["writes", "reads", "folderReads", "comparisons", "upkeep", "kills"] as const) {
      expect(counts[what], what).toBeGreaterThan(0);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
