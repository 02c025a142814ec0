// Writes the table of docs/limits.md from src/limits.ts: name, value and the reason that stands above it. A test compares both.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { limits } = await import(`${root}dist/limits.js`);
const source = readFileSync(`${root}src/limits.ts`, "utf8");
const reasons = new Map([...source.matchAll(/\/\*\* (.+?) \*\/\n {2}(\w+):/g)].map(([, why, name]) => [name, why]));
const rows = Object.entries(limits).map(
  ([name, value]) => `| \`${name}\` | ${value.toLocaleString("en-US")} | ${reasons.get(name)} |`,
);

const path = `${root}docs/limits.md`;
const page = readFileSync(path, "utf8");
const table = /(?<=\| --- \| --- \| --- \|\n)(?:\| `\w+` \|.*\n)+/;
if (!table.test(page)) throw new Error("docs/limits.md has no table of limits");
writeFileSync(path, page.replace(table, `${rows.join("\n")}\n`));
