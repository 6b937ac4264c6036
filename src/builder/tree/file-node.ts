import type { Readable } from 'node:stream';
import type { CallOptions } from '../../content/contract';
import type { FileEntry } from '../../filetree/contract';
import { compareNames, splitPath } from '../../filetree/paths';

/** Where a file's bytes are, wherever the file is named. */
export interface FileContent {
  open(options?: CallOptions): Promise<Readable>;
}

/** Everything of an entry but its name and links. */
export type FileMeta = Omit<FileEntry, 'path' | 'inode'>;

/**
 * A file or directory of a tree in memory. Trees share nodes: a node is changed only by the draft that made it, so a
 * tree that is finished never changes, and two trees have the same node where nothing differs.
 */
export interface FileNode {
  readonly meta: FileMeta;
  /** Names of a directory; empty for all others. */
  readonly children: ReadonlyMap<string, FileNode>;
  /** Only of files. */
  readonly content?: FileContent;
  /** Nodes with the same one are hard links of one file. */
  readonly inode?: string;
}

const noChildren: ReadonlyMap<string, FileNode> = new Map();

/** What a root file system has before any layer, and what layers imply without saying. */
export const plainDirectory: FileMeta = { type: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, size: 0 };

/** The tree of scratch. */
export const emptyRoot: FileNode = { meta: plainDirectory, children: noChildren };

/** A node for an entry that is no directory, or for an empty directory. */
export function newNode(entry: FileEntry | FileMeta, content?: FileContent, inode?: string): FileNode {
  return {
    meta: metaOf(entry),
    children: noChildren,
    ...(content && entry.type === 'file' && { content }),
    ...(inode !== undefined && { inode }),
  };
}

/**
 * An entry without what only its place in a tree says. Symlinks have mode 0777 on Linux, whatever a tar says, and that
 * is what their content hash counts.
 */
export function metaOf(entry: FileEntry | FileMeta): FileMeta {
  const { type, uid, gid, mtimeNs, size, linkTarget, devMajor, devMinor, xattrs } = entry;
  const mode = type === 'symlink' ? 0o777 : entry.mode;
  return {
    ...{ type, mode, uid, gid, mtimeNs, size },
    ...(linkTarget !== undefined && { linkTarget }),
    ...(devMajor !== undefined && { devMajor }),
    ...(devMinor !== undefined && { devMinor }),
    ...(xattrs && xattrs.size > 0 && { xattrs }),
  };
}

export function entryAt(node: FileNode, path: string): FileEntry {
  return { path, ...node.meta, ...(node.inode !== undefined && { inode: node.inode }) };
}

/** The node at exactly this clean path, symlinks not followed. */
export function nodeAt(root: FileNode, path: string): FileNode | undefined {
  let node: FileNode | undefined = root;
  for (const name of splitPath(path)) {
    node = node.children.get(name);
    if (!node) return undefined;
  }
  return node;
}

/** Names of a directory in the order in which trees are walked. */
export function sortedNames(node: FileNode): readonly string[] {
  return [...node.children.keys()].sort(compareNames);
}

/** Whether two nodes are the same file as far as a layer could tell. Children are not looked at. */
export function isSameFile(left: FileNode, right: FileNode): boolean {
  const [a, b] = [left.meta, right.meta];
  return (
    left.content === right.content &&
    left.inode === right.inode &&
    (['type', 'mode', 'uid', 'gid', 'mtimeNs', 'size', 'linkTarget', 'devMajor', 'devMinor'] as const).every(
      (key) => a[key] === b[key],
    ) &&
    hasSameXattrs(a.xattrs, b.xattrs)
  );
}

function hasSameXattrs(left: FileMeta['xattrs'], right: FileMeta['xattrs']): boolean {
  if (left === right) return true;
  if (left?.size !== right?.size) return false;
  return [...(left ?? [])].every(([name, value]) => right?.get(name)?.equals(value) === true);
}
