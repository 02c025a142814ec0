import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NodeFileSystem } from "../../src/storage/node-file-system.js";
import { SeededRandom } from "../../src/storage/seeded-random.js";
import { filesToHurt, judge, judgeInMemory, type SmallRoot, smallRoot, type Verdict } from "./damaged-root.js";
import { rootFolder } from "./simulated-root.js";

/** What damage may lead to, by the end of a file's path. */
const allowed: readonly (readonly [ending: RegExp, verdicts: readonly Verdict[]])[] = [
  [/\/lynse\.json$/, ["corrupt"]],
  [/\/manifest\.json$/, ["corrupt"]],
  // Nothing depends on what these hold.
  [/\/database\.json$/, ["same"]],
  [/\/writer-\d+\.lock$/, ["same"]],
  [/\/derived-\d+\.lynse$/, ["same"]],
  // Frames that the checkpoint tells of are not read again.
  [/\/log-000001\.lynse$/, ["corrupt", "earlier", "same"]],
  [/\/vectors-default\.lynse$/, ["corrupt", "earlier"]],
  [/\/vectors-image[\w-]*\.lynse$/, ["corrupt", "earlier"]],
];

type Damage = (intact: Uint8Array, at: number) => Uint8Array;

/** Does `damage` at every byte, or every `step`th, of every file; resolves to the number of each verdict by file. */
async function judgeEverywhere(
  root: SmallRoot,
  damage: Damage,
  stepOf: (bytes: number) => number,
): Promise<Record<string, Partial<Record<Verdict, number>>>> {
  const found: Record<string, Partial<Record<Verdict, number>>> = {};
  for (const file of filesToHurt(root)) {
    const intact = root.contents.get(file)!;
    const counts: Partial<Record<Verdict, number>> = (found[file] = {});
    const may = allowed.find(([ending]) => ending.test(file))![1];
    for (let at = 0; at < intact.length; at += stepOf(intact.length)) {
      const verdict = await judgeInMemory(root, file, damage(intact, at)).catch((error: unknown) => {
        throw new Error(`byte ${at} of ${file}: ${error instanceof Error ? error.stack : error}`);
      });
      expect(may, `byte ${at} of ${file}`).toContain(verdict);
      counts[verdict] = (counts[verdict] ?? 0) + 1;
    }
  }
  return found;
}

function totalOf(found: Record<string, Partial<Record<Verdict, number>>>, verdict: Verdict): number {
  return Object.values(found).reduce((sum, counts) => sum + (counts[verdict] ?? 0), 0);
}

test("a bit flipped in any file is found, or changes no answer", async () => {
  const root = await smallRoot();
  const flip: Damage = (intact, at) => {
    const bytes = intact.slice();
    bytes[at]! ^= 1 << (at & 7);
    return bytes;
  };
  // Every byte of small files, some of larger ones: each is a root to open, and to ask in every way.
  const found = await judgeEverywhere(root, flip, (bytes) => (bytes > 1000 ? 9 : bytes > 200 ? 3 : 1));
  expect(Object.keys(found)).toHaveLength(allowed.length);
  expect(totalOf(found, "earlier")).toBeGreaterThan(0);
  expect(totalOf(found, "corrupt")).toBeGreaterThan(0);
});

test("a file cut at every fifth length is found, or loses the last commits at most", async () => {
  const root = await smallRoot();
  const found = await judgeEverywhere(
    root,
    (intact, at) => intact.slice(0, at),
    () => 5,
  );
  expect(Object.keys(found)).toHaveLength(allowed.length);
  expect(totalOf(found, "earlier")).toBeGreaterThan(0);
  expect(totalOf(found, "corrupt")).toBeGreaterThan(0);
});

test("damage on a real disk is judged the same as in memory", async () => {
  const root = await smallRoot();
  const files = filesToHurt(root).filter((file) => !file.endsWith(".lock"));
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const file = files[random.below(files.length)]!;
    const bytes = root.contents.get(file)!.slice();
    const at = random.below(bytes.length);
    bytes[at]! ^= 1 << random.below(8);
    const hurt = random.oneIn(3) ? bytes.slice(0, at) : bytes;
    const folder = mkdtempSync(join(tmpdir(), "lynsedb-rot-"));
    try {
      for (const [path, intact] of root.contents) {
        // The lock names a process in memory, of which this machine knows nothing.
        if (!path.startsWith(`${rootFolder}/`) || path.endsWith(".lock")) continue;
        const place = `${folder}${path.slice(rootFolder.length)}`;
        if (intact === null) mkdirSync(place, { recursive: true });
        else writeFileSync(place, path === file ? hurt : intact);
      }
      const found = await judge(new NodeFileSystem(), root, `${folder}${file.slice(rootFolder.length)}`, folder);
      expect(found, `seed ${seed}, byte ${at} of ${file}`).toBe(await judgeInMemory(root, file, hurt));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
});
