/**
 * Which vectors do the examples of a recommendation stand for?
 *
 * An example is the id of a row, or a vector of its own. Rows are looked up at once, in the turn of the search's snapshot;
 * their vectors may have to be waited for.
 */
import type { Generation } from "../../engine/generation.js";
import { checkId } from "../../engine/id-input.js";
import { isVectorLike } from "../../engine/vector-input.js";
import { LynseError } from "../../errors.js";
import type { Id, Vector } from "../../types.js";
import { queryFor, targetDefinition, vectorsOfRows } from "./vector-target.js";

export class ExampleVectors {
  readonly #generation: Generation;
  readonly #fieldName: string;
  readonly #rows: number[] = [];

  constructor(generation: Generation, fieldName: string) {
    this.#generation = generation;
    this.#fieldName = fieldName;
  }

  /** Rows that were examples. */
  get rows(): readonly number[] {
    return this.#rows;
  }

  /** The vectors of examples. `ID_NOT_FOUND` for an id without a live row, or whose row has no vector in the field. */
  add(examples: readonly (Id | Vector)[]): Promise<Float32Array[]> {
    const definition = targetDefinition(this.#generation, this.#fieldName);
    const given = examples.map((example) => (isVectorLike(example) ? queryFor(definition, example) : checkId(example)));
    const ids = given.filter((example): example is Id => !(example instanceof Float32Array));
    const rows = ids.map((id) => this.#rowOf(id));
    this.#rows.push(...rows);
    const stored = vectorsOfRows(this.#generation, this.#fieldName, rows);
    const vectors = this.#inOrder(given, ids, stored);
    // The caller waits for one list after the other.
    vectors.catch(() => {});
    return vectors;
  }

  async #inOrder(
    given: readonly (Id | Float32Array)[],
    ids: readonly Id[],
    stored: Promise<(Float32Array | null)[]>,
  ): Promise<Float32Array[]> {
    const vectors = await stored;
    let at = 0;
    return given.map((example) => {
      if (example instanceof Float32Array) return example;
      const vector = vectors[at++];
      if (vector) return vector;
      const id = ids[at - 1]!;
      const field = JSON.stringify(this.#fieldName);
      throw new LynseError("ID_NOT_FOUND", `id ${JSON.stringify(id)} has no vector in field ${field}`, { id });
    });
  }

  #rowOf(id: Id): number {
    const row = this.#generation.find(id);
    if (row >= 0 && this.#generation.isLive(row)) return row;
    throw new LynseError("ID_NOT_FOUND", `id ${JSON.stringify(id)} is not in the collection`, { id });
  }
}
