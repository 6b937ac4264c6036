/** A piece of a shell pattern: a character, any one character, or any run of characters; neither crosses a newline. */
type Token =
  { readonly kind: 'character'; readonly value: string } | { readonly kind: 'any' } | { readonly kind: 'run' };

export type ShellPattern = readonly Token[];

/** Where a pattern matched, in characters (code points). `end` is excluded. */
interface Match {
  readonly start: number;
  readonly end: number;
}

type Length = 'shortest' | 'longest';

/**
 * Reads the pattern of `${name#pattern}` and its relatives: `*`, `?`, and a backslash before one of `*?\`. A backslash
 * before `}` or `/` only served to get past the end of the substitution and is dropped. Brackets mean themselves.
 *
 * Undefined where a backslash stands before anything else.
 */
export function parseShellPattern(text: string): ShellPattern | undefined {
  const tokens: Token[] = [];
  const characters = Array.from(text);
  for (let i = 0; i < characters.length; i++) {
    let value = characters[i] ?? '';
    if (value === '*') tokens.push({ kind: 'run' });
    else if (value === '?') tokens.push({ kind: 'any' });
    else {
      const next = characters[i + 1];
      if (value === '\\' && next !== '}' && next !== '/') {
        if (next !== '*' && next !== '?' && next !== '\\') return undefined;
        value = next;
        i++;
      } else if (value === '\\') continue;
      tokens.push({ kind: 'character', value });
    }
  }
  return tokens;
}

/** `value` without the shortest or longest beginning that matches; unchanged if none does. */
export function removePrefix(value: string, pattern: ShellPattern, length: Length): string {
  const characters = Array.from(value);
  const match = search(pattern, characters, { from: 0, anchored: true, length });
  return match === undefined ? value : characters.slice(match.end).join('');
}

/** `value` without the shortest or longest end that matches; unchanged if none does. */
export function removeSuffix(value: string, pattern: ShellPattern, length: Length): string {
  const characters = Array.from(value).reverse();
  const match = search([...pattern].reverse(), characters, { from: 0, anchored: true, length });
  return match === undefined ? value : characters.slice(match.end).reverse().join('');
}

/** `value` with the first match, or every match, replaced by `replacement` as it stands. Matches are the longest. */
export function replaceMatches(
  value: string,
  pattern: ShellPattern,
  replacement: string,
  which: 'first' | 'all',
): string {
  const characters = Array.from(value);
  const parts: string[] = [];
  let position = 0;
  // An empty match right behind the previous one does not count, as in Go's regular expressions.
  let lastEnd = -1;
  while (position <= characters.length) {
    const match = search(pattern, characters, { from: position, anchored: false, length: 'longest' });
    if (match === undefined) break;
    const empty = match.end === match.start;
    parts.push(...characters.slice(position, match.start));
    if (!empty || match.start !== lastEnd) parts.push(replacement);
    lastEnd = match.end;
    position = match.end;
    if (which === 'first') break;
    if (empty) {
      parts.push(...characters.slice(position, position + 1));
      position++;
    }
  }
  return parts.join('') + characters.slice(position).join('');
}

interface SearchOptions {
  readonly from: number;
  /** Whether the match must start at `from`. */
  readonly anchored: boolean;
  readonly length: Length;
}

/**
 * The leftmost match. Walks the text once with, for each token, the leftmost start whose match has come that far: time is
 * the product of both lengths whatever the pattern, where a backtracking expression can take exponential time.
 */
function search(pattern: ShellPattern, characters: readonly string[], options: SearchOptions): Match | undefined {
  const { from, anchored, length } = options;
  let starts = new Map<number, number>();
  let best: Match | undefined;
  for (let at = from; at <= characters.length; at++) {
    if (best === undefined && (at === from || !anchored)) reach(starts, pattern, 0, at);
    const done = starts.get(pattern.length);
    if (done !== undefined && (best === undefined || done <= best.start)) {
      best = { start: done, end: at };
      if (length === 'shortest') return best;
    }
    const character = characters[at];
    if (character === undefined) break;
    starts = advance(starts, pattern, character, best?.start ?? Infinity);
    if (starts.size === 0 && (best !== undefined || anchored)) break;
  }
  return best;
}

function advance(
  starts: ReadonlyMap<number, number>,
  pattern: ShellPattern,
  character: string,
  latestStart: number,
): Map<number, number> {
  const next = new Map<number, number>();
  for (const [state, start] of starts) {
    const token = pattern[state];
    if (token === undefined || start > latestStart) continue;
    if (token.kind === 'character' ? token.value !== character : character === '\n') continue;
    reach(next, pattern, token.kind === 'run' ? state : state + 1, start);
  }
  return next;
}

/** Marks `state` as reached from `start`, and what a run of no characters leads to. */
function reach(starts: Map<number, number>, pattern: ShellPattern, state: number, start: number): void {
  for (let reached = state; ; reached++) {
    const known = starts.get(reached);
    if (known === undefined || start < known) starts.set(reached, start);
    if (pattern[reached]?.kind !== 'run') return;
  }
}
