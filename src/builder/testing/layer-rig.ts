import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FileEntry } from '../../filetree/contract';
import { streamOf } from '../../filetree/read-file';
import type { LayerEntry, LayerInput, StoredLayer } from '../contract';
import { localLayer } from '../layers/lazy-layer';
import { FileLayerStore } from '../layers/layer-store';
import { LayeredSnapshot } from '../snapshot';
import { tempDirectory } from './temp-directory';

/** A layer store in a directory of its own. */
export interface LayerRig {
  readonly directory: string;
  readonly store: FileLayerStore;
  /** One layer per list. */
  readonly snapshot: (...layers: readonly (readonly LayerInput[])[]) => Promise<LayeredSnapshot>;
}

/** `now` is the clock of the store, in milliseconds since the epoch; default: the machine's. */
export async function layerRig(
  t: TestContext,
  { now = Date.now }: { readonly now?: () => number } = {},
): Promise<LayerRig> {
  const directory = await tempDirectory(t);
  const store = new FileLayerStore({ directory: join(directory, 'layers'), now });
  return {
    directory,
    store,
    snapshot: async (...layers) => {
      const stored: StoredLayer[] = [];
      for (const inputs of layers) stored.push(await store.write(inputs));
      return LayeredSnapshot.of(stored.map((layer) => localLayer(store, layer)));
    },
  };
}

type EntryOptions = Partial<Omit<FileEntry, 'path' | 'type' | 'size'>>;

const plain = { uid: 0, gid: 0, mtimeNs: 0n, size: 0 };

export function file(path: string, content: string, options: EntryOptions = {}): LayerInput {
  const bytes = Buffer.from(content);
  return {
    member: { kind: 'entry', entry: { path, type: 'file', mode: 0o644, ...plain, ...options, size: bytes.length } },
    open: () => Promise.resolve(streamOf(bytes)),
  };
}

export function directory(path: string, options: EntryOptions = {}): LayerInput {
  return { member: { kind: 'entry', entry: { path, type: 'directory', mode: 0o755, ...plain, ...options } } };
}

export function symlink(path: string, linkTarget: string, options: EntryOptions = {}): LayerInput {
  return { member: { kind: 'entry', entry: { path, type: 'symlink', mode: 0o777, ...plain, linkTarget, ...options } } };
}

export function hardlink(path: string, target: string, options: EntryOptions = {}): LayerInput {
  return {
    member: { kind: 'hardlink', target, entry: { path, type: 'file', mode: 0o644, ...plain, ...options } },
  };
}

export function marker(kind: Extract<LayerEntry['kind'], 'whiteout' | 'opaque'>, path: string): LayerInput {
  return { member: { kind, path } };
}
