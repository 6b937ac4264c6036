import { expandText } from './expand-text';

/** Gives the value of a variable; undefined where it is not set. */
export type Variables = ReadonlyMap<string, string> | ((name: string) => string | undefined);

export interface ExpandOptions {
  /** Of the `# escape=` directive; a backslash unless given. */
  readonly escape?: string;
  /** Keep quotes in the result. */
  readonly rawQuotes?: boolean;
  /** Keep escape characters in the result. */
  readonly rawEscapes?: boolean;
  /** Leave references to variables that are not set as they are. */
  readonly skipUnsetEnv?: boolean;
  /** Give quotes no meaning at all: for the content of here-documents. */
  readonly skipProcessQuotes?: boolean;
}

interface ExpansionUse {
  /** Names of variables that were looked up and set, in order of first use. */
  readonly used: ReadonlySet<string>;
  /** Names of variables that were looked up and not set. */
  readonly unmatched: ReadonlySet<string>;
}

export interface Expanded<T> extends ExpansionUse {
  readonly kind: 'expanded';
  readonly value: T;
}

export interface ExpansionFailure extends ExpansionUse {
  readonly kind: 'failed';
  readonly message: string;
  /** Where in the word the failure was noticed, in UTF-16 units from 0. */
  readonly offset: number;
}

export type Expansion<T> = Expanded<T> | ExpansionFailure;

/**
 * Expands variables in `word` and takes quotes and escapes away, by the rules of Dockerfiles (those of `shell.Lex` in
 * BuildKit): `$x`, `${x}`, `${x:-w}`, `${x-w}`, `${x:+w}`, `${x+w}`, `${x:?e}`, `${x?e}`, `${x#p}`, `${x##p}`, `${x%p}`,
 * `${x%%p}`, `${x/p/r}` and `${x//p/r}`. White space stays as it is.
 */
export function processWord(word: string, variables: Variables, options: ExpandOptions = {}): Expansion<string> {
  const expansion = expandText(word, variables, options);
  return expansion.kind === 'failed' ? expansion : { ...expansion, value: expansion.value.text };
}

/**
 * Like {@link processWord}, but splits the result at white space that was not quoted or escaped. The values of variables
 * are split as well, unless quoted. Empty words are dropped.
 */
export function processWords(word: string, variables: Variables, options: ExpandOptions = {}): Expansion<string[]> {
  const expansion = expandText(word, variables, options);
  return expansion.kind === 'failed' ? expansion : { ...expansion, value: expansion.value.words };
}
