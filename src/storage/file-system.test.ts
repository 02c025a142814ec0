import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { isLynseError, LynseError } from "../errors.js";
import { crc32 } from "./crc32.js";
import { FaultyFileSystem } from "./faulty-file-system.js";
import { type FileSystem, isMissingFile } from "./file-system.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { NodeFileSystem } from "./node-file-system.js";
import { operationError } from "./operation-error.js";
import { readFully, writeFully } from "./transfer.js";

const realRoot = mkdtempSync(join(tmpdir(), "lynse-fs-"));
afterAll(() => rmSync(realRoot, { recursive: true, force: true }));

/** One operation, told as text; an error as its code and errno. */
type Operation = (fs: FileSystem, root: string) => Promise<string>;

async function told(run: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await run()) ?? "done";
  } catch (error) {
    if (!(error instanceof LynseError)) throw error;
    return `${error.code} ${error.details["errno"] ?? ""}`;
  }
}

const path = fc.constantFrom("a", "b", "d/a", "d/e/a", "d/e/b");
const folder = fc.constantFrom("d", "d/e", "x");
const bytes = fc.uint8Array({ maxLength: 40 });
const offset = fc.nat(60);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(path, bytes, offset).map<Operation>(([name, data, at]) => async (fs, root) => {
    return told(async () => {
      const handle = await fs.open(`${root}/${name}`, "write");
      await handle.write(data, at);
      await handle.sync();
      const size = await handle.size();
      await handle.close();
      return size;
    });
  }),
  fc.tuple(path, offset, fc.nat(30), fc.boolean()).map<Operation>(([name, at, length, isNow]) => async (fs, root) => {
    return told(async () => {
      const handle = await fs.open(`${root}/${name}`, "read");
      const target = new Uint8Array(length);
      const count = isNow ? handle.readNow(target, at) : await handle.read(target, at);
      await handle.close();
      return [count, ...target];
    });
  }),
  fc.tuple(path, offset).map<Operation>(([name, size]) => async (fs, root) => {
    return told(async () => {
      if (!(await fs.exists(`${root}/${name}`))) return "missing";
      const handle = await fs.open(`${root}/${name}`, "write");
      await handle.truncate(size);
      await handle.close();
      return "cut";
    });
  }),
  fc.tuple(path, bytes).map<Operation>(([name, data]) => (fs, root) => {
    return told(() => fs.openExclusive(`${root}/${name}`, data));
  }),
  fc.tuple(path, fc.nat(50)).map<Operation>(([name, max]) => (fs, root) => {
    return told(async () => [...((await fs.readFile(`${root}/${name}`, max)) ?? ["missing"])]);
  }),
  fc.tuple(path, path).map<Operation>(([from, to]) => (fs, root) => {
    return told(() => fs.rename(`${root}/${from}`, `${root}/${to}`));
  }),
  path.map<Operation>((name) => (fs, root) => told(() => fs.remove(`${root}/${name}`))),
  folder.map<Operation>((name) => (fs, root) => told(() => fs.removeFolder(`${root}/${name}`))),
  folder.map<Operation>((name) => (fs, root) => told(() => fs.makeFolder(`${root}/${name}`))),
  folder.map<Operation>((name) => (fs, root) => told(() => fs.syncFolder(`${root}/${name}`))),
  fc.oneof(folder, fc.constant(".")).map<Operation>((name) => (fs, root) => {
    return told(() => fs.list(name === "." ? root : `${root}/${name}`));
  }),
  fc.oneof(folder, path).map<Operation>((name) => (fs, root) => told(() => fs.exists(`${root}/${name}`))),
);

describe("real files, files in memory and files that may fail behave alike", () => {
  test("for any operations", async () => {
    let run = 0;
    const real = new NodeFileSystem();
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
        const realFolder = `${realRoot}/${run++}`;
        const memory = new MemoryFileSystem();
        const faulty = new FaultyFileSystem(run, { isShort: true });
        for (const fs of [memory, faulty]) await fs.makeFolder("/r");
        await real.makeFolder(realFolder);
        for (const each of operations) {
          const expected = await each(real, realFolder);
          expect(await each(memory, "/r")).toBe(expected);
          expect(await each(faulty, "/r")).toBe(expected);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("an open file outlives its name", async () => {
    for (const [fs, root] of [
      [new NodeFileSystem(), realRoot],
      [new MemoryFileSystem(), "/"],
    ] as const) {
      const name = `${root === "/" ? "" : root}/outlived`;
      await fs.openExclusive(name, Uint8Array.of(1, 2, 3));
      const handle = await fs.open(name, "read");
      await fs.remove(name);
      await fs.openExclusive(name, Uint8Array.of(9));
      const target = new Uint8Array(3);
      expect(await handle.read(target, 0)).toBe(3);
      expect(target).toEqual(Uint8Array.of(1, 2, 3));
      await handle.close();
      await handle.close();
      await expect(handle.size()).rejects.toSatisfy((error) => isLynseError(error, "CLOSED"));
    }
  });

  test("a missing file is told apart from other failures", async () => {
    for (const fs of [new NodeFileSystem(), new MemoryFileSystem()]) {
      const error = await fs.open("/no/such/file", "read").catch((reason: unknown) => reason);
      expect(isMissingFile(error)).toBe(true);
      expect(isMissingFile(operationError("open", "x", "EACCES"))).toBe(false);
    }
  });

  test("closing waits for a read that is under way", async () => {
    const fs = new NodeFileSystem();
    const name = `${realRoot}/busy`;
    await fs.openExclusive(name, new Uint8Array(1024 * 1024).fill(7));
    const handle = await fs.open(name, "read");
    const target = new Uint8Array(1024 * 1024);
    const reading = handle.read(target, 0);
    await handle.close();
    expect(await reading).toBe(target.length);
    expect(target.every((byte) => byte === 7)).toBe(true);
  });

  test("free space is a number of bytes, or unknown", async () => {
    expect(await new NodeFileSystem().freeBytes(realRoot)).toBeGreaterThan(0);
    expect(await new NodeFileSystem().freeBytes("/no/such/folder")).toBe(null);
    expect(await new MemoryFileSystem().freeBytes()).toBe(null);
  });
});

describe("transfers", () => {
  test("go on after any partial read or write, and stop where the file ends or takes no more", async () => {
    const chunk = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(bytes, chunk, offset, async (data, chunks, at) => {
        const file = new Uint8Array(at + data.length);
        let step = 0;
        const moved = (wanted: number): number => Math.min(wanted, chunks[step++ % chunks.length]!);
        await writeFully(
          async (part, position) => {
            const count = moved(part.length);
            file.set(part.subarray(0, count), position);
            return count;
          },
          data,
          at,
          () => new Error("stuck"),
        );
        expect(file.subarray(at)).toEqual(data);
        const target = new Uint8Array(data.length + 5);
        const count = await readFully(
          async (part, position) => {
            const length = moved(Math.min(part.length, file.length - position));
            part.set(file.subarray(position, position + length));
            return length;
          },
          target,
          at,
        );
        expect(count).toBe(data.length);
        expect(target.subarray(0, count)).toEqual(data);
      }),
    );
    const stuck = writeFully(
      async () => 0,
      Uint8Array.of(1),
      0,
      () => new Error("stuck"),
    );
    await expect(stuck).rejects.toThrow("stuck");
  });
});

describe("checksums", () => {
  test("are zlib's, whole, continued and of a range", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(300), (data, a, b) => {
        const [start, end] = [Math.min(a, b, data.length), Math.min(Math.max(a, b), data.length)];
        const expected = zlibCrc32(data);
        expect(crc32(data)).toBe(expected);
        expect(crc32(data.subarray(start), crc32(data.subarray(0, start)))).toBe(expected);
        expect(crc32(data, 0, start, end)).toBe(zlibCrc32(data.subarray(start, end)));
        expect(new NodeFileSystem().crc32(data.subarray(start), zlibCrc32(data.subarray(0, start)))).toBe(expected);
      }),
    );
  });
});

describe("errors of the system", () => {
  test("a full disk or quota is NO_SPACE, the rest IO_ERROR, with operation, file and errno", () => {
    for (const errno of ["ENOSPC", "EDQUOT"]) expect(operationError("write", "f", errno).code).toBe("NO_SPACE");
    const error = operationError("open for writing", "/db/x", "EROFS");
    expect(error.code).toBe("IO_ERROR");
    expect(error.details).toEqual({ operation: "open for writing", file: "/db/x", errno: "EROFS" });
    expect(error.message).toContain("readOnly: true");
    expect(operationError("read", "f", "EIO").message).toContain("device");
  });
});
