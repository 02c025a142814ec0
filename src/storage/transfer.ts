/**
 * How does a transfer go on after the system moved only a part of it?
 *
 * A read or write may move fewer bytes than asked for, without an error. These loops go on until all is moved or the
 * file ends; a write that moves nothing is an error, so that no loop is endless.
 */

/** Most bytes of one system call: some systems refuse more than 2 GiB. */
const stepBytesMax = 64 * 1024 * 1024;

/** Moves bytes between memory and a file at `position`; tells how many. */
export type TransferStep = (bytes: Uint8Array, position: number) => Promise<number>;

/** Fills `target` unless the file ends before; resolves to the bytes read. */
export async function readFully(step: TransferStep, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const part = target.subarray(done, Math.min(target.length, done + stepBytesMax));
    const moved = await step(part, position + done);
    if (moved === 0) break;
    done += moved;
  }
  return done;
}

/** `readFully` on the calling thread. */
export function readFullyNow(
  step: (bytes: Uint8Array, position: number) => number,
  target: Uint8Array,
  position: number,
): number {
  let done = step(target, position);
  while (done < target.length) {
    const moved = step(target.subarray(done), position + done);
    if (moved === 0) break;
    done += moved;
  }
  return done;
}

/** Writes all of `source`; calls `stuck` for the error when the file takes no more bytes. */
export async function writeFully(
  step: TransferStep,
  source: Uint8Array,
  position: number,
  stuck: () => Error,
): Promise<void> {
  let done = 0;
  while (done < source.length) {
    const part = source.subarray(done, Math.min(source.length, done + stepBytesMax));
    const moved = await step(part, position + done);
    if (moved === 0) throw stuck();
    done += moved;
  }
}
