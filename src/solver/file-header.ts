import { unreachable } from '../diagnostics/unreachable';
import type { FileEntry } from '../filetree/contract';
import { encodePathBytes } from '../filetree/path-bytes';

/** Permission bits that symlinks count with, whatever the file system says. */
const SYMLINK_MODE = 0o777;

/**
 * What is hashed of a file before its content: the fields of a tar header in the manner of Docker's first tarsum, without
 * name and time (BuildKit `cache/contenthash/tarsum.go`).
 */
export function fileHeader(entry: FileEntry): Buffer {
  const isDevice = entry.type === 'char' || entry.type === 'block';
  const link = entry.type === 'symlink' ? (entry.linkTarget ?? '') : '';
  return Buffer.concat([
    Buffer.from(
      `namemode${entry.type === 'symlink' ? entry.mode | SYMLINK_MODE : entry.mode}uid${entry.uid}gid${entry.gid}` +
        `size${entry.type === 'file' ? entry.size : 0}typeflag${typeFlag(entry)}linkname`,
    ),
    encodePathBytes(link),
    Buffer.from(
      `unamegnamedevmajor${isDevice ? (entry.devMajor ?? 0) : 0}devminor${isDevice ? (entry.devMinor ?? 0) : 0}`,
    ),
    ...countedAttributes(entry),
  ]);
}

function typeFlag(entry: FileEntry): string {
  switch (entry.type) {
    case 'file':
      return '0';
    case 'symlink':
      return '2';
    case 'char':
      return '3';
    case 'block':
      return '4';
    case 'directory':
      return '5';
    case 'fifo':
      return '6';
    default:
      return unreachable(entry.type);
  }
}

/** Extended attributes that a build can set: capabilities, and all outside the `security` and `system` namespaces. */
function countedAttributes(entry: FileEntry): readonly Buffer[] {
  if (entry.xattrs === undefined) return [];
  return [...entry.xattrs]
    .filter(([name]) => name === 'security.capability' || !/^(?:security|system)\./.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => [Buffer.from(name), value]);
}
