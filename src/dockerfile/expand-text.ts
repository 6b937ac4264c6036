import type { ExpandOptions, Expansion, Variables } from './expand';
import { substitute } from './substitution';
import { WordCollector } from './word-collector';

/** How deep `${a:-${b:-…}}` may go; real files stay below five. */
const MAX_NESTING = 200;

/** The result of one pass: the whole text, and the text split into words. */
export interface ExpandedText {
  readonly text: string;
  readonly words: string[];
}

/** Runs the expander over `text`; `processWord` and `processWords` are its two faces. */
export function expandText(text: string, variables: Variables, options: ExpandOptions): Expansion<ExpandedText> {
  const expander = new TextExpander(text, variables, options);
  const { used, unmatched } = expander;
  try {
    return { kind: 'expanded', value: expander.run(), used, unmatched };
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    return {
      kind: 'failed',
      message: error.message,
      offset: Math.min(expander.position, text.length),
      used,
      unmatched,
    };
  }
}

/** Leaves the recursion; never leaves this module. */
class ExpansionError extends Error {}

class TextExpander {
  readonly used = new Set<string>();
  readonly unmatched = new Set<string>();
  position = 0;

  readonly #text: string;
  readonly #lookup: (name: string) => string | undefined;
  readonly #escape: string;
  readonly #options: ExpandOptions;
  readonly #namePattern = /\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*/uy;
  #nesting = 0;

  constructor(text: string, variables: Variables, options: ExpandOptions) {
    this.#text = text;
    this.#lookup = typeof variables === 'function' ? variables : (name) => variables.get(name);
    this.#escape = options.escape ?? '\\';
    this.#options = options;
  }

  run(): ExpandedText {
    const words = new WordCollector();
    const text = this.#sequence({ rawEscapes: this.#options.rawEscapes === true, words });
    return { text, words: words.words() };
  }

  /** Text up to the character `stop`, which is consumed, or to the end if none is given. */
  #sequence({ stop, rawEscapes, words }: { stop?: string; rawEscapes: boolean; words?: WordCollector }): string {
    let result = '';
    const quotes = this.#options.skipProcessQuotes !== true;
    while (this.position < this.#text.length) {
      const character = this.#peek();
      if (character === stop) {
        this.position++;
        return result;
      }
      if (character === '$') {
        const value = this.#dollar();
        words?.addSplit(value);
        result += value;
      } else if (character === '<' || (quotes && (character === "'" || character === '"'))) {
        const value =
          character === '<' ? this.#heredocMark() : character === "'" ? this.#single() : this.#double(rawEscapes);
        words?.addWhole(value);
        result += value;
      } else if (character === this.#escape) {
        const value = this.#escaped(rawEscapes);
        words?.addWhole(value);
        result += value;
      } else {
        const value = this.#next();
        words?.addSplit(value);
        result += value;
      }
    }
    if (stop !== undefined) throw new ExpansionError(`"${stop}" is missing in a substitution`);
    return result;
  }

  /** An escape character and what follows; at the end of the text it stands for nothing. */
  #escaped(rawEscapes: boolean): string {
    this.position++;
    return (rawEscapes ? this.#escape : '') + this.#next();
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.position + 1);
    if (end < 0) throw new ExpansionError('a single quote is never closed');
    const keep = this.#options.rawQuotes === true;
    const value = keep ? this.#text.slice(this.position, end + 1) : this.#text.slice(this.position + 1, end);
    this.position = end + 1;
    return value;
  }

  /** Between double quotes only `$` and an escape before `"`, `$` or itself are special. */
  #double(rawEscapes: boolean): string {
    const quote = this.#options.rawQuotes === true ? '"' : '';
    const start = this.position++;
    let result = quote;
    while (this.position < this.#text.length) {
      const character = this.#peek();
      if (character === '"') {
        this.position++;
        return result + quote;
      }
      if (character === '$') {
        result += this.#dollar();
        continue;
      }
      this.position++;
      if (character !== this.#escape) {
        result += character;
        continue;
      }
      if (rawEscapes) result += character;
      const next = this.#peek();
      if (next === '"' || next === '$' || next === this.#escape) result += this.#next();
      else if (next !== '') result += character;
    }
    this.position = start;
    throw new ExpansionError('a double quote is never closed');
  }

  /** A `<`, or `<<` with the spaces behind it, so that `<< EOF` stays one word. */
  #heredocMark(): string {
    const mark = /<(?:<[\t\r ]*)?/y;
    mark.lastIndex = this.position;
    const [value = '<'] = mark.exec(this.#text) ?? [];
    this.position += value.length;
    return value;
  }

  #dollar(): string {
    this.position++;
    if (this.#peek() === '{') return this.#braced();
    const name = this.#name();
    if (name === '') return '$';
    const value = this.#get(name);
    return value ?? (this.#options.skipUnsetEnv === true ? `$${name}` : '');
  }

  #braced(): string {
    this.position++;
    const first = this.#peek();
    if (first === '{' || first === '}' || first === ':')
      throw new ExpansionError('a substitution has no variable name');
    const name = this.#name();
    let operator = this.#next();
    if (operator === ':') operator += this.#next();
    if (operator === '' || operator === ':') throw new ExpansionError('"}" is missing in a substitution');
    if (operator === '}') {
      const value = this.#get(name);
      return value ?? (this.#options.skipUnsetEnv === true ? `\${${name}}` : '');
    }
    return this.#modified(name, operator);
  }

  /** `${name<operator>…}`; `operator` is read. */
  #modified(name: string, operator: string): string {
    if (operator === '/' && this.#peek() === '/') operator += this.#next();
    // BuildKit reads the word of every operator that begins with a colon before it looks at the operator itself.
    if (!/^(?:[-+?#%]|\/\/?|:[^#%])$/u.test(operator)) throw unsupported(operator);
    if (++this.#nesting > MAX_NESTING) throw new ExpansionError('substitutions are nested too deeply');
    const pattern = operator.startsWith('/') ? this.#sequence({ stop: '/', rawEscapes: true }) : undefined;
    const rawEscapes = pattern !== undefined || operator === '#' || operator === '%';
    const word = this.#sequence({ stop: '}', rawEscapes });
    this.#nesting--;
    const value = this.#get(name);
    if (value === undefined && this.#options.skipUnsetEnv === true) {
      return `\${${name}${operator}${pattern === undefined ? '' : `${pattern}/`}${word}}`;
    }
    const result = substitute({ name, operator, value, word, ...(pattern === undefined ? {} : { pattern }) });
    if (result.kind === 'unsupported') throw unsupported(operator);
    if (result.kind === 'failed') throw new ExpansionError(result.message);
    return result.value;
  }

  #get(name: string): string | undefined {
    const value = this.#lookup(name);
    (value === undefined ? this.unmatched : this.used).add(name);
    return value;
  }

  /** A name of letters, digits and underscores, digits alone, or one of the shell's special parameters. */
  #name(): string {
    this.#namePattern.lastIndex = this.position;
    const [name = ''] = this.#namePattern.exec(this.#text) ?? [];
    this.position += name.length;
    return name;
  }

  #peek(): string {
    return this.#text.charAt(this.position);
  }

  /** The next character, a pair of surrogates as one; empty at the end. */
  #next(): string {
    const code = this.#text.codePointAt(this.position);
    if (code === undefined) return '';
    const character = String.fromCodePoint(code);
    this.position += character.length;
    return character;
  }
}

function unsupported(operator: string): ExpansionError {
  return new ExpansionError(`the modifier "${operator}" is not supported in a substitution`);
}
