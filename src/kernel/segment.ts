/**
 * Where do the blocks of a table lie?
 *
 * A segment is one memory with an instance of the scan kernel; a table has as many as its rows need.
 */

import { KernelMemory } from "./kernel-memory.js";
import { instantiateKernel, type Kernel } from "./kernel-module.js";

export type { Scratch } from "./kernel-memory.js";

export class Segment extends KernelMemory {
  readonly kernel: Kernel;
  /** Number of the segment's first row in its table; a multiple of 64. */
  readonly firstRow: number;

  constructor(firstRow: number, bytesMax: number) {
    super(bytesMax);
    this.firstRow = firstRow;
    this.kernel = instantiateKernel(this.memory);
  }
}
