import type { CallOptions } from '../../content/contract';
import { createIgnoreMatcher } from '../../dockerfile/ignore-matcher';
import type { FileTree, PathFilter } from '../../filetree/contract';
import { cleanPath, parentPath } from '../../filetree/paths';
import { containsWildcards, splitWildcards } from '../../filetree/wildcard';
import type { CopyAction } from '../../llb/operation';
import { fileError } from './file-error';
import type { ActionContext } from './make-actions';
import { findMatches, followSource } from './source-matches';
import { parseModeChange, type ModeChange } from './symbolic-mode';
import { TreeCopier } from './tree-copier';
import type { WorkTree } from './work-tree';

/** Mode of directories that are made on the way to a destination. */
const PARENT_MODE = 0o755;

export interface CopyContext extends ActionContext, CallOptions {
  /** Set where the action fixes the time of all that it copies. */
  readonly fixedMtimeNs: bigint | undefined;
  /** Unpacks the archive at a path of the source; false if it is none. Only asked with ADD. */
  readonly unpack: (source: FileTree, path: string, destination: string) => Promise<boolean>;
}

/** A destination as it was written: `dir/` and `dir/.` name a directory even where nothing is yet. */
interface Destination {
  readonly path: string;
  readonly isDirectory: boolean;
}

/**
 * COPY and ADD of what is in another tree: BuildKit's `copy` file action (solver/llbsolver/file/backend.go and fsutil's
 * copy). Throws `FILE_OPERATION_FAILED`.
 */
export async function copy(tree: WorkTree, source: FileTree, action: CopyAction, context: CopyContext): Promise<void> {
  const destination = parseDestination(action.dest);
  if (!action.createDestPath) requireParent(tree, action.dest);
  const matches = await sourcesOf(source, action);
  for (const path of matches) {
    context.signal?.throwIfAborted();
    if (action.attemptUnpackDockerCompatibility && (await context.unpack(source, path, destination.path))) continue;
    await copyOne(tree, source, path, destination, action, context);
  }
}

async function sourcesOf(source: FileTree, action: CopyAction): Promise<readonly string[]> {
  for (const required of action.requiredPaths) {
    const path = cleanPath(required);
    // A link counts, wherever it points.
    if (!(await source.lookup(await followSource(source, path, false)))) throw notFound(path);
  }
  if (!action.allowWildcard || !containsWildcards(action.src)) return [cleanPath(action.src)];
  const matches = await findMatches(source, action.src, { followSymlinks: action.followSymlink });
  if (matches.length === 0) {
    const { base } = splitWildcards(cleanPath(action.src));
    const isThere = (await source.lookup(await followSource(source, base, action.followSymlink))) !== undefined;
    if (!isThere) throw notFound(base);
    if (!action.allowEmptyWildcard) throw notFound(cleanPath(action.src));
  }
  return matches;
}

async function copyOne(
  tree: WorkTree,
  source: FileTree,
  path: string,
  destination: Destination,
  action: CopyAction,
  context: CopyContext,
): Promise<void> {
  const change = modeChangeOf(action);
  const parent = {
    mode: action.modeString === undefined && action.mode !== -1 ? action.mode : PARENT_MODE,
    owner: context.owner,
    mtimeNs: context.mtimeNs,
  };
  const made = destination.isDirectory ? destination.path : parentPath(destination.path);
  tree.makeDirectories(tree.resolve(made), parent);
  const from = await followSource(source, path, action.followSymlink);
  const entry = await source.lookup(from);
  if (!entry) throw notFound(path);
  let target = tree.resolve(destination.path);
  const present = tree.lookup(target)?.meta.type;
  const isContents = entry.type === 'directory' && action.dirCopyContents;
  const goesInside = entry.type === 'directory' ? present !== undefined && !isContents : present === 'directory';
  if (goesInside) target = cleanPath(`${target}/${path.slice(path.lastIndexOf('/') + 1)}`);
  tree.makeDirectories(isContents && present === undefined ? target : parentPath(target), parent);
  const copier = new TreeCopier(tree, source, {
    ...(context.owner && { owner: context.owner }),
    ...(context.fixedMtimeNs !== undefined && { mtimeNs: context.fixedMtimeNs }),
    ...(change && { change }),
    ...(action.includePatterns.length > 0 && { include: compile(action.includePatterns) }),
    ...(action.excludePatterns.length > 0 && { exclude: compile(action.excludePatterns) }),
    ...(context.signal && { signal: context.signal }),
    replaceExisting: action.alwaysReplaceExistingDestPaths,
  });
  await copier.copy(from, target);
}

function parseDestination(dest: string): Destination {
  const path = cleanPath(dest);
  return { path, isDirectory: path === '' || dest.endsWith('/') || dest.endsWith('/.') };
}

function modeChangeOf(action: CopyAction): ModeChange | undefined {
  if (action.modeString !== undefined && action.modeString !== '') return parseModeChange(action.modeString);
  return action.mode === -1 ? undefined : () => action.mode & 0o7777;
}

function compile(patterns: readonly string[]): PathFilter {
  const { matcher, diagnostics } = createIgnoreMatcher(patterns, 'copy');
  const [first] = diagnostics;
  if (first) throw fileError('bad-pattern', '', first.message, first.hint === undefined ? {} : { hint: first.hint });
  return matcher;
}

function requireParent(tree: WorkTree, dest: string): void {
  const parent = parentPath(tree.resolve(dest));
  if (!tree.lookup(parent)) throw fileError('not-found', parent, `failed to stat ${dest}: no such directory`);
}

function notFound(path: string): Error {
  return fileError('not-found', path, `"/${path}": not found`);
}
