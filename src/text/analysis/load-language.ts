/**
 * Where do a language's stemmer and stop words come from?
 *
 * From two optional packages, loaded when a language is asked for and never otherwise: the library itself depends on
 * nothing. The only file of the layer that may import a package.
 */
import { LynseError } from "../../errors.js";
import type { AnalyserLanguage } from "./analyser-options.js";

/** The stem of a lower-case word. */
export type Stemmer = (word: string) => string;

/** Gives the module called `specifier`. */
export type ModuleLoader = (specifier: string) => Promise<unknown>;

const importModule: ModuleLoader = (specifier) => import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);

/** The stemmer of a language. */
export async function loadStemmer(language: AnalyserLanguage, load: ModuleLoader = importModule): Promise<Stemmer> {
  const module = await loadPackage("@orama/stemmers", language, load);
  const stemmer = member(module, "stemmer");
  if (typeof stemmer === "function") return stemmer as Stemmer;
  throw unfit("@orama/stemmers", language, "has no function stemmer");
}

/** The stop words of a language, as the package lists them. */
export async function loadStopWords(
  language: AnalyserLanguage,
  load: ModuleLoader = importModule,
): Promise<readonly string[]> {
  const module = await loadPackage("@orama/stopwords", language, load);
  const words = member(module, "stopwords");
  if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  throw unfit("@orama/stopwords", language, "has no list stopwords");
}

async function loadPackage(name: string, language: AnalyserLanguage, load: ModuleLoader): Promise<unknown> {
  try {
    return await load(`${name}/${language}`);
  } catch (error) {
    const message = `the text language "${language}" needs the package ${name}, which could not be loaded; `;
    throw new LynseError("UNSUPPORTED", `${message}npm install ${name}`, { package: name, language }, error);
  }
}

function member(module: unknown, name: string): unknown {
  return typeof module === "object" && module !== null ? (module as Record<string, unknown>)[name] : undefined;
}

function unfit(name: string, language: AnalyserLanguage, what: string): LynseError {
  const message = `${name}/${language} ${what}: not a version that this one can use; npm install ${name}@3`;
  return new LynseError("UNSUPPORTED", message, { package: name, language });
}
