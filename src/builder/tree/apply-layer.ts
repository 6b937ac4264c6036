import { CodedError } from '../../diagnostics/coded-error';
import type { CallOptions } from '../../content/contract';
import { baseName, isWithin, joinPaths, parentPath } from '../../filetree/paths';
import type { Digest } from '../../oci/digest';
import type { LayerEntry, StoredLayer } from '../contract';
import { emptyRoot, newNode, type FileContent, type FileNode } from './file-node';
import { TreeDraft } from './tree-draft';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** A layer does not fit onto the layers below it. */
    LAYER_NOT_APPLICABLE: { readonly diffId: Digest; readonly path: string; readonly reason: string };
  }
}

/**
 * The tree of `base` with a layer on top (OCI image-spec, layer.md, "Applying Changesets"). Whiteouts hide what lower
 * layers have, never what the same layer brings. Symlinks in a member's parents are followed inside the root, as
 * containerd does; directories that are implied are made as 0755.
 *
 * @throws CodedError `LAYER_NOT_APPLICABLE` where a parent is no directory or a hard link's target is missing.
 */
export async function applyLayer(base: FileNode, layer: StoredLayer, options?: CallOptions): Promise<FileNode> {
  const members = await layer.members(options);
  const draft = new TreeDraft(base);
  for (const member of members) hide(draft, member);
  for (const member of members) {
    if (member.kind === 'entry' || member.kind === 'hardlink') place(draft, layer, member);
  }
  return draft.root;
}

function hide(draft: TreeDraft, member: LayerEntry): void {
  if (member.kind === 'whiteout') {
    draft.remove(joinPaths(draft.resolve(parentPath(member.path)), baseName(member.path)));
  } else if (member.kind === 'opaque') {
    const path = draft.resolve(member.path);
    for (const name of [...(draft.lookup(path)?.children.keys() ?? [])]) draft.remove(joinPaths(path, name));
  }
}

function place(
  draft: TreeDraft,
  layer: StoredLayer,
  member: Extract<LayerEntry, { kind: 'entry' | 'hardlink' }>,
): void {
  const { entry } = member;
  const directory = draft.resolve(parentPath(entry.path));
  makeParents(draft, layer, directory);
  const path = joinPaths(directory, baseName(entry.path));
  if (member.kind === 'hardlink') {
    link(draft, layer, path, member);
    return;
  }
  const present = draft.lookup(path);
  if (entry.type === 'directory' && present?.meta.type === 'directory') draft.setMeta(path, newNode(entry).meta);
  else draft.put(path, newNode(entry, new StoredContent(layer, entry.path)));
}

function link(
  draft: TreeDraft,
  layer: StoredLayer,
  path: string,
  { entry, target }: Extract<LayerEntry, { kind: 'hardlink' }>,
): void {
  const source = joinPaths(draft.resolve(parentPath(target)), baseName(target));
  const node = draft.lookup(source);
  if (!node || node.meta.type === 'directory' || isWithin(source, path)) {
    throw notApplicable(layer, entry.path, `its target "${target}" is no file`);
  }
  // The link's header was written from the same inode, so what it says goes for all names.
  const { mode, uid, gid, mtimeNs } = entry;
  const linked = {
    ...node,
    meta: { ...node.meta, mode, uid, gid, mtimeNs },
    inode: node.inode ?? inodeName(layer, source),
  };
  draft.put(source, linked);
  draft.put(path, linked);
}

function makeParents(draft: TreeDraft, layer: StoredLayer, directory: string): void {
  const type = draft.lookup(directory)?.meta.type;
  if (type === 'directory') return;
  if (type !== undefined) throw notApplicable(layer, directory, 'it is no directory');
  makeParents(draft, layer, parentPath(directory));
  draft.put(directory, emptyRoot);
}

function inodeName(layer: StoredLayer, path: string): string {
  return `${layer.diffId}:${path}`;
}

function notApplicable(layer: StoredLayer, path: string, reason: string): CodedError<'LAYER_NOT_APPLICABLE'> {
  const message = `layer ${layer.diffId} cannot be applied at "${path}": ${reason}`;
  return new CodedError('LAYER_NOT_APPLICABLE', message, { diffId: layer.diffId, path, reason });
}

class StoredContent implements FileContent {
  readonly #layer: StoredLayer;
  readonly #path: string;

  constructor(layer: StoredLayer, path: string) {
    this.#layer = layer;
    this.#path = path;
  }

  open(options?: CallOptions) {
    return this.#layer.openFile(this.#path, options);
  }
}
