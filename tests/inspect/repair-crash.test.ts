import { expect, test } from "vitest";
import { CrashError, FaultyFileSystem, type Loss } from "../../src/storage/faulty-file-system.js";
import { type Contents, smallRoot } from "../crash/damaged-root.js";
import { errorsOf, look, mend, rowsFound } from "./inspected-root.js";

const losses: readonly Loss[] = ["dropped", "kept", "torn", "reordered"];

/** A machine whose disk holds `contents`, durably. */
async function machineWith(contents: Contents, seed: number): Promise<FaultyFileSystem> {
  const fs = new FaultyFileSystem(seed);
  for (const [path, bytes] of contents) {
    if (path.endsWith(".lock")) continue;
    if (bytes === null) await fs.makeFolder(path);
    else {
      const handle = await fs.open(path, "write");
      await handle.write(bytes, 0);
      await handle.sync();
      await handle.close();
    }
  }
  for (const [path, bytes] of [...contents, ["/data", null] as const]) if (bytes === null) await fs.syncFolder(path);
  await fs.syncFolder("/");
  return fs;
}

test("a repair that ends at any change leaves the damaged collection or the repaired one, and can be done again", async () => {
  const root = await smallRoot();
  const contents = new Map([...root.contents].filter(([path]) => !path.includes("/derived-")));
  const file = [...contents.keys()].find((path) => path.includes("/hurt/") && path.endsWith("vectors-default.lynse"))!;
  contents.set(file, contents.get(file)!.slice().fill(63, 64, 80));
  const whole = await machineWith(contents, 1);
  await mend(whole);
  const repaired = await rowsFound(whole);
  let sawOld = 0;
  let sawNew = 0;
  for (let change = 1; ; change++) {
    const fs = await machineWith(contents, change);
    fs.arm({ crashAtChange: change });
    const ended = await mend(fs).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof CrashError) && !fs.isCrashed) throw error;
        return false;
      },
    );
    if (ended && !fs.isCrashed) break;
    const after = fs.afterPowerLoss(losses[change % losses.length]!, change);
    // Whoever meets one that is half-written waits a second for its holder.
    await after.remove("/data/root/writer-000001.lock");
    const found = errorsOf(await look(after));
    if (found.length === 0) sawNew += 1;
    else {
      sawOld += 1;
      expect(
        found.map(({ code, file: where }) => [code, where]),
        `change ${change}`,
      ).toEqual([["vectors", file]]);
      await mend(after);
      expect(errorsOf(await look(after)), `change ${change}`).toEqual([]);
    }
    expect(await rowsFound(after), `change ${change}`).toEqual(repaired);
  }
  expect(sawOld).toBeGreaterThan(10);
  expect(sawNew).toBeGreaterThan(1);
});
