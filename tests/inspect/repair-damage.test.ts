import { beforeAll, describe, expect, test } from "vitest";
import { MemoryFileSystem } from "../../src/storage/memory-file-system.js";
import { type Contents, filesToHurt, type SmallRoot, smallRoot } from "../crash/damaged-root.js";
import { errorsOf, findingsOf, judgeRepair, look, mend, rowsAt, rowsFound } from "./inspected-root.js";

let root: SmallRoot;
/** The same without its checkpoint: frames alone tell what there is. */
let bare: Contents;
let folder: string;

beforeAll(async () => {
  root = await smallRoot();
  bare = new Map([...root.contents].filter(([path]) => !path.includes("/derived-")));
  folder = filesToHurt(root)
    .find((name) => name.endsWith("manifest.json"))!
    .slice(0, -"/manifest.json".length);
});

function hurtFile(contents: Contents, file: string, change: (bytes: Uint8Array) => Uint8Array): MemoryFileSystem {
  return MemoryFileSystem.of(new Map(contents).set(file, change(contents.get(file)!.slice())));
}

/** Repairs, and judges what is left; resolves to the state of the repair. */
async function repairAndJudge(fs: MemoryFileSystem, what: string): Promise<string> {
  const before = findingsOf(await look(fs));
  const { collections } = await mend(fs);
  const own = collections.find(({ collection }) => collection === "hurt")!;
  // Nothing says any more which rows there are: nothing is touched.
  if (own.state === "hopeless") return own.state;
  const after = errorsOf(await look(fs));
  expect(after, what).toEqual([]);
  const found = await rowsFound(fs);
  if (own.losses !== null) {
    try {
      judgeRepair(root, own, found);
    } catch (error) {
      throw new Error(
        `${what}: ${error}\n${JSON.stringify({ ...own, findings: undefined })}\n${JSON.stringify(found)}`,
      );
    }
  } else if (!before.some(({ code }) => code === "log-tail")) expect(found.live, what).toEqual(rowsAt(root).live);
  return own.state;
}

describe.each(["with a checkpoint", "without one"])("%s", (kind) => {
  const contents = (): Contents => (kind === "without one" ? bare : root.contents);

  test.each([
    "log-000001.lynse",
    "vectors-default.lynse",
    "vectors-image.lynse",
  ])("damage anywhere in %s costs what the repair says, and nothing else", async (name) => {
    const file = `${folder}/g1/${name}`;
    const bytes = contents().get(file)!;
    const states: string[] = [];
    for (let at = 0; at < bytes.length; at += name.startsWith("log") ? 23 : 5) {
      const fs = hurtFile(contents(), file, (hurt) => hurt.fill(hurt[at]! ^ 0xa5, at, at + 1 + (at % 7)));
      states.push(await repairAndJudge(fs, `byte ${at} of ${name}, ${kind}`));
    }
    expect(states).toContain("repaired");
    expect(states).not.toContain("hopeless");
  });

  test("a page of zeros anywhere in the log", async () => {
    const file = `${folder}/g1/log-000001.lynse`;
    for (let at = 64; at < contents().get(file)!.length; at += 97) {
      await repairAndJudge(
        hurtFile(contents(), file, (hurt) => hurt.fill(0, at, at + 200)),
        `zeros from ${at}, ${kind}`,
      );
    }
  });

  test("files that were cut", async () => {
    for (const name of ["log-000001.lynse", "vectors-default.lynse", "vectors-image.lynse"]) {
      const file = `${folder}/g1/${name}`;
      for (let at = 1; at < contents().get(file)!.length; at += name.startsWith("log") ? 61 : 17) {
        await repairAndJudge(
          hurtFile(contents(), file, (hurt) => hurt.slice(0, at)),
          `${name} cut at ${at}, ${kind}`,
        );
      }
    }
  });

  test("a bit turned over in a vector is turned back", async () => {
    for (const name of ["vectors-default.lynse", "vectors-image.lynse"]) {
      const file = `${folder}/g1/${name}`;
      const bytes = contents().get(file)!;
      let mended = 0;
      for (let at = 64; at < bytes.length; at += 3) {
        const fs = hurtFile(contents(), file, (hurt) => {
          hurt[at]! ^= 1 << (at & 7);
          return hurt;
        });
        if (findingsOf(await look(fs)).some(({ code }) => code === "log-tail")) continue;
        const own = (await mend(fs)).collections.find(({ collection }) => collection === "hurt")!;
        expect(own.state).toBe("repaired");
        expect(own.losses).toMatchObject({ lostRows: [], lostVectors: [], lostUnknownRows: 0, unknowable: [] });
        mended += own.losses!.mended.length;
        expect((await rowsFound(fs)).live).toEqual(rowsAt(root).live);
      }
      expect(mended).toBeGreaterThan(0);
    }
  });
});

test("nothing is lost where only what is made anew, or can be read elsewhere, is damaged", async () => {
  for (const file of filesToHurt(root)) {
    if (!/(derived-\d+\.lynse|manifest\.json|database\.json|lynse\.json)$/.test(file)) continue;
    const middle = Math.floor(root.contents.get(file)!.length / 2);
    const fs = hurtFile(root.contents, file, (bytes) => {
      bytes[middle]! ^= 1;
      return bytes;
    });
    expect(errorsOf(await look(fs)).length, file).toBeGreaterThan(0);
    await mend(fs);
    expect(errorsOf(await look(fs)), file).toEqual([]);
    expect((await rowsFound(fs)).live, file).toEqual(rowsAt(root).live);
  }
});

test("a manifest that is gone is made of the headers of its files", async () => {
  const fs = MemoryFileSystem.of(new Map([...root.contents].filter(([path]) => path !== `${folder}/manifest.json`)));
  const own = (await mend(fs)).collections.find(({ collection }) => collection === "hurt")!;
  expect(own.state).toBe("repaired");
  expect(own.losses!.unknowable.join("\n")).toContain("the metric");
  expect((await rowsFound(fs)).live).toEqual(rowsAt(root).live);
});

test("a dry run, and a plan that is declined, change nothing", async () => {
  const file = `${folder}/g1/vectors-default.lynse`;
  for (const options of [{ isDryRun: true }, { confirm: async () => false }]) {
    const fs = hurtFile(root.contents, file, (bytes) => bytes.fill(7, 64, 80));
    const files = async (): Promise<string> => {
      const names: string[] = [];
      for (const path of [folder, `${folder}/g1`]) for (const { name } of await fs.list(path)) names.push(name);
      return names.join(" ");
    };
    const before = await files();
    const own = (await mend(fs, options)).collections.find(({ collection }) => collection === "hurt")!;
    expect(own.state).toBe("isDryRun" in options ? "planned" : "declined");
    expect(own.losses!.lostRows.length).toBeGreaterThan(0);
    expect(await files()).toBe(before);
    expect(errorsOf(await look(fs))).toHaveLength(1);
  }
});

test("rows whose vectors are damaged stand beside with their metadata, or are kept where that is asked for", async () => {
  const file = `${folder}/g1/vectors-default.lynse`;
  const lose = hurtFile(root.contents, file, (bytes) => bytes.fill(63, 64, 80));
  const own = (await mend(lose)).collections.find(({ collection }) => collection === "hurt")!;
  const lines = new TextDecoder().decode((await lose.readFile(`${own.quarantine}/lost-rows.jsonl`, 1 << 20))!);
  const rows = lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: unknown; field?: unknown });
  expect(rows.map(({ id }) => id)).toEqual(own.losses!.lostRows);
  for (const name of ["log-000001.lynse", "vectors-default.lynse", "manifest.json", "report.json"]) {
    expect(await lose.exists(`${own.quarantine}/${name}`), name).toBe(true);
  }
  const keep = hurtFile(root.contents, file, (bytes) => bytes.fill(63, 64, 80));
  const kept = (await mend(keep, { keepsSuspects: true })).collections.find(({ collection }) => collection === "hurt")!;
  expect(kept.losses!.lostRows).toEqual([]);
  expect(kept.losses!.suspectVectors).toEqual(own.losses!.lostRows);
  expect((await rowsFound(keep)).live.map(([id]) => id)).toEqual(rowsAt(root).live.map(([id]) => id));
});
