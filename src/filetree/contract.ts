import type { Readable } from 'node:stream';
import type { CallOptions } from '../content/contract';

export type FileType = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo';

/**
 * One name in a tree, as a layer's tar would carry it. Sockets are never part of a tree.
 */
export interface FileEntry {
  /** Slash-separated, relative to the root, no leading or trailing slash, no `.` or `..`. The root itself is `''`. */
  readonly path: string;
  readonly type: FileType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  /** Bytes of content; 0 for anything but files. */
  readonly size: number;
  /** Where a symlink points, verbatim. */
  readonly linkTarget?: string;
  /** Names with the same `inode` in one tree are hard links of one file. */
  readonly inode?: string;
  readonly devMajor?: number;
  readonly devMinor?: number;
  /** Extended attributes by full name, such as `security.capability`. */
  readonly xattrs?: ReadonlyMap<string, Buffer>;
}

/** A read-only tree of files: a build context, a stage's result, a base image. */
export interface FileTree {
  /** The entry at exactly this path; symlinks are not followed in any component. `''` is the root. */
  lookup(path: string): Promise<FileEntry | undefined>;
  /** Names directly below a directory, sorted by UTF-8 bytes. Empty for what is not a directory. */
  list(path: string): Promise<readonly string[]>;
  /** The content of a file. Only for entries of type `file`. */
  open(path: string, options?: CallOptions): Promise<Readable>;
}

/** What a {@link PathFilter} says about one path. */
export interface PathDecision {
  /** Whether the patterns match the path: it is left out, where they are patterns of what to leave out. */
  readonly ignored: boolean;
  /** Of a directory: whether nothing below it can be taken back in, so that it need not be read. */
  readonly skippable: boolean;
  /** For each pattern, whether it matched here or above; to be handed back for the entries of this directory. */
  readonly match: readonly boolean[];
}

/** Patterns as an ignore file has them, asked path by path from the root down. */
export interface PathFilter {
  decide(path: string, parent?: readonly boolean[]): PathDecision;
}
