/**
 * Databases: their life cycle and their names.
 */
import { describe, expect, it } from "vitest";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

const refusedNames = ["", ".", "..", "a/b", "a\\b", "../x", "a..b", "ä", "a b", "a\u0000b", "end.", "con", "NUL.txt"];

describe.each(modes)("databases ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("are listed by name, sorted", async () => {
    const { client } = workspace;
    await client.createDatabase("zoo");
    await client.createDatabase("B-2");
    expect(await client.listDatabases()).toEqual(["B-2", "app", "zoo"]);
  });

  it("are opened again by createDatabase, with what they hold", async () => {
    const { client, db } = workspace;
    await db.requireCollection("docs", { dim: 2 });
    const again = await client.createDatabase("app");
    expect(again.name).toBe("app");
    expect(await again.listCollections()).toEqual(["docs"]);
  });

  it("start empty when dropIfExists is given", async () => {
    const { client } = workspace;
    const docs = await workspace.collection();
    await docs.add({ vectors: [1, 2] });
    const fresh = await client.createDatabase("app", { dropIfExists: true });
    expect(await fresh.listCollections()).toEqual([]);
    await refusal(() => docs.count(), "CLOSED", /docs/);
    expect(await docs.exists()).toBe(false);
  });

  it("that are missing are refused by getDatabase, named", async () => {
    const { client } = workspace;
    expect(await client.hasDatabase("nope")).toBe(false);
    const error = await refusal(() => client.getDatabase("nope"), "DATABASE_NOT_FOUND", /"nope"/, /createDatabase/);
    expect(error.details).toMatchObject({ database: "nope" });
    expect(await client.listDatabases()).toEqual(["app"]);
  });

  it("vanish with all their collections when dropped through the client", async () => {
    const { client, db } = workspace;
    await workspace.collection();
    await client.dropDatabase("app");
    expect(await client.hasDatabase("app")).toBe(false);
    expect(await db.exists()).toBe(false);
    await refusal(() => db.listCollections(), "DATABASE_NOT_FOUND", /"app"/);
    await refusal(() => db.requireCollection("docs", { dim: 2 }), "DATABASE_NOT_FOUND", /"app"/);
    const again = await client.createDatabase("app");
    expect(await again.listCollections()).toEqual([]);
  });

  it("can be dropped through themselves, and twice", async () => {
    const { client, db } = workspace;
    await db.drop();
    await db.drop();
    await client.dropDatabase("app");
    await client.dropDatabase("never-was");
    expect(await client.listDatabases()).toEqual([]);
  });

  it("keep their collections apart", async () => {
    const other = await workspace.client.createDatabase("other");
    const one = await workspace.collection();
    const two = await other.requireCollection("docs", { dim: 3 });
    await one.add({ ids: 1, vectors: [1, 2] });
    await two.add({
      ids: [1, 2],
      vectors: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    expect([await one.shape(), await two.shape()]).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect([one.databaseName, two.databaseName]).toEqual(["app", "other"]);
    await other.drop();
    expect(await one.count()).toBe(1);
  });

  it.each(refusedNames)("cannot be called %j", async (name) => {
    const { client } = workspace;
    await refusal(() => client.createDatabase(name), "INVALID_ARGUMENT", /database/);
    await refusal(() => client.hasDatabase(name), "INVALID_ARGUMENT", /database/);
    await refusal(() => client.getDatabase(name), "INVALID_ARGUMENT", /database/);
    await refusal(() => client.dropDatabase(name), "INVALID_ARGUMENT", /database/);
    expect(await client.listDatabases()).toEqual(["app"]);
  });

  it.each([undefined, null, 7, {}, ["app"]])("cannot be called by what is no text: %j", async (name) => {
    await refusal(() => workspace.client.createDatabase(name as never), "INVALID_ARGUMENT", /string/);
  });

  it("may have names of 128 characters and no more", async () => {
    const { client } = workspace;
    const longest = "n".repeat(128);
    await client.createDatabase(longest);
    expect(await client.listDatabases()).toEqual(["app", longest]);
    const error = await refusal(() => client.createDatabase(`${longest}n`), "LIMIT_EXCEEDED", /nameLengthMax = 128/);
    expect(error.details).toMatchObject({ limit: "nameLengthMax", max: 128, got: 129 });
  });

  it("cannot take the place of the root's own files", async () => {
    const { client } = workspace;
    for (const name of ["lynse.json", "writer-000001.lock", "writer.lock"]) {
      const made = await client.createDatabase(name).catch((error: unknown) => error);
      if (made instanceof Error) expect(made).toMatchObject({ name: "LynseError", code: "INVALID_ARGUMENT" });
      else expect(await client.hasDatabase(name)).toBe(true);
    }
    expect(await client.hasDatabase("app")).toBe(true);
  });

  it("refuse options that createDatabase does not have", async () => {
    const call = () => workspace.client.createDatabase("x", { drop_if_exists: true } as never);
    await refusal(call, "INVALID_ARGUMENT", /"drop_if_exists"/, /dropIfExists/);
    const wrong = () => workspace.client.createDatabase("x", { dropIfExists: 1 as never });
    await refusal(wrong, "INVALID_ARGUMENT", /dropIfExists must be true or false, got the number 1/);
    expect(await workspace.client.listDatabases()).toEqual(["app"]);
  });
});
