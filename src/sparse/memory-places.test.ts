import fc from "fast-check";
import { expect, test } from "vitest";
import { KernelMemory } from "../kernel/kernel-memory.js";
import { MemoryPlaces } from "./memory-places.js";

test("places never overlap, whatever is taken and given back", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 5_000 })), { maxLength: 60 }), (steps) => {
      const places = new MemoryPlaces(new KernelMemory());
      const taken: { readonly address: number; readonly bytes: number }[] = [];
      for (const [isTaking, number] of steps) {
        const given = isTaking ? undefined : taken.splice(number % Math.max(1, taken.length), 1)[0];
        if (given !== undefined) {
          places.give(given.address, given.bytes);
          continue;
        }
        const address = places.take(number);
        for (const other of taken) {
          const isApart = address + number <= other.address || other.address + other.bytes <= address;
          expect(isApart).toBe(true);
        }
        taken.push({ address, bytes: Math.max(1, number) });
      }
      for (const { address, bytes } of taken) places.give(address, bytes);
      // Everything is one stretch again: a place of that size needs no more memory.
      const held = places.heldBytes;
      if (held > 64) places.take(held - 64);
      expect(places.heldBytes).toBe(held);
    }),
  );
});

test("a place that is given back twice is noticed", () => {
  const places = new MemoryPlaces(new KernelMemory());
  const address = places.take(100);
  places.take(100);
  places.give(address, 100);
  expect(() => places.give(address, 100)).toThrow("given back once");
});
