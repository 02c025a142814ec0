/**
 * The program behind `npm run test:soak`: one soak, for as many minutes as it is given.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Soak } from "./soak.js";

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { minutes: { ...text, default: "5" }, seed: { ...text, default: "1" }, lynse: text },
  });
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-soak-"));
  mkdirSync(join(folder, "snapshots"));
  const runMs = Number(values.minutes) * 60_000;
  const soak = new Soak({ lynse: values.lynse!, folder, seed: Number(values.seed), runMs, lifeMs: 20_000 });
  const progress = setInterval(() => process.stdout.write(`${JSON.stringify(soak.counts)}\n`), 30_000);
  try {
    const counts = await soak.run();
    rmSync(folder, { recursive: true, force: true });
    process.stdout.write(`no promise was broken: ${JSON.stringify(counts)}\n`);
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.stack : error}\n\nthe folder is ${folder}\n`);
    process.exitCode = 1;
  } finally {
    clearInterval(progress);
  }
}

await main();
