import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FileTree } from '../../filetree/contract';
import type { FileAction } from '../../llb/operation';
import type { LayerInput, Snapshot, StoredLayer } from '../contract';
import { runFileOperation, type FileOperationOptions } from '../fileops/run-file-operation';
import { layerRig, type LayerRig } from './layer-rig';
import { chain } from './file-actions';
import { layerText, treeText } from './tree-text';

/** The time of the builder's clock in these tests. */
export const buildTimeMs = 1_700_000_000_000;

export interface OperationResult {
  readonly snapshot: Snapshot;
  readonly layer: StoredLayer;
  /** The whole tree, see {@link treeText}. */
  readonly tree: readonly string[];
  /** The new layer's members, see {@link layerText}. */
  readonly changes: readonly string[];
}

export interface FileOperationRig extends LayerRig {
  /** Runs the actions one upon the other: `base` is input 0, `source` input 1. */
  run(
    base: readonly LayerInput[],
    source: FileTree,
    actions: readonly FileAction[],
    options?: Partial<FileOperationOptions>,
  ): Promise<OperationResult>;
}

export async function fileOperationRig(t: TestContext): Promise<FileOperationRig> {
  const rig = await layerRig(t, { now: () => buildTimeMs });
  return {
    ...rig,
    async run(base, source, actions, options = {}) {
      const inputs = [await rig.snapshot(base), { id: 'source', tree: () => Promise.resolve(source) }];
      const [snapshot] = await runFileOperation({ kind: 'file', actions: chain(inputs.length, actions) }, inputs, {
        store: rig.store,
        scratchDirectory: join(rig.directory, 'scratch'),
        now: () => buildTimeMs,
        ...options,
      });
      const layer = await snapshot?.layers.at(-1)?.load();
      if (!snapshot || !layer) throw new Error('the operation gave nothing');
      return { snapshot, layer, tree: await treeText(await snapshot.tree()), changes: await layerText(layer) };
    },
  };
}
