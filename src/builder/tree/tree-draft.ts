import { baseName, parentPath, splitPath } from '../../filetree/paths';
import { resolvePathSync, type ResolveOptions } from '../../filetree/resolve-path';
import { nodeAt, type FileMeta, type FileNode } from './file-node';

interface OwnDirectory extends FileNode {
  readonly children: Map<string, FileNode>;
}

/**
 * A tree that is being changed. It starts as another one and copies only the directories on the way to a change, so
 * what is untouched stays shared with the tree it started from.
 */
export class TreeDraft {
  #root: FileNode;
  /** Directories that this draft made and may write to. */
  readonly #own = new WeakSet<FileNode>();

  constructor(base: FileNode) {
    this.#root = base;
  }

  /** The tree as it is now. It must not be read after the draft was changed again. */
  get root(): FileNode {
    return this.#root;
  }

  /** The node at exactly this path; symlinks are not followed. */
  lookup(path: string): FileNode | undefined {
    return nodeAt(this.#root, path);
  }

  /** Where a path leads with symlinks followed inside the tree; see {@link resolvePathSync}. */
  resolve(path: string, options?: ResolveOptions): string {
    return resolvePathSync((candidate) => this.lookup(candidate)?.meta, path, options);
  }

  /** Puts a node where there is none, or in place of one with all that is below it. The parent must be a directory. */
  put(path: string, node: FileNode): void {
    if (path === '') throw new Error('the root cannot be replaced');
    this.#ownDirectory(parentPath(path)).children.set(baseName(path), node);
  }

  /** Changes what is there, and for a directory keeps what is in it. */
  setMeta(path: string, meta: FileMeta): void {
    if (path === '') {
      this.#root = { ...this.#root, meta };
      return;
    }
    const node = this.lookup(path);
    if (!node) throw new Error(`nothing at "${path}"`);
    this.put(path, { ...node, meta });
  }

  /** Removes a name with all that is below it; true if there was one. */
  remove(path: string): boolean {
    if (path === '' || !this.lookup(path)) return false;
    return this.#ownDirectory(parentPath(path)).children.delete(baseName(path));
  }

  #ownDirectory(path: string): OwnDirectory {
    let node = this.#claim(this.#root);
    this.#root = node;
    for (const name of splitPath(path)) {
      const child = node.children.get(name);
      if (child?.meta.type !== 'directory') throw new Error(`"${path}" is not a directory`);
      const own = this.#claim(child);
      node.children.set(name, own);
      node = own;
    }
    return node;
  }

  #claim(node: FileNode): OwnDirectory {
    if (this.#own.has(node)) return node as OwnDirectory;
    const copy: OwnDirectory = { ...node, children: new Map(node.children) };
    this.#own.add(copy);
    return copy;
  }
}
