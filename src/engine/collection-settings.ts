/**
 * How does a collection's configuration change?
 *
 * Between two commits, durably, and checked again when the change has its turn. What it means for rows that are there
 * already (a text index to be made anew, a field that expects an index) begins in the same turn.
 */
import { LynseError } from "../errors.js";
import { checkLimit } from "../limits.js";
import type { CollectionConfig, VectorFieldConfig } from "../storage/manifest.js";
import type { PresentGeneration } from "./present-generation.js";
import type { RunExclusive } from "./vector-field.js";

export class CollectionSettings {
  readonly #present: PresentGeneration;
  readonly #exclusive: RunExclusive;

  constructor(present: PresentGeneration, exclusive: RunExclusive) {
    this.#present = present;
    this.#exclusive = exclusive;
  }

  async updateDescription(description: string): Promise<void> {
    await this.#change(() => this.#update({ description }));
  }

  /** Adds a named vector field; the same one again changes nothing, another one of that name is refused. */
  async createVectorField(field: VectorFieldConfig): Promise<void> {
    await this.#change(async () => {
      const fields = this.#present.config.vectorFields ?? [];
      const present = fields.find(({ name }) => name.toLowerCase() === field.name.toLowerCase());
      if (present !== undefined) return checkSameField(present, field);
      checkLimit("vectorFieldsMax", fields.length + 1, "the number of named vector fields");
      await this.#update({ vectorFields: [...fields, field] });
      this.#present.generation.vectorField(field.name).expectIndex();
    });
  }

  /** Changes how text is searched; the text index is made anew where it has to be. */
  async configureText(text: NonNullable<CollectionConfig["text"]>): Promise<void> {
    await this.#change(async () => {
      await this.#update({ text });
      this.#present.generation.text.keepSoon();
    });
  }

  /** Remembers what makes the vectors of documents; it is fixed once. */
  async fixEmbedder(embedder: NonNullable<CollectionConfig["embedder"]>): Promise<void> {
    await this.#change(async () => {
      if (this.#present.config.embedder === undefined) await this.#update({ embedder });
    });
  }

  /** Fixes the dimension of a collection that has none; one that is fixed already stays. */
  async fixDim(dim: number): Promise<void> {
    await this.#change(() => this.fixDimNow(dim));
  }

  /** As `fixDim`, for who has the commit queue's turn. */
  async fixDimNow(dim: number): Promise<void> {
    if (this.#present.config.dim === null) await this.#update({ dim });
    this.#present.generation.primary.fixDim();
  }

  #update(patch: Partial<Omit<CollectionConfig, "createdAt">>): Promise<void> {
    return this.#present.generation.store.updateConfig(patch);
  }

  async #change(task: () => Promise<void>): Promise<void> {
    this.#present.checkWritable();
    await this.#exclusive(async () => {
      this.#present.checkAbreast();
      await task();
    });
  }
}

/** A field of the same name must be the one that was asked for. */
function checkSameField(present: VectorFieldConfig, wanted: VectorFieldConfig): void {
  for (const what of ["name", "dim", "dtype", "metric"] as const) {
    if (present[what] === wanted[what]) continue;
    throw new LynseError(
      "INVALID_ARGUMENT",
      `vector field ${JSON.stringify(present.name)} exists with ${what} ${present[what]}, ${what} ${wanted[what]} was asked for`,
      { field: present.name, [what]: present[what], got: wanted[what] },
    );
  }
}
