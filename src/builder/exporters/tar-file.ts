import type { Readable } from 'node:stream';
import { dirname } from 'node:path';
import type { CallOptions } from '../../content/contract';
import type { FileTree } from '../../filetree/contract';
import { joinPaths } from '../../filetree/paths';
import type { LayerInput } from '../contract';
import { encodeLayerTar } from '../layers/layer-tar-writer';
import { StagingFile } from '../layers/staging-file';

/** Writes a tar beside `path` and renames it there when it is complete. Makes the directory. */
export async function writeTarFile(
  path: string,
  members: AsyncIterable<LayerInput> | Iterable<LayerInput>,
  options: CallOptions = {},
): Promise<void> {
  const staging = await StagingFile.create(dirname(path));
  try {
    for await (const part of encodeLayerTar(members, options)) if (Buffer.isBuffer(part)) await staging.append(part);
    await staging.finish();
    await staging.publish(path);
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

/** A tree as the members of a tar, parents first; the names of a hard-linked file after the first as links to it. */
export async function* treeMembers(tree: FileTree, options: CallOptions = {}): AsyncGenerator<LayerInput> {
  const linked = new Map<string, string>();
  const walk = async function* (path: string): AsyncGenerator<LayerInput> {
    options.signal?.throwIfAborted();
    const entry = await tree.lookup(path);
    if (!entry) return;
    const first = entry.inode === undefined ? undefined : linked.get(entry.inode);
    if (entry.inode !== undefined && first === undefined) linked.set(entry.inode, path);
    if (first !== undefined) yield { member: { kind: 'hardlink', entry, target: first } };
    else if (path !== '') {
      const open = (call?: CallOptions): Promise<Readable> => tree.open(path, call);
      yield { member: { kind: 'entry', entry }, ...(entry.type === 'file' && { open }) };
    }
    if (entry.type !== 'directory') return;
    for (const name of await tree.list(path)) yield* walk(joinPaths(path, name));
  };
  yield* walk('');
}
