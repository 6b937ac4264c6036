import type { FileTree } from '../../filetree/contract';
import { baseName, cleanPath, joinPaths, parentPath } from '../../filetree/paths';
import { resolvePath } from '../../filetree/resolve-path';
import { compileWildcard, splitWildcards } from '../../filetree/wildcard';

export interface MatchOptions {
  /** Whether a symlink at the end of the part without wildcards is followed. */
  readonly followSymlinks: boolean;
}

/**
 * The paths that `pattern` names, in walking order: itself if it has no wildcards, else what matches; a directory that
 * matches is given without what is in it. Symlinks below the part without wildcards are not followed.
 */
export async function findMatches(tree: FileTree, pattern: string, options: MatchOptions): Promise<readonly string[]> {
  const { base, pattern: rest } = splitWildcards(cleanPath(pattern));
  if (rest === '') return [base];
  const matches = compileWildcard(rest);
  if (!matches) return [];
  const start = await resolvePath(tree, base, { followLast: options.followSymlinks });
  const found: string[] = [];
  const depth = rest.split('/').length;
  const visit = async (relative: string, level: number): Promise<void> => {
    for (const name of await tree.list(joinPaths(start, relative))) {
      const path = joinPaths(relative, name);
      if (matches(path)) found.push(joinPaths(start, path));
      else if (level < depth) await visit(path, level + 1);
    }
  };
  await visit('', 1);
  return found;
}

/** Follows a source path: all of it, or only the directories on the way. */
export async function followSource(tree: FileTree, path: string, followLast: boolean): Promise<string> {
  if (followLast || path === '') return resolvePath(tree, path);
  return joinPaths(await resolvePath(tree, parentPath(path)), baseName(path));
}
