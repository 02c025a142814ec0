/**
 * Are made rows normalised, the same each time, clustered, and filtered at about seven in a hundred?
 */
import { expect, test } from "vitest";
import { ClusteredVectors, clusteredFields } from "./clustered-rows.js";
import { filterField } from "./filter-field.js";

const dim = 32;

test("a row is a function of its number and the seed", () => {
  const whole = new ClusteredVectors(dim, 7).rows(0, 200);
  const part = new ClusteredVectors(dim, 7).rows(150, 50);
  expect(Array.from(part)).toEqual(Array.from(whole.subarray(150 * dim)));
  expect(Array.from(new ClusteredVectors(dim, 8).rows(0, 1))).not.toEqual(Array.from(whole.subarray(0, dim)));
  expect(clusteredFields(5)).toEqual(clusteredFields(5));
  expect(clusteredFields(5)).not.toEqual(clusteredFields(6));
});

test("rows have norm 1, and near neighbours among enough of them", () => {
  const count = 4_000;
  const rows = new ClusteredVectors(dim, 1).rows(0, count);
  const product = (left: number, right: number): number => {
    let sum = 0;
    for (let index = 0; index < dim; index += 1) sum += rows[left * dim + index]! * rows[right * dim + index]!;
    return sum;
  };
  for (let row = 0; row < count; row += 101) expect(product(row, row)).toBeCloseTo(1, 5);
  let near = 0;
  for (let row = 1; row < count; row += 1) if (product(0, row) > 0.4) near += 1;
  expect(near).toBeGreaterThan(0);
  expect(near).toBeLessThan(count / 4);
});

test("about seven of a hundred rows match the filter", () => {
  const count = 20_000;
  let matching = 0;
  for (let row = 0; row < count; row += 1) if (clusteredFields(row)[filterField] === "doc") matching += 1;
  expect(matching / count).toBeGreaterThan(0.04);
  expect(matching / count).toBeLessThan(0.1);
});
