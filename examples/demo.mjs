/**
 * What does LynseDB do, on real data, in a few seconds?
 *
 * Imports 4,000 Debian packages with their vectors (examples/data), searches them by vector, by words and by both, filters,
 * counts, updates and copies them, and then kills a process in the middle of its writes to show what is left. Every
 * result is checked against a plain computation; the exit code is 1 when one differs. Run it with `npm run demo`.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { verify } from "../dist/client/local/local-inspect.js";
import { VectorDBClient, where } from "../dist/index.js";

const dim = 64;
const crashRounds = 4;
/** Rows of the transactions that a writing process commits, and of the large one that it is killed in. */
const transactionRows = [3000, 3000, 50_000];
/** Searches whose median time is shown. */
const timedSearches = 200;

// ---------------------------------------------------------------------------------------------- output and checks

let failures = 0;

function title(text) {
  process.stdout.write(`\n${text}\n${"─".repeat(text.length)}\n`);
}

function line(label, text) {
  process.stdout.write(`  ${label.padEnd(26)}${text}\n`);
}

function check(isTrue, what) {
  process.stdout.write(`  ${isTrue ? "ok  " : "FAIL"} ${what}\n`);
  if (!isTrue) failures += 1;
}

async function timed(work) {
  const startedAt = performance.now();
  const value = await work();
  return { value, ms: performance.now() - startedAt };
}

/** Median time of one call, milliseconds. */
async function medianMs(work) {
  const times = [];
  for (let round = 0; round < timedSearches; round += 1) times.push((await timed(() => work(round))).ms);
  return times.sort((a, b) => a - b)[timedSearches / 2];
}

const count = (number) => number.toLocaleString("en-US");
const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
const kilobytes = (bytes) => `${count(Math.round(bytes / 1000))} kB`;

function table(rows) {
  for (const { id, distance, field } of rows) {
    const text = field.description.length <= 56 ? field.description : `${field.description.slice(0, 55)}…`;
    process.stdout.write(
      `  ${distance.toFixed(3).padStart(6)}  ${id.padEnd(23)}  ${field.section.padEnd(9)}  ${text}\n`,
    );
  }
}

// ----------------------------------------------------------------------------------------------------------- data

function readPackages() {
  const folder = new URL("data/", import.meta.url);
  const lines = readFileSync(new URL("packages.jsonl", folder), "utf8").trimEnd().split("\n");
  const bytes = readFileSync(new URL("packages.f32", folder));
  const vectors = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return lines.map((text, row) => {
    const { name, ...field } = JSON.parse(text);
    return { id: name, vector: vectors.subarray(row * dim, (row + 1) * dim), field };
  });
}

/** The scores that a search must find, computed the plain way: cosine in double precision, best first. */
function plainSearch(packages, query, matches = () => true) {
  const dot = (a, b) => a.reduce((sum, number, at) => sum + number * b[at], 0);
  return packages
    .filter((row) => matches(row.field))
    .map((row) => ({
      id: row.id,
      score: dot(query, row.vector) / Math.sqrt(dot(query, query) * dot(row.vector, row.vector)),
    }))
    .sort((a, b) => b.score - a.score);
}

/** Words of a text, as searches by words see them. */
const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];

/** The BM25 scores (k1 = 1.2, b = 0.75) of all descriptions with one of the words, computed the plain way, best first. */
function plainWords(packages, query) {
  const texts = packages.map((row) => wordsOf(row.field.description));
  const averageLength = texts.reduce((sum, words) => sum + words.length, 0) / texts.length;
  const scores = new Float64Array(packages.length);
  for (const word of wordsOf(query)) {
    const times = texts.map((words) => words.filter((other) => other === word).length);
    const frequency = times.filter((count) => count > 0).length;
    const idf = Math.log(1 + (texts.length - frequency + 0.5) / (frequency + 0.5));
    for (const [row, count] of times.entries()) {
      const norm = 1.2 * (1 - 0.75 + (0.75 * texts[row].length) / averageLength);
      scores[row] += (idf * count * 2.2) / (count + norm);
    }
  }
  const found = packages.map((row, at) => ({ id: row.id, score: scores[at] })).filter((row) => row.score > 0);
  return found.sort((a, b) => b.score - a.score);
}

/** Reciprocal rank fusion of lists that are best first, computed the plain way. */
function plainFusion(lists) {
  const scores = new Map();
  for (const list of lists) {
    for (const [at, { id }] of list.entries()) scores.set(id, (scores.get(id) ?? 0) + 1 / (60 + at + 1));
  }
  return [...scores].map(([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}

/** How many rows have each value, most frequent first, computed the plain way. */
function plainCounts(fields, valuesOf) {
  const counts = new Map();
  for (const value of fields.flatMap(valuesOf)) counts.set(value, (counts.get(value) ?? 0) + 1);
  const entries = [...counts].map(([value, rows]) => ({ value, count: rows }));
  return entries.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

/** Equal scores at every rank; rows with the same score may change places. */
function isSame(found, expected) {
  return (
    found.length === expected.length &&
    [...found.distances].every((score, at) => Math.abs(score - expected[at].score) < 1e-5)
  );
}

// ----------------------------------------------------------------------------------------------------- the chapters

async function importPackages(database, packages) {
  title("Import: one atomic transaction");
  const collection = await database.requireCollection("packages", { dim });
  const write = () => collection.insertSession((session) => session.bulkAddItems(packages));
  const { value: ids, ms } = await timed(write);
  line(
    "committed to disk",
    `${count(ids.length)} rows in ${milliseconds(ms)}, ${count(Math.round((ids.length / ms) * 1000))} rows/s`,
  );
  const index = await timed(() => collection.buildIndex("FLAT-COS"));
  line("index FLAT-COS", milliseconds(index.ms));
  const [rows, width] = await collection.shape();
  check(rows === packages.length && width === dim, `the collection holds ${count(rows)} × ${width}`);
  return collection;
}

async function search(collection, packages) {
  const queryOf = (name) => packages.find((row) => row.id === name).vector;

  title("Search: packages like audacity");
  const query = queryOf("audacity");
  const nearest = await timed(() => collection.search(query, { k: 6, returnFields: true }));
  table(nearest.value);
  check(isSame(nearest.value, plainSearch(packages, query).slice(0, 6)), "the exact top 6");
  const median = await medianMs((round) => collection.search(packages[round * 7].vector, { k: 10 }));
  line(
    "time",
    `${milliseconds(median)} a search (median of ${timedSearches}, k = 10); the first ${milliseconds(nearest.ms)}`,
  );

  title("Filtered: like git, small command-line tools of other sections");
  const filter = where`section != ${"vcs"} AND size < ${200_000} AND tags CONTAINS ${"interface::commandline"}`;
  const matches = (field) =>
    field.section !== "vcs" && field.size < 200_000 && field.tags.includes("interface::commandline");
  const git = queryOf("git");
  const filtered = await timed(() => collection.search(git, { k: 6, where: filter, returnFields: true }));
  table(filtered.value);
  const { profile } = await collection.searchProfile(git, { k: 6, where: filter });
  line("plan", `${profile.plan}, ${count(profile.matches)} of ${count(profile.rows)} rows match`);
  const expected = plainSearch(packages, git, matches);
  check(
    isSame(filtered.value, expected.slice(0, 6)) && profile.matches === expected.length,
    `the exact top 6 of ${count(expected.length)} matching rows`,
  );
  const filteredMedian = await medianMs((round) =>
    collection.search(packages[round * 7].vector, { k: 10, where: filter }),
  );
  line(
    "time",
    `${milliseconds(filteredMedian)} a search; the first, which reads the columns, ${milliseconds(filtered.ms)}`,
  );

  title("Range: everything at least 0.9 like vim");
  const vim = queryOf("vim");
  const range = await timed(() => collection.searchRange(vim, { threshold: 0.9, returnFields: true }));
  table(range.value);
  const near = plainSearch(packages, vim).filter((row) => row.score >= 0.9);
  check(isSame(range.value, near), `${range.value.length} rows within the range in ${milliseconds(range.ms)}`);
}

async function words(collection, packages) {
  title("Words: packages about version control, by BM25");
  const found = await timed(() =>
    collection.bm25Search("version control", { k: 6, textFields: ["description"], returnFields: true }),
  );
  table(found.value);
  check(isSame(found.value, plainWords(packages, "version control").slice(0, 6)), "the exact top 6 by the formula");
  const queries = packages.map((row) => wordsOf(row.field.description).slice(0, 3).join(" "));
  const median = await medianMs((round) => collection.bm25Search(queries[round * 7], { k: 10 }));
  line(
    "time",
    `${milliseconds(median)} a search (three words, all fields); the first, which builds the index, ${milliseconds(found.ms)}`,
  );

  const exact = await collection.bm25Search('"command line" -perl', { k: 4000, textFields: ["description"] });
  const matching = packages.filter(({ field }) => {
    const spaced = ` ${wordsOf(field.description).join(" ")} `;
    return spaced.includes(" command line ") && !spaced.includes(" perl ");
  });
  const ids = new Set(exact.ids);
  check(
    exact.length === matching.length && matching.every((row) => ids.has(row.id)),
    `"command line" -perl: the phrase without the word, ${count(exact.length)} rows`,
  );
}

async function hybrid(collection, packages) {
  title("Hybrid: like git, and about version control");
  const { vector } = packages.find((row) => row.id === "git");
  const options = { k: 6, textFields: ["description"] };
  const found = await collection.hybridSearch({ vector, text: "version control" }, { ...options, returnFields: true });
  for (const [at, { id, distance, field }] of [...found].entries()) {
    const places = ["vector", "text"]
      .map((name) => `${name} #${found.parts[at][name]?.rank ?? "-"}`.padEnd(12))
      .join("");
    process.stdout.write(`  ${distance.toFixed(4)}  ${id.padEnd(14)}  ${places}  ${field.description.slice(0, 52)}\n`);
  }
  // Each list gives four times as many rows as are wanted; the fifth and later ones of equal scores may differ.
  const lists = [plainSearch(packages, vector), plainWords(packages, "version control")].map((list) =>
    list.slice(0, 24),
  );
  check(isSame(found, plainFusion(lists).slice(0, 6)), "the exact fusion of both lists by reciprocal rank");
  const median = await medianMs((round) =>
    collection.hybridSearch(
      {
        vector: packages[round * 7].vector,
        text: wordsOf(packages[round * 7].field.description)
          .slice(0, 3)
          .join(" "),
      },
      { k: 10 },
    ),
  );
  line("time", `${milliseconds(median)} a search by vector and words`);
}

async function counts(collection, packages) {
  title("Facets and groups: small programs by section and by tag");
  const filter = where`size < ${200_000} AND tags CONTAINS ${"role::program"}`;
  const matching = packages.filter(({ field }) => field.size < 200_000 && field.tags.includes("role::program"));
  const facets = await timed(() => collection.facets({ section: 5, tags: 4 }, { where: filter }));
  const shown = (values) => values.map(({ value, count: rows }) => `${value} ${count(rows)}`).join(", ");
  line("section", shown(facets.value.section));
  line("tags", shown(facets.value.tags));
  const fields = matching.map((row) => row.field);
  const expected = {
    section: plainCounts(fields, (field) => [field.section]).slice(0, 5),
    tags: plainCounts(fields, (field) => [...new Set(field.tags)]).slice(0, 4),
  };
  check(
    JSON.stringify(facets.value) === JSON.stringify(expected),
    `counted over ${count(matching.length)} rows in ${milliseconds(facets.ms)}`,
  );

  const { vector } = packages.find((row) => row.id === "audacity");
  const grouped = await collection.search(vector, { k: 4, groupBy: "section", groupSize: 2 });
  const sectionOf = new Map(packages.map((row) => [row.id, row.field.section]));
  const plain = new Map();
  for (const { id, score } of plainSearch(packages, vector)) {
    const section = sectionOf.get(id);
    if (plain.size === 4 && !plain.has(section)) continue;
    plain.set(section, [...(plain.get(section) ?? []), score].slice(0, 2));
  }
  for (const { value, positions } of grouped.groups) line(value, positions.map((at) => grouped.ids[at]).join(", "));
  const isRight = grouped.groups.every(({ value, positions }) => {
    const scores = plain.get(value) ?? [];
    return (
      positions.length === scores.length &&
      positions.every((at, place) => Math.abs(grouped.distances[at] - scores[place]) < 1e-5)
    );
  });
  check(isRight && grouped.groups.length === plain.size, "like audacity: the best two of the four best sections");
}

async function index(collection, packages) {
  title("Index: a graph, when exact is not fast enough");
  const queries = Array.from({ length: 200 }, (_, at) => packages[at * 19].vector);
  const k = 10;
  const exact = await collection.batchSearch(queries, { k, exact: true });
  const exactMs = await medianMs((round) => collection.search(packages[round * 7].vector, { k, exact: true }));
  const built = await timed(() => collection.buildIndex("HNSW-COS"));
  line("index HNSW-COS", `${count(packages.length)} rows in ${milliseconds(built.ms)}, on all cores`);
  const nprobe = 32;
  let found = 0;
  for (const [at, query] of queries.entries()) {
    const { distances } = await collection.search(query, { k, nprobe });
    // Ties count: a row as near as the tenth nearest is as good.
    found += [...distances].filter((score) => score >= exact[at].distances[k - 1] - 1e-6).length;
  }
  const recall = found / (queries.length * k);
  const graphMs = await medianMs((round) => collection.search(packages[round * 7].vector, { k, nprobe }));
  check(recall >= 0.95, `recall ${recall.toFixed(3)} of the exact top ${k}, for ${queries.length} queries`);
  line("time", `${milliseconds(graphMs)} a search, exact ${milliseconds(exactMs)}`);
  await collection.buildIndex("FLAT-COS");
}

async function update(collection, packages) {
  title("Update: upsert, delete, restore");
  const vim = packages.find((row) => row.id === "vim");
  const first = async () => (await collection.search(vim.vector, { k: 1 })).ids[0];
  const field = { ...vim.field, description: "an editor, described anew" };

  const upserted = await timed(() => collection.upsert({ ids: ["vim"], vectors: [vim.vector], fields: [field] }));
  const stored = await collection.get("vim");
  check(
    stored.fields[0].description === field.description && (await collection.count()) === packages.length,
    `upsert replaced the row, durable in ${milliseconds(upserted.ms)}`,
  );

  const removed = await timed(() => collection.delete(["vim"]));
  const isGone = !(await collection.isIdExists("vim")) && (await first()) !== "vim";
  check(removed.value === 1 && isGone, `deleted: no search finds it, durable in ${milliseconds(removed.ms)}`);

  const restored = await timed(() => collection.restore(["vim"]));
  const isBack = (await collection.isIdExists("vim")) && (await first()) === "vim";
  check(restored.value === 1 && isBack, `restored: it is found again, durable in ${milliseconds(restored.ms)}`);
}

async function stats(collection) {
  title("What it takes");
  const { rows, deleted, superseded, disk, memory } = await collection.stats();
  line("rows", `${count(rows)} live, ${count(deleted)} deleted, ${count(superseded)} replaced`);
  line(
    "disk",
    `${kilobytes(disk.totalBytes)} (log ${kilobytes(disk.logBytes)}, vectors ${kilobytes(disk.vectorBytes)})`,
  );
  line(
    "memory",
    `${kilobytes(memory.totalBytes)} (vectors ${kilobytes(memory.vectorBytes)}, codes ${kilobytes(memory.codeBytes)})`,
  );
  check(disk.vectorBytes >= rows * dim * 4 && memory.totalBytes > 0, "the figures add up");
}

async function copies(folder, database, collection, packages) {
  title("Copies: a snapshot, an export, and a look at every byte");
  const rows = packages.length;
  const snapshot = await timed(() => collection.snapshotTo(join(folder, "kept", "snapshot")));
  check(snapshot.value.rows === rows, `snapshot of ${kilobytes(snapshot.value.bytes)} in ${milliseconds(snapshot.ms)}`);
  const exported = await timed(() => collection.exportTo(join(folder, "kept", "export")));
  check(exported.value.rows === rows, `export of ${kilobytes(exported.value.bytes)} in ${milliseconds(exported.ms)}`);

  const ids = (await collection.search(packages[0].vector, { k: 10 })).ids;
  await collection.delete({ where: "section = 'editors'" });
  const [lost] = await collection.shape();
  const restored = await timed(() =>
    database.restoreCollection(collection.name, join(folder, "kept", "snapshot"), { overwrite: true }),
  );
  const isSame = (await collection.search(packages[0].vector, { k: 10 })).ids.every((id, at) => id === ids[at]);
  check(
    isSame && (await collection.count()) === rows && lost < rows,
    `${count(rows - lost)} deleted rows restored at once, everything verified, in ${milliseconds(restored.ms)}`,
  );
  await database.importCollection("imported", join(folder, "kept", "export"));
  const imported = await database.getCollection("imported");
  const isImported = (await imported.search(packages[0].vector, { k: 10 })).ids.every((id, at) => id === ids[at]);
  check(isImported && (await imported.count()) === rows, "the export imported as another collection");

  const { isClean, bytesRead, seconds } = await verify(folder);
  check(isClean, `${kilobytes(bytesRead)} verified beside the open database in ${milliseconds(seconds * 1000)}`);
}

// ------------------------------------------------------------------------------------------------------- the crash

/** Row `id`, the same in the writing process and in the checking one. */
function crashRow(packages, id) {
  const source = packages[id % packages.length];
  return { id, vector: source.vector, field: { row: id, package: source.id } };
}

function* crashRows(packages, from, to) {
  for (let id = from; id < to; id += 1) yield crashRow(packages, id);
}

/** The writing process: commits one transaction after the other and says so, until it is killed. */
async function writeUntilKilled(folder) {
  const packages = readPackages();
  const client = new VectorDBClient(folder);
  const database = await client.createDatabase("crash");
  const collection = await database.requireCollection("rows", { dim });
  let [from] = await collection.shape();
  for (const rows of transactionRows) {
    const to = from + rows;
    process.stdout.write(`begin ${to}\n`);
    await collection.insertSession((session) => session.bulkAddItems(crashRows(packages, from, to)));
    process.stdout.write(`committed ${to}\n`);
    from = to;
  }
  await client.close();
}

/** Bytes of the files below a folder. */
function bytesIn(folder) {
  const names = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  return names.reduce((sum, name) => sum + (statSync(name).isFile() ? statSync(name).size : 0), 0);
}

/**
 * Runs the writing process and kills it in its last transaction, at the moment when bytes of it reach the files. Gives
 * the rows that it called committed, and how many there would be with the transaction that was cut short.
 */
async function killWriter(folder) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "--write", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let begun = 0;
  let committed = 0;
  let told = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    const [word, rows] = text.split(" ");
    if (word === "committed") {
      committed = Number(rows);
      told += 1;
    } else {
      begun = Number(rows);
      if (told === transactionRows.length - 1) killWhenGrown(child, folder, bytesIn(folder));
    }
  }
  await ended;
  return { committed, begun, signal: child.signalCode };
}

function killWhenGrown(child, folder, bytes) {
  if (bytesIn(folder) > bytes) child.kill("SIGKILL");
  else if (child.exitCode === null) setImmediate(killWhenGrown, child, folder, bytes);
}

/** Rows that differ from what was written, read one by one. */
async function countWrongRows(collection, packages) {
  let wrong = 0;
  let read = 0;
  for await (const row of collection.scan({ returnVectors: true })) {
    const expected = crashRow(packages, read);
    const isRight =
      row.id === expected.id &&
      row.field.row === expected.field.row &&
      row.field.package === expected.field.package &&
      row.vector.every((number, component) => number === expected.vector[component]);
    if (!isRight) wrong += 1;
    read += 1;
  }
  return { wrong, read };
}

async function crash(folder, packages) {
  title(`Crash: a process killed with SIGKILL while it writes a transaction, ${crashRounds} times`);
  for (let round = 1; round <= crashRounds; round += 1) {
    const { committed, begun, signal } = await killWriter(folder);
    check(
      signal === "SIGKILL",
      `kill ${round}: ${count(committed)} rows committed, ${count(begun - committed)} being written`,
    );
    const bytesLeft = bytesIn(join(folder, "crash"));
    const client = new VectorDBClient(folder);
    const { value: collection, ms } = await timed(async () =>
      (await client.getDatabase("crash")).getCollection("rows"),
    );
    const [rows] = await collection.shape();
    const torn = bytesLeft - bytesIn(join(folder, "crash"));
    line(
      "opened again",
      `in ${milliseconds(ms)}, ${torn > 0 ? `${kilobytes(torn)} of the torn transaction cut off` : "nothing torn"}`,
    );
    check(
      rows === committed || rows === begun,
      `${count(rows)} rows: ${rows === begun ? "its commit was complete" : "those committed, none of the torn ones"}`,
    );
    const { wrong, read } = await countWrongRows(collection, packages);
    check(wrong === 0 && read === rows, `${count(read)} rows read back, number by number`);
    await client.close();
  }
}

async function demo() {
  const startedAt = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "lynsedb-demo-"));
  try {
    const packages = readPackages();
    process.stdout.write(`LynseDB on ${count(packages.length)} Debian packages, ${dim} dimensions, in ${folder}\n`);
    const client = new VectorDBClient(folder);
    const collection = await importPackages(await client.createDatabase("demo"), packages);
    await search(collection, packages);
    await words(collection, packages);
    await hybrid(collection, packages);
    await counts(collection, packages);
    await index(collection, packages);
    await update(collection, packages);
    await stats(collection);
    await copies(folder, await client.getDatabase("demo"), collection, packages);
    await client.close();
    await crash(folder, packages);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(
    failures === 0 ? `\nAll as it should be (${seconds} s).\n` : `\n${failures} checks FAILED (${seconds} s).\n`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
}

if (process.argv[2] === "--write") await writeUntilKilled(process.argv[3]);
else await demo();
