import { lstatSync, readdirSync, readlinkSync, rmdirSync, unlinkSync, type BigIntStats } from 'node:fs';
import { isErrno } from './errno';
import { decodePathBytes, encodePathBytes } from '../../../filetree/path-bytes';
import { compareNames, joinPaths } from '../../../filetree/paths';
import { resolvePathSync } from '../../../filetree/resolve-path';

const escaped = /[\udc80-\udcff]/;

/** The real path of a clean path inside `root`, byte for byte. Symlinks are not looked at. */
export function hostPath(root: string, path: string): string | Buffer {
  const full = path === '' ? root : `${root}/${path}`;
  return escaped.test(path) ? encodePathBytes(full) : full;
}

/** Metadata of what is at a path, not following a symlink there; undefined if there is nothing. */
export function statInside(root: string, path: string): BigIntStats | undefined {
  try {
    return lstatSync(hostPath(root, path), { bigint: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export function readlinkInside(root: string, path: string): string {
  return decodePathBytes(readlinkSync(hostPath(root, path), { encoding: 'buffer' }));
}

/**
 * Where `path` leads when symlinks are followed with `root` as `/`, as a clean path. Parts that do not exist stay as
 * written. Safe as long as nobody changes the tree meanwhile.
 */
export function resolveInside(root: string, path: string, followLast = { followLast: true }): string {
  return resolvePathSync(
    (candidate) => {
      const stats = statInside(root, candidate);
      return stats?.isSymbolicLink() === true
        ? { type: 'symlink', linkTarget: readlinkInside(root, candidate) }
        : undefined;
    },
    path,
    followLast,
  );
}

/** Names in a directory, sorted by their bytes. */
export function listInside(root: string, path: string): string[] {
  return readdirSync(hostPath(root, path), { encoding: 'buffer' }).map(decodePathBytes).sort(compareNames);
}

/** Removes what is at a path with everything below; names of any bytes, no symlink followed. */
export function removeInside(root: string, path: string): void {
  if (statInside(root, path)?.isDirectory() !== true) {
    unlinkSync(hostPath(root, path));
    return;
  }
  for (const name of listInside(root, path)) removeInside(root, joinPaths(path, name));
  rmdirSync(hostPath(root, path));
}
