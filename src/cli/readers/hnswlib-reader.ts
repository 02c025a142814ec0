/**
 * Which vectors and labels are in an index file of hnswlib?
 *
 * As `HierarchicalNSW::saveIndex` of hnswlib 0.4 to 0.8 writes it on a 64-bit little-endian machine: a header of 96 bytes
 * (six sizes, a level, an entry point, three sizes, a double, a size), then for each element its links on level 0, its
 * float32 vector and its 64-bit label, then the links of the upper levels. Elements marked as deleted are passed over.
 * Labels become ids. Reader layer of the command line.
 */
import { type FileHandle, open } from "node:fs/promises";
import { LynseError } from "../../errors.js";
import { limits } from "../../limits.js";
import { fileError } from "./byte-source.js";
import { ownId, ownVector, type RowReader, type SourceRow } from "./row-reader.js";

const headerBytes = 96;
/** Bytes of elements read at once. */
const readBytes = 1 << 20;
/** Third byte of an element's number of links: the mark of a deleted one. */
const deletedMark = 1;

interface Layout {
  readonly count: number;
  readonly elementBytes: number;
  readonly labelOffset: number;
  readonly dataOffset: number;
}

export class HnswlibReader implements RowReader {
  readonly name: string;
  readonly placeUnit = "row";
  readonly rowCount = null;
  readonly #handle: FileHandle;
  readonly #layout: Layout;
  #read = 0;
  #deleted = 0;

  private constructor(name: string, handle: FileHandle, layout: Layout) {
    this.name = name;
    this.#handle = handle;
    this.#layout = layout;
  }

  static async open(name: string): Promise<HnswlibReader> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(name, "r");
      const { size } = await handle.stat();
      const head = new Uint8Array(headerBytes);
      const { bytesRead } = await handle.read(head, 0, headerBytes, 0);
      return new HnswlibReader(name, handle, layoutOf(name, head.subarray(0, bytesRead), size));
    } catch (error) {
      await handle?.close();
      throw error instanceof LynseError ? error : fileError(name, error);
    }
  }

  shareRead(): number {
    return this.#layout.count === 0 ? 1 : this.#read / this.#layout.count;
  }

  notes(): readonly string[] {
    return this.#deleted === 0 ? [] : [`${this.#deleted} elements marked as deleted were passed over`];
  }

  async *pieces(): AsyncGenerator<readonly SourceRow[]> {
    const { count, elementBytes } = this.#layout;
    const step = Math.max(1, Math.floor(readBytes / elementBytes));
    while (this.#read < count) {
      const elements = Math.min(step, count - this.#read);
      const bytes = new Uint8Array(elements * elementBytes);
      const { bytesRead } = await this.#handle.read(bytes, 0, bytes.length, headerBytes + this.#read * elementBytes);
      if (bytesRead < bytes.length) throw refuse(this.name, "the file became shorter while it was read; start again");
      const rows: SourceRow[] = [];
      for (let at = 0; at < elements; at += 1) {
        const row = this.#row(bytes.subarray(at * elementBytes, (at + 1) * elementBytes), this.#read + at + 1);
        if (row === null) this.#deleted += 1;
        else rows.push(row);
      }
      this.#read += elements;
      if (rows.length > 0) yield rows;
    }
  }

  #row(element: Uint8Array, line: number): SourceRow | null {
    if (((element[2] ?? 0) & deletedMark) !== 0) return null;
    const { labelOffset, dataOffset } = this.#layout;
    const view = new DataView(element.buffer, element.byteOffset, element.byteLength);
    const vector = new Float32Array((labelOffset - dataOffset) / 4);
    for (let i = 0; i < vector.length; i += 1) vector[i] = view.getFloat32(dataOffset + i * 4, true);
    const label = view.getBigUint64(labelOffset, true);
    if (label > BigInt(Number.MAX_SAFE_INTEGER)) {
      return { line, values: {}, failure: refuse(this.name, `row ${line}: label ${label} is beyond 2^53`) };
    }
    return { line, values: { [ownId]: Number(label), [ownVector]: vector } };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function layoutOf(name: string, head: Uint8Array, size: number): Layout {
  if (head.length < headerBytes) throw refuse(name, "too short for an index file of hnswlib");
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const word = (at: number): number => Number(view.getBigUint64(at * 8, true));
  const [levelOffset, , count, elementBytes, labelOffset, dataOffset] = [0, 1, 2, 3, 4, 5].map(word) as number[];
  const layout = { count: count!, elementBytes: elementBytes!, labelOffset: labelOffset!, dataOffset: dataOffset! };
  const vectorBytes = layout.labelOffset - layout.dataOffset;
  const isIndex =
    levelOffset === 0 &&
    layout.dataOffset >= 4 &&
    vectorBytes > 0 &&
    layout.elementBytes === layout.labelOffset + 8 &&
    Number.isSafeInteger(layout.count * layout.elementBytes);
  if (!isIndex) throw refuse(name, "no index file of hnswlib, or of another machine's layout");
  if (vectorBytes % 4 !== 0 || vectorBytes / 4 > limits.dimMax) {
    throw refuse(name, `vectors of ${vectorBytes} bytes; float32 vectors of 1 to ${limits.dimMax} numbers are read`);
  }
  if (layout.elementBytes > readBytes) {
    const message = `${name}: elements of ${layout.elementBytes} bytes; at most ${readBytes} are read`;
    throw new LynseError("LIMIT_EXCEEDED", message, { file: name, limit: "elementBytesMax", max: readBytes });
  }
  if (headerBytes + layout.count * layout.elementBytes > size) {
    throw refuse(name, `${size} bytes cannot hold its ${layout.count} elements; copy the file again`);
  }
  return layout;
}

function refuse(name: string, what: string): LynseError {
  return new LynseError("INVALID_ARGUMENT", `${name}: ${what}`, { file: name });
}
