/**
 * What does an index of hnswlib look like on disk?
 */
export interface HnswlibElement {
  readonly label: number;
  readonly vector: readonly number[];
  readonly isDeleted?: boolean;
}

/** An index file as `HierarchicalNSW::saveIndex` writes it, of elements without links. */
export function hnswlibFile(elements: readonly HnswlibElement[]): Buffer {
  const dim = elements[0]?.vector.length ?? 1;
  const links = 4 + 32 * 4;
  const element = links + dim * 4 + 8;
  const head = Buffer.alloc(96);
  [0, 100, elements.length, element, links + dim * 4, links].forEach((size, at) => {
    head.writeBigUInt64LE(BigInt(size), at * 8);
  });
  const parts = elements.map(({ label, vector, isDeleted }) => {
    const bytes = Buffer.alloc(element, 0xcc);
    bytes.writeUInt32LE(isDeleted === true ? 0x10000 : 0, 0);
    vector.forEach((value, at) => void bytes.writeFloatLE(value, links + at * 4));
    bytes.writeBigUInt64LE(BigInt(label), links + dim * 4);
    return bytes;
  });
  return Buffer.concat([head, ...parts, Buffer.alloc(elements.length * 4)]);
}
