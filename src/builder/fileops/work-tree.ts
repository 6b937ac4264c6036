import { parentPath } from '../../filetree/paths';
import { newNode, plainDirectory, type FileNode } from '../tree/file-node';
import { TreeDraft } from '../tree/tree-draft';
import { fileError } from './file-error';
import type { Owner } from './owner';

/** How directories come to be that nothing was copied for. */
export interface NewDirectory {
  readonly mode: number;
  /** Default root. */
  readonly owner?: Owner | undefined;
  readonly mtimeNs: bigint;
}

/** The tree that the actions of one file operation change. */
export class WorkTree extends TreeDraft {
  /**
   * Makes the directory at a resolved path and those above it that are missing. Throws `FILE_OPERATION_FAILED`
   * (`not-a-directory`) where something else is in the way.
   */
  makeDirectories(path: string, directory: NewDirectory): void {
    const type = this.lookup(path)?.meta.type;
    if (type === 'directory') return;
    if (type !== undefined) throw fileError('not-a-directory', path, `mkdir /${path}: not a directory`);
    this.makeDirectories(parentPath(path), directory);
    this.put(path, directoryNode(directory));
  }
}

export function directoryNode({ mode, owner, mtimeNs }: NewDirectory): FileNode {
  return newNode({ ...plainDirectory, ...owner, mode: mode & 0o777, mtimeNs });
}
