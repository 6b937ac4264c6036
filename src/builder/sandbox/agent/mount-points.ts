import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, rmdirSync, unlinkSync, utimesSync } from 'node:fs';
import { isErrno } from './errno';
import { hostPath, statInside } from './rooted-path';
import { parentPath } from '../../../filetree/paths';

export interface MountPoint {
  /** Clean path, symlinks resolved. */
  readonly path: string;
  readonly kind: 'file' | 'directory';
}

/**
 * Makes what mounts are put on where the image has nothing there, and gives the function that takes it away again.
 * As BuildKit's executor does it: only what was not there before is removed, only if it is still empty, with the
 * directories that were made on the way; the times of parents stay as they were, so that a layer never shows a trace.
 */
export function createMountPoints(root: string, points: readonly MountPoint[]): () => void {
  const made: string[] = [];
  for (const point of points) {
    if (point.path === '') continue;
    for (const path of missingAncestors(root, point.path)) {
      made.push(path);
      keepParentTimes(root, path, () => mkdirSync(hostPath(root, path), { mode: 0o755 }));
    }
    if (statInside(root, point.path)) continue;
    made.push(point.path);
    keepParentTimes(root, point.path, () => {
      if (point.kind === 'directory') mkdirSync(hostPath(root, point.path), { mode: 0o755 });
      else closeSync(openSync(hostPath(root, point.path), 'wx', 0o644));
    });
  }
  return () => {
    for (const path of made.reverse()) removeIfEmpty(root, path);
  };
}

function missingAncestors(root: string, path: string): string[] {
  const missing: string[] = [];
  for (let parent = parentPath(path); parent !== '' && !statInside(root, parent); parent = parentPath(parent)) {
    missing.unshift(parent);
  }
  return missing;
}

function removeIfEmpty(root: string, path: string): void {
  const stats = statInside(root, path);
  if (!stats) return;
  const target = hostPath(root, path);
  const isEmpty = stats.isDirectory() ? readdirSync(target).length === 0 : stats.isFile() && stats.size === 0n;
  if (!isEmpty) return;
  try {
    keepParentTimes(root, path, () => (stats.isDirectory() ? rmdirSync(target) : unlinkSync(target)));
  } catch (error) {
    // The command made it a mount point or immutable; it then is part of what the command did.
    if (!isErrno(error, 'EBUSY', 'EPERM', 'ENOTEMPTY')) throw error;
  }
}

/** Changes a directory's entry at `path` without a trace in the directory's times. */
export function keepParentTimes(root: string, path: string, change: () => void): void {
  const parent = hostPath(root, parentPath(path));
  const before = lstatSync(parent, { bigint: true });
  change();
  setTimes(parent, before.atimeNs, before.mtimeNs);
}

function setTimes(path: string | Buffer, atimeNs: bigint, mtimeNs: bigint): void {
  utimesSync(path, timeArgument(atimeNs), timeArgument(mtimeNs));
}

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MICROSECOND = 1000n;

/**
 * Nanoseconds as the seconds that Node's `utimes` takes. A double is exact to a quarter of a microsecond at today's
 * dates, and Node 20 cuts what it gets to whole microseconds: the middle of one survives both, so that a time that is
 * read and set again any number of times stays within a microsecond of the first. Whole seconds stay exact.
 */
export function timeArgument(nanoseconds: bigint): number {
  const fraction = nanoseconds % NS_PER_SECOND;
  const seconds = Number(nanoseconds / NS_PER_SECOND);
  return fraction === 0n ? seconds : seconds + (Number(fraction / NS_PER_MICROSECOND) + 0.5) / 1e6;
}
