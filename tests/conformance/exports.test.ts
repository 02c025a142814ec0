import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { wholeCollection } from "../transfer/whole-collection.js";
import { modes } from "./modes.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("exports and imports, $mode", (mode) => {
  const space = useWorkspace(mode);

  test("a collection goes out and comes back, with what was buffered", async () => {
    const docs = await space.collection();
    await docs.createVectorField("image", { dim: 1, metric: "l2" });
    await docs.add({
      ids: ["a", 1, "1"],
      vectors: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      fields: [{ t: "ü" }, {}, { n: [1, null] }],
    });
    await docs.addNamedVectors("image", [[1], [2]], ["a", 1]);
    await docs.addSparseVectors([{ 3: 0.5 }], ["1"]);
    await docs.delete("a");
    await docs.bulkAddItems([[[7, 8], "later"]]);
    const path = join(space.place.copies, "docs");
    const written = await docs.exportTo(path);
    expect(written).toMatchObject({ rows: 3, bytes: expect.any(Number) });
    expect(await readdir(path)).toContain("export_manifest.json");
    expect(await space.db.importCollection("copy", path)).toEqual(written);
    expect(await wholeCollection(space.db, "copy")).toEqual(await wholeCollection(space.db, "docs"));
    await expect(space.db.importCollection("copy", path)).rejects.toMatchObject({ code: "TARGET_EXISTS" });
    await expect(space.db.exportCollection("docs", path)).rejects.toMatchObject({ code: "TARGET_EXISTS" });
    expect(await space.db.importCollection("copy", path, { overwrite: true })).toEqual(written);
    await expect(space.db.exportCollection("none", join(path, "x"))).rejects.toMatchObject({
      code: "COLLECTION_NOT_FOUND",
    });
    const options = { overwrite: "yes" } as never;
    await expect(space.db.importCollection("x", path, options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(docs.exportTo(path, { paht: 1 } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
