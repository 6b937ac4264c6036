import type { BigIntStats } from 'node:fs';
import { isWithin, joinPaths } from '../../../filetree/paths';
import { sameTime, type ChangedPath, type Changes } from './changes';
import { listInside, statInside } from './rooted-path';
import type { XattrReader } from './xattr-reader';

/** What a tree looked like at one moment, by clean path; the root itself is not in it. */
export type TreeState = ReadonlyMap<string, BigIntStats>;

/** Notes the state of a whole tree. */
export function recordTree(root: string): TreeState {
  const state = new Map<string, BigIntStats>();
  const walk = (directory: string): void => {
    for (const name of listInside(root, directory)) {
      const path = joinPaths(directory, name);
      const stats = statInside(root, path);
      if (!stats) continue;
      state.set(path, stats);
      if (stats.isDirectory()) walk(path);
    }
  };
  walk('');
  return state;
}

export interface DiffCopyOptions {
  readonly readXattrs: XattrReader;
  /** Where mounts were: what lies below them cannot have changed. */
  readonly covered: readonly string[];
}

/**
 * What changed in a copied tree since `before`. The change time, which nobody can set, tells for files; directories
 * are compared by what a layer carries of them, since work on their entries touches that time, too.
 */
export function diffCopy(root: string, before: TreeState, options: DiffCopyOptions): Changes {
  const { readXattrs, covered } = options;
  const after = recordTree(root);
  const isCovered = (path: string): boolean => covered.some((dest) => isWithin(dest, path));
  const present: ChangedPath[] = [];
  for (const [path, stats] of after) {
    const old = before.get(path);
    if (!old) present.push({ path, stats });
    else if (hasChanged(stats, old) && !isCovered(path)) present.push({ path, stats });
  }
  const xattrs = readXattrs(
    root,
    present.map(({ path }) => path),
  );
  return {
    present: present.map((change) => {
      const found = xattrs.get(change.path);
      return found === undefined ? change : { ...change, xattrs: found };
    }),
    deleted: topmostDeleted(before, after),
    opaque: [],
  };
}

function hasChanged(now: BigIntStats, before: BigIntStats): boolean {
  if (now.ino !== before.ino || now.mode !== before.mode || now.uid !== before.uid || now.gid !== before.gid)
    return true;
  if (now.isDirectory()) return !sameTime(now, before);
  return now.ctimeNs !== before.ctimeNs || now.size !== before.size;
}

/** Paths that are gone while their directory is still one; what went with its directory needs no mention. */
function topmostDeleted(before: TreeState, after: TreeState): string[] {
  const deleted: string[] = [];
  for (const path of before.keys()) {
    if (after.has(path)) continue;
    const slash = path.lastIndexOf('/');
    if (slash === -1 || after.get(path.slice(0, slash))?.isDirectory() === true) deleted.push(path);
  }
  return deleted;
}
