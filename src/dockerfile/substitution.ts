import { parseShellPattern, removePrefix, removeSuffix, replaceMatches } from './shell-pattern';

/** One `${name<operator>word}`, its word already expanded. */
export interface Substitution {
  readonly name: string;
  readonly operator: string;
  /** Undefined where the variable is not set. */
  readonly value: string | undefined;
  readonly word: string;
  /** Of `/` and `//`, where `word` is the replacement. */
  readonly pattern?: string;
}

export type SubstitutionResult =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'unsupported' };

/** Applies the modifier of a substitution. A colon makes an empty variable count as one that is not set. */
export function substitute({ name, operator, value, word, pattern }: Substitution): SubstitutionResult {
  const emptyCounts = operator.startsWith(':');
  const present = value !== undefined && !(emptyCounts && value === '');
  switch (operator) {
    case '-':
    case ':-':
      return { kind: 'value', value: present ? value : word };
    case '+':
    case ':+':
      return { kind: 'value', value: present ? word : '' };
    case '?':
    case ':?':
      if (present) return { kind: 'value', value };
      return { kind: 'failed', message: `${name}: ${word === '' ? missing(value) : word}` };
    case '#':
    case '%':
      return withoutEnd(value ?? '', operator, word);
    case '/':
    case '//': {
      const parsed = parseShellPattern(pattern ?? '');
      if (parsed === undefined) return badPattern(pattern ?? '');
      const which = operator === '/' ? 'first' : 'all';
      return { kind: 'value', value: replaceMatches(value ?? '', parsed, word, which) };
    }
    default:
      return { kind: 'unsupported' };
  }
}

/** `#` and `%` remove the shortest match, doubled the longest: the second character arrives as part of the word. */
function withoutEnd(value: string, operator: '#' | '%', word: string): SubstitutionResult {
  const doubled = word.startsWith(operator);
  const text = doubled ? word.slice(1) : word;
  const pattern = parseShellPattern(text);
  if (pattern === undefined) return badPattern(text);
  const remove = operator === '#' ? removePrefix : removeSuffix;
  return { kind: 'value', value: remove(value, pattern, doubled ? 'longest' : 'shortest') };
}

function missing(value: string | undefined): string {
  return value === undefined ? 'must be set' : 'must not be empty';
}

function badPattern(pattern: string): SubstitutionResult {
  return { kind: 'failed', message: `"${pattern}" is no valid pattern: a backslash only escapes *, ? and itself` };
}
