// A program that follows a writer until it is killed, and ends with code 1 when it sees half a commit or a step back.
// Argument: folder.
import { writeSync } from "node:fs";
import { isLynseError, VectorDBClient } from "../../dist/index.js";

const [folder] = process.argv.slice(2);

async function look(collection, before) {
  await collection.refresh();
  const groups = new Map();
  let newest = -1;
  for await (const { id, field } of collection.scan()) {
    const seen = groups.get(field.group) ?? { size: field.size, version: field.version, rows: new Set() };
    groups.set(field.group, seen);
    if (seen.version !== field.version) throw new Error(`group ${field.group} holds rows of two commits`);
    seen.rows.add(id);
    newest = Math.max(newest, field.version);
  }
  for (const [group, { size, rows }] of groups) {
    if (rows.size !== size) throw new Error(`group ${group} has ${rows.size} rows of ${size}`);
  }
  const { rows, vectorFields } = await collection.stats();
  // Every row was committed with a vector of this field.
  const placed = vectorFields.find(({ name }) => name === "place")?.rows ?? 0;
  if (placed !== rows) throw new Error(`${placed} of ${rows} rows have a vector of the field`);
  const deleted = new Set([...before.groups.keys()].filter((group) => !groups.has(group)));
  for (const [group, { version }] of groups) {
    const old = before.groups.get(group);
    if (old !== undefined && version < old.version) throw new Error(`group ${group} went back to an earlier commit`);
    if (before.deleted.has(group)) throw new Error(`group ${group} came back after it was deleted`);
  }
  return { groups, rows, deleted: new Set([...before.deleted, ...deleted]) };
}

async function main() {
  const client = new VectorDBClient(folder, { readOnly: true });
  const collection = await (await client.getDatabase("crash")).getCollection("rows");
  let seen = { groups: new Map(), deleted: new Set() };
  writeSync(1, `${JSON.stringify({ ready: process.pid })}\n`);
  for (let looks = 1; ; looks++) {
    seen = await look(collection, seen);
    writeSync(1, `${JSON.stringify({ looks, rows: seen.rows })}\n`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

main().catch((error) => {
  const message = isLynseError(error) ? JSON.stringify(error) : String(error?.stack ?? error);
  writeSync(1, `${JSON.stringify({ error: { message } })}\n`);
  process.exit(1);
});
