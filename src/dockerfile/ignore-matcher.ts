import type { Diagnostic } from '../diagnostics/diagnostic';
import { cleanPath } from './ignore-file';
import { IgnorePattern } from './ignore-pattern';
import { trimSpace } from './white-space';

/** Which patterns matched a directory; hand it to the decisions about what is in it. */
export type ParentMatch = readonly boolean[];

export interface IgnoreDecision {
  /** Whether the patterns leave this path out. */
  readonly ignored: boolean;
  /** Of a directory: whether nothing below it can be taken back in, so that it need not be read. */
  readonly skippable: boolean;
  /** For the entries of this directory. */
  readonly match: ParentMatch;
}

export interface IgnoreMatcherResult {
  readonly matcher: IgnoreMatcher;
  /** Patterns that are malformed; the matcher is without them. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Builds a matcher from patterns, of `parseIgnoreFile` or of `COPY --exclude`. `source` is the file or option that they
 * come from, for diagnostics (`IGNORE_PATTERN`).
 */
export function createIgnoreMatcher(patterns: readonly string[], source: string): IgnoreMatcherResult {
  const parsed: IgnorePattern[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const written of patterns) {
    const text = trimSpace(written);
    if (text === '') continue;
    const clean = cleanPath(text);
    const negated = clean.startsWith('!');
    const body = negated ? clean.slice(1) : clean;
    const pattern = body === '' ? undefined : IgnorePattern.parse(body, negated);
    if (pattern !== undefined) parsed.push(pattern);
    else {
      const message = `"${written}" is no valid pattern`;
      const hint = 'brackets need an end and a range, "!" needs a pattern, a backslash needs a character';
      diagnostics.push({ code: 'IGNORE_PATTERN', severity: 'error', message, hint, location: { file: source } });
    }
  }
  return { matcher: new IgnoreMatcher(parsed), diagnostics };
}

/**
 * Decides what an ignore file leaves out, as `moby/patternmatcher` does: the last pattern that matches a path or one of
 * its parent directories counts, and one with `!` takes the path back in. `*`, `?` and classes stay within a name, `**`
 * does not. Paths have slashes and are relative to the context, without `./`.
 *
 * Two rare patterns differ on purpose from the regular expressions that BuildKit makes of them: `|`, `^`, `{` and `}`
 * outside a class, and `*` and `?` inside one, stand for themselves.
 */
export class IgnoreMatcher {
  constructor(private readonly patterns: readonly IgnorePattern[]) {}

  /** Whether any pattern takes paths back in. */
  get hasNegations(): boolean {
    return this.patterns.some(({ negated }) => negated);
  }

  /** Decides about a path on its own, its parents included. The context's root is never ignored. */
  isIgnored(path: string): boolean {
    let parent: ParentMatch = [];
    let ignored = false;
    const names = path.split('/');
    for (let depth = 1; depth <= names.length; depth++) {
      ({ ignored, match: parent } = this.decide(names.slice(0, depth).join('/'), parent));
    }
    return ignored && path !== '.' && path !== '';
  }

  /**
   * Decides about an entry while walking: `parent` is the `match` of the directory it is in, an empty list in the root.
   * A pattern that could not change the outcome for a directory is not tried on it, which BuildKit's walk has as well.
   */
  decide(path: string, parent: ParentMatch = []): IgnoreDecision {
    const match: boolean[] = [];
    let ignored = false;
    for (const [index, pattern] of this.patterns.entries()) {
      const matched = parent[index] === true || (pattern.negated === ignored && pattern.matches(path));
      match.push(matched);
      if (matched) ignored = !pattern.negated;
    }
    const skippable = ignored && !this.patterns.some((pattern) => pattern.negated && pattern.mayMatchBelow(path));
    return { ignored, skippable, match };
  }
}
