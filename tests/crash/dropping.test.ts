/**
 * Dropping: what is gone stays gone through a power loss, also when its name is used again.
 */
import { expect, test } from "vitest";
import { EngineRegistry } from "../../src/engine/engine-registry.js";
import { FaultyFileSystem } from "../../src/storage/faulty-file-system.js";
import { config } from "./plain-config.js";

const options = { isReadOnly: false, durability: "fsync" } as const;

test("a dropped database's collections do not come back in a new one of its name", async () => {
  const fs = new FaultyFileSystem(1);
  const root = await EngineRegistry.open(fs, "/data/root", options);
  await root.createDatabase("beta", false);
  await root.requireCollection("beta", "three", () => config);
  await root.dropDatabase("beta");
  await root.createDatabase("beta", false);
  // As far as creating the collection again gets before the power fails.
  await fs.makeFolder("/data/root/beta/three");
  await fs.syncFolder("/data/root/beta");
  const again = await EngineRegistry.open(fs.afterPowerLoss("dropped", 1), "/data/root", options);
  expect(await again.hasDatabase("beta")).toBe(true);
  expect(await again.collectionNames("beta")).toEqual([]);
});

test("nor after a drop that failed at any of its calls, and none that was dropped by half is left behind", async () => {
  for (let failAtCall = 1; ; failAtCall++) {
    const fs = new FaultyFileSystem(1);
    const root = await EngineRegistry.open(fs, "/data/root", options);
    await root.createDatabase("beta", false);
    for (const name of ["one", "three", "two"]) await root.requireCollection("beta", name, () => config);
    const old = await root.openCollection("beta", "one");
    fs.arm({ failAtCall, errno: "EIO" });
    const outcome = await root.dropDatabase("beta").then(
      () => "dropped",
      () => "failed",
    );
    fs.heal();
    const isThere = await root.hasDatabase("beta");
    await root.createDatabase("beta", false);
    expect(await root.collectionNames("beta"), `call ${failAtCall}`).toEqual(isThere ? ["one", "three", "two"] : []);
    // Who had it open writes nothing to files that are gone, and who opens it again gets the new one.
    expect(old.isEnded, `call ${failAtCall}`).toBe(!isThere);
    const { collection, isNew } = await root.requireCollection("beta", "one", () => config);
    expect([isNew, collection === old]).toEqual([!isThere, isThere]);
    if (outcome === "dropped") {
      expect(failAtCall).toBeGreaterThan(5);
      return;
    }
  }
});
