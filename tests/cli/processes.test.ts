import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VectorDBClient } from "../../src/index.js";
import { type LynseResult, lynsePath, runLynse } from "./run-lynse.js";

const rowCount = 20_000;
let folder = "";
let data = "";
const run = (...args: string[]): Promise<LynseResult> => runLynse(args, { folder, data });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynse-processes-"));
  data = join(folder, "data");
  const text = Array.from(
    { length: rowCount },
    (_, row) => `{"v":[${row},1,2],"title":"row ${row} ${"x".repeat(60)}"}`,
  );
  writeFileSync(join(folder, "rows.jsonl"), text.join("\n"));
  expect((await run("import", "rows.jsonl", "--collection", "rows", "--vectors", "v")).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a line of the shell with `lynse` as a command in it. */
function shell(line: string, settings: Record<string, string> = {}): { code: number | null; output: string } {
  const env = { ...process.env, ...settings, LYNSE_DATA_DIR: data, LYNSE: `${process.execPath} ${lynsePath}` };
  const { status, stdout, stderr } = spawnSync("bash", ["-c", `set -o pipefail; ${line}`], { cwd: folder, env });
  return { code: status, output: `${stdout}${stderr}` };
}

describe("pipes", () => {
  test("a reader that goes away ends the command quietly", () => {
    const { code, output } = shell("$LYNSE query --collection rows --limit all --json | head -n 2");
    expect(code).toBe(0);
    expect(output.trimEnd().split("\n")).toHaveLength(2);
  });

  test("a slow reader gets every row", () => {
    const { code, output } = shell("$LYNSE query --collection rows --limit all --json | (sleep 0.3; wc -l)");
    expect([code, output.trim()]).toEqual([0, String(rowCount)]);
  });

  test.runIf(process.platform === "linux")("an output that cannot be written is an error, not silence", () => {
    const { code, output } = shell("$LYNSE query --collection rows --json > /dev/full");
    expect(code).toBe(1);
    expect(output).toMatch(/^lynse: cannot write the output \(ENOSPC/);
  });

  test("what one command prints another one imports", () => {
    const { code } = shell(
      "$LYNSE query --collection rows --limit 50 --json | $LYNSE import - --format jsonl --collection copy " +
        "--vectors vector --data ./other",
    );
    expect(code).toBe(1);
    const ids = "0 1 2 3 4";
    const copied = shell(
      `$LYNSE get ${ids} --collection rows --json | $LYNSE import - --format jsonl --collection copy ` +
        "--vectors vector --id-column id --data ./other && $LYNSE query --collection copy --data ./other --json",
    );
    expect(copied.code).toBe(0);
    expect(copied.output).toContain('{"id":4,"field":{"field":{"title":"row 4 ');
  });
});

describe("beside a process that writes", () => {
  test("reading commands see what is committed; writing commands are refused with the holder's name", async () => {
    const client = new VectorDBClient(data);
    const collection = await (await client.createDatabase("default")).getCollection("rows");
    try {
      await collection.add({ ids: ["new"], vectors: [[1, 1, 1]], fields: [{ title: "just committed" }] });
      const found = await run("query", "--collection", "rows", "--where", "title = 'just committed'", "--json");
      expect(found.stdout).toBe('{"id":"new","field":{"title":"just committed"}}\n');
      expect((await run("get", "new", "--collection", "rows")).code).toBe(0);
      expect((await run("search", "--collection", "rows", "--like", "new", "-k", "1")).code).toBe(0);
      expect((await run("info")).stdout).toContain("20,001");
      for (const args of [
        ["delete", "--ids", "new", "--yes"],
        ["compact"],
        ["index", "FLAT-L2"],
        ["import", "rows.jsonl", "--vectors", "v"],
      ]) {
        const { code, stderr } = await run(...args, "--collection", "rows");
        expect(code).toBe(1);
        expect(stderr).toMatch(new RegExp(`^lynse: process ${process.pid} on .* is writing to .*data, since `));
        expect(stderr).toMatch(/\n {7}wait for it or end it; search, query, get and info work beside it\n$/);
      }
      await collection.delete(["new"]);
    } finally {
      await client.close();
    }
    expect((await run("get", "new", "--collection", "rows")).code).toBe(1);
  });
});

const hasScript = spawnSync("script", ["--version"]).status === 0;

// util-linux's `script` gives the command a terminal of its own.
describe.runIf(hasScript)("on a terminal", () => {
  function onTerminal(command: string, columns: number, input = "", settings: Record<string, string> = {}): string {
    const env = { ...process.env, TERM: "xterm", ...settings, LYNSE_DATA_DIR: data };
    const line = `stty cols ${columns} rows 40; ${process.execPath} ${lynsePath} ${command}`;
    const output = execFileSync("script", ["-qec", line, "/dev/null"], { cwd: folder, env, input, encoding: "utf8" });
    return output.replaceAll("\r\n", "\n");
  }

  test.each([60, 76])("a table is cut to %i columns", (columns) => {
    const lines = onTerminal("search --collection rows --like 7 -k 3", columns, "", { NO_COLOR: "1" }).trimEnd();
    expect(lines).not.toContain("\u001b");
    expect(lines.split("\n")).toHaveLength(4);
    for (const line of lines.split("\n").slice(1)) {
      expect(line).toMatch(/…$/);
      expect(line.length).toBe(columns);
    }
  });

  test("the header is bold, unless NO_COLOR is set", () => {
    expect(onTerminal("query --collection rows --limit 1", 80)).toContain("\u001b[1m");
  });

  test("delete asks; only yes deletes", () => {
    const no = onTerminal("delete --collection rows --ids 3", 80, "n\n");
    expect(no).toContain("1 row of default/rows will be deleted");
    expect(no).toContain("nothing was deleted");
    const yes = onTerminal("delete --collection rows --ids 3", 80, "yes\n");
    expect(yes).toContain("1 row deleted");
  });

  test("an import paints one line and removes it", () => {
    const output = onTerminal("import rows.jsonl --collection painted --vectors v --batch 500", 70);
    expect(output).toMatch(/\r\[#+\.*\] +\d+% {2}[\d,]+ rows, [\d,]+ rows\/s/);
    expect(output).toContain("\r\u001b[K20,000 rows of dimension 3 imported");
  });
});
