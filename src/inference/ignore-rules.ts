import { parseIgnoreFile } from '../dockerfile/ignore-file';

/**
 * An ignore file in the two forms that Nx's filesets can express: patterns that exclude for good, and, where it begins by
 * excluding everything, the paths that it takes back in. What cannot be expressed makes inputs larger, never smaller.
 */
export class IgnoreRules {
  static readonly none = new IgnoreRules([], undefined);

  private constructor(
    /** What is ignored whatever else the file says, with wildcards. */
    readonly excluded: readonly string[],
    /** What is not ignored; undefined where that is everything that is not excluded. */
    private readonly allowed: readonly string[] | undefined,
  ) {}

  static parse(text: string): IgnoreRules {
    const patterns = parseIgnoreFile(text);
    const lastNegation = patterns.findLastIndex((pattern) => pattern.startsWith('!'));
    const negations = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
    const closed = lastNegation >= 0 && (patterns[0] === '*' || patterns[0] === '**');
    const literal = negations.every((pattern) => !/[*?[\\]/.test(pattern));
    const excluded = patterns.filter(
      (pattern, index) =>
        !pattern.startsWith('!') && (index > lastNegation || (literal && isApart(pattern, patterns.slice(index)))),
    );
    return new IgnoreRules(excluded, closed && literal ? negations.map(withoutSlash) : undefined);
  }

  /** The parts of `path` that are not ignored: itself, unless the file only lets some paths in. */
  narrow(path: string): readonly string[] {
    if (this.allowed === undefined || /[*?[\\]/.test(path)) return [path];
    return this.allowed.flatMap((allowed) => {
      if (isWithin(path, allowed)) return [path];
      return isWithin(allowed, path) ? [allowed] : [];
    });
  }
}

/** Whether none of the later patterns takes back something that `pattern`, a plain path, excludes. */
function isApart(pattern: string, later: readonly string[]): boolean {
  if (/[*?[\\]/.test(pattern)) return false;
  return later
    .filter((other) => other.startsWith('!'))
    .map((other) => withoutSlash(other.slice(1)))
    .every((other) => !isWithin(other, pattern) && !isWithin(pattern, other));
}

function isWithin(path: string, directory: string): boolean {
  return directory === '.' || path === directory || path.startsWith(`${directory}/`);
}

function withoutSlash(path: string): string {
  return path.replace(/^\/+/, '');
}
