import { randomBytes } from 'node:crypto';
import { chmod, lchown, link, lstat, lutimes, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { CallOptions } from '../../content/contract';
import { Limiter } from '../../content/limiter';
import type { FileEntry, FileTree } from '../../filetree/contract';
import { encodePathBytes } from '../../filetree/path-bytes';
import { joinPaths, parentPath } from '../../filetree/paths';

/** Files that are written at once. */
const CONCURRENT_FILES = 16;
const nanosecondsPerSecond = 1e9;

export interface UnpackOptions extends CallOptions {
  /**
   * `tree`: owners as the tree has them, which only root may give; for others this is `caller`. `caller`: everything
   * belongs to who runs this. Default `tree`.
   */
  readonly owners?: 'tree' | 'caller';
}

/**
 * Writes a tree into a directory that exists: files, directories, symlinks, hard links, modes and times; extended
 * attributes are not written, devices and fifos are left out (no build output needs them, and an ordinary user cannot
 * make them). What the directory has already stays unless the tree has the same name: then it is
 * replaced, whole files at a time, and nothing that is in the way is followed. The directory itself keeps its mode.
 */
export async function unpackTree(tree: FileTree, directory: string, options: UnpackOptions = {}): Promise<void> {
  await new TreeUnpacker(tree, directory, options).unpack();
}

class TreeUnpacker {
  readonly #tree: FileTree;
  readonly #root: Buffer;
  readonly #options: UnpackOptions;
  readonly #setsOwners: boolean;
  readonly #limiter = new Limiter(CONCURRENT_FILES);
  /** Where the first name of each hard-linked file is, once it is there. */
  readonly #links = new Map<string, Promise<string>>();

  constructor(tree: FileTree, directory: string, options: UnpackOptions) {
    this.#tree = tree;
    this.#root = Buffer.from(join(directory, '/'));
    this.#options = options;
    this.#setsOwners = options.owners !== 'caller' && process.getuid?.() === 0;
  }

  unpack(): Promise<void> {
    return this.#children('', false);
  }

  /** `isFresh`: this unpacking made the directory, so nothing can be in the way. */
  async #children(path: string, isFresh: boolean): Promise<void> {
    const written: Promise<void>[] = [];
    try {
      for (const name of await this.#tree.list(path)) {
        this.#options.signal?.throwIfAborted();
        const entry = await this.#tree.lookup(joinPaths(path, name));
        if (entry?.type === 'directory') await this.#directory(entry);
        else if (entry?.type === 'file' || entry?.type === 'symlink') written.push(this.#startFile(entry, isFresh));
      }
    } finally {
      // Nothing may be written any more when this ends, however it ends.
      await Promise.allSettled(written);
    }
    await Promise.all(written);
  }

  /** Its mode and time come last: the mode may not let us write, and writing changes the time. */
  async #directory(entry: FileEntry): Promise<void> {
    const path = this.#onDisk(entry.path);
    const present = await lstat(path).catch(() => undefined);
    if (present && !present.isDirectory()) await rm(path);
    if (present?.isDirectory()) await chmod(path, 0o700);
    else await mkdir(path, { mode: 0o700 });
    await this.#children(entry.path, !present?.isDirectory());
    await this.#describe(entry, path);
  }

  #startFile(entry: FileEntry, isFresh: boolean): Promise<void> {
    const first = entry.inode === undefined ? undefined : this.#links.get(entry.inode);
    const done = first
      ? first.then((target) => this.#place(entry, isFresh, (path) => link(this.#onDisk(target), path)))
      : this.#limiter.run(() => this.#place(entry, isFresh, (path) => this.#fill(entry, path)), this.#options.signal);
    done.catch(() => undefined);
    if (entry.inode !== undefined && !first) {
      const linked = done.then(() => entry.path);
      linked.catch(() => undefined);
      this.#links.set(entry.inode, linked);
    }
    return done;
  }

  async #fill(entry: FileEntry, path: Buffer): Promise<void> {
    if (entry.type === 'symlink') {
      await symlink(encodePathBytes(entry.linkTarget ?? ''), path);
      await this.#describe(entry, path);
      return;
    }
    const content = await this.#tree.open(entry.path, this.#options);
    const handle = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of content as AsyncIterable<Buffer>) await handle.writeFile(chunk);
      if (this.#setsOwners) await handle.chown(entry.uid, entry.gid);
      await handle.chmod(entry.mode);
      await handle.utimes(secondsOf(entry), secondsOf(entry));
    } finally {
      await handle.close();
    }
  }

  /** Where something may be in the way, it is made under a name that nothing else has and then given its own. */
  async #place(entry: FileEntry, isFresh: boolean, make: (path: Buffer) => Promise<void>): Promise<void> {
    if (isFresh) {
      await make(this.#onDisk(entry.path));
      return;
    }
    const aside = this.#onDisk(joinPaths(parentPath(entry.path), `.${randomBytes(9).toString('hex')}.staging`));
    const target = this.#onDisk(entry.path);
    try {
      await make(aside);
      const present = await lstat(target).catch(() => undefined);
      if (present?.isDirectory()) await rm(target, { recursive: true });
      await rename(aside, target);
    } finally {
      // rename(2) leaves both names where they are links of one file.
      await rm(aside, { force: true });
    }
  }

  /** Owner before mode, since changing the owner clears set-user-id bits; the time last. */
  async #describe(entry: FileEntry, path: Buffer): Promise<void> {
    if (this.#setsOwners) await lchown(path, entry.uid, entry.gid);
    if (entry.type !== 'symlink') await chmod(path, entry.mode);
    await lutimes(path, secondsOf(entry), secondsOf(entry));
  }

  #onDisk(path: string): Buffer {
    return Buffer.concat([this.#root, encodePathBytes(path)]);
  }
}

function secondsOf({ mtimeNs }: FileEntry): number {
  return Number(mtimeNs) / nanosecondsPerSecond;
}
