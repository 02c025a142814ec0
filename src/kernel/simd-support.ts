/**
 * Which build of the kernel does this machine run?
 *
 * The relaxed-SIMD build where WebAssembly accepts it, plain SIMD elsewhere. Both give the same answers: they differ
 * in the rounding of first passes only, which the bounds cover. Lowest file of the kernel layer.
 */
import { relaxedSimd } from "./generated/scan-module.js";

let isRelaxed: boolean | undefined;

/** Bytes of a base64 text. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** True when the relaxed-SIMD build of the kernel is in use. */
export function isRelaxedSimd(): boolean {
  isRelaxed ??= WebAssembly.validate(decodeBase64(relaxedSimd));
  return isRelaxed;
}
