/**
 * What does the text of a query ask for?
 *
 * The grammar: words; `"exact phrases"`, whose words stand next to each other; `-word` and `-"a phrase"`, which a row
 * may not have; `word*`, every word with this beginning. A hyphen inside a word separates, as in texts: `e-mail` asks
 * for "e" and "mail", and `-e-mail` excludes the two next to each other. A quote without its partner separates words.
 * No text is an error of syntax; a text that asks for nothing is refused. Part of the text layer.
 */
import { LynseError } from "../../errors.js";
import { checkLimit } from "../../limits.js";
import type { TextAnalyser } from "../analysis/text-analyser.js";
import type { TermGroup, TextPhrase, TextQuery } from "./text-query.js";

/** How the words of a query are combined: a row needs one of them or all. */
export interface TextQueryOptions {
  readonly operator?: "or" | "and";
}

/**
 * The query that `text` stands for. `INVALID_ARGUMENT`: nothing to look for (no word, stop words or exclusions alone);
 * `LIMIT_EXCEEDED`: more than 1,024 words or 65,536 characters.
 */
export function parseTextQuery(text: string, analyser: TextAnalyser, options: TextQueryOptions = {}): TextQuery {
  const operator = options.operator ?? "or";
  if (operator !== "or" && operator !== "and") {
    throw new LynseError("INVALID_ARGUMENT", `operator must be "or" or "and", got ${JSON.stringify(operator)}`, {
      option: "operator",
    });
  }
  checkLimit("queryLengthMax", text.length, "the length of the text query");
  const builder = new QueryBuilder(analyser, operator === "and");
  scan(text, builder);
  return builder.finish(text);
}

/** Hands the builder each quoted phrase and each run of other characters, with the minus before it. */
function scan(text: string, builder: QueryBuilder): void {
  let at = 0;
  let isNegated = false;
  while (at < text.length) {
    const character = text[at]!;
    if (isSpace(character)) {
      isNegated = false;
      at += 1;
    } else if (isQuote(character)) {
      const end = closingQuote(text, at + 1);
      if (end > at) {
        builder.addPhrase(text.slice(at + 1, end), isNegated);
        isNegated = false;
      }
      at = end > at ? end + 1 : at + 1;
    } else if (character === "-" && (at === 0 || isSpace(text[at - 1]!))) {
      isNegated = true;
      at += 1;
    } else {
      const start = at;
      while (at < text.length && !isSpace(text[at]!) && !isQuote(text[at]!)) at += 1;
      builder.addWords(text.slice(start, at), isNegated);
      isNegated = false;
    }
  }
}

function isSpace(character: string): boolean {
  return character <= " " || (character >= "\x7f" && /\s/.test(character));
}

function isQuote(character: string): boolean {
  return character === '"' || character === "“" || character === "”" || character === "„" || character === "＂";
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (isQuote(text[at]!)) return at;
  }
  return -1;
}

interface Token {
  readonly raw: string;
  /** `null`: a stop word. */
  readonly term: string | null;
  readonly isPrefix: boolean;
}

interface Group {
  readonly terms: TermGroup;
  weight: number;
  isWord: boolean;
}

class QueryBuilder {
  readonly #analyser: TextAnalyser;
  readonly #isAnd: boolean;
  readonly #groups = new Map<string, Group>();
  readonly #required = new Map<string, TermGroup>();
  readonly #excluded = new Map<string, TermGroup>();
  readonly #phrases: TextPhrase[] = [];
  readonly #excludedPhrases: TextPhrase[] = [];
  readonly #stopWords = new Set<string>();
  #phrasePositions = 0;

  constructor(analyser: TextAnalyser, isAnd: boolean) {
    this.#analyser = analyser;
    this.#isAnd = isAnd;
  }

  /** A run without spaces: several words where something separates them, each a prefix where `*` follows it. */
  addWords(text: string, isNegated: boolean): void {
    const tokens = this.#tokensOf(text);
    if (isNegated) {
      this.#exclude(tokens);
      return;
    }
    for (const { raw, term, isPrefix } of tokens) {
      if (isPrefix) this.#addGroup(prefixKey(raw), { prefix: raw }, true, this.#isAnd);
      else if (term !== null) this.#addGroup(termKey(term), [term], true, this.#isAnd);
    }
  }

  addPhrase(text: string, isNegated: boolean): void {
    const tokens = this.#tokensOf(text).map((token) => ({ ...token, isPrefix: false }));
    if (isNegated) {
      this.#exclude(tokens);
      return;
    }
    const phrase = trimmed(tokens.map(({ term }) => term));
    for (const term of phrase) {
      if (term !== null) this.#addGroup(termKey(term), [term], phrase.length === 1, true);
    }
    if (phrase.length > 1) this.#addTo(this.#phrases, phrase);
  }

  finish(text: string): TextQuery {
    if (this.#groups.size === 0) throw this.#nothingToFind(text);
    const groups = [...this.#groups.values()];
    return {
      groups: groups.map(({ terms, weight }) => ({ terms, weight })),
      required: [...this.#required.values()],
      excluded: [...this.#excluded.values()],
      phrases: this.#phrases,
      excludedPhrases: this.#excludedPhrases,
      words: groups.filter(({ isWord }) => isWord).map(({ terms }) => terms),
    };
  }

  #tokensOf(text: string): Token[] {
    const tokens: Token[] = [];
    this.#analyser.segments(text, (start, end) => {
      const token = text.slice(start, end);
      if (text[end] === "*") {
        const raw = this.#analyser.prefixOf(token);
        if (raw !== "") tokens.push({ raw, term: this.#analyser.termOf(token), isPrefix: true });
        return;
      }
      const term = this.#analyser.termOf(token);
      if (term === null) this.#stopWords.add(token);
      tokens.push({ raw: token, term, isPrefix: false });
    });
    return tokens;
  }

  #exclude(tokens: readonly Token[]): void {
    const only = tokens.length === 1 ? tokens[0]! : undefined;
    if (only?.isPrefix) {
      this.#excluded.set(prefixKey(only.raw), { prefix: only.raw });
    } else {
      const phrase = trimmed(tokens.map(({ term }) => term));
      const first = phrase[0];
      if (phrase.length > 1) this.#addTo(this.#excludedPhrases, phrase);
      else if (typeof first === "string") this.#excluded.set(termKey(first), [first]);
    }
    this.#checkTerms();
  }

  #addGroup(key: string, terms: TermGroup, isWord: boolean, isRequired: boolean): void {
    const known = this.#groups.get(key);
    if (known === undefined) this.#groups.set(key, { terms, weight: 1, isWord });
    else {
      known.weight += 1;
      known.isWord ||= isWord;
    }
    if (isRequired) this.#required.set(key, terms);
    this.#checkTerms();
  }

  #addTo(phrases: TextPhrase[], phrase: TextPhrase): void {
    phrases.push(phrase);
    this.#phrasePositions += phrase.length;
    this.#checkTerms();
  }

  #checkTerms(): void {
    const count = this.#groups.size + this.#excluded.size + this.#phrasePositions;
    checkLimit("queryTermsMax", count, "the number of words of the text query");
  }

  #nothingToFind(text: string): LynseError {
    const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
    const details = { text: text.slice(0, 80), stopWords: [...this.#stopWords].slice(0, 20) };
    if (this.#stopWords.size > 0) {
      const named = details.stopWords.map((word) => JSON.stringify(word)).join(", ");
      const message = `the text query ${shown} has no word to look for: ${named} are stop words, which are not indexed`;
      return new LynseError("INVALID_ARGUMENT", `${message}; add another word`, details);
    }
    if (this.#excluded.size + this.#excludedPhrases.length > 0) {
      const message = `the text query ${shown} only says what a row may not have; add a word to look for`;
      return new LynseError("INVALID_ARGUMENT", message, details);
    }
    const message = `the text query ${shown} has no word to look for; expected at least one letter or digit`;
    return new LynseError("INVALID_ARGUMENT", message, details);
  }
}

const termKey = (term: string): string => `=${term}`;
const prefixKey = (prefix: string): string => `*${prefix}`;

/** A phrase from its first to its last word that is not a stop word. */
function trimmed(terms: readonly (string | null)[]): TextPhrase {
  let from = 0;
  let to = terms.length;
  while (from < to && terms[from] === null) from += 1;
  while (to > from && terms[to - 1] === null) to -= 1;
  return terms.slice(from, to);
}
