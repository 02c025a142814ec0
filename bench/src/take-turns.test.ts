import { expect, test } from "vitest";
import { takeTurns } from "./take-turns.js";

test("every round begins with another one", async () => {
  const order: string[] = [];
  const measure = async (name: string, round: number) => order.push(`${name}${round}`);
  const { results } = await takeTurns(["a", "b", "c"], String, 3, measure);
  expect(order).toEqual(["a0", "b0", "c0", "b1", "c1", "a1", "c2", "a2", "b2"]);
  expect(results.get("a")).toEqual([1, 6, 8]);
});

test("one that fails is out with its reason, the others go on", async () => {
  const { results, absences } = await takeTurns(["good", "bad"], String, 2, async (name, round) => {
    if (name === "bad" && round === 1) throw new Error("out of paper");
    return round;
  });
  expect([...results]).toEqual([["good", [0, 1]]]);
  expect(absences).toEqual([{ engine: "bad", reason: "failed: out of paper" }]);
});
