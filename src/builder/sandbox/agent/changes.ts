import { readlinkSync, type BigIntStats } from 'node:fs';
import type { FileEntry, FileType } from '../../../filetree/contract';
import type { LayerEntry } from '../../contract';
import { comparePaths, parentPath } from '../../../filetree/paths';
import { decodePathBytes } from '../../../filetree/path-bytes';
import { hostPath } from './rooted-path';

/** Times that were set through Node are off by less: see `timeArgument`. */
const TIME_TOLERANCE_NS = 1000n;

/** A path of the tree that the command left, with what is there now. */
export interface ChangedPath {
  readonly path: string;
  readonly stats: BigIntStats;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
}

/** Everything that differs between two states of a root. */
export interface Changes {
  readonly present: readonly ChangedPath[];
  /** Clean paths that were there and are gone. */
  readonly deleted: readonly string[];
  /** Directories that hide all that was in them. */
  readonly opaque: readonly string[];
}

/** Whether two states of a path look the same: everything that a layer carries, save content and attributes. */
export function looksSame(left: BigIntStats, right: BigIntStats): boolean {
  if (left.mode !== right.mode || left.uid !== right.uid || left.gid !== right.gid) return false;
  if (left.rdev !== right.rdev) return false;
  if (!left.isDirectory() && left.size !== right.size) return false;
  return sameTime(left, right);
}

export function sameTime(left: BigIntStats, right: BigIntStats): boolean {
  const apart = left.mtimeNs - right.mtimeNs;
  return apart < TIME_TOLERANCE_NS && -apart < TIME_TOLERANCE_NS;
}

export function fileTypeOf(stats: BigIntStats): FileType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}

/**
 * A layer's members for changes, sorted as a walk meets them. Directories that a changed path lies in are members, too,
 * so that the layer can be unpacked alone; `statsOf` tells about those. Hard links are members of their first name.
 */
export function toMembers(
  root: string,
  changes: Changes,
  statsOf: (path: string) => BigIntStats | undefined,
): LayerEntry[] {
  const present = new Map(changes.present.map((change) => [change.path, change]));
  for (const path of [...present.keys(), ...changes.deleted, ...changes.opaque]) addParents(present, path, statsOf);
  const members: LayerEntry[] = [
    ...changes.deleted.map((path): LayerEntry => ({ kind: 'whiteout', path })),
    ...changes.opaque.map((path): LayerEntry => ({ kind: 'opaque', path })),
  ];
  const firstNames = new Map<string, string>();
  for (const change of [...present.values()].sort((a, b) => comparePaths(a.path, b.path))) {
    const entry = toFileEntry(root, change);
    if (!entry) continue;
    const firstName = entry.inode === undefined ? undefined : firstNames.get(entry.inode);
    if (entry.inode !== undefined && firstName === undefined) firstNames.set(entry.inode, entry.path);
    members.push(firstName === undefined ? { kind: 'entry', entry } : { kind: 'hardlink', entry, target: firstName });
  }
  return members.sort((a, b) => comparePaths(memberPath(a), memberPath(b)));
}

/** The path that a member is about. */
export function memberPath(member: LayerEntry): string {
  return 'entry' in member ? member.entry.path : member.path;
}

function addParents(
  present: Map<string, ChangedPath>,
  path: string,
  statsOf: (path: string) => BigIntStats | undefined,
): void {
  for (let parent = parentPath(path); parent !== '' && !present.has(parent); parent = parentPath(parent)) {
    const stats = statsOf(parent);
    if (stats) present.set(parent, { path: parent, stats });
  }
}

function toFileEntry(root: string, { path, stats, xattrs }: ChangedPath): FileEntry | undefined {
  const type = fileTypeOf(stats);
  if (type === undefined) return undefined;
  const isDevice = type === 'char' || type === 'block';
  return {
    path,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNs: stats.mtimeNs,
    size: type === 'file' ? Number(stats.size) : 0,
    ...(type === 'symlink' ? { linkTarget: linkTargetOf(root, path) } : {}),
    ...(type !== 'directory' && stats.nlink > 1n ? { inode: stats.ino.toString() } : {}),
    ...(isDevice ? { devMajor: majorOf(stats.rdev), devMinor: minorOf(stats.rdev) } : {}),
    ...(xattrs === undefined || xattrs.size === 0 ? {} : { xattrs }),
  };
}

function linkTargetOf(root: string, path: string): string {
  return decodePathBytes(readlinkSync(hostPath(root, path), { encoding: 'buffer' }));
}

/** The layout of `dev_t` in glibc's `gnu_dev_major` and `gnu_dev_minor`. */
function majorOf(device: bigint): number {
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn));
}
function minorOf(device: bigint): number {
  return Number((device & 0xffn) | ((device >> 12n) & ~0xffn));
}
