import { baseName, cleanPath, joinPaths, parentPath } from '../../filetree/paths';
import { streamOf } from '../../filetree/read-file';
import type { MkdirAction, MkfileAction, RmAction } from '../../llb/operation';
import { newNode, plainDirectory } from '../tree/file-node';
import { fileError } from './file-error';
import type { Owner } from './owner';
import { findMatches } from './source-matches';
import { NodeTree } from '../tree/node-tree';
import { directoryNode, type WorkTree } from './work-tree';

/** What an action gets from its operation. */
export interface ActionContext {
  readonly owner: Owner | undefined;
  /** Time of what is made; the action's timestamp, else the time of the build. */
  readonly mtimeNs: bigint;
}

/** Like mkdir(1), with `makeParents` like `mkdir -p`. What is there already stays as it is. */
export function mkdir(tree: WorkTree, action: MkdirAction, { owner, mtimeNs }: ActionContext): void {
  const path = tree.resolve(action.path);
  const directory = { mode: action.mode, owner, mtimeNs };
  if (action.makeParents) {
    tree.makeDirectories(path, directory);
    return;
  }
  if (tree.lookup(path)) return;
  requireDirectory(tree, parentPath(path), `mkdir /${path}`);
  tree.put(path, directoryNode(directory));
}

/** Writes a file; one that is there keeps its mode and, without an owner given, its owner. */
export function mkfile(tree: WorkTree, action: MkfileAction, { owner, mtimeNs }: ActionContext): void {
  const path = tree.resolve(action.path);
  requireDirectory(tree, parentPath(path), `open /${path}`);
  const present = tree.lookup(path)?.meta;
  if (present?.type === 'directory') throw fileError('is-a-directory', path, `open /${path}: is a directory`);
  const data = Buffer.from(action.data);
  const base = present ?? { ...plainDirectory, mode: action.mode & 0o777 };
  const { mode, uid, gid } = { ...base, ...owner };
  const content = { open: () => Promise.resolve(streamOf(data)) };
  tree.put(path, newNode({ type: 'file', mode, uid, gid, mtimeNs, size: data.length }, content));
}

/** Removes a path, or everything that its wildcards match, with what is below. */
export async function rm(tree: WorkTree, action: RmAction): Promise<void> {
  const paths = action.allowWildcard
    ? await findMatches(new NodeTree(tree.root), action.path, { followSymlinks: false })
    : [cleanPath(action.path)];
  for (const path of paths) {
    if (path === '') throw fileError('not-found', '', 'the root itself cannot be removed');
    const exact = joinPaths(tree.resolve(parentPath(path)), baseName(path));
    if (!action.allowNotFound && !tree.lookup(tree.resolve(exact))) {
      throw fileError('not-found', path, `"/${path}": not found`);
    }
    tree.remove(exact);
  }
}

function requireDirectory(tree: WorkTree, path: string, what: string): void {
  const type = tree.lookup(path)?.meta.type;
  if (type === undefined) throw fileError('not-found', path, `${what}: no such file or directory`);
  if (type !== 'directory') throw fileError('not-a-directory', path, `${what}: not a directory`);
}
