/**
 * The package as users get it: packed, put beside its dependencies as npm does, imported, type-checked and bundled.
 *
 * Looks at `dist/`, which `npm test` builds first.
 */
import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const run = promisify(execFile);

/** Bytes that the packed package may have; larger ones need a reason: a server, text search, copies and repair are in it. */
const packedBytesMax = 1_100_000;

let folder: string;
let tarball: string;
let packed: { readonly size: number; readonly unpackedSize: number; readonly files: readonly { path: string }[] };
let manifest: Record<string, Record<string, string> | undefined>;

async function pack(what: string): Promise<{ path: string; report: typeof packed }> {
  const { stdout } = await run("npm", ["pack", what, "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: root,
  });
  const [report] = JSON.parse(stdout);
  return { path: join(folder, report.filename), report };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lynse-package-"));
  manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const { path, report } = await pack(".");
  tarball = path;
  packed = report;
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Module names that a built file imports: where they are known, and where they are loaded on demand. */
async function importsOf(file: string): Promise<{ readonly eager: string[]; readonly lazy: string[] }> {
  const text = await readFile(file, "utf8");
  const named = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1]!);
  return {
    eager: [
      ...named(/^(?:import|export)\b[^;'"=]*?\bfrom\s*["']([^"']+)["']/gm),
      ...named(/^import\s*["']([^"']+)["']/gm),
    ],
    lazy: named(/\bimport\(\s*["']([^"']+)["']\s*\)/g),
  };
}

/** Everything that a file reaches: files of the package, and names of other modules by the file that imports them. */
async function importGraph(entry: string, follow: "eager" | "all"): Promise<{ files: Set<string>; foreign: string[] }> {
  const files = new Set<string>();
  const foreign: string[] = [];
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const { eager, lazy } = await importsOf(file);
    for (const name of follow === "all" ? [...eager, ...lazy] : eager) {
      if (name.startsWith(".")) waiting.push(resolve(dirname(file), name));
      else foreign.push(`${relative(dist, file)}: ${name}`);
    }
  }
  return { files, foreign };
}

describe("the package", () => {
  it("is small, and holds what it should and nothing else", () => {
    const paths = packed.files.map(({ path }) => path);
    expect(packed.size).toBeLessThan(packedBytesMax);
    for (const path of ["package.json", "LICENSE", "dist/index.js", "dist/index.d.ts", "dist/cli/main.js"]) {
      expect(paths).toContain(path);
    }
    const rest = paths.filter(
      (path) => !/^(dist\/.*\.(js|d\.ts)|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(path),
    );
    expect(rest).toEqual([]);
    expect(paths.filter((path) => /\.test\.|[\\/]testing[\\/]|\.node$|\.wasm$/.test(path))).toEqual([]);
  });

  it("has no script that runs on installation, and no native dependency", async () => {
    const scripts = Object.keys(manifest["scripts"] ?? {});
    expect(scripts.filter((name) => /install|prepare|prepublish|^prepack$/.test(name))).toEqual([]);
    for (const name of Object.keys(manifest["dependencies"] ?? {})) {
      const files = await readdir(join(root, "node_modules", name));
      expect(files, name).not.toContain("binding.gyp");
    }
    expect(manifest["optionalDependencies"]).toBe(undefined);
  });

  it("imports no package and no node: module when it is imported", async () => {
    const { files, foreign } = await importGraph(join(dist, "index.js"), "eager");
    expect(files.size).toBeGreaterThan(20);
    expect(foreign).toEqual([]);
    const late = /^(storage|engine)[\\/]node-|^cli[\\/]/;
    expect([...files].filter((file) => late.test(relative(dist, file)))).toEqual([]);
  });

  it("reaches node: modules through files called node-… alone, on demand", async () => {
    const { files, foreign } = await importGraph(join(dist, "index.js"), "all");
    expect([...files].map((file) => relative(dist, file))).toContain(join("storage", "node-file-system.js"));
    expect(foreign.length).toBeGreaterThan(0);
    for (const line of foreign) expect(line).toMatch(/^(storage|engine)[\\/]node-[\w-]+\.js: node:/);
  });

  it("does nothing when it is imported", async () => {
    const script = `
      const state = () => [process.getActiveResourcesInfo().sort(), Object.getOwnPropertyNames(globalThis).sort()];
      await import("data:text/javascript,");
      await new Promise((resolve) => setImmediate(resolve));
      const before = state();
      await import(${JSON.stringify(pathToFileURL(join(dist, "index.js")).href)});
      await new Promise((resolve) => setImmediate(resolve));
      const after = state();
      console.log(JSON.stringify({ before, after }));`;
    const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", script]);
    const { before, after } = JSON.parse(stdout);
    expect(after).toEqual(before);
    expect(stderr).toBe("");
  });

  it("passes publint", async () => {
    const { stdout } = await run(join(root, "node_modules/.bin/publint"), ["run", tarball, "--strict"], { cwd: root });
    expect(stdout).toMatch(/All good/);
  });

  it("passes are-the-types-wrong as an ESM-only package", { timeout: 60_000 }, async () => {
    const tool = join(root, "node_modules/.bin/attw");
    const { stdout } = await run(tool, [tarball, "--profile", "esm-only", "--format", "json"], { cwd: root });
    const { analysis } = JSON.parse(stdout);
    expect(analysis.packageName).toBe("lynsedb");
    // Resolution as before export maps knows the main entry alone.
    const known = ["CJSResolvesToESM", "NoResolution"];
    const problems = analysis.problems.filter(({ kind, entrypoint }: { kind: string; entrypoint?: string }) =>
      entrypoint === "." ? kind !== known[0] : !known.includes(kind),
    );
    expect(problems).toEqual([]);
  });
});

describe("an empty project that installs the package", () => {
  let project: string;

  /** Puts what the package depends on where npm would, so that nothing need be fetched. */
  async function placeDependencies(): Promise<void> {
    const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
    const places = Object.entries<{ dev?: boolean; devOptional?: boolean }>(lock.packages)
      .filter(([place, { dev, devOptional }]) => place !== "" && dev !== true && devOptional !== true)
      .map(([place]) => place);
    expect(places.length).toBeGreaterThan(Object.keys(manifest["dependencies"] ?? {}).length);
    // Parents first: a package may hold others.
    for (const place of places.sort()) {
      const inner = (path: string): boolean => !relative(join(root, place), path).startsWith("node_modules");
      await cp(join(root, place), join(project, place), { recursive: true, filter: inner });
    }
  }

  beforeAll(async () => {
    project = join(folder, "project");
    await mkdir(project);
    await writeFile(join(project, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
    await placeDependencies();
    const place = join(project, "node_modules/lynsedb");
    await mkdir(place, { recursive: true });
    await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", place]);
    await mkdir(join(project, "node_modules/.bin"), { recursive: true });
    await symlink("../lynsedb/dist/cli/main.js", join(project, "node_modules/.bin/lynse"));
    await chmod(join(place, "dist/cli/main.js"), 0o755);
  }, 120_000);

  it("can make a database, search it, and find it again; and then its process ends by itself", async () => {
    await writeFile(
      join(project, "app.js"),
      `import { VectorDBClient, where } from "lynsedb";
      const round = async () => {
        const client = new VectorDBClient("./data");
        const db = await client.createDatabase("app");
        const docs = await db.requireCollection("docs", { dim: 4 });
        if ((await docs.count()) === 0) {
          await docs.insertSession(async (session) => {
            await session.addItem([0.1, 0.2, 0.3, 0.4], { id: 1001, field: { title: "intro", lang: "en" } });
            await session.addItem([0.9, 0.2, 0.3, 0.4], { id: 1002, field: { title: "autre", lang: "fr" } });
          });
        }
        const view = await docs.search([1, 0, 0, 0], { k: 3, where: where\`lang = \${"en"}\`, returnFields: true });
        const all = await docs.search([1, 0, 0, 0]);
        return { close: () => client.close(), answer: [view.toList(), all.ids] };
      };
      const first = await round();
      await first.close();
      const second = await round();
      // Not closed on purpose: an open client must not keep its process alive.
      console.log(JSON.stringify([first.answer, second.answer]));`,
    );
    const { stdout, stderr } = await run(process.execPath, ["app.js"], { cwd: project, timeout: 20_000 });
    const [first, second] = JSON.parse(stdout);
    expect(first).toEqual([[{ id: 1001, distance: Math.fround(0.1), title: "intro", lang: "en" }], [1002, 1001]]);
    expect(second).toEqual(first);
    expect(stderr).toBe("");
  });

  it("has the command `lynse`", async () => {
    const { stdout } = await run(join(project, "node_modules/.bin/lynse"), ["--version"], { cwd: project });
    expect(stdout.trim()).toBe((manifest["version"] as unknown as string).trim());
  });

  it.each([
    ["strictly, its declarations too", { skipLibCheck: false, lib: ["ES2022", "ESNext.Disposable", "DOM"] }],
    [
      "for a bundler, with the libraries of ES2022 alone",
      { skipLibCheck: true, lib: ["ES2022", "DOM"], module: "ESNext", moduleResolution: "bundler" },
    ],
  ])("type-checks without @types/node: %s", { timeout: 60_000 }, async (_, options) => {
    await writeFile(
      join(project, "app.ts"),
      `import { VectorDBClient, isLynseError, where, type Collection } from "lynsedb";
      interface Doc { title: string; rank: number }
      export async function titles(docs: Collection<Doc>): Promise<string[]> {
        const view = await docs.search([1, 2], { where: where\`rank > \${5}\`, returnFields: true });
        return view.toList().map((row) => row.title);
      }
      const client = new VectorDBClient("memory://");
      export const docs: Promise<Collection<Doc>> = client
        .createDatabase("app")
        .then((db) => db.requireCollection<Doc>("docs", { dim: 2 }));
      // @ts-expect-error Doc has no such field
      export const wrong = docs.then((d) => d.add({ vectors: [1, 2], fields: { titel: "x", rank: 1 } }));
      export const codeOf = (error: unknown): string => (isLynseError(error) ? error.code : "other");`,
    );
    const compilerOptions = { strict: true, noEmit: true, target: "ES2022", module: "NodeNext", types: [], ...options };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["app.ts"] }));
    const checked = await run(join(root, "node_modules/.bin/tsc"), ["-p", project]).catch((error) => error);
    expect(checked.stdout).toBe("");
  });

  it("can bundle it for the browser, where memory:// works without anything of Node", { timeout: 60_000 }, async () => {
    const bundler = await import(pathToFileURL(bundlerPath()).href);
    await writeFile(
      join(project, "browser.js"),
      `import { VectorDBClient } from "lynsedb";
      export async function demo() {
        await using client = new VectorDBClient("memory://");
        const db = await client.createDatabase("app");
        const docs = await db.requireCollection("docs", { dim: 2, defaultIndex: "FLAT-L2" });
        await docs.add({ ids: ["a", "b"], vectors: [[1, 2], [3, 4]], fields: [{ n: 1 }, { n: 2 }] });
        await docs.delete("a");
        await docs.compact();
        return (await docs.search([3, 4], { where: "n = 2", returnFields: true })).toList();
      }`,
    );
    const warnings: string[] = [];
    const bundle = await bundler.rolldown({
      input: join(project, "browser.js"),
      platform: "browser",
      external: /^node:/,
      onLog: (_level: string, log: { message: string }) => warnings.push(log.message),
      transform: { target: "es2022" },
    });
    const { output } = await bundle.write({ dir: join(project, "bundle"), format: "esm", minify: true });
    await bundle.close();
    expect(warnings).toEqual([]);
    const entry = output.find((chunk: { isEntry?: boolean }) => chunk.isEntry === true);
    expect(entry.imports.filter((name: string) => name.startsWith("node:"))).toEqual([]);
    const withNode = output.filter((chunk: { imports?: string[] }) =>
      chunk.imports?.some((name) => /^node:/.test(name)),
    );
    for (const chunk of withNode) expect(chunk.name).toMatch(/^node-/);
    const script = `
      const print = console.log;
      for (const name of ["process", "Buffer", "setImmediate", "clearImmediate", "global"]) delete globalThis[name];
      const { demo } = await import(${JSON.stringify(pathToFileURL(join(project, "bundle", entry.fileName)).href)});
      print(JSON.stringify(await demo()));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { timeout: 20_000 });
    expect(JSON.parse(stdout)).toEqual([{ id: "b", distance: 0, n: 2 }]);
  });
});

/** Rolldown, which comes with the test runner. */
function bundlerPath(): string {
  const fromHere = createRequire(import.meta.url);
  const fromRunner = createRequire(fromHere.resolve("vitest/package.json"));
  const fromVite = createRequire(fromRunner.resolve("vite/package.json"));
  return fromVite.resolve("rolldown");
}
