/**
 * How are small numbers kept in few bytes?
 *
 * Seven bits a byte, lowest first, the top bit set on all but the last. A reader that needs to know where it is reads
 * the value with `readVarint` and steps over it with `skipVarint`: no state is shared.
 */

/** Writes a number of at most five bytes and returns the address after it. */
// @ts-ignore: decorator
@inline
export function writeVarint(address: usize, value: u32): usize {
  while (value > 127) {
    store<u8>(address, value | 128);
    value >>= 7;
    address += 1;
  }
  store<u8>(address, value);
  return address + 1;
}

// @ts-ignore: decorator
@inline
export function readVarint(address: usize): u32 {
  let byte = <u32>load<u8>(address);
  let value = byte & 127;
  let shift: u32 = 7;
  while (byte > 127 && shift < 35) {
    address += 1;
    byte = <u32>load<u8>(address);
    value |= (byte & 127) << shift;
    shift += 7;
  }
  return value;
}

// @ts-ignore: decorator
@inline
export function skipVarint(address: usize): usize {
  let bytes: u32 = 1;
  while (load<u8>(address) > 127 && bytes < 5) {
    address += 1;
    bytes += 1;
  }
  return address + 1;
}
