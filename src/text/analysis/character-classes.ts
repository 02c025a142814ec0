/**
 * Is a character part of a word, and of which kind?
 *
 * Letters and numbers of any script make words. Some scripts write words without spaces between them; their runs are
 * cut by a dictionary. Marks and invisible joiners (soft hyphen, zero-width joiners, variation selectors) belong to
 * the character before them and begin nothing. Classes are asked of the Unicode tables of the engine once a character
 * and kept a page of 256 at a time. Part of the text layer; imports nothing.
 */

/** Between words: white space, punctuation, symbols, unpaired surrogates. */
export const separator = 0;
/** A letter or number of a script with spaces between words. */
export const spacedLetter = 1;
/** A letter or number of a script without spaces between words. */
const unspacedLetter = 2;
/** Belongs to the character before it. */
export const extender = 3;

const unknown = 255;
const extenders = /^[\p{M}\p{Default_Ignorable_Code_Point}]$/u;
const letters = /^[\p{L}\p{N}]$/u;
const unspaced = /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]$/u;

/** Classes of code points, remembered. */
export class CharacterClasses {
  readonly #pages: (Uint8Array | undefined)[] = [];

  /** The class of a code point: one of the four above. */
  of(codePoint: number): number {
    const page = (this.#pages[codePoint >>> 8] ??= new Uint8Array(256).fill(unknown));
    const known = page[codePoint & 255]!;
    if (known !== unknown) return known;
    return (page[codePoint & 255] = classOf(String.fromCodePoint(codePoint)));
  }
}

function classOf(character: string): number {
  if (extenders.test(character)) return extender;
  if (!letters.test(character)) return separator;
  return unspaced.test(character) ? unspacedLetter : spacedLetter;
}
