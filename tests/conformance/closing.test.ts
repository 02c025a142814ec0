/**
 * Clients: how they begin, and that nothing works after their end.
 */
import { describe, expect, it } from "vitest";
import { isLynseError, LynseError, VectorDBClient } from "../../src/index.js";
import { modes } from "./modes.js";
import { refusal } from "./refusal.js";
import { useWorkspace } from "./workspace.js";

describe.each(modes)("clients ($mode)", (mode) => {
  const workspace = useWorkspace(mode);

  it("refuse everything after close, and close twice without complaint", async () => {
    const { client, db } = workspace;
    const docs = await workspace.collection();
    await docs.add({ ids: 1, vectors: [1, 1], fields: { n: 1 } });
    const view = await docs.search([1, 1], { returnFields: true });
    const scan = docs.scan();
    await client.close();
    await client.close();
    const calls: (() => unknown)[] = [
      () => client.listDatabases(),
      () => client.createDatabase("x"),
      () => client.getDatabase("app"),
      () => client.hasDatabase("app"),
      () => client.dropDatabase("app"),
      () => db.listCollections(),
      () => db.requireCollection("docs", { dim: 2 }),
      () => db.getCollection("docs"),
      () => db.hasCollection("docs"),
      () => db.dropCollection("docs"),
      () => db.describeCollections(),
      () => db.exists(),
      () => docs.addItem([1, 1], { id: 2 }),
      () => docs.bulkAddItems([[[1, 1], 2]]),
      () => docs.bulkAddItems([]),
      () => docs.bulkAddBinary([[1, 1]]),
      () => docs.add({ vectors: [1, 1] }),
      () => docs.add({ vectors: [] }),
      () => docs.upsert({ ids: 1, vectors: [1, 1] }),
      () => docs.delete(1),
      () => docs.delete({ where: "n = 1" }),
      () => docs.restore(1),
      () => docs.listDeletedIds(),
      () => docs.compact(),
      () => docs.commit(),
      () => docs.flush(),
      () => docs.checkpoint(),
      () => docs.refresh(),
      () => docs.insertSession(() => 1),
      () => docs.buildIndex("FLAT"),
      () => docs.removeIndex(),
      () => docs.indexMode(),
      () => docs.search([1, 1]),
      () => docs.batchSearch([[1, 1]]),
      () => docs.searchRange([1, 1], { threshold: 0 }),
      () => docs.searchProfile([1, 1]),
      () => docs.query({ limit: 1 }),
      () => docs.queryVectors({ limit: 1 }),
      () => docs.get(1),
      () => docs.head(),
      () => docs.tail(),
      () => docs.count(),
      () => scan.next(),
      () => docs.scan().next(),
      () => docs.shape(),
      () => docs.stats(),
      () => docs.maxId(),
      () => docs.isIdExists(1),
      () => docs.listFields(),
      () => docs.updateDescription("x"),
    ];
    for (const call of calls) await refusal(call, "CLOSED", /closed/);
    await docs.close();
    expect(view.toList()).toEqual([{ id: 1, distance: 2, n: 1 }]);
  });

  it("commit what was buffered when they close", async () => {
    const docs = await workspace.collection();
    await docs.addItem([1, 1], { id: 1 });
    if (!mode.isPersistent) return;
    expect(await (await workspace.reopen()).count()).toBe(1);
  });

  it("close at the end of `await using`", async () => {
    const place = await mode.newPlace();
    let kept: VectorDBClient;
    {
      await using client = place.open();
      kept = client;
      await client.createDatabase("app");
    }
    await refusal(() => kept.listDatabases(), "CLOSED");
    await place.remove();
  });

  it("open nothing before their first call", async () => {
    const client = new VectorDBClient("/dev/null/not/a/folder");
    await client.close();
    const other = new VectorDBClient("/dev/null/not/a/folder");
    const error = await other.listDatabases().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(isLynseError(error)).toBe(true);
    await other.close();
  });

  it("are refused for places that there are not, and options that they do not have", async () => {
    for (const uri of ["", 5, null, {}, "redis://host", "s3://bucket"]) {
      await refusal(() => new VectorDBClient(uri as never), "INVALID_ARGUMENT", /uri/);
    }
    const bad: [object, RegExp][] = [
      [{ readonly: true }, /"readonly"; did you mean readOnly/],
      [{ readOnly: 1 }, /readOnly must be true or false/],
      [{ durability: "none" }, /"fsync" or "os", got the text "none"/],
      [{ path: "x" }, /"path"/],
    ];
    for (const [options, pattern] of bad) {
      await refusal(() => new VectorDBClient("memory://", options as never), "INVALID_ARGUMENT", pattern);
    }
  });

  it("in one process do not share what is in memory, nor anything else", async () => {
    const place = await mode.newPlace();
    const other = place.open({ durability: "os" });
    expect(await other.listDatabases()).toEqual([]);
    await other.close();
    await place.remove();
  });
});

describe("errors", () => {
  it("are known by name and code, not by class, and become JSON", () => {
    const error = new LynseError("ID_EXISTS", "id 5 exists", { id: 5 }, new Error("cause"));
    expect(error).toMatchObject({ name: "LynseError", code: "ID_EXISTS", status: 409, retryable: false });
    expect(error.details).toEqual({ id: 5 });
    expect((error.cause as Error).message).toBe("cause");
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "LynseError",
      code: "ID_EXISTS",
      message: "id 5 exists",
      details: { id: 5 },
    });
    const foreign = Object.assign(new Error("of another copy"), { name: "LynseError", code: "LOCKED" });
    expect([isLynseError(foreign), isLynseError(foreign, "LOCKED"), isLynseError(foreign, "CLOSED")]).toEqual([
      true,
      true,
      false,
    ]);
    for (const other of [new Error("x"), null, undefined, "LOCKED", { name: "LynseError", code: "LOCKED" }]) {
      expect(isLynseError(other)).toBe(false);
    }
  });
});
