import { CodedError } from '../diagnostics/coded-error';
import type { FileEntry, FileTree } from './contract';
import { cleanPath, joinPaths, parentPath, splitPath } from './paths';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** More symlinks on one way than {@link MAX_LINKS}, most likely a loop. */
    PATH_LOOP: { readonly path: string };
  }
}

/** Symlinks that one resolution may cross; containerd's bound. */
export const MAX_LINKS = 255;

export interface ResolveOptions {
  /** Whether a symlink at the path itself is followed too, not only those on the way. Default true. */
  readonly followLast?: boolean;
}

/** What a step of the resolution needs to know of the entry at a path. */
export type LinkLookup = Pick<FileEntry, 'type' | 'linkTarget'> | undefined;

/**
 * Where `path` leads inside the tree when symlinks are followed with the tree's root as `/`: absolute targets start at
 * that root and `..` never leaves it. What does not exist is kept as it is written, so the result may name a file yet
 * to be made.
 */
export async function resolvePath(tree: FileTree, path: string, options: ResolveOptions = {}): Promise<string> {
  const steps = resolution(path, options.followLast ?? true);
  let step = steps.next();
  while (step.done !== true) step = steps.next(await tree.lookup(step.value));
  return step.value;
}

/** {@link resolvePath} over a tree that is in memory. */
export function resolvePathSync(
  lookup: (path: string) => LinkLookup,
  path: string,
  options: ResolveOptions = {},
): string {
  const steps = resolution(path, options.followLast ?? true);
  let step = steps.next();
  while (step.done !== true) step = steps.next(lookup(step.value));
  return step.value;
}

/** Yields each path whose entry it has to see; the caller answers with `next`. */
function* resolution(path: string, followLast: boolean): Generator<string, string, LinkLookup> {
  const pending = [...splitPath(cleanPath(path))];
  let resolved = '';
  let links = 0;
  while (pending.length > 0) {
    const name = pending.shift() ?? '';
    if (name === '' || name === '.') continue;
    if (name === '..') {
      resolved = parentPath(resolved);
      continue;
    }
    const candidate = joinPaths(resolved, name);
    if (pending.length === 0 && !followLast) return candidate;
    const entry = yield candidate;
    if (entry?.type !== 'symlink') {
      resolved = candidate;
      continue;
    }
    if (++links > MAX_LINKS) {
      throw new CodedError('PATH_LOOP', `too many symbolic links on the way of "/${cleanPath(path)}"`, { path });
    }
    const target = entry.linkTarget ?? '';
    if (target.startsWith('/')) resolved = '';
    pending.unshift(...target.split('/'));
  }
  return resolved;
}
