import { spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodePathBytes, encodePathBytes } from '../../../filetree/path-bytes';
import { cleanPath } from '../../../filetree/paths';
import { TarScanner } from '../../../filetree/tar/tar-scanner';
import type { ToolPaths } from '../tools';
import { hostEnvironment } from './host-command';

/** Bytes of names that one call of a program gets; a Linux process takes at least 128 KiB of arguments. */
const MAX_ARGUMENT_BYTES = 64 * 1024;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const READ_BUFFER_BYTES = 256 * 1024;
/** What a layer carries. `security.selinux` belongs to the machine, `user.overlay` to the mount. */
const carried = /^(?:security\.capability$|user\.(?!overlay\.)|system\.posix_acl_)/;

export type Xattrs = ReadonlyMap<string, Buffer>;
export const NO_XATTRS: Xattrs = new Map();

/** Extended attributes by path, of those of `paths` that have some. Symlinks are not followed. */
export type XattrReader = (root: string, paths: readonly string[]) => ReadonlyMap<string, Xattrs>;

/** Programs of the host by which attributes can be read; Node has no call for it. */
export type XattrPrograms =
  { readonly getfattr: string } | { readonly getfattr?: undefined; readonly cp: string; readonly tar: string };

/** `getfattr` where it is installed, else GNU `cp` and `tar`; undefined where there is neither. */
export function findXattrPrograms({ getfattr, cp, tar }: ToolPaths): XattrPrograms | undefined {
  if (getfattr !== undefined) return { getfattr };
  if (cp === undefined || tar === undefined || !isGnu(cp) || !isGnu(tar)) return undefined;
  return { cp, tar };
}

/** `scratch` is a directory that does not exist; GNU tar needs a copy there of all but the contents. */
export function createXattrReader(programs: XattrPrograms, scratch: string): XattrReader {
  return programs.getfattr === undefined
    ? gnuReader(programs.cp, programs.tar, scratch)
    : getfattrReader(programs.getfattr);
}

export function sameXattrs(left: Xattrs, right: Xattrs): boolean {
  return left.size === right.size && [...left].every(([name, value]) => right.get(name)?.equals(value) === true);
}

function getfattrReader(program: string): XattrReader {
  return (root, paths) => {
    const found = new Map<string, Xattrs>();
    for (const batch of batches(paths)) {
      const args = ['-h', '-d', '-m', '-', '-e', 'base64', '--', ...batch.map((path) => `./${path}`)];
      const options = { cwd: root, maxBuffer: MAX_OUTPUT_BYTES, env: hostEnvironment };
      const { stdout } = spawnSync(program, args, options);
      parseDump(stdout, found);
    }
    return found;
  };
}

/** getfattr(1): `# file: NAME` with octal escapes, then `attribute=0sBASE64` lines, then an empty line. */
function parseDump(output: Buffer, found: Map<string, Xattrs>): void {
  let current = new Map<string, Buffer>();
  let path = '';
  for (const line of output.toString('latin1').split('\n')) {
    if (line.startsWith('# file: ')) {
      path = cleanPath(decodePathBytes(unescapeOctal(line.slice('# file: '.length))));
      current = new Map();
    } else {
      const [name, value] = splitOnce(line, '=0s');
      if (value === undefined || !carried.test(name)) continue;
      current.set(name, Buffer.from(value, 'base64'));
      found.set(path, current);
    }
  }
}

function unescapeOctal(text: string): Buffer {
  return Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))),
    'latin1',
  );
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function gnuReader(cp: string, tar: string, scratch: string): XattrReader {
  return (root, paths) => {
    const found = new Map<string, Xattrs>();
    const copy = join(scratch, 'copy');
    const archive = join(scratch, 'archive');
    mkdirSync(copy, { recursive: true, mode: 0o700 });
    try {
      for (const batch of batches(paths.filter((path) => isCopied(join(root, path))))) {
        const names = batch.map((path) => `./${path}`);
        spawnSync(cp, ['-d', '--preserve=all', '--attributes-only', '--parents', '--', ...names, copy], {
          cwd: root,
          stdio: 'ignore',
        });
      }
      spawnSync(tar, ['-c', '--xattrs', '--xattrs-include=*', '-C', copy, '-f', archive, '.'], { stdio: 'ignore' });
      readArchive(archive, found);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
    return found;
  };
}

/** Whether cp gets it: it opens what it copies, which waits for a writer at a pipe and may do anything at a device. */
function isCopied(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && (stats.isFile() || stats.isDirectory() || stats.isSymbolicLink());
}

function readArchive(archive: string, found: Map<string, Xattrs>): void {
  const scanner = new TarScanner(({ header }) => {
    const xattrs = [...(header.xattrs ?? [])].filter(([name]) => carried.test(name));
    if (xattrs.length > 0) found.set(cleanPath(header.name), new Map(xattrs));
  });
  const descriptor = openSync(archive, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
    for (let length; (length = readSync(descriptor, buffer)) > 0;) scanner.push(buffer.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}

function isGnu(program: string): boolean {
  return spawnSync(program, ['--version'], { encoding: 'utf8', env: hostEnvironment }).stdout.includes('GNU');
}

/** Names that a program can take as arguments (valid UTF-8), in groups of bounded size. */
function* batches(paths: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const size = encodePathBytes(path).length + 16;
    if (bytes + size > MAX_ARGUMENT_BYTES && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(path);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
