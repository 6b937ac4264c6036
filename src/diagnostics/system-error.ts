import { CodedError } from './coded-error';

declare module './coded-error' {
  interface ErrorDetails {
    /** The operating system refused something with files: `errno` is its name for the reason, such as `ENOSPC`. */
    FILE_SYSTEM: { readonly errno: string; readonly path?: string };
  }
}

/** What a person can do about an error of the operating system, by its name (errno(3)). */
const hints: Readonly<Record<string, string>> = {
  EACCES: 'give this user the right, or name another place',
  EBUSY: 'something else uses it',
  EDQUOT: 'the quota of this user is used up: make room, or name another place',
  EEXIST: 'something else is already there',
  EFBIG: 'the file system does not take files of that size',
  EIO: 'the disk or its driver reports a failure',
  EISDIR: 'a directory is where a file is meant to be',
  ELOOP: 'symbolic links lead in a circle',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENAMETOOLONG: 'take shorter names',
  ENFILE: 'too many files are open on this machine',
  ENOENT: 'it is not there, or has been removed meanwhile',
  ENOSPC: 'make room, or name another place: the option stateDir moves the local state, TMPDIR temporary files',
  ENOTDIR: 'a file is where a directory is meant to be',
  ENOTEMPTY: 'empty it, or name another place',
  EPERM: 'this user may not do that there',
  EROFS: 'the file system is mounted read-only: name another place',
};

/**
 * An error that the operating system gave for something with files, with a code and a hint; undefined for all other
 * errors. The original one is its `cause`.
 */
export function fileSystemError(error: unknown): CodedError<'FILE_SYSTEM'> | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path, dest } = error as NodeJS.ErrnoException & { readonly dest?: unknown };
  if (code === undefined || syscall === undefined) return undefined;
  const hint = hints[code];
  if (hint === undefined) return undefined;
  // Node: `ENOSPC: no space left on device, write`, then the paths.
  const reason = /^[A-Z0-9]+: ([^,]+),/.exec(error.message)?.[1] ?? error.message;
  const where = [path, dest].filter((part): part is string => typeof part === 'string').map((part) => printable(part));
  const place = where.length === 0 ? '' : ` of ${where.join(' -> ')}`;
  const message = `${reason} (${code} at ${syscall}${place})`;
  const detail = { errno: code, ...(typeof path === 'string' && { path }) };
  return new CodedError('FILE_SYSTEM', message, detail, { cause: error, hint });
}

/** Names of files may hold anything, and none of it may drive a terminal. */
function printable(path: string): string {
  return path.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
