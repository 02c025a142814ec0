// Holds the import layers of docs/internals/architecture.md: a folder may import only what stands to its left, only the
// named files may import `node:*`, and only the named folders and files may import packages. An `import()` of a name that
// is only known at run time counts as an import of a package.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src", import.meta.url));

const layers = {
  kernel: [],
  storage: ["kernel"],
  index: ["kernel", "storage"],
  metadata: ["kernel", "storage"],
  text: ["kernel", "storage"],
  sparse: ["kernel", "storage"],
  embed: [],
  query: ["kernel", "storage", "index", "metadata", "text", "sparse"],
  engine: ["kernel", "storage", "index", "metadata", "text", "sparse", "query"],
  transfer: ["kernel", "storage", "index", "metadata", "text", "sparse", "query", "engine"],
  wire: [],
  client: ["kernel", "storage", "index", "metadata", "text", "sparse", "query", "engine", "transfer", "embed", "wire"],
  server: ["kernel", "storage", "index", "metadata", "text", "sparse", "query", "engine", "client", "embed", "wire"],
  cli: ["client", "server", "embed"],
};
const commonFiles = ["errors.ts", "limits.ts", "types.ts", "time-slice.ts"];
// Plain arithmetic without imports: the layout of binary16 must not stand in two places.
const fileImports = { wire: ["kernel/float16.ts"] };
// One file asks the process for modules of Node.js instead, and knows their types only.
const nodeTypesAllowed = "client/remote/node-http-sender.ts";
const nodeAllowed = [/^storage\/node-[a-z-]+\.ts$/, /^engine\/node-[a-z-]+\.ts$/, /^server\//, /^cli\//];
// The three files load optional peers, when they are asked for and never before: Arrow, stemmers and stop words, models.
const packagesAllowed = [
  /^server\//,
  /^cli\//,
  /^client\/result-view\.ts$/,
  /^text\/analysis\/load-language\.ts$/,
  /^embed\/transformers-embedder\.ts$/,
];

const problems = [];
const sources = readdirSync(src, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.startsWith("kernel/assembly"));
for (const file of sources) {
  const text = readFileSync(join(src, file), "utf8");
  const imports = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g,
  );
  for (const match of imports) {
    const isType = /^\s*import\s+type\s/.test(match[0]);
    if (file === nodeTypesAllowed && isType && match[1].startsWith("node:")) continue;
    check(file, match[1] ?? match[2]);
  }
  if (/\bgetBuiltinModule\b/.test(text) && file !== nodeTypesAllowed)
    problems.push(`${file}: may not ask for modules of Node.js at run time`);
  const isDynamic = /\bimport\(\s*(?:\/\*.*?\*\/\s*)*[^"'\s/)]/.test(text);
  if (isDynamic && !packagesAllowed.some((allowed) => allowed.test(file)))
    problems.push(`${file}: may not import a package whose name is made at run time`);
}

function check(file, specifier) {
  if (specifier.startsWith("node:")) {
    if (!nodeAllowed.some((allowed) => allowed.test(file))) problems.push(`${file}: may not import ${specifier}`);
    return;
  }
  if (!specifier.startsWith(".")) {
    if (!packagesAllowed.some((allowed) => allowed.test(file)))
      problems.push(`${file}: may not import package ${specifier}`);
    return;
  }
  const target = relative(src, resolve(src, dirname(file), specifier)).replace(/\.js$/, ".ts");
  if (commonFiles.includes(target)) return;
  const from = file.includes("/") ? file.split("/")[0] : "";
  const to = target.includes("/") ? target.split("/")[0] : "";
  if (from === "" && file === "index.ts") return;
  // The command line uses the package as its users do.
  if (from === "cli" && target === "index.ts") return;
  if (from === to || fileImports[from]?.includes(target)) return;
  if (!layers[from]?.includes(to)) problems.push(`${file}: layer "${from || "root"}" may not import "${to || target}"`);
}

if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exit(1);
}
