type Token =
  | { readonly kind: 'star' | 'any' }
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** Whether a name has an unescaped `*`, `?` or `[`. */
export function containsWildcards(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const character = name.charAt(index);
    if (character === '\\') index++;
    else if (character === '*' || character === '?' || character === '[') return true;
  }
  return false;
}

/** Splits a path before its first name with a wildcard: `a/b/*.c/d` is `a/b` and `*.c/d`. */
export function splitWildcards(path: string): { readonly base: string; readonly pattern: string } {
  const names = path.split('/').filter((name) => name !== '');
  const first = names.findIndex(containsWildcards);
  if (first === -1) return { base: names.join('/'), pattern: '' };
  return { base: names.slice(0, first).join('/'), pattern: names.slice(first).join('/') };
}

/**
 * A matcher for the patterns of Go's `path.Match`: `*` and `?` stop at slashes, `[a-z]` and `[^a-z]` are classes, `\`
 * quotes; the whole path has to match. A malformed pattern gives undefined.
 */
export function compileWildcard(pattern: string): ((path: string) => boolean) | undefined {
  const tokens = tokenize(Array.from(pattern));
  return tokens && ((path) => matches(tokens, Array.from(path)));
}

/** On a mismatch it goes back to the last star only, so time is at most pattern times path. */
function matches(tokens: readonly Token[], path: readonly string[]): boolean {
  let token = 0;
  let position = 0;
  let starToken = -1;
  let starPosition = 0;
  while (position < path.length || token < tokens.length) {
    const current = tokens[token];
    if (current?.kind === 'star') {
      starToken = token++;
      starPosition = position;
      continue;
    }
    const character = path[position];
    if (current && character !== undefined && matchesOne(current, character)) {
      token++;
      position++;
      continue;
    }
    const skipped = path[starPosition];
    if (starToken === -1 || skipped === undefined || skipped === '/') return false;
    position = ++starPosition;
    token = starToken + 1;
  }
  return true;
}

function matchesOne(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'literal':
      return token.text === character;
    case 'any':
      return character !== '/';
    case 'class': {
      const code = character.codePointAt(0) ?? 0;
      return token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated;
    }
    case 'star':
      return false;
  }
}

function tokenize(pattern: readonly string[]): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index];
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (character === '?') {
      tokens.push({ kind: 'any' });
    } else if (character === '[') {
      const parsed = tokenizeClass(pattern, index + 1);
      if (!parsed) return undefined;
      tokens.push(parsed.token);
      index = parsed.end;
    } else {
      const text = character === '\\' ? pattern[++index] : character;
      if (text === undefined) return undefined;
      tokens.push({ kind: 'literal', text });
    }
  }
  return tokens;
}

/** Reads a class from behind its `[`; `end` is the index of its `]`. */
function tokenizeClass(
  pattern: readonly string[],
  start: number,
): { readonly token: Token; readonly end: number } | undefined {
  const negated = pattern[start] === '^';
  const ranges: (readonly [number, number])[] = [];
  let index = negated ? start + 1 : start;
  const bound = (): number | undefined => {
    let character = pattern[index++];
    if (character === '-' || character === ']') return undefined;
    if (character === '\\') character = pattern[index++];
    return character?.codePointAt(0);
  };
  while (ranges.length === 0 || pattern[index] !== ']') {
    const low = bound();
    if (low === undefined) return undefined;
    let high: number | undefined = low;
    if (pattern[index] === '-') {
      index++;
      high = bound();
      if (high === undefined) return undefined;
    }
    ranges.push([low, high]);
  }
  return { token: { kind: 'class', negated, ranges }, end: index };
}
