import type { Readable } from 'node:stream';
import type { CallOptions } from '../../content/contract';
import type { FileEntry, FileTree } from '../../filetree/contract';
import { entryAt, nodeAt, sortedNames, type FileNode } from './file-node';

/** A finished tree of nodes, to be read like any other. */
export class NodeTree implements FileTree {
  constructor(readonly root: FileNode) {}

  lookup(path: string): Promise<FileEntry | undefined> {
    const node = nodeAt(this.root, path);
    return Promise.resolve(node && entryAt(node, path));
  }

  list(path: string): Promise<readonly string[]> {
    const node = nodeAt(this.root, path);
    return Promise.resolve(node ? sortedNames(node) : []);
  }

  open(path: string, options?: CallOptions): Promise<Readable> {
    const content = nodeAt(this.root, path)?.content;
    if (!content) return Promise.reject(new Error(`"${path}" is not a file of this tree`));
    return content.open(options);
  }
}
