/**
 * Where do rows stand in their file?
 *
 * `line 7`, or `lines 7 to 12` where it is not known which of them is meant. Import part of the command line.
 */
import type { RowReader } from "../readers/row-reader.js";

/** `places` are those of rows one after another, at least one. */
export function placeOfRows({ placeUnit }: RowReader, places: readonly number[]): string {
  const [first] = places;
  return places.length === 1 ? `${placeUnit} ${first}` : `${placeUnit}s ${first} to ${places.at(-1)}`;
}
