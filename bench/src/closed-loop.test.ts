import { expect, test } from "vitest";
import { closedLoop } from "./closed-loop.js";

test("asks each turn once, so many at a time, and keeps every time", async () => {
  const asked: number[] = [];
  let running = 0;
  let most = 0;
  const figures = await closedLoop(4, 50, async (turn) => {
    running += 1;
    most = Math.max(most, running);
    asked.push(turn);
    await new Promise((resolve) => setTimeout(resolve, turn === 49 ? 30 : 1));
    running -= 1;
  });
  expect(asked.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, turn) => turn));
  expect(most).toBe(4);
  expect(figures.maxMs).toBeGreaterThanOrEqual(29);
  expect(figures.p50Ms).toBeLessThanOrEqual(figures.p99Ms);
  expect(figures.requestsPerSecond).toBeGreaterThan(50);
});

test("an error ends it", async () => {
  await expect(closedLoop(2, 10, () => Promise.reject(new Error("refused")))).rejects.toThrow("refused");
});
