import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { Limiter } from '../content/limiter';
import type { CallOptions } from '../content/contract';
import { CodedError } from '../diagnostics/coded-error';
import type { FileEntry, FileTree } from '../filetree/contract';
import { encodePathBytes } from '../filetree/path-bytes';
import { cleanPath, compareNames, joinPaths } from '../filetree/paths';
import { resolvePath } from '../filetree/resolve-path';
import { baseName } from '../llb/posix-path';
import { digestOf, finishDigest, type Digest } from '../oci/digest';
import { isFiltered, type ContentSelector } from './content-selector';
import { fileHeader } from './file-header';
import { selectPaths, type SelectedPath } from './selected-paths';

declare module '../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A path that an operation reads is not in its input. */
    CONTENT_NOT_FOUND: { readonly path: string };
  }
}

/** Files of one tree that are read at a time. */
const CONCURRENT_READS = 8;

/** A file that counts for a content-based key. */
export interface ListedFile {
  /** Clean path from the root of the tree. */
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  /** Of header and content. */
  readonly digest: Digest;
}

export interface ContentHasherOptions {
  /**
   * Whether the root directory counts without owner and mode. True for a build context, whose root is not transferred
   * by BuildKit; false for images and results of steps.
   */
  readonly emptyRootHeader: boolean;
}

/**
 * Digests of parts of one file tree, as BuildKit's `cache/contenthash` computes them. What was computed once is kept, so
 * the tree must not change.
 */
export class ContentHasher {
  readonly #digests = new Map<string, Promise<Digest>>();
  readonly #reads = new Limiter(CONCURRENT_READS);

  constructor(
    private readonly tree: FileTree,
    private readonly options: ContentHasherOptions,
  ) {}

  /**
   * The content-based key of an input: the digests of all selected parts, hashed together. Rejects with
   * `CONTENT_NOT_FOUND` for a path that does not exist, while a pattern may select nothing.
   */
  async digest(selectors: readonly ContentSelector[], options: CallOptions = {}): Promise<Digest> {
    const digests = await Promise.all(selectors.map((selector) => this.#selectorDigest(selector, options)));
    return digestOf(digests.join('\0'));
  }

  /**
   * Everything but directories that the selectors take, each path once, sorted, with the digests that {@link digest}
   * is made of. What {@link digest} refuses is not reported again: a path that is missing is no file.
   */
  async list(selectors: readonly ContentSelector[], options: CallOptions = {}): Promise<readonly ListedFile[]> {
    const found = new Map<string, Promise<ListedFile>>();
    const add = async (path: string, entry: FileEntry): Promise<void> => {
      options.signal?.throwIfAborted();
      if (entry.type !== 'directory') {
        if (!found.has(path)) found.set(path, this.#listed(path, entry, options));
        return;
      }
      for (const name of await this.tree.list(entry.path)) {
        const child = await this.tree.lookup(joinPaths(entry.path, name));
        if (child) await add(joinPaths(path, name), child);
      }
    };
    for (const selector of selectors) {
      const path = cleanPath(selector.path);
      if (isFiltered(selector)) {
        const { selected } = await selectPaths(this.tree, path, selector);
        for (const item of selected) if (item.entry.type !== 'directory') await add(item.path, item.entry);
      } else {
        const resolved = await resolvePath(this.tree, path, { followLast: selector.followLinks });
        const entry = await this.tree.lookup(resolved);
        if (entry) await add(path, entry);
      }
    }
    const listed = await Promise.all(found.values());
    return listed.sort((a, b) => compareNames(a.path, b.path));
  }

  async #listed(path: string, entry: FileEntry, options: CallOptions): Promise<ListedFile> {
    return { path, mode: entry.mode, size: entry.size, digest: await this.#entryDigest(entry, options) };
  }

  async #selectorDigest(selector: ContentSelector, options: CallOptions): Promise<Digest> {
    const path = cleanPath(selector.path);
    if (!isFiltered(selector)) return this.#pathDigest(path, selector.followLinks, options);
    const { prefix, selected } = await selectPaths(this.tree, path, selector);
    const digests = await Promise.all(selected.map((item) => this.#selectedDigest(item, options)));
    const [only, ...more] = selected;
    if (only === undefined) return digestOf('');
    const [onlyDigest = digestOf('')] = digests;
    if (more.length === 0 && baseName(`/${path}`) === baseName(`/${only.path}`)) return onlyDigest;
    const hash = createHash('sha256');
    selected.forEach((item, index) => {
      const below = `/${item.path}`.slice(prefix === '' ? 0 : prefix.length + 1);
      hash.update(listName(item.path === '' ? '' : below));
      hash.update(digests[index] ?? '');
    });
    return finishDigest(hash);
  }

  #selectedDigest(item: SelectedPath, options: CallOptions): Promise<Digest> {
    if (item.followLinks && item.entry.type === 'symlink') return this.#pathDigest(item.path, true, options);
    return this.#entryDigest(item.entry, options);
  }

  /** The digest of what is at a path: a file, or a directory with everything in it. */
  async #pathDigest(path: string, followLast: boolean, options: CallOptions): Promise<Digest> {
    const resolved = await resolvePath(this.tree, path, { followLast });
    const entry = await this.tree.lookup(resolved);
    if (entry === undefined) throw new CodedError('CONTENT_NOT_FOUND', `"/${path}": not found`, { path: `/${path}` });
    return entry.type === 'directory' ? this.#directoryDigest(entry, options) : this.#entryDigest(entry, options);
  }

  #directoryDigest(directory: FileEntry, options: CallOptions): Promise<Digest> {
    return this.#once(`/${directory.path}/`, async () => {
      const names = await this.tree.list(directory.path);
      const digests = await Promise.all(
        names.map((name) => this.#pathDigest(joinPaths(directory.path, name), false, options)),
      );
      const hash = createHash('sha256');
      hash.update(listName(''));
      hash.update(await this.#entryDigest(directory, options));
      names.forEach((name, index) => {
        hash.update(listName(`/${name}`));
        hash.update(digests[index] ?? '');
      });
      return finishDigest(hash);
    });
  }

  /** The digest of a file with its content, or of the header alone of anything else. */
  #entryDigest(entry: FileEntry, options: CallOptions): Promise<Digest> {
    if (entry.path === '' && this.options.emptyRootHeader) return Promise.resolve(digestOf(''));
    if (entry.type !== 'file' || entry.size === 0) return Promise.resolve(digestOf(fileHeader(entry)));
    return this.#once(`/${entry.path}`, () =>
      this.#reads.run(async () => {
        const hash = createHash('sha256');
        hash.update(fileHeader(entry));
        await pipeline(await this.tree.open(entry.path, options), hash, options);
        return finishDigest(hash);
      }, options.signal),
    );
  }

  /** A failed computation is not kept: the next caller tries again. */
  #once(key: string, compute: () => Promise<Digest>): Promise<Digest> {
    const known = this.#digests.get(key);
    if (known) return known;
    const digest = compute();
    this.#digests.set(key, digest);
    digest.catch(() => this.#digests.delete(key));
    return digest;
  }
}

/** A path in a list: NUL for every slash, and NUL alone for the directory itself. */
function listName(path: string): Buffer {
  return path === '' ? Buffer.of(0) : encodePathBytes(path.replaceAll('/', '\0'));
}
