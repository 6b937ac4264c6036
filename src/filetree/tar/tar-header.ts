import type { FileType } from '../contract';

/** A member of a tar with everything that pax records and GNU headers said already applied. */
export interface TarHeader {
  /** Verbatim; may be absolute, end with a slash or have `..`. */
  readonly name: string;
  readonly type: FileType | 'hardlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for all but files. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Target of a symlink or hard link, verbatim; else `''`. */
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs?: ReadonlyMap<string, Buffer>;
}

/** A member and where its content starts in the archive. */
export interface TarMember {
  readonly header: TarHeader;
  readonly dataOffset: number;
}

/** Type flags of ustar, and what they stand for here. */
export const typeFlags: Readonly<Record<string, TarHeader['type']>> = {
  '0': 'file',
  '\u0000': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
};
