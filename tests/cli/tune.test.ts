/**
 * `lynse tune` on a small collection: the figures make sense, the collection stays as it was, and the command that is
 * recommended works as it is printed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LynseResult, runLynse } from "./run-lynse.js";

const rowCount = 8000;
const dim = 24;
let folder = "";
const run = (...args: string[]): Promise<LynseResult> => runLynse(args, { folder, data: join(folder, "it's data") });

/** Rows about 40 centres, from a seed. */
function clusteredRows(): { vectors: Float32Array; lines: string } {
  let state = 12_345;
  const unit = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const centres = Array.from({ length: 40 * dim }, unit);
  const vectors = new Float32Array(rowCount * dim);
  for (let at = 0; at < vectors.length; at += 1) {
    const centre = Math.floor(at / dim) % 40;
    vectors[at] = (centres[centre * dim + (at % dim)] ?? 0) + unit() * 0.6;
  }
  const lines = Array.from({ length: rowCount }, (_, row) => JSON.stringify({ half: row % 2 === 0 ? "a" : "b" }));
  return { vectors, lines: lines.join("\n") };
}

/** Names, lengths and times of all files of the data directory. */
function stateOfFiles(): string[] {
  const root = join(folder, "it's data");
  return readdirSync(root, { recursive: true })
    .map(String)
    .sort()
    .map((name) => `${name} ${statSync(join(root, name)).size} ${statSync(join(root, name)).mtimeMs}`);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynse-tune-"));
  const { vectors, lines } = clusteredRows();
  writeFileSync(join(folder, "rows.f32"), new Uint8Array(vectors.buffer));
  writeFileSync(join(folder, "rows.jsonl"), lines);
  writeFileSync(join(folder, "few.jsonl"), '{"vector": [1, 0]}\n{"vector": [0, 1]}\n');
  for (const args of [
    ["rows.jsonl", "--collection", "rows", "--vectors", "rows.f32", "--dim", String(dim), "--index", "FLAT-L2"],
    ["few.jsonl", "--collection", "few", "--vectors", "vector"],
  ]) {
    const { code, stderr } = await run("import", ...args);
    expect([code, stderr]).toEqual([0, ""]);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("tune", () => {
  test("measures indexes against exact search, and leaves the collection as it was", async () => {
    const before = stateOfFiles();
    const args = ["--modes", "hnsw-l2,FLAT-L2", "--queries", "60", "--json"];
    const { code, stdout, stderr } = await run("tune", "rows", ...args);
    expect([code, stderr]).toEqual([0, expect.stringContaining("HNSW-L2: building\n")]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ rows: rowCount, copiedRows: rowCount - 60, queries: 60, k: 10, metric: "l2" });
    const [exact, graph, ...others] = report.modes;
    expect(others).toEqual([]);
    expect(exact).toMatchObject({ mode: "FLAT-L2", isExact: true, points: [{ recall: 1 }] });
    expect(graph).toMatchObject({ mode: "HNSW-L2", failure: null, knobParameter: "efSearch" });
    expect(graph.memoryBytes).toBeGreaterThan(exact.memoryBytes);
    const recalls = graph.points.map((point: { recall: number }) => point.recall);
    expect(Math.max(...recalls)).toBeGreaterThan(0.9);
    expect(Math.max(...recalls)).toBeLessThanOrEqual(1);
    expect(graph.points[0].usesIndex).toBe(true);
    for (const { meanMs, p95Ms } of graph.points) {
      expect(meanMs).toBeGreaterThan(0);
      expect(p95Ms).toBeGreaterThan(meanMs / 10);
    }
    expect(stateOfFiles()).toEqual(before);
  });

  test("prints a table, a sentence and a command that works as it stands; writes a page that needs nothing else", async () => {
    const args = ["--modes", "HNSW-L2", "--queries", "40", "--target-recall", "0.9", "--html", "tune.html"];
    const place = ["--collection", "rows", "--data", "it's data"];
    const { code, stdout, stderr } = await run("tune", ...place, ...args);
    expect(code).toBe(0);
    expect(stderr).toMatch(/the page is in tune\.html\n$/);
    expect(stdout).toMatch(/^index +nprobe +recall +mean +p95 +build +memory$/m);
    expect(stdout.match(/recommended/g)).toHaveLength(1);
    const command = stdout.trimEnd().split("\n").at(-1)?.trim() ?? "";
    expect(command).toMatch(/^lynse index \S+ (--param efSearch=\d+ )?--collection rows --data 'it'\\''s data'$/);
    const page = readFileSync(join(folder, "tune.html"), "utf8");
    expect(page).toContain("<svg ");
    expect(page).toContain("default/rows");
    expect(page).toContain("--data &#39;it&#39;\\&#39;&#39;s data&#39;");
    expect(page).not.toMatch(/NaN|Infinity|undefined|<script|https?:/);
    const [mode, parameter] = [command.split(" ")[2] ?? "", /--param (\S+)/.exec(command)?.[1]];
    const applied = ["index", mode, ...(parameter === undefined ? [] : ["--param", parameter])];
    const { stdout: told } = await run(...applied, "--collection", "rows");
    expect(told).toContain(`has the index ${mode}, built in`);
  });

  test("under a filter, which exact search and indexes get alike", async () => {
    const args = ["--where", "half = :h", "--params", '{"h": "a"}', "--modes", "HNSW-L2", "--queries", "20", "--json"];
    const { code, stdout } = await run("tune", "rows", ...args);
    expect(code).toBe(0);
    const { where, modes } = JSON.parse(stdout);
    expect(where).toBe("half = :h");
    expect(Math.max(...modes[1].points.map((point: { recall: number }) => point.recall))).toBeGreaterThan(0.9);
    const nothing = await run("tune", "rows", "--where", "half = 'c'", "--modes", "HNSW-L2", "--queries", "20");
    expect([nothing.code, nothing.stdout]).toEqual([1, ""]);
    expect(nothing.stderr).toMatch(/lynse: no row that was copied matches the filter/);
  });

  test("a large collection is sampled, and that is said; over few rows an index is not used, and that is said", async () => {
    const args = ["--modes", "HNSW-L2", "--queries", "20", "--sample-rows", "1000"];
    const { stdout } = await run("tune", "rows", ...args);
    expect(stdout).toMatch(/^copy +a sample of 1,000 of 8,000 rows, in memory/m);
    expect(stdout).toMatch(/^HNSW-L2 .* scanned exactly$/m);
    expect(stdout).toMatch(/^queries +20 rows drawn from the collection and left out of the copy/m);
  });
});

describe.concurrent("mistakes", () => {
  test.each<[string[], number, RegExp]>([
    [["tune"], 2, /exactly one collection is wanted/],
    [["tune", "few", "--target-recall", "2"], 2, /A number above 0 and at most 1 is wanted/],
    [["tune", "few", "--params", "{}"], 2, /--params belongs to --where/],
    [["tune", "nope"], 1, /no collection "nope"/],
    [["tune", "few"], 1, /^lynse: collection "few" has 2 rows; there is something to tune from 50 rows on/],
    [["tune", "rows", "--modes", "HNSW-COS"], 1, /HNSW-COS ranks by cos, but collection "rows" by l2/],
    [["tune", "rows", "--modes", "HNWS"], 1, /HNWS.*\bHNSW/s],
    [["index", "HNSW-L2", "--param", "efSearch", "--collection", "few"], 2, /A name and a number are wanted/],
    [["index", "HNSW-L2", "--param", "fieldName=3", "--collection", "few"], 2, /fieldName is no parameter of an index/],
    [["index", "HNSW-L2", "--param", "elephants=3", "--collection", "few"], 1, /no parameter "elephants".*efSearch/],
    [["index", "--param", "m=3", "--collection", "few"], 2, /--param belongs to the name of an index/],
  ])("%j is refused", async (args, code, message) => {
    const result = await run(...args);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe("");
  });
});
