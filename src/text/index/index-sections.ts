/**
 * What does a checkpoint hold of a text index?
 *
 * Sections `head` (counts), `fields` (what was learnt beyond the chosen ones), `signatures`, `lengths` and `terms`, all
 * free of addresses; `write-sections.ts` in the kernel draws the last two. They are read as untrusted bytes: whatever
 * does not fit gives no index.
 */
import type { FieldNodes } from "./field-nodes.js";
import { kernelStatus, statePlace } from "./text-kernel.js";
import type { TextMemory } from "./text-memory.js";

/** A section: its name within the index, and its bytes. */
export interface IndexSection {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Changes with the format: another one is not read. */
const formatVersion = 1;
/** Bytes that go over at a time, unless one record has more. */
const pieceBytes = 15_360;
/** Bytes that the kernel may read beyond a piece. */
const guardBytes = 64;
const signatureWords = 3;
const storedSignatureBytes = 16;
const nodesMax = 1_000_000;

interface Head {
  readonly version: number;
  readonly rows: number;
  readonly signatures: number;
  readonly terms: number;
  readonly aliases: number;
  readonly postings: number;
}

const headMembers = ["version", "rows", "signatures", "terms", "aliases", "postings"] as const;

/** The sections of an index. */
export function writeSections(memory: TextMemory, nodes: FieldNodes): IndexSection[] {
  const { kernel, state } = memory;
  const head: Head = {
    version: formatVersion,
    rows: memory.stateWord("row"),
    signatures: memory.stateWord("signatureCount"),
    terms: memory.stateWord("termCount"),
    aliases: memory.stateWord("aliasCount"),
    postings: memory.stateWord("postingCount"),
  };
  const text = new TextDecoder();
  const fields = nodes.learnt.map(({ parent, key }) => [parent, text.decode(key)]);
  const encoder = new TextEncoder();
  const signatures = signatureBytes(memory, head.signatures);
  kernel.beginLengths(state);
  const lengths = collected(memory, (to, room) => kernel.writeLengthSection(state, to, room));
  kernel.beginTerms(state);
  const terms = collected(memory, (to, room) => kernel.writeTermSection(state, to, room));
  return [
    { name: "head", bytes: encoder.encode(JSON.stringify(head)) },
    { name: "fields", bytes: encoder.encode(JSON.stringify(fields)) },
    { name: "signatures", bytes: signatures },
    { name: "lengths", bytes: lengths },
    { name: "terms", bytes: terms },
  ];
}

function signatureBytes(memory: TextMemory, count: number): Uint8Array {
  const words = memory.words;
  const from = (words[(memory.state + statePlace.signatures) >>> 2] as number) >>> 2;
  const bytes = new Uint8Array(count * signatureWords * 4);
  const view = new DataView(bytes.buffer);
  for (let code = 0; code < count; code++) {
    for (let word = 0; word < signatureWords; word++) {
      const value = words[from + code * (storedSignatureBytes / 4) + word] as number;
      view.setUint32((code * signatureWords + word) * 4, value, true);
    }
  }
  return bytes;
}

/** Everything that `write` gives piece by piece. */
function collected(memory: TextMemory, write: (to: number, room: number) => number): Uint8Array {
  const pieces: Uint8Array[] = [];
  let room = pieceBytes;
  for (let isMore = true; isMore; ) {
    memory.withScratch(room + guardBytes, (to) => {
      const bytes = write(to, room);
      if (bytes > 0) pieces.push(memory.bytes.slice(to, to + bytes));
      const wanted = memory.stateWord("wanted");
      room = Math.max(room, wanted);
      isMore = wanted > 0;
    });
  }
  return joined(pieces);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Fills an empty index, in steps of well below a millisecond; false where the sections are not those of an index.
 * Nothing else may be done with the index until the end.
 */
export function* readSections(
  memory: TextMemory,
  nodes: FieldNodes,
  sections: ReadonlyMap<string, Uint8Array>,
): Generator<undefined, boolean> {
  const head = headOf(sections.get("head"));
  const signatures = sections.get("signatures");
  const lengths = sections.get("lengths");
  const terms = sections.get("terms");
  if (head === null || signatures === undefined || lengths === undefined || terms === undefined) return false;
  if (!readFields(nodes, sections.get("fields")) || !readSignatures(memory, signatures, head.signatures)) return false;
  const { kernel, state } = memory;
  // A row has a byte of lengths at least: the count cannot make anything large.
  if (head.rows > lengths.length) return false;
  const hasLengths = yield* readPieces(memory, lengths, (at, bytes) =>
    kernel.readLengthSection(state, at, bytes, head.rows),
  );
  if (!hasLengths || memory.stateWord("row") !== head.rows) return false;
  if (!(yield* readPieces(memory, terms, (at, bytes) => kernel.readTermSection(state, at, bytes)))) return false;
  return (
    memory.stateWord("termCount") === head.terms &&
    memory.stateWord("aliasCount") === head.aliases &&
    memory.stateWord("postingCount") === head.postings
  );
}

function parsed(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function headOf(bytes: Uint8Array | undefined): Head | null {
  const value = parsed(bytes);
  if (typeof value !== "object" || value === null) return null;
  const members = value as Readonly<Record<string, unknown>>;
  for (const name of headMembers) {
    const number = members[name];
    if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > 0xffff_ffff) return null;
  }
  return members["version"] === formatVersion ? (value as Head) : null;
}

function readFields(nodes: FieldNodes, bytes: Uint8Array | undefined): boolean {
  const value = parsed(bytes);
  if (!Array.isArray(value) || value.length > nodesMax) return false;
  const encoder = new TextEncoder();
  for (const field of value as unknown[]) {
    if (!Array.isArray(field)) return false;
    const [parent, key] = field as unknown[];
    if (typeof parent !== "number" || typeof key !== "string" || !nodes.learn(parent, encoder.encode(key)))
      return false;
  }
  return true;
}

function readSignatures(memory: TextMemory, bytes: Uint8Array, count: number): boolean {
  if (bytes.length !== count * signatureWords * 4) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { kernel, state } = memory;
  for (let at = 0; at < bytes.length; at += signatureWords * 4) {
    const [base, field, run] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
    if (memory.withRoom(() => kernel.readSignature(state, base, field, run)) !== kernelStatus.done) return false;
  }
  return true;
}

/** Gives all bytes to `read`, which takes in as much of a piece as it can; false where something is wrong or left. */
function* readPieces(
  memory: TextMemory,
  bytes: Uint8Array,
  read: (at: number, bytes: number) => number,
): Generator<undefined, boolean> {
  let done = 0;
  let size = pieceBytes;
  while (done < bytes.length) {
    const piece = bytes.subarray(done, done + size);
    const { status, taken, wanted } = readPiece(memory, piece, read);
    done += taken;
    if (status === kernelStatus.needRoom) memory.grow(wanted);
    else if (status !== kernelStatus.done) return false;
    else if (taken === 0 && piece.length < size) return false;
    else if (taken === 0) size = Math.max(wanted, 2 * size);
    yield;
  }
  return true;
}

/** One piece: what `read` said, how many bytes it took in, and the room or size that it wants. */
function readPiece(
  memory: TextMemory,
  piece: Uint8Array,
  read: (at: number, bytes: number) => number,
): { status: number; taken: number; wanted: number } {
  return memory.withScratch(piece.length + guardBytes, (at) => {
    memory.bytes.set(piece, at);
    const status = read(at, piece.length);
    return { status, taken: memory.stateWord("cursor") - at, wanted: memory.stateWord("wanted") };
  });
}
