/**
 * Do all vectors of a collection match the checksums that the log has for them?
 *
 * One checksum covers the vectors of one frame: where it does not match, some of them are damaged, and nothing tells which.
 */
import { damagedRanges } from "../../storage/inspect/damaged-ranges.js";
import type { StoredFiles, StoredVectors } from "../../storage/inspect/stored-files.js";
import type { RangeLedger } from "./log-ledger.js";
import type { LogWalk } from "./log-walk.js";

/** Vectors that do not match their checksum. */
export interface VectorDamage {
  readonly file: StoredVectors;
  /** Number of the named field; -1 for the rows' own vectors. */
  readonly field: number;
  readonly first: number;
  readonly count: number;
  readonly batch: number;
  /** True where the file ends before. */
  readonly isMissing: boolean;
}

export interface VectorCheckOptions {
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (bytes: number) => void;
  /** Is told of a file, and the first place in it, that has a component which is no finite number. Absent: not looked for. */
  readonly onNonFinite?: (file: StoredVectors, offset: number, count: number) => void;
}

export interface VectorCheck {
  readonly damage: readonly VectorDamage[];
  /** Where the log ends when vectors of a commit that nothing vouches for are not whole; null where all are. */
  readonly tornAt: number | null;
}

export async function checkVectors(
  files: StoredFiles,
  walk: LogWalk,
  options: VectorCheckOptions,
): Promise<VectorCheck> {
  const damage: VectorDamage[] = [];
  let tornAt: number | null = null;
  const check = async (file: StoredVectors, field: number, ledger: RangeLedger): Promise<void> => {
    for (const range of await rangesOf(files, file, ledger, options)) {
      const origin = ledger.originOf(range);
      if (origin === null) continue;
      const start = walk.unvouched.get(origin.batch);
      if (start !== undefined && start >= walk.vouchedBytes) tornAt = Math.min(tornAt ?? start, start);
      const first = ledger.startOf(range);
      const end = ledger.ranges.endOf(range);
      const isMissing = file.bytes < 64 + end * file.stride;
      damage.push({ file, field, first, count: end - first, batch: origin.batch, isMissing });
    }
  };
  if (files.vectors !== null) await check(files.vectors, -1, walk.ledger.primary);
  for (const [field, file] of files.fields.entries()) await check(file, field, walk.ledger.fields[field]!.vectors);
  // What belongs to a torn commit is not damage, and is not there after the cut.
  const isKept = ({ batch }: VectorDamage): boolean => {
    const start = walk.unvouched.get(batch);
    return tornAt === null || start === undefined || start < tornAt;
  };
  return { damage: damage.filter(isKept), tornAt };
}

async function rangesOf(
  { fs }: StoredFiles,
  file: StoredVectors,
  { ranges }: RangeLedger,
  { onNonFinite, ...options }: VectorCheckOptions,
): Promise<number[]> {
  const { handle, stride, dtype } = file;
  if (handle === null) return Array.from({ length: ranges.count }, (_, range) => range);
  if (onNonFinite === undefined) return damagedRanges({ fs, handle, stride, ranges }, options);
  let first = -1;
  let count = 0;
  const look = (bytes: Uint8Array, position: number): void => {
    const found = dtype === "float32" ? nonFiniteOf32(bytes) : nonFiniteOf16(bytes);
    if (found.count > 0 && first === -1) first = position + found.first;
    count += found.count;
  };
  const damaged = await damagedRanges({ fs, handle, stride, ranges }, { ...options, look });
  if (count > 0) onNonFinite(file, first, count);
  return damaged;
}

/** Number of components whose exponent is all ones (IEEE 754: NaN, infinities), and the byte of the first. */
function nonFiniteOf32(bytes: Uint8Array): { readonly first: number; readonly count: number } {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  let first = -1;
  let count = 0;
  for (let at = 0; at < words.length; at++) {
    if ((words[at]! & 0x7f80_0000) !== 0x7f80_0000) continue;
    if (count++ === 0) first = at * 4;
  }
  return { first, count };
}

function nonFiniteOf16(bytes: Uint8Array): { readonly first: number; readonly count: number } {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 1);
  let first = -1;
  let count = 0;
  for (let at = 0; at < halves.length; at++) {
    if ((halves[at]! & 0x7c00) !== 0x7c00) continue;
    if (count++ === 0) first = at * 2;
  }
  return { first, count };
}
