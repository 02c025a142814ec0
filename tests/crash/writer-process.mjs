// A program that writes until it is killed, and tells on its standard output what it has begun and what has resolved.
// Arguments: folder, seed, first free commit number, what to do most (`mixed`, `compact` or `checkpoint`).
import { writeSync } from "node:fs";
import { isLynseError, VectorDBClient } from "../../dist/index.js";

const [folder, seedText, commitText, mode] = process.argv.slice(2);
const dim = 16;
let state = Number(seedText) >>> 0;
let commit = Number(commitText);

/** An integer below `bound`, from the seed (a linear congruential generator, constants of Numerical Recipes). */
function below(bound) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * bound);
}

function tell(message) {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** Must say the same as `vectorOf` in kill-rounds.ts. */
function vectorOf(version, row) {
  return Array.from({ length: dim }, (_, at) => ((version * 31 + row * 7 + at * 3) % 101) / 4);
}

function itemsOf(group, size, version) {
  return Array.from({ length: size }, (_, row) => ({
    id: `${group}-${row}`,
    vector: vectorOf(version, row),
    field: { group, size, version, note: "n".repeat((version * row) % 60) },
  }));
}

/** What hangs on a row; must say the same as `checkAttached` in kill-rounds.ts. */
function attachedOf(version, row) {
  return { vectors: { place: [version * 65_536, row] }, sparse: { [version]: row + 1 } };
}

/** Puts a group in one of two ways: with what hangs on its rows, or that afterwards, in the same transaction. */
async function put(session, kind, items, version) {
  const write = (list) => (kind === "upsert" ? session.upsertItems(list) : session.bulkAddItems(list));
  if (version % 2 === 0) return write(items.map((item, row) => ({ ...item, ...attachedOf(version, row) })));
  await write(items);
  const ids = items.map(({ id }) => id);
  const attached = items.map((_, row) => attachedOf(version, row));
  await session.addNamedVectors(
    "place",
    attached.map(({ vectors }) => vectors.place),
    ids,
  );
  await session.addSparseVectors(
    attached.map(({ sparse }) => sparse),
    ids,
  );
}

async function main() {
  const client = new VectorDBClient(folder);
  const database = await client.createDatabase("crash");
  const collection = await database.requireCollection("rows", { dim });
  await collection.createVectorField("place", { dim: 2, metric: "l2" });
  const sizes = new Map();
  for await (const { field } of collection.scan()) sizes.set(field.group, field.size);
  tell({ ready: process.pid });
  let isCompacting = false;
  for (;;) {
    const groups = [...sizes.keys()];
    const group = groups[below(groups.length)];
    const choice = below(10);
    const rows = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const version = commit++;
    if (group !== undefined && (rows > 40_000 || choice < 2)) {
      tell({ begin: version, kind: "delete", group });
      await collection.delete(Array.from({ length: sizes.get(group) }, (_, row) => `${group}-${row}`));
      sizes.delete(group);
    } else if (group !== undefined && choice < 5) {
      const size = sizes.get(group);
      tell({ begin: version, kind: "put", group, size });
      await collection.insertSession((session) => put(session, "upsert", itemsOf(group, size, version), version));
    } else {
      const size = below(12) === 0 ? 17_000 : 1 + below(below(3) === 0 ? 2000 : 40);
      tell({ begin: version, kind: "put", group: version, size });
      await collection.insertSession((session) => put(session, "add", itemsOf(version, size, version), version));
      sizes.set(version, size);
    }
    tell({ done: version });
    if (mode === "checkpoint" || below(15) === 0) await collection.checkpoint();
    if (!isCompacting && (mode === "compact" || below(25) === 0)) {
      isCompacting = true;
      // Beside the commits that follow; a failure ends the process, as it should.
      void collection.compact().then(() => {
        isCompacting = false;
      });
    }
  }
}

main().catch((error) => {
  tell(isLynseError(error) ? { error: error.toJSON() } : { error: { message: String(error?.stack ?? error) } });
  process.exit(isLynseError(error, "LOCKED") ? 3 : 1);
});
