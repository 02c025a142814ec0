// A program that commits, compacts, takes snapshots and restores them, until it is killed.
// Arguments: folder, seed, what to do beside commits (letters: c compact, s snapshot, r restore the collection, R restore the database).
import { existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { isLynseError, VectorDBClient } from "../../dist/index.js";
import { groupSize, groupsDroppedBy, rowsOf, snapshotEvery } from "./states.mjs";

const [folder, seedText, kinds] = process.argv.slice(2);
let state = Number(seedText) >>> 0;

/** An integer below `bound`, from the seed (a linear congruential generator, constants of Numerical Recipes). */
function below(bound) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * bound);
}

function tell(message) {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

// What is committed for sure, for readers: 40 bytes, written at once. Blank while a restore takes commits back.
const acknowledged = openSync(`${folder}/acknowledged`, "w");
function acknowledge(what) {
  writeSync(acknowledged, (what === null ? "" : JSON.stringify(what)).padEnd(40), 0);
}

function restoresSoFar() {
  return existsSync(`${folder}/restores`) ? Number(readFileSync(`${folder}/restores`, "utf8")) : 0;
}

async function commitNext(collection, commit, restores) {
  await collection.insertSession(async (session) => {
    await session.upsertItems([{ id: "head", vector: [-1, -1, -1], field: { commit, restores, text: "head" } }]);
    await session.bulkAddItems(rowsOf(commit));
    for (const group of groupsDroppedBy(commit)) {
      await session.delete(Array.from({ length: groupSize(group) }, (_, at) => `${group}-${at}`));
    }
  });
  acknowledge({ commit, restores });
}

/** The newest whole snapshot whose name begins so. */
function newestSnapshot(beginning) {
  const names = readdirSync(folder).filter((name) => name.startsWith(beginning) && !name.endsWith(".tmp"));
  return names.sort().at(-1);
}

async function snapshot(database, commit) {
  for (const [beginning, take] of [
    ["collection-", (path) => database.snapshotCollection("rows", path)],
    ["database-", (path) => database.snapshot(path)],
  ]) {
    const old = newestSnapshot(beginning);
    const name = `${beginning}${String(Date.now()).padStart(15, "0")}-${commit}`;
    await take(`${folder}/${name}`);
    if (old !== undefined && old !== name) rmSync(`${folder}/${old}`, { recursive: true, force: true });
  }
}

async function restore(database, kind) {
  const name = newestSnapshot(kind === "r" ? "collection-" : "database-");
  if (name === undefined) return false;
  acknowledge(null);
  writeFileSync(`${folder}/restores`, String(restoresSoFar() + 1));
  if (kind === "r") await database.restoreCollection("rows", `${folder}/${name}`, { overwrite: true });
  else await database.restore(`${folder}/${name}`, { overwrite: true });
  return true;
}

async function main() {
  const client = new VectorDBClient(`${folder}/root`);
  const database = await client.createDatabase("app");
  const open = () => database.requireCollection("rows", { dim: 3 });
  let collection = await open();
  const newest = async () => {
    const there = await collection.isIdExists("head");
    return there ? (await collection.get("head")).fields[0].commit : 0;
  };
  let commit = await newest();
  let restores = restoresSoFar();
  tell({ ready: process.pid });
  let compaction = null;
  for (let commits = 1; ; commits++) {
    commit += 1;
    await commitNext(collection, commit, restores);
    tell({ commits });
    if (commit % snapshotEvery === 0 && kinds.includes("s")) {
      await snapshot(database, commit);
      tell({ did: "s" });
    }
    if (kinds.includes("c") && compaction === null && below(6) === 0) {
      compaction = collection.compact().then(() => {
        compaction = null;
        tell({ did: "c" });
      });
    }
    if (below(10) === 0) await collection.checkpoint();
    const kind = below(2) === 0 ? "r" : "R";
    if (kinds.includes(kind) && below(12) === 0) {
      await compaction;
      if (!(await restore(database, kind))) continue;
      collection = await open();
      commit = await newest();
      restores = restoresSoFar();
      tell({ did: kind });
    }
  }
}

main().catch((error) => {
  tell(isLynseError(error) ? { error: error.toJSON() } : { error: { message: String(error?.stack ?? error) } });
  process.exit(isLynseError(error, "LOCKED") ? 3 : 1);
});
