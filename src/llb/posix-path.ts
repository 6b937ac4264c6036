import { posix } from 'node:path';

/**
 * Paths inside an image, in the way of Go's `path` package: unlike Node's, `clean` and `join` never keep a trailing
 * slash. BuildKit's cache keys contain the paths, so each function here must give the same bytes.
 */

/** Shortest equal path; `.` for the empty one. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** Joins what is not empty and cleans it. */
export function joinPath(...parts: readonly string[]): string {
  return cleanPath(posix.join(...parts));
}

/** Last element without trailing slashes; `/` for the root and `.` for the empty path. */
export function baseName(path: string): string {
  if (path === '') return '.';
  return posix.basename(path) || '/';
}

export function isAbsolutePath(path: string): boolean {
  return path.startsWith('/');
}

/**
 * Where `path` lies if `directory` is the working directory. An absolute path stays as it was written, uncleaned, which
 * shows in the image's `WorkingDir` and in the RUN steps' keys.
 */
export function resolvePath(directory: string, path: string): string {
  if (isAbsolutePath(path)) return path;
  if (path === '') return directory === '' ? '/' : directory;
  return joinPath('/', directory, path);
}

/** As {@link resolvePath} for the destination of a copy: a final `/` or `/.` says that it is a directory, and is kept. */
export function resolveDestination(directory: string, path: string): string {
  const written = path === '' || path === '.' ? './' : path;
  return keepDirectoryMark(written, joinPath('/', resolvePath(directory, written)));
}

function keepDirectoryMark(written: string, clean: string): string {
  if (written.endsWith('/')) return clean.endsWith('/') ? clean : `${clean}/`;
  if (written.endsWith('/.')) return clean === '/' ? '/.' : `${clean}/.`;
  return clean;
}
