/** A piece of a pattern. `characters` is a class; negated ones match `/` as well, as in BuildKit. */
type Token =
  | { readonly kind: 'character'; readonly value: string }
  /** `?` */
  | { readonly kind: 'any' }
  /** `*` */
  | { readonly kind: 'run' }
  /** `**` at the end: anything. */
  | { readonly kind: 'everything' }
  /** `**` elsewhere, a slash behind it included: nothing, or anything up to a slash. */
  | { readonly kind: 'directories' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

/** One pattern of an ignore file, ready to match. */
export class IgnorePattern {
  readonly #tokens: readonly Token[];

  private constructor(
    /** The pattern without its `!`. */
    readonly text: string,
    /** Whether it takes back what earlier patterns matched. */
    readonly negated: boolean,
    tokens: readonly Token[],
  ) {
    this.#tokens = tokens;
  }

  /** Undefined where the pattern is malformed. `text` is clean: no `.`, `..` or doubled slashes. */
  static parse(text: string, negated: boolean): IgnorePattern | undefined {
    const tokens = tokenize(Array.from(text));
    return tokens === undefined ? undefined : new IgnorePattern(text, negated, tokens);
  }

  /** Whether the whole of `path` matches. */
  matches(path: string): boolean {
    return this.#run(path).has(this.#tokens.length);
  }

  /** Whether some path below the directory could match. */
  mayMatchBelow(directory: string): boolean {
    return this.#run(`${directory}/`).size > 0;
  }

  /** The positions in the pattern that the path leads to: all at once, so that no pattern takes exponential time. */
  #run(path: string): ReadonlySet<number> {
    let states = new Set<number>();
    this.#enter(states, 0);
    for (const character of path) {
      const next = new Set<number>();
      for (const state of states) this.#step(next, state, character);
      states = next;
      if (states.size === 0) break;
    }
    return states;
  }

  /** Adds a position, and those behind tokens that may match nothing. */
  #enter(states: Set<number>, position: number): void {
    states.add(position);
    const kind = this.#tokens[position]?.kind;
    if (kind === 'run' || kind === 'everything' || kind === 'directories') this.#enter(states, position + 1);
  }

  #step(next: Set<number>, state: number, character: string): void {
    const token = this.#tokens[state];
    switch (token?.kind) {
      case undefined:
        return;
      case 'character':
        if (token.value === character) this.#enter(next, state + 1);
        return;
      case 'any':
        if (character !== '/') this.#enter(next, state + 1);
        return;
      case 'run':
        if (character !== '/') this.#enter(next, state);
        return;
      case 'everything':
        this.#enter(next, state);
        return;
      case 'directories':
        // Only the end of a directory lets the pattern go on.
        if (character === '/') this.#enter(next, state);
        else next.add(state);
        return;
      case 'class':
        if (inRanges(token.ranges, character) !== token.negated) this.#enter(next, state + 1);
    }
  }
}

function inRanges(ranges: readonly (readonly [string, string])[], character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return ranges.some(([low, high]) => (low.codePointAt(0) ?? 0) <= code && code <= (high.codePointAt(0) ?? 0));
}

function tokenize(characters: readonly string[]): Token[] | undefined {
  const tokens: Token[] = [];
  let position = 0;
  while (position < characters.length) {
    const character = characters[position++] ?? '';
    switch (character) {
      case '*':
        if (characters[position] !== '*') tokens.push({ kind: 'run' });
        else {
          position++;
          if (characters[position] === '/') position++;
          tokens.push({ kind: position === characters.length ? 'everything' : 'directories' });
        }
        break;
      case '?':
        tokens.push({ kind: 'any' });
        break;
      case '\\': {
        const value = characters[position++];
        if (value === undefined) return undefined;
        tokens.push({ kind: 'character', value });
        break;
      }
      case '[': {
        const found = readClass(characters, position);
        if (found === undefined) return undefined;
        tokens.push(found.token);
        position = found.end;
        break;
      }
      default:
        tokens.push({ kind: 'character', value: character });
    }
  }
  // BuildKit matches `**name` without further wildcards as the end of a path, not of a file name.
  const [first, ...rest] = tokens;
  const literal = rest.every(({ kind }) => kind === 'character') && !characters.includes('\\');
  if (first?.kind === 'directories' && literal && characters[2] !== '/') return [{ kind: 'everything' }, ...rest];
  return tokens;
}

/** Reads a class from behind its `[`. A dash needs a character on either side, and a class at least one range. */
function readClass(
  characters: readonly string[],
  start: number,
): { readonly token: Token; readonly end: number } | undefined {
  let position = start;
  const negated = characters[position] === '^';
  if (negated) position++;
  const ranges: (readonly [string, string])[] = [];
  const one = (): string | undefined => {
    const character = characters[position++];
    if (character === '\\') return characters[position++];
    return character === '-' || character === ']' ? undefined : character;
  };
  while (characters[position] !== ']' || ranges.length === 0) {
    const low = one();
    if (low === undefined) return undefined;
    if (characters[position] !== '-') {
      ranges.push([low, low]);
      continue;
    }
    position++;
    const high = one();
    if (high === undefined || high < low) return undefined;
    ranges.push([low, high]);
  }
  return { token: { kind: 'class', negated, ranges }, end: position + 1 };
}
