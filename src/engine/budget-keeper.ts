/**
 * What does a collection do so that all open ones fit into the memory budget?
 *
 * After commits that made it grow it has the budget looked at; when its turn comes it moves the vectors of its largest field
 * to disk (they are in the file already: their place in memory is given up). Fields whose vectors are on disk have the newer
 * ones follow in batches. A field returns to memory with a new generation, after a compaction or an open, where it fits then;
 * so a collection at the edge does not go back and forth.
 */
import { isLynseError } from "../errors.js";
import type { Generation } from "./generation.js";
import type { MemoryBudget, MemorySpiller } from "./memory-budget.js";
import type { RunExclusive, VectorField } from "./vector-field.js";

/** Share of the budget that a collection may grow by before it is looked at again. */
const growthShare = 1 / 64;

export interface BudgetedCollection {
  readonly isClosed: boolean;
  present(): Generation;
  readonly exclusive: RunExclusive;
}

export class BudgetKeeper implements MemorySpiller {
  readonly #collection: BudgetedCollection;
  readonly #budget: MemoryBudget;
  readonly #leave: () => void;
  #work: Promise<void> = Promise.resolve();
  #checkedBytes = Number.NEGATIVE_INFINITY;

  constructor(collection: BudgetedCollection, budget: MemoryBudget) {
    this.#collection = collection;
    this.#budget = budget;
    this.#leave = budget.addSpiller(this);
  }

  spillableBytes(): number {
    return this.#largest()?.spillableBytes ?? 0;
  }

  async spill(): Promise<boolean> {
    const field = this.#largest();
    return field === null ? false : this.#spillField(field);
  }

  /** After a commit. */
  keepSoon(): void {
    this.#work = this.#work.then(() => this.#keep()).catch(ignoreClosed);
  }

  /** Nothing is begun any more. Resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#leave();
    await this.#work;
  }

  async #keep(): Promise<void> {
    if (this.#collection.isClosed) return;
    const { vectorFields, position } = this.#collection.present();
    for (const field of vectorFields) if (field.isSpillDue) await this.#spillField(field);
    let bytes = position?.bytes ?? 0;
    for (const field of vectorFields) bytes += field.spillableBytes;
    if (Math.abs(bytes - this.#checkedBytes) < this.#budget.bytesMax * growthShare) return;
    this.#checkedBytes = bytes;
    await this.#budget.keep();
  }

  #spillField(field: VectorField): Promise<boolean> {
    return this.#collection.present().pin(() => field.spill(this.#collection.exclusive));
  }

  #largest(): VectorField | null {
    if (this.#collection.isClosed) return null;
    let largest: VectorField | null = null;
    for (const field of this.#collection.present().vectorFields) {
      if (field.spillableBytes > (largest?.spillableBytes ?? 0)) largest = field;
    }
    return largest;
  }
}

/** The collection may be closed while it waits for its turn; vectors that stay in memory do no harm. */
function ignoreClosed(error: unknown): void {
  if (isLynseError(error, "INTERNAL")) throw error;
}
