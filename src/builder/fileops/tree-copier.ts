import type { CallOptions } from '../../content/contract';
import type { FileEntry, FileTree, PathFilter } from '../../filetree/contract';
import { joinPaths } from '../../filetree/paths';
import { newNode, metaOf, type FileContent, type FileMeta } from '../tree/file-node';
import { fileError } from './file-error';
import type { Owner } from './owner';
import type { ModeChange } from './symbolic-mode';
import type { WorkTree } from './work-tree';

export interface TreeCopyOptions extends CallOptions {
  /** Default: the owner of the source. */
  readonly owner?: Owner;
  /** Default: the time of the source. */
  readonly mtimeNs?: bigint;
  /** Default: the mode of the source. Symlinks keep theirs. */
  readonly change?: ModeChange;
  /** Below the source, only what matches is copied. */
  readonly include?: PathFilter;
  readonly exclude?: PathFilter;
  /** Whether a file may take the place of a directory and the other way round. */
  readonly replaceExisting: boolean;
}

/** What the directories above said about patterns. */
interface Matches {
  readonly include?: readonly boolean[];
  readonly exclude?: readonly boolean[];
}

/** A directory that is made only when something in it is copied. */
interface DelayedDirectory {
  readonly entry: FileEntry;
  readonly target: string;
  isMade: boolean;
}

/** Copies one file or directory from a tree into another, with the rules of fsutil's copy. */
export class TreeCopier {
  readonly #tree: WorkTree;
  readonly #source: FileTree;
  readonly #options: TreeCopyOptions;
  readonly #delayed: DelayedDirectory[] = [];
  /** Where the first name of each hard-linked file went. */
  readonly #links = new Map<string, string>();

  constructor(tree: WorkTree, source: FileTree, options: TreeCopyOptions) {
    this.#tree = tree;
    this.#source = source;
    this.#options = options;
  }

  /** Copies `from` to exactly `to`, whose parent is there. Both paths are resolved. */
  async copy(from: string, to: string): Promise<void> {
    const entry = await this.#source.lookup(from);
    if (!entry) throw fileError('not-found', from, `"/${from}": not found`);
    if (entry.type === 'directory') await this.#directory(entry, '', to, {}, true);
    else this.#file(entry, to, true);
  }

  async #child(from: string, relative: string, to: string, above: Matches): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const { include, exclude } = this.#options;
    const included = include?.decide(relative, above.include);
    const excluded = exclude?.decide(relative, above.exclude);
    if (excluded?.skippable) return;
    const isIncluded = included?.ignored !== false && excluded?.ignored !== true;
    const entry = await this.#source.lookup(from);
    if (!entry) return;
    if (entry.type !== 'directory') {
      if (isIncluded) this.#file(entry, to, false);
      return;
    }
    const matches = {
      ...(included && { include: included.match }),
      ...(excluded && { exclude: excluded.match }),
    };
    await this.#directory(entry, relative, to, matches, isIncluded);
  }

  async #directory(
    entry: FileEntry,
    relative: string,
    to: string,
    matches: Matches,
    isIncluded: boolean,
  ): Promise<void> {
    if (isIncluded) {
      this.#makeDelayed();
      this.#makeDirectory(entry, to, relative === '');
    }
    this.#delayed.push({ entry, target: to, isMade: isIncluded });
    for (const name of await this.#source.list(entry.path)) {
      await this.#child(joinPaths(entry.path, name), joinPaths(relative, name), joinPaths(to, name), matches);
    }
    this.#delayed.pop();
  }

  /** The top directory merges into one that is there without changing it but for its time; those below overwrite. */
  #makeDirectory(entry: FileEntry, to: string, isTop: boolean): void {
    this.#clearPlace(entry, to);
    const present = this.#tree.lookup(to)?.meta;
    if (present === undefined) {
      this.#tree.put(to, newNode(this.#metaFor(entry)));
      return;
    }
    if (present.type !== 'directory') {
      throw fileError('not-a-directory', to, `cannot copy to non-directory: /${to}`);
    }
    const mtimeNs = this.#options.mtimeNs ?? entry.mtimeNs;
    this.#tree.setMeta(to, isTop ? { ...present, mtimeNs } : withXattrsOf(present, this.#metaFor(entry)));
  }

  /** Makes the directories that were waiting for something to be copied into them. */
  #makeDelayed(): void {
    for (const directory of this.#delayed) {
      if (directory.isMade) continue;
      directory.isMade = true;
      const present = this.#tree.lookup(directory.target)?.meta;
      if (!present) this.#tree.put(directory.target, newNode(this.#metaFor(directory.entry)));
      else if (present.type === 'directory') {
        this.#tree.setMeta(directory.target, { ...present, mode: directory.entry.mode });
      } else {
        throw fileError('not-a-directory', directory.target, `cannot copy to non-directory: /${directory.target}`);
      }
    }
  }

  #file(entry: FileEntry, to: string, isTop: boolean): void {
    this.#clearPlace(entry, to);
    if (!isTop) this.#makeDelayed();
    if (this.#tree.lookup(to)?.meta.type === 'directory') {
      throw fileError('is-a-directory', to, `cannot replace to directory /${to} with file`);
    }
    const linked = entry.inode === undefined ? undefined : this.#links.get(entry.inode);
    const first = linked === undefined ? undefined : this.#tree.lookup(linked);
    if (linked !== undefined && first) {
      const node = { ...first, inode: first.inode ?? `copy:${linked}` };
      this.#tree.put(linked, node);
      this.#tree.put(to, node);
      return;
    }
    this.#tree.put(to, newNode(this.#metaFor(entry), contentOf(this.#source, entry.path)));
    if (entry.inode !== undefined) this.#links.set(entry.inode, to);
  }

  #clearPlace(entry: FileEntry, to: string): void {
    if (!this.#options.replaceExisting || to === '') return;
    const present = this.#tree.lookup(to)?.meta.type;
    if (present !== undefined && !(present === 'directory' && entry.type === 'directory')) this.#tree.remove(to);
  }

  /**
   * Ownership first, then the mode: a set-user-id bit of the source survives, as it does with BuildKit, which calls
   * chmod after chown.
   */
  #metaFor(entry: FileEntry): FileMeta {
    const { owner, mtimeNs, change } = this.#options;
    const mode = change && entry.type !== 'symlink' ? change(entry.mode, entry.type === 'directory') : entry.mode;
    return { ...metaOf(entry), ...owner, mode, mtimeNs: mtimeNs ?? entry.mtimeNs };
  }
}

function withXattrsOf(present: FileMeta, copied: FileMeta): FileMeta {
  if (!present.xattrs) return copied;
  return { ...copied, xattrs: new Map([...present.xattrs, ...(copied.xattrs ?? [])]) };
}

function contentOf(tree: FileTree, path: string): FileContent {
  return { open: (options) => tree.open(path, options) };
}
