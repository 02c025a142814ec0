/** How is a list of unsigned 32-bit numbers kept whose length is not known? In one typed array that grows by half. */
export class GrowingUint32Array {
  #values = new Uint32Array(16);
  #length = 0;

  /** Takes over `values`, all of which count. */
  static of(values: Uint32Array<ArrayBuffer>): GrowingUint32Array {
    const list = new GrowingUint32Array();
    list.#values = values;
    list.#length = values.length;
    return list;
  }

  get length(): number {
    return this.#length;
  }

  /** The values and room for more; the first `length` count. Invalid after the next `push`. */
  get values(): Uint32Array {
    return this.#values;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const values = new Uint32Array(this.#length + (this.#length >>> 1) + 16);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  /** Adds one to the value at `at`. */
  increment(at: number): void {
    this.#values[at]! += 1;
  }

  memoryBytes(): number {
    return this.#values.byteLength;
  }
}
