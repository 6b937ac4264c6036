import { posix } from 'node:path';

/**
 * The canonical form of a path inside a tree: slash-separated, relative to the root, without `.`, `..`, doubled or
 * outer slashes; the root is `''`. `..` at the root stays at the root, as in a chroot.
 */
export function cleanPath(path: string): string {
  const normal = posix.normalize(`/${path}`);
  const end = normal.length > 1 && normal.endsWith('/') ? normal.length - 1 : normal.length;
  return normal.slice(1, end);
}

/** Joins clean paths; `''` on either side is the root. */
export function joinPaths(parent: string, child: string): string {
  if (parent === '') return child;
  return child === '' ? parent : `${parent}/${child}`;
}

/** The directory that a clean path lies in. The root's parent is the root. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

/** The last name of a clean path; `''` for the root. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The names of a clean path, outermost first; none for the root. */
export function splitPath(path: string): readonly string[] {
  return path === '' ? [] : path.split('/');
}

/** Whether `path` is `directory` or lies below it. */
export function isWithin(directory: string, path: string): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`);
}

/**
 * Orders names by their UTF-8 bytes, as Go orders strings. JavaScript's own order (UTF-16 units) puts U+10000 and above
 * before U+E000 to U+FFFF.
 */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Moves surrogates behind the rest of the basic plane. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Orders clean paths as a depth-first walk with sorted names meets them: a directory right before what is in it. */
export function comparePaths(left: string, right: string): number {
  const a = splitPath(left);
  const b = splitPath(right);
  const depth = Math.min(a.length, b.length);
  for (let index = 0; index < depth; index++) {
    const order = compareNames(a[index] ?? '', b[index] ?? '');
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
