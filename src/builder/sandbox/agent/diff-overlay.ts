import { closeSync, openSync, readlinkSync, readSync, type BigIntStats } from 'node:fs';
import { joinPaths } from '../../../filetree/paths';
import { looksSame, type ChangedPath, type Changes } from './changes';
import { hostPath, listInside, statInside } from './rooted-path';
import type { RootView } from './root-view';
import { NO_XATTRS, sameXattrs, type XattrReader } from './xattr-reader';

const COMPARE_BUFFER_BYTES = 256 * 1024;
const NS_PER_SECOND = 1_000_000_000n;

/**
 * What an overlay's upper directory holds, as changes against the layers below; the overlay must still be mounted. Files
 * that the kernel copied up without a lasting change are left out. Opaque directories are found by looking at the
 * merged tree: their mark is an extended attribute, which Node cannot read.
 */
export function diffOverlay(view: RootView, readXattrs: XattrReader): Changes {
  const walk: Walk = { view, base: view.base, present: [], deleted: [], opaque: [], unchanged: [] };
  walkDirectory(walk, '', walk.base !== undefined);
  const candidates = [...walk.present, ...walk.unchanged].map(({ path }) => path);
  const xattrs = readXattrs(view.upper, candidates);
  const present = walk.present.map((change) => withXattrs(change, xattrs.get(change.path)));
  const linkedToChange = new Set(present.filter(({ stats }) => stats.nlink > 1n).map(({ stats }) => stats.ino));
  const reallyUnchanged: ChangedPath[] = [];
  for (const change of walk.unchanged) {
    if (linkedToChange.has(change.stats.ino)) present.push(withXattrs(change, xattrs.get(change.path)));
    else reallyUnchanged.push(change);
  }
  if (walk.base !== undefined && reallyUnchanged.length > 0) {
    const before = readXattrs(
      walk.base,
      reallyUnchanged.map(({ path }) => path),
    );
    for (const change of reallyUnchanged) {
      const now = xattrs.get(change.path) ?? NO_XATTRS;
      if (!sameXattrs(now, before.get(change.path) ?? NO_XATTRS)) present.push(withXattrs(change, now));
    }
  }
  return { present, deleted: walk.deleted, opaque: walk.opaque };
}

interface Walk {
  readonly view: RootView;
  readonly base: string | undefined;
  readonly present: ChangedPath[];
  readonly deleted: string[];
  readonly opaque: string[];
  /** Copied up, but equal to what is below as far as names and contents go. */
  readonly unchanged: ChangedPath[];
}

/** `inBase` says whether the base has a directory at this path. */
function walkDirectory(walk: Walk, directory: string, inBase: boolean): void {
  const names = listInside(walk.view.upper, directory);
  if (inBase && hidesEverything(walk, directory, new Set(names))) walk.opaque.push(directory);
  for (const name of names) {
    const path = joinPaths(directory, name);
    const stats = statInside(walk.view.upper, path);
    if (!stats) continue;
    const before = inBase && walk.base !== undefined ? statInside(walk.base, path) : undefined;
    if (stats.isCharacterDevice() && stats.rdev === 0n) {
      if (before) walk.deleted.push(path);
      continue;
    }
    (before && isUnchanged(walk, path, stats, before) ? walk.unchanged : walk.present).push({ path, stats });
    if (stats.isDirectory()) walkDirectory(walk, path, before?.isDirectory() === true);
  }
}

/** All that the base has in a directory is hidden at once or not at all, apart from what the upper one names. */
function hidesEverything({ view, base }: Walk, directory: string, upperNames: ReadonlySet<string>): boolean {
  if (base === undefined) return false;
  const candidate = listInside(base, directory).find((name) => !upperNames.has(name));
  return candidate !== undefined && statInside(view.root, joinPaths(directory, candidate)) === undefined;
}

function isUnchanged({ view, base }: Walk, path: string, now: BigIntStats, before: BigIntStats): boolean {
  if (base === undefined || !looksSame(now, before)) return false;
  if (now.isSymbolicLink()) {
    const [left, right] = [view.upper, base].map((root) => readlinkSync(hostPath(root, path), { encoding: 'buffer' }));
    return left !== undefined && right !== undefined && left.equals(right);
  }
  // A time without a fraction may have been set by hand, after the content was changed.
  if (now.isFile() && now.mtimeNs % NS_PER_SECOND === 0n) return sameContent(view.upper, base, path);
  return true;
}

function sameContent(left: string, right: string, path: string): boolean {
  const descriptors: number[] = [];
  try {
    for (const root of [left, right]) descriptors.push(openSync(hostPath(root, path), 'r'));
    const [a = -1, b = -1] = descriptors;
    const first = Buffer.allocUnsafe(COMPARE_BUFFER_BYTES);
    const second = Buffer.allocUnsafe(COMPARE_BUFFER_BYTES);
    for (;;) {
      const length = readSync(a, first, 0, first.length, null);
      const other = readSync(b, second, 0, second.length, null);
      if (length !== other || !first.subarray(0, length).equals(second.subarray(0, length))) return false;
      if (length === 0) return true;
    }
  } finally {
    descriptors.forEach((descriptor) => closeSync(descriptor));
  }
}

function withXattrs(change: ChangedPath, xattrs: ReadonlyMap<string, Buffer> | undefined): ChangedPath {
  return xattrs === undefined ? change : { ...change, xattrs };
}
