import { describe, expect, it } from "vitest";
import { SpannEffort } from "./spann-effort.js";

const lists = { listCount: 1000, rowCount: 64_000, meanRows: 130 };

/** Lists that a search under a filter reads where `met` rows were met after so many lists. */
function listsRead(k: number, matches: number, met: (lists: number) => number): number {
  const effort = new SpannEffort(lists, k, 0);
  let read = 0;
  while (read < lists.listCount && !effort.sufficesFiltered(read, met(read), matches)) read++;
  return read;
}

describe("SpannEffort", () => {
  it("reads more lists for more rows, as many as asked for, never more than there are", () => {
    const ten = new SpannEffort(lists, 10, 0);
    const hundred = new SpannEffort(lists, 100, 0);
    expect(new SpannEffort(lists, 1, 0).probes).toBe(ten.probes);
    expect(hundred.probes).toBeGreaterThan(2 * ten.probes);
    expect(new SpannEffort(lists, 100, 5).probes).toBe(5);
    expect(new SpannEffort({ ...lists, listCount: 3 }, 10, 0).probes).toBe(3);
    expect(new SpannEffort(lists, 10_000_000, 0).probes).toBe(1000);
  });

  it("ends without a filter after its lists, before them only where the next is far and enough was met", () => {
    const effort = new SpannEffort(lists, 10, 0);
    expect(effort.suffices(effort.probes, 9, false)).toBe(false);
    expect(effort.suffices(effort.probes, 10, false)).toBe(true);
    expect(effort.suffices(2, 200, false)).toBe(false);
    expect(effort.suffices(2, 20, true)).toBe(false);
    expect(effort.suffices(2, 200, true)).toBe(true);
  });

  it("reads fewer lists where a filter's rows lie evenly than where they lie far away", () => {
    const matches = 6400;
    const even = listsRead(10, matches, (read) => read * 6.4);
    // None near the query, then nothing else.
    const away = listsRead(10, matches, (read) => Math.max(0, read - 60) * 64);
    expect(even).toBeLessThan(140);
    expect(even).toBeGreaterThan(new SpannEffort(lists, 10, 0).probes);
    expect(away - 60).toBeGreaterThan(new SpannEffort(lists, 10, 0).probes);
    expect(away).toBeGreaterThan(even);
  });

  it("ends when every row that the filter lets through was met, or every list read", () => {
    expect(listsRead(10, 7, (read) => (read < 300 ? 3 : 7))).toBe(300);
    expect(listsRead(10, 7, () => 3)).toBe(1000);
  });
});
