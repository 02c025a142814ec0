/**
 * How many bytes can a Zstandard stream become, at most?
 *
 * By the headers of its frames and blocks (RFC 8878, sections 3.1.1 and 3.1.2), without decompressing: its decoder takes memory as
 * the stream asks for it, and four bytes can ask for 128 KiB. Reader layer of the command line.
 */

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const blockBytesMax = 128 * 1024;
const [rawBlock, repeatedBlock] = [0, 1];

/** Infinite where the stream is damaged, or asks for more than can be counted. */
export function zstdBytesMax(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let total = 0;
  try {
    for (let at = 0; at < bytes.length; ) {
      const magic = view.getUint32(at, true);
      if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
        at += 8 + view.getUint32(at + 4, true);
        continue;
      }
      if (magic !== frameMagic) return Number.POSITIVE_INFINITY;
      const frame = frameOf(view, at + 4);
      at = frame.blocksAt;
      let written = 0;
      for (let isLast = false; !isLast; ) {
        const head = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
        isLast = (head & 1) === 1;
        const type = (head >>> 1) & 3;
        const size = head >>> 3;
        written += type === rawBlock || type === repeatedBlock ? size : blockBytesMax;
        at += 3 + (type === repeatedBlock ? 1 : size);
      }
      if (frame.hasChecksum) at += 4;
      // The decoder takes what the header names before it reads a block.
      total += Math.max(frame.named, written);
    }
  } catch {
    return Number.POSITIVE_INFINITY;
  }
  return total;
}

interface Frame {
  readonly blocksAt: number;
  readonly hasChecksum: boolean;
  /** Bytes that the header names: of the contents, or of the window. */
  readonly named: number;
}

/** The frame whose descriptor is at `from`; throws a `RangeError` where it ends early. */
function frameOf(view: DataView, from: number): Frame {
  const descriptor = view.getUint8(from);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  let at = from + 1;
  let window = 0;
  if (!isSingleSegment) {
    const byte = view.getUint8(at);
    const base = 2 ** (10 + (byte >>> 3));
    window = base + (base / 8) * (byte & 7);
    at += 1;
  }
  at += [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  const contents = sizeOf(view, at, sizeBytes);
  return { blocksAt: at + sizeBytes, hasChecksum: (descriptor & 4) !== 0, named: Math.max(window, contents) };
}

function sizeOf(view: DataView, at: number, bytes: number): number {
  if (bytes === 0) return 0;
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}
