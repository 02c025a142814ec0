import { expect, test } from "vitest";
import { isLynseError } from "../../src/errors.js";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { decodeSealedJson, encodeSealedJson } from "../../src/storage/sealed-json.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import type { JsonValue } from "../../src/types.js";
import { filesToHurt, judgeInMemory, readWhatever, smallRoot } from "../crash/damaged-root.js";
import { SimulatedRoot } from "../crash/simulated-root.js";
import { mangled } from "./mangled.js";
import { oddValues } from "./odd-values.js";

test("files of random bytes are found damaged, or change no answer but the last commits'", async () => {
  const root = await smallRoot();
  const files = filesToHurt(root);
  for (let seed = 1; seed <= 400; seed++) {
    const random = new SeededRandom(seed);
    const file = files[random.below(files.length)]!;
    const bytes = mangled(root.contents.get(file)!, random);
    await judgeInMemory(root, file, bytes).catch((error: unknown) => {
      throw new Error(`seed ${seed}, ${file}: ${error instanceof Error ? error.stack : error}`);
    });
  }
  expect(files.length).toBeGreaterThan(5);
});

test("settings that are intact but say impossible things are refused", async () => {
  const root = await smallRoot();
  const fs = new MemoryFileSystem();
  const path = filesToHurt(root).find((file) => file.endsWith("/hurt/manifest.json"))!;
  const format = "lynsedb collection";
  const members = decodeSealedJson(fs, root.contents.get(path)!, format, path) as Record<string, JsonValue>;
  const config = members["config"] as Record<string, JsonValue>;
  const variants: Record<string, JsonValue>[] = [];
  for (const odd of oddValues) {
    for (const key of ["generation", "salt", "config"]) variants.push({ ...members, [key]: odd });
    for (const key of ["dim", "dtype"]) variants.push({ ...members, config: { ...config, [key]: odd } });
  }
  let refused = 0;
  for (const { format: _, version: __, ...variant } of variants) {
    const changed = new Map(root.contents).set(path, encodeSealedJson(fs, format, variant));
    const opened = await SimulatedRoot.open(MemoryFileSystem.of(changed));
    const database = opened.database("alpha");
    const answer = await database.getCollection("hurt").catch((error: unknown) => error);
    expect(isLynseError(answer, "CORRUPT"), `${JSON.stringify(variant)} gives ${answer}`).toBe(true);
    expect(await (await database.getCollection("other")).count()).toBe(2);
    refused += 1;
    await opened.abandon();
  }
  expect(refused).toBe(variants.length);
});

test("lengths that promise more than the file holds make no reader allocate them", async () => {
  const root = await smallRoot();
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  for (const file of filesToHurt(root).filter((path) => path.endsWith(".lynse"))) {
    const intact = root.contents.get(file)!;
    // All of what a file begins with, and every third word behind.
    for (let at = 0; at + 4 <= intact.length; at += at < 128 ? 4 : 12) {
      const bytes = intact.slice();
      new DataView(bytes.buffer).setUint32(at, 0x7fff_fff0, true);
      await readWhatever(new Map(root.contents).set(file, bytes));
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }
  }
  expect(peak).toBeLessThan(256 * 1024 * 1024);
});
