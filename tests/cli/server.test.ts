/**
 * Does every command do behind a server what it does in a directory?
 *
 * The same commands on the same rows, once with `--data` and once with `--uri`: the same output.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServer, type LynseServer } from "../../src/server/lynse-server.js";
import { type LynseResult, runLynse } from "./run-lynse.js";

const key = "c0ffee-c0ffee";
let folder = "";
let server: LynseServer;
let uri = "";

const rows = Array.from({ length: 60 }, (_, at) => ({
  doc: at,
  v: [Math.sin(at), Math.cos(at), at / 60],
  title: `row ${at} of ${at % 2 === 0 ? "even" : "odd"} ones`,
  parity: at % 2 === 0 ? "even" : "odd",
}));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lynse-cli-server-"));
  writeFileSync(join(folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const readOnlyKey = "reader:5ca1ab1e-5ca1ab1e:ro";
  server = await createServer({ dataDir: join(folder, "served"), port: 0, apiKeys: [`main:${key}`, readOnlyKey] });
  uri = (await server.listen()).origin;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const remote = (args: readonly string[], env: Record<string, string> = { LYNSE_API_KEY: key }): Promise<LynseResult> =>
  runLynse([...args, "--uri", uri], { folder, data: join(folder, "unused"), env });
const local = (args: readonly string[]): Promise<LynseResult> =>
  runLynse(args, { folder, data: join(folder, "local") });

/** Output without what differs from run to run and from place to place. */
function comparable({ code, stdout, stderr }: LynseResult): object {
  const text = (output: string): string =>
    output
      .replaceAll(/[\d.,]+ (?:[nµm]?s|rows\/s)\b/g, "<time>")
      .replaceAll(/[\d.,]+ [kM]?B\b/g, "<size>")
      .replaceAll(/ +/g, " ");
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const collection = ["--collection", "rows"];
const commands: readonly (readonly string[])[] = [
  [
    "import",
    "rows.jsonl",
    ...collection,
    "--vectors",
    "v",
    "--id-column",
    "doc",
    "--index",
    "FLAT-COS",
    "--batch",
    "25",
  ],
  ["search", ...collection, "--like", "7", "-k", "4", "--where", "parity = :p", "--params", '{"p":"odd"}', "--json"],
  ["search", ...collection, "--text", '"row 12"', "--highlight"],
  ["search", ...collection, "--text", "even", "--like", "3", "-k", "3", "--facet", "parity"],
  ["search", ...collection, "--vector", "[1,0,0]", "-k", "4", "--group-by", "parity", "--mmr", "0.5"],
  ["query", ...collection, "--where", "parity = 'even'", "--limit", "3"],
  ["get", "3", "5", ...collection, "--json"],
  ["text", ...collection, "--fields", "title", "--fold-accents"],
  ["text", ...collection],
  ["index", "HNSW-COS", "--param", "m=8", ...collection],
  ["index", "HNSW-KOS", ...collection],
  ["delete", ...collection, "--where", "parity = 'odd'", "--yes"],
  ["compact", ...collection],
  ["search", ...collection, "--vector", "[1,0]"],
  ["info"],
];

describe("every command", () => {
  test.each(commands.map((command) => [command.join(" "), command] as const))("%s", async (name, command) => {
    const [there, here] = await Promise.all([remote(command), local(command)]);
    if (name === "info") {
      expect(there.stdout).toContain(` in ${uri}`);
      const table = (result: LynseResult): string => result.stdout.split("\n").slice(1).join("\n");
      expect(comparable({ ...there, stdout: table(there) })).toEqual(comparable({ ...here, stdout: table(here) }));
    } else {
      expect(comparable(there)).toEqual(comparable(here));
    }
  });

  test("a text's vector comes from the embedder that the collection remembers", async () => {
    const made = ["--collection", "texts", "--embed", "hash:32", "--text-column", "title", "--id-column", "doc"];
    expect((await remote(["import", "rows.jsonl", ...made])).code).toBe(0);
    const found = await remote([
      "search",
      "--collection",
      "texts",
      "--document",
      "row 41 of odd ones",
      "-k",
      "1",
      "--json",
    ]);
    expect([found.stderr, JSON.parse(found.stdout)]).toEqual(["", expect.objectContaining({ id: 41 })]);
  });

  test("tune measures what is behind a server, and says how to set it there", async () => {
    const args = ["tune", "texts", "--modes", "FLAT-IP-SQ8", "--queries", "5", "--json"];
    const { stdout, stderr, code } = await remote(args);
    expect([code, stderr.match(/error/)]).toEqual([0, null]);
    expect(JSON.parse(stdout).recommendation.command).toContain(`--uri ${uri}`);
  });
});

describe("keys and addresses", () => {
  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ["no key", [], {}, 1, /^lynse: .*(?:key|Unauthorized)/i],
    ["a wrong key", ["--api-key", "wrong"], {}, 1, /^lynse: .*(?:key|Unauthorized)/i],
    ["a folder and a server", ["--data", "x"], {}, 2, /'--uri <url>' cannot be used with option '--data <dir>'/],
  ])("%s", async (_, args, env, code, message) => {
    const result = await remote(["info", ...args], { LYNSE_API_KEY: "", ...env });
    expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
  });

  test("a key that may only read searches and does not write", async () => {
    const env = { LYNSE_API_KEY: "5ca1ab1e-5ca1ab1e" };
    expect((await remote(["info", ...collection], env)).code).toBe(0);
    const refused = await remote(["delete", ...collection, "--ids", "2", "--yes"], env);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/may only read/)]);
  });

  test("a server that is not there is told by its address", async () => {
    const args = ["info", "--uri", "http://127.0.0.1:9"];
    const { code, stderr } = await runLynse(args, { folder, data: join(folder, "unused") });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^lynse: .*127\.0\.0\.1:9/)]);
    const env = { LYNSE_URI: uri, LYNSE_API_KEY: key };
    expect((await runLynse(["info"], { folder, data: join(folder, "unused"), env })).stdout).toContain(uri);
  });
});
