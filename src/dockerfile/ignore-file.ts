import { posix } from 'node:path';
import { trimSpace } from './white-space';

const BYTE_ORDER_MARK = '\ufeff';

/** The name of the file in the root of a context that lists what is no part of it. */
export const IGNORE_FILE_NAME = '.dockerignore';

/** The ignore file of one Dockerfile; where it exists, the one in the context's root does not count. */
export function ignoreFileFor(dockerfilePath: string): string {
  return dockerfilePath + IGNORE_FILE_NAME;
}

/**
 * The patterns of an ignore file, in order: comments (a `#` in the first column) and blank lines dropped, white space
 * trimmed, paths cleaned, a leading slash taken off, `!` kept in front.
 */
export function parseIgnoreFile(text: string): string[] {
  const body = text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
  return body.split('\n').flatMap((line) => {
    const pattern = trimSpace(line);
    if (line.startsWith('#') || pattern === '') return [];
    if (!pattern.startsWith('!')) return [cleanPattern(pattern)];
    const negated = trimSpace(pattern.slice(1));
    return [negated === '' ? '!' : `!${cleanPattern(negated)}`];
  });
}

/** The shortest form of a path, like Go's `filepath.Clean`, relative to the context. */
function cleanPattern(pattern: string): string {
  const clean = cleanPath(pattern);
  return clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
}

/** Go's `filepath.Clean`: without `.`, doubled and trailing slashes, and `..` where it has something to take away. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
