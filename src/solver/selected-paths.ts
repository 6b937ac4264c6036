import { CodedError } from '../diagnostics/coded-error';
import { createIgnoreMatcher, type IgnoreMatcher, type ParentMatch } from '../dockerfile/ignore-matcher';
import type { FileEntry, FileTree } from '../filetree/contract';
import { joinPaths, splitPath } from '../filetree/paths';
import { resolvePath } from '../filetree/resolve-path';
import { compileWildcard, splitWildcards } from '../filetree/wildcard';
import type { ContentSelector } from './content-selector';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A pattern is malformed, such as `a[`. */
    CONTENT_PATTERN_INVALID: { readonly pattern: string };
  }
}

/** An entry that a selector with patterns takes. Of a directory, only the header: what is in it stands on its own. */
export interface SelectedPath {
  /** Clean path by which it was selected: symlinks on the way to the selector's path are not resolved in it. */
  readonly path: string;
  readonly entry: FileEntry;
  /** Whether a symlink stands for what it points to. */
  readonly followLinks: boolean;
}

export interface Selection {
  /** Clean path that the names in the digest are relative to. */
  readonly prefix: string;
  readonly selected: readonly SelectedPath[];
}

/**
 * What a selector with a wildcard or with include and exclude patterns takes from a tree, in the order of a sorted
 * depth-first walk (BuildKit `contenthash.includedPaths`). A directory that is excluded itself is taken if something in
 * it is. `path` is the selector's clean path.
 */
export async function selectPaths(tree: FileTree, path: string, selector: ContentSelector): Promise<Selection> {
  const { base, pattern } = selector.wildcard ? splitWildcards(path) : { base: path, pattern: '' };
  const root = await tree.lookup(await resolvePath(tree, base, { followLast: pattern !== '' }));
  const walk = new SelectionWalk(tree, path, selector);
  if (root) await walk.visit({ entry: root, path: base, parents: [], matched: undefined });
  for (const required of selector.requiredPaths) {
    if (!walk.selected.some((item) => absolute(item.path).startsWith(required))) {
      throw new CodedError('CONTENT_NOT_FOUND', `"${required}": not found`, { path: required });
    }
  }
  return { prefix: base, selected: walk.selected };
}

/** A directory on the way to an entry, which is taken once something below it is. */
interface ParentDirectory {
  readonly item: SelectedPath;
  readonly match: PatternMatch;
  taken: boolean;
}

/** What the patterns said of a directory, which decides about what is in it too. */
interface PatternMatch {
  readonly included: ParentMatch;
  readonly excluded: ParentMatch;
}

interface Visit {
  readonly entry: FileEntry;
  /** As in {@link SelectedPath}. */
  readonly path: string;
  readonly parents: readonly ParentDirectory[];
  /** What the wildcard matched at or above this entry; patterns are relative to it. */
  readonly matched: string | undefined;
}

class SelectionWalk {
  readonly selected: SelectedPath[] = [];
  readonly #matchesWildcard: ((path: string) => boolean) | undefined;
  readonly #includes: IgnoreMatcher | undefined;
  readonly #excludes: IgnoreMatcher | undefined;
  /** Deepest level that the wildcard can match; classes could match a slash, so with them there is none. */
  readonly #maxDepth: number;

  constructor(
    private readonly tree: FileTree,
    private readonly path: string,
    private readonly selector: ContentSelector,
  ) {
    if (selector.wildcard) {
      this.#matchesWildcard = compileWildcard(absolute(path));
      if (!this.#matchesWildcard) {
        throw new CodedError('CONTENT_PATTERN_INVALID', `"${path}" is not a valid pattern`, { pattern: path });
      }
    }
    this.#includes = compilePatterns(selector.includePatterns);
    this.#excludes = compilePatterns(selector.excludePatterns);
    this.#maxDepth = path.includes('[') ? Infinity : splitPath(path).length;
  }

  async visit(visit: Visit): Promise<void> {
    const { entry, path, parents } = visit;
    const matched = this.#matchedAt(visit);
    const item: SelectedPath = { path, entry, followLinks: this.selector.followLinks && parents.length === 0 };
    const inScope = this.#matchesWildcard === undefined || matched !== undefined;
    // The root itself has no header of its own: a source of "/" means what is in it.
    const counts = inScope && !(path === '' && this.path === '');
    const { included, match } = this.#decide(path, matched ?? this.path, parents.at(-1)?.match);
    const taken = counts && included;
    if (taken) this.#take(item, parents);
    if (entry.type !== 'directory') return;
    if (!inScope && splitPath(path).length >= this.#maxDepth) return;
    const directory: ParentDirectory = { item, match, taken };
    const below = counts ? [...parents, directory] : parents;
    for (const name of await this.tree.list(entry.path)) {
      const child = await this.tree.lookup(joinPaths(entry.path, name));
      if (child) await this.visit({ entry: child, path: joinPaths(path, name), parents: below, matched });
    }
  }

  #matchedAt({ path, matched }: Visit): string | undefined {
    if (matched !== undefined) return matched;
    return this.#matchesWildcard?.(absolute(path)) === true ? path : undefined;
  }

  #decide(path: string, base: string, parent: PatternMatch | undefined): { included: boolean; match: PatternMatch } {
    const candidate = path === base ? '' : path.slice(base === '' ? 0 : base.length + 1);
    const include = this.#includes?.decide(candidate, parent?.included);
    const exclude = this.#excludes?.decide(candidate, parent?.excluded);
    return {
      included: include?.ignored !== false && exclude?.ignored !== true,
      match: { included: include?.match ?? [], excluded: exclude?.match ?? [] },
    };
  }

  #take(item: SelectedPath, parents: readonly ParentDirectory[]): void {
    for (const parent of parents) {
      if (parent.taken) continue;
      parent.taken = true;
      this.selected.push(parent.item);
    }
    this.selected.push(item);
  }
}

function compilePatterns(patterns: readonly string[]): IgnoreMatcher | undefined {
  if (patterns.length === 0) return undefined;
  const { matcher, diagnostics } = createIgnoreMatcher(patterns, 'patterns');
  const [problem] = diagnostics;
  if (problem) throw new CodedError('CONTENT_PATTERN_INVALID', problem.message, { pattern: patterns.join(', ') });
  return matcher;
}

function absolute(path: string): string {
  return path === '' ? '' : `/${path}`;
}
