// A program that reads beside writers until it is told to end, and fails when it sees anything but committed states in order.
// Arguments: folder, how it follows (`follow` or `refresh`).
import { readFileSync, writeSync } from "node:fs";
import { isLynseError, VectorDBClient } from "../../dist/index.js";
import { snapshotEvery, stateOf } from "./states.mjs";

const [folder, how] = process.argv.slice(2);
let isEnding = false;
process.on("SIGTERM", () => {
  isEnding = true;
});

function tell(message) {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

function acknowledged() {
  const text = readFileSync(`${folder}/acknowledged`, "utf8").trim();
  return text === "" ? null : JSON.parse(text);
}

async function look(collection) {
  if (how === "refresh") await collection.refresh();
  const rows = new Map();
  for await (const row of collection.scan({ returnVectors: true, batchSize: 7 })) {
    if (rows.has(row.id)) throw new Error(`row ${row.id} is there twice`);
    rows.set(row.id, row);
  }
  return stateOf(rows);
}

/** What else can be asked gives answers of one state, though not of which. */
async function askAround(collection) {
  const { ids, fields } = await collection.search([1e6, 0, 0], { k: 1, returnFields: true });
  if (ids.length > 0 && fields[0].commit !== Number(String(ids[0]).split("-")[0]))
    throw new Error(`field of ${ids[0]}`);
  const found = await collection.bm25Search("head", { k: 5 });
  if (found.ids.length > 1) throw new Error(`the text of one row was found ${found.ids.length} times`);
  const count = await collection.count({ where: "id = 'head'" });
  if (count > 1) throw new Error(`one row was counted as ${count}`);
}

function checkOrder(before, now) {
  if (now.restores > before.restores || now.commit % snapshotEvery === 0) return;
  if (now.restores === before.restores && now.commit >= before.commit) return;
  throw new Error(`state ${JSON.stringify(now)} came after ${JSON.stringify(before)}`);
}

async function main() {
  const client = new VectorDBClient(`${folder}/root`, { readOnly: true, follow: how === "follow" });
  const collection = await (await client.getDatabase("app")).getCollection("rows");
  let seen = { commit: 0, restores: 0 };
  let states = 0;
  tell({ ready: process.pid });
  for (let looks = 1; !isEnding; looks++) {
    const sure = acknowledged();
    const now = await look(collection);
    const after = acknowledged();
    if (sure !== null && after !== null && sure.restores === after.restores) {
      const isNew = now.restores > sure.restores || (now.restores === sure.restores && now.commit >= sure.commit);
      if (!isNew) throw new Error(`${JSON.stringify(now)} was seen after ${JSON.stringify(sure)} was committed`);
    }
    checkOrder(seen, now);
    if (now.commit !== seen.commit || now.restores !== seen.restores) states += 1;
    seen = now;
    if (looks % 5 === 0) await askAround(collection);
    tell({ looks, states });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await client.close();
}

main().catch((error) => {
  const { code, message } = isLynseError(error) ? error : { message: String(error?.stack ?? error) };
  tell({ error: { code, message } });
  process.exit(1);
});
