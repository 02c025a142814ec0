/**
 * Does a round keep every time and each result once?
 */
import { expect, it } from "vitest";
import { timedRound } from "./timed-round.js";

it("keeps every time and the results of the first pass, of engines that answer at once and later", async () => {
  let turn = 0;
  const round = await timedRound([() => [1, ++turn], () => Promise.resolve([2])]);
  expect(round.hits.map((hits) => Array.from(hits))).toEqual([[1, 1], [2]]);
  // Quick searches go on for as many passes as there may be.
  expect(round.ms.length).toBe(40);
  expect(turn).toBe(20);
});
