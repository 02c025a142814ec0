import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { RequestGate } from "./request-gate.js";

function busyFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe("the gate", () => {
  it("starts at once while there is room, and in order when others have left", async () => {
    const gate = new RequestGate(2, 2);
    const started: number[] = [];
    const enter = (at: number): boolean => gate.enter(() => started.push(at));
    expect([enter(1), enter(2), enter(3), enter(4), enter(5)]).toEqual([true, true, true, true, false]);
    expect([started, gate.running, gate.queued]).toEqual([[1, 2], 2, 2]);
    gate.leave();
    await turn();
    await turn();
    expect(started).toEqual([1, 2, 3]);
    // The one that comes later does not overtake.
    expect(enter(6)).toBe(true);
    gate.leave();
    gate.leave();
    await turn();
    await turn();
    expect([started, gate.running, gate.queued]).toEqual([[1, 2, 3, 4, 6], 2, 0]);
  });

  it("leaves the event loop to others between starts that take long", async () => {
    const gate = new RequestGate(100, 100);
    let started = 0;
    for (let at = 0; at < 10; at += 1) {
      gate.enter(() => {
        started += 1;
        busyFor(3);
        gate.leave();
      });
    }
    expect(started).toBeLessThan(4);
    let turns = 0;
    for (; started < 10 && turns < 50; turns += 1) await turn();
    expect(started).toBe(10);
    expect(turns).toBeGreaterThan(2);
    expect(gate.running).toBe(0);
  });

  it("serves a long queue to its end", async () => {
    const gate = new RequestGate(1, 5000);
    let done = 0;
    for (let at = 0; at < 5000; at += 1) {
      gate.enter(() => {
        void turn().then(() => {
          done += 1;
          gate.leave();
        });
      });
    }
    const deadline = Date.now() + 5_000;
    while (done < 5000 && Date.now() < deadline) await turn();
    expect([done, gate.running, gate.queued]).toEqual([5000, 0, 0]);
  });
});
