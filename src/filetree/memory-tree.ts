import type { Readable } from 'node:stream';
import type { FileEntry, FileTree } from './contract';
import { baseName, cleanPath, compareNames, parentPath } from './paths';
import { streamOf } from './read-file';

/** What a file in memory may set; the defaults are those of a build context: 0644 or 0755, root, the epoch. */
export type MemoryFileOptions = Partial<
  Pick<FileEntry, 'mode' | 'uid' | 'gid' | 'mtimeNs' | 'inode' | 'xattrs' | 'devMajor' | 'devMinor'>
>;

interface MemoryFile {
  readonly entry: FileEntry;
  readonly content: Buffer;
}

/** A tree in memory, for tests and for small things that were never on disk. Missing parents are made as 0755. */
export class MemoryTree implements FileTree {
  readonly #files = new Map<string, MemoryFile>();

  constructor() {
    this.#add({ path: '', type: 'directory', mode: 0o755 });
  }

  file(path: string, content: string | Uint8Array, options: MemoryFileOptions = {}): this {
    return this.#add({ path, type: 'file', mode: 0o644, ...options }, Buffer.from(content as string));
  }

  directory(path: string, options: MemoryFileOptions = {}): this {
    return this.#add({ path, type: 'directory', mode: 0o755, ...options });
  }

  symlink(path: string, linkTarget: string, options: MemoryFileOptions = {}): this {
    return this.#add({ path, type: 'symlink', mode: 0o777, linkTarget, ...options });
  }

  /** A character or block device or a fifo. */
  special(path: string, type: 'char' | 'block' | 'fifo', options: MemoryFileOptions = {}): this {
    return this.#add({ path, type, mode: 0o644, ...options });
  }

  lookup(path: string): Promise<FileEntry | undefined> {
    return Promise.resolve(this.#files.get(path)?.entry);
  }

  list(path: string): Promise<readonly string[]> {
    const names = [...this.#files.keys()].filter((child) => child !== '' && parentPath(child) === path).map(baseName);
    return Promise.resolve(names.sort(compareNames));
  }

  open(path: string): Promise<Readable> {
    const file = this.#files.get(path);
    if (file?.entry.type !== 'file') return Promise.reject(new Error(`"${path}" is not a file of this tree`));
    return Promise.resolve(streamOf(file.content));
  }

  #add(entry: Pick<FileEntry, 'path' | 'type' | 'mode'> & Partial<FileEntry>, content: Buffer = Buffer.alloc(0)): this {
    const path = cleanPath(entry.path);
    if (path !== '' && !this.#files.has(parentPath(path))) this.directory(parentPath(path));
    this.#files.set(path, {
      entry: { uid: 0, gid: 0, mtimeNs: 0n, ...entry, path, size: content.length },
      content,
    });
    return this;
  }
}
