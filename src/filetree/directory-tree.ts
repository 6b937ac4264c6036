import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { CallOptions } from '../content/contract';
import type { FileEntry, FileTree, FileType, PathDecision, PathFilter } from './contract';
import { baseName, compareNames, joinPaths, parentPath } from './paths';
import { openFileRange } from './read-file';

export interface DirectoryTreeOptions {
  /** What to leave out, such as the patterns of `.dockerignore`. */
  readonly ignore?: PathFilter;
}

/** A directory that was read: the types of its names, ignored ones included as long as something below may count. */
interface Listing {
  readonly types: ReadonlyMap<string, FileType>;
  readonly match: readonly boolean[];
}

const nothing: Listing = { types: new Map(), match: [] };

/**
 * A directory on disk as a build context: only what is asked for is read, and each directory once. Symlinks are
 * entries, never followed. Owners count as root and modes as git knows them, so that a checkout's umask and user do
 * not change the build; times are kept. Sockets are left out.
 *
 * A name that vanishes between listing and asking counts as missing.
 */
export class DirectoryTree implements FileTree {
  readonly #root: string;
  readonly #ignore: PathFilter | undefined;
  readonly #listings = new Map<string, Promise<Listing>>();
  readonly #entries = new Map<string, Promise<FileEntry | undefined>>();
  readonly #anythingBelow = new Map<string, Promise<boolean>>();

  /** @param root absolute path of the directory; if it is a symlink itself, that one is followed. */
  constructor(root: string, options: DirectoryTreeOptions = {}) {
    this.#root = root;
    this.#ignore = options.ignore;
  }

  async lookup(path: string): Promise<FileEntry | undefined> {
    if (path !== '' && !(await this.#isVisible(path))) return undefined;
    return this.#entry(path);
  }

  async list(path: string): Promise<readonly string[]> {
    if (path !== '' && (await this.#typeOf(path)) !== 'directory') return [];
    const { types } = await this.#listing(path);
    const names = await this.#visibleNames(path, [...types.keys()]);
    // Whoever lists a directory asks for its entries next; asking the disk for all at once is several times as fast.
    for (const name of names) this.#entry(joinPaths(path, name)).catch(() => undefined);
    return [...names].sort(compareNames);
  }

  async #visibleNames(path: string, names: readonly string[]): Promise<readonly string[]> {
    if (!this.#ignore) return names;
    const visible = await Promise.all(names.map((name) => this.#isVisible(joinPaths(path, name))));
    return names.filter((_, index) => visible[index]);
  }

  async open(path: string, options?: CallOptions): Promise<Readable> {
    const entry = await this.lookup(path);
    if (entry?.type !== 'file') throw new Error(`"${path}" is not a file of the context`);
    return openFileRange(this.#onDisk(path), { size: entry.size, label: path }, options);
  }

  #onDisk(path: string): string {
    return join(this.#root, path);
  }

  /** The type of an entry that is reached without crossing a symlink, ignored or not. */
  async #typeOf(path: string): Promise<FileType | undefined> {
    const parent = parentPath(path);
    if (parent !== '' && (await this.#typeOf(parent)) !== 'directory') return undefined;
    return (await this.#listing(parent)).types.get(baseName(path));
  }

  async #isVisible(path: string): Promise<boolean> {
    const type = await this.#typeOf(path);
    if (type === undefined) return false;
    if (!this.#ignore) return true;
    const decision = await this.#decide(this.#ignore, path);
    if (!decision.ignored) return true;
    return type === 'directory' && !decision.skippable && (await this.#hasVisibleBelow(path));
  }

  #hasVisibleBelow(path: string): Promise<boolean> {
    return remember(this.#anythingBelow, path, async () => {
      const { types } = await this.#listing(path);
      for (const name of types.keys()) if (await this.#isVisible(joinPaths(path, name))) return true;
      return false;
    });
  }

  #listing(path: string): Promise<Listing> {
    return remember(this.#listings, path, async () => {
      const decision = this.#ignore && path !== '' ? await this.#decide(this.#ignore, path) : undefined;
      if (decision?.skippable) return nothing;
      const found = await ifThere(readdir(this.#onDisk(path), { withFileTypes: true }));
      const types = new Map<string, FileType>();
      for (const item of found ?? []) {
        const type = typeOf(item);
        if (type) types.set(item.name, type);
      }
      return { types, match: decision?.match ?? [] };
    });
  }

  async #decide(ignore: PathFilter, path: string): Promise<PathDecision> {
    return ignore.decide(path, (await this.#listing(parentPath(path))).match);
  }

  #entry(path: string): Promise<FileEntry | undefined> {
    return remember(this.#entries, path, async () => {
      const file = this.#onDisk(path);
      const stats = await ifThere(lstat(path === '' ? `${file}/` : file, { bigint: true }));
      const type = stats && typeOf(stats);
      if (!type) return undefined;
      const linkTarget = type === 'symlink' ? await ifThere(readlink(file)) : undefined;
      return {
        path,
        type,
        mode: normalMode(type, Number(stats.mode)),
        uid: 0,
        gid: 0,
        mtimeNs: stats.mtimeNs,
        size: type === 'file' ? Number(stats.size) : 0,
        ...(linkTarget !== undefined && { linkTarget }),
        ...(type === 'file' && stats.nlink > 1n && { inode: `${stats.dev}:${stats.ino}` }),
        ...((type === 'char' || type === 'block') && deviceOf(stats.rdev)),
      };
    });
  }
}

/** Git's modes: what the owner may execute is 0755, other files 0644. */
function normalMode(type: FileType, mode: number): number {
  if (type === 'symlink') return 0o777;
  if (type === 'directory') return 0o755;
  return type === 'file' && (mode & 0o100) !== 0 ? 0o755 : 0o644;
}

/** Linux's `major` and `minor` of a device number (`makedev(3)`). */
function deviceOf(device: bigint): { readonly devMajor: number; readonly devMinor: number } {
  return {
    devMajor: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    devMinor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

function typeOf(item: Dirent | BigIntStats): FileType | undefined {
  if (item.isFile()) return 'file';
  if (item.isDirectory()) return 'directory';
  if (item.isSymbolicLink()) return 'symlink';
  if (item.isCharacterDevice()) return 'char';
  if (item.isBlockDevice()) return 'block';
  return item.isFIFO() ? 'fifo' : undefined;
}

/** One computation per key; a failed one may be tried again. */
function remember<T>(memo: Map<string, Promise<T>>, key: string, compute: () => Promise<T>): Promise<T> {
  let value = memo.get(key);
  if (!value) {
    value = compute();
    memo.set(key, value);
    value.catch(() => memo.delete(key));
  }
  return value;
}

async function ifThere<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
