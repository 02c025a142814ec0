/**
 * When are two words the same, apart from their stems?
 *
 * Whatever their case, and however their characters are composed: compatibility normalisation (NFKC) before and after
 * case folding, as Unicode's caseless matching has it (The Unicode Standard, 3.13, D146), with three choices that
 * users expect of a search: ß is ss, the dot that lower case leaves on a Turkish İ goes, both sigmas are one. Accents
 * go where asked: only marks of scripts in which they are accents, since in others (Kana, Devanagari, Thai) they are
 * letters. Part of the text layer; imports nothing.
 */

/** What folding does besides case. */
export interface FoldOptions {
  readonly foldAccents: boolean;
  /** I and İ are the capitals of ı and i, as in Turkish. */
  readonly isTurkish: boolean;
}

/** Letters that Unicode does not decompose, without their strokes and ligatures. */
const plainLetters = new Map<string, string>(
  Object.entries({
    æ: "ae",
    œ: "oe",
    ø: "o",
    đ: "d",
    ð: "d",
    þ: "th",
    ł: "l",
    ħ: "h",
    ı: "i",
    ŧ: "t",
    ŋ: "n",
    ĸ: "k",
    ƀ: "b",
    ɓ: "b",
    ɗ: "d",
    ƒ: "f",
    ɠ: "g",
    ǥ: "g",
    ɨ: "i",
    ƙ: "k",
    ƚ: "l",
    ɲ: "n",
    ƥ: "p",
    ƭ: "t",
    ʉ: "u",
    ƴ: "y",
    ƶ: "z",
    ȥ: "z",
    ɛ: "e",
    ɔ: "o",
    ə: "e",
  }),
);

const invisible = /[\p{Default_Ignorable_Code_Point}\p{Me}]/gu;
/** Marks that are accents: general ones, and the points of Hebrew and Arabic with the letter stretcher. */
const accents = new RegExp(
  `[${[
    "\\u0300-\\u036f\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\ufe20-\\ufe2f",
    "\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7",
    "\\u0610-\\u061a\\u0640\\u064b-\\u065f\\u0670\\u06d6-\\u06dc\\u06df-\\u06e4\\u06e7\\u06e8\\u06ea-\\u06ed",
  ].join("")}]`,
  "g",
);
const nonAscii = /[^\0-\x7f]/g;

/** The word that all spellings of `token` share. */
export function foldWord(token: string, options: FoldOptions): string {
  if (isAscii(token)) {
    return options.isTurkish ? foldTurkish(token, options.foldAccents) : token.toLowerCase();
  }
  const composed = token.replace(invisible, "").normalize("NFKC");
  const lower = options.isTurkish ? composed.replaceAll("I", "ı").replaceAll("İ", "i") : composed;
  const folded = lower.toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ").replaceAll("i\u0307", "i");
  return options.foldAccents ? withoutAccents(folded) : folded.normalize("NFKC");
}

function foldTurkish(token: string, foldAccents: boolean): string {
  return foldAccents ? token.toLowerCase() : token.replaceAll("I", "ı").toLowerCase();
}

function withoutAccents(word: string): string {
  const bare = word.normalize("NFD").replace(accents, "").normalize("NFKC");
  return bare.replace(nonAscii, (letter) => plainLetters.get(letter) ?? letter);
}

function isAscii(token: string): boolean {
  for (let at = 0; at < token.length; at += 1) {
    if (token.charCodeAt(at) >= 128) return false;
  }
  return true;
}
