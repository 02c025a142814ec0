/**
 * What a collection does by itself changes nothing that anybody can see.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderMode } from "./modes.js";
import { useWorkspace } from "./workspace.js";

const workspace = useWorkspace(folderMode);

/** What is left is the truth: the log and the vectors. */
async function removeCheckpoints(): Promise<void> {
  const names = await readdir(workspace.place.uri, { recursive: true });
  const checkpoints = names.filter((name) => /derived-\d+\.lynse$/.test(name));
  expect(checkpoints.length).toBeGreaterThan(0);
  for (const name of checkpoints) await rm(join(workspace.place.uri, name));
}

test("rows that were deleted stay deleted, and can be restored, when replaced rows are cleared away", async () => {
  const count = 4_000;
  let docs = await workspace.collection("docs", { dim: 1 });
  const ids = Array.from({ length: count }, (_, at) => at);
  const put = (version: number) =>
    docs.upsert({ ids, vectors: ids.map((id) => [id + version]), fields: ids.map(() => ({ version })) });
  await put(0);
  await docs.add({ ids: ["gone", "kept"], vectors: [[-1], [-2]] });
  await docs.delete("gone");
  for (let version = 1; version <= 4; version++) await put(version);
  // More than half of the rows, and ten thousand of them, were replaced: they go in the background.
  const superseded = async (): Promise<number> => (await docs.stats()).superseded;
  await expect.poll(superseded, { timeout: 20_000, interval: 20 }).toBeLessThan(10_000);
  const shape = { rows: count + 1, deleted: 1 };
  for (const isReopened of [false, true]) {
    if (isReopened) {
      await workspace.client.close();
      await removeCheckpoints();
      docs = await workspace.reopen();
    }
    expect(await docs.stats()).toMatchObject(shape);
    expect((await docs.search([-1], { k: 1, exact: true })).ids).not.toEqual(["gone"]);
    await expect(docs.get(["gone"])).rejects.toThrow("gone");
    expect(await docs.count({ where: "version = 4" })).toBe(count);
  }
  expect(await docs.restore("gone")).toBe(1);
  expect((await docs.get(["gone"])).ids).toEqual(["gone"]);
});
