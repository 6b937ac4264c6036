import { compareNames, joinPaths } from '../../filetree/paths';
import type { LayerInput } from '../contract';
import { entryAt, isSameFile, sortedNames, type FileNode } from './file-node';

export interface DiffOptions {
  /** Modification times above this are lowered to it; nanoseconds since the epoch. Default: kept. */
  readonly maxMtimeNs?: bigint;
}

/**
 * What a layer must have to turn the tree `before` into `after`: new and changed entries with the directories they lie
 * in, and whiteouts, depth first by name. Where both trees share a node, nothing below it is looked at.
 */
export function* diffTrees(before: FileNode, after: FileNode, options: DiffOptions = {}): Generator<LayerInput> {
  yield* new TreeDiff(options).changes('', before, after, []);
}

/** Directories above a change that the layer does not have yet, outermost first. */
type OpenParents = { readonly path: string; readonly node: FileNode; written: boolean }[];

class TreeDiff {
  readonly #maxMtimeNs: bigint | undefined;
  /** First path of each hard-linked file in this layer. */
  readonly #firstLinks = new Map<string, string>();

  constructor(options: DiffOptions) {
    this.#maxMtimeNs = options.maxMtimeNs;
  }

  *changes(path: string, before: FileNode | undefined, after: FileNode, above: OpenParents): Generator<LayerInput> {
    if (before === after) return;
    const isDirectory = after.meta.type === 'directory';
    const kept = before?.meta.type === 'directory' && isDirectory ? before : undefined;
    const own = { path, node: after, written: path === '' };
    const chain = [...above, own];
    if (path !== '' && (!before || !isSameFile(before, after))) {
      if (isDirectory) yield* this.#open(chain);
      else {
        yield* this.#open(above);
        yield this.#input(path, after);
      }
    }
    if (!isDirectory) return;
    for (const name of namesOfBoth(kept, after)) {
      const child = after.children.get(name);
      const childPath = joinPaths(path, name);
      if (child) {
        yield* this.changes(childPath, kept?.children.get(name), child, chain);
      } else {
        yield* this.#open(chain);
        yield { member: { kind: 'whiteout', path: childPath } };
      }
    }
  }

  *#open(parents: OpenParents): Generator<LayerInput> {
    for (const parent of parents) {
      if (parent.written) continue;
      parent.written = true;
      yield this.#input(parent.path, parent.node);
    }
  }

  #input(path: string, node: FileNode): LayerInput {
    const plain = entryAt(node, path);
    const limit = this.#maxMtimeNs;
    const entry = limit !== undefined && plain.mtimeNs > limit ? { ...plain, mtimeNs: limit } : plain;
    if (node.inode !== undefined) {
      const target = this.#firstLinks.get(node.inode);
      if (target !== undefined) return { member: { kind: 'hardlink', entry, target } };
      this.#firstLinks.set(node.inode, path);
    }
    const { content } = node;
    return { member: { kind: 'entry', entry }, ...(content && { open: (options) => content.open(options) }) };
  }
}

function namesOfBoth(before: FileNode | undefined, after: FileNode): readonly string[] {
  if (!before) return sortedNames(after);
  return [...new Set([...before.children.keys(), ...after.children.keys()])].sort(compareNames);
}
