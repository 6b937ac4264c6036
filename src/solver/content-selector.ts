import { compareNames } from '../filetree/paths';

/** A part of an input's file system that a content-based key is computed from. */
export interface ContentSelector {
  /** Path as the operation has it, maybe with wildcards; `''` is the root. */
  readonly path: string;
  /** Whether `path` is a pattern. */
  readonly wildcard: boolean;
  /** Whether a symlink at the path itself is followed. */
  readonly followLinks: boolean;
  readonly includePatterns: readonly string[];
  readonly excludePatterns: readonly string[];
  /** Paths below which something has to be selected. */
  readonly requiredPaths: readonly string[];
}

/** A selector of everything at and below `path`. */
export function selectPath(path: string, options: { readonly followLinks: boolean }): ContentSelector {
  return {
    path,
    wildcard: false,
    followLinks: options.followLinks,
    includePatterns: [],
    excludePatterns: [],
    requiredPaths: [],
  };
}

/** Whether only a part of what lies at the path is selected. */
export function isFiltered(selector: ContentSelector): boolean {
  return selector.wildcard || selector.includePatterns.length > 0 || selector.excludePatterns.length > 0;
}

/**
 * The selectors of one input in the order in which their digests are combined: plain paths that lie below another are
 * dropped, the rest is ordered by path (BuildKit `dedupeSelectors`).
 */
export function normalizeSelectors(selectors: readonly ContentSelector[]): readonly ContentSelector[] {
  const plain = selectors.filter((selector) => !isFiltered(selector));
  const kept = [false, true].flatMap((followLinks) =>
    outermostPaths(plain.filter((selector) => selector.followLinks === followLinks).map(({ path }) => path)).map(
      (path) => selectPath(path, { followLinks }),
    ),
  );
  return [...kept, ...selectors.filter(isFiltered)].sort((a, b) => compareNames(a.path, b.path));
}

/** Sorted, without duplicates and without paths below another of them. A single path is given back as it is. */
export function outermostPaths(paths: readonly string[]): readonly string[] {
  if (paths.length <= 1) return paths;
  const unique = new Set(paths);
  return [...unique].filter((path) => !isBelowAnother(path, unique)).sort(compareNames);
}

/** A path is below another if it starts with it and a slash; `/a/` is below `/a`. */
function isBelowAnother(path: string, paths: ReadonlySet<string>): boolean {
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    const withSlash = path.slice(0, slash + 1);
    if (paths.has(path.slice(0, slash)) || (withSlash !== path && paths.has(withSlash))) return true;
  }
  return false;
}
