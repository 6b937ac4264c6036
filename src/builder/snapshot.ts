import { digestOf, type Digest } from '../oci/digest';
import type { CallOptions } from '../content/contract';
import type { Layer, Snapshot, StoredLayer } from './contract';
import { SharedTask } from '../content/shared-task';
import { applyLayer } from './tree/apply-layer';
import { emptyRoot, type FileNode } from './tree/file-node';
import { NodeTree } from './tree/node-tree';

/**
 * Chain ID of a stack of layers, lowest first (OCI image-spec, config.md, "Layer ChainID"); undefined for none.
 */
export function chainId(diffIds: readonly Digest[]): Digest | undefined {
  return diffIds.reduce<Digest | undefined>(
    (below, diffId) => (below === undefined ? diffId : digestOf(`${below} ${diffId}`)),
    undefined,
  );
}

/**
 * A file system as layers, with its merged tree in memory once somebody asked for it. Snapshots that grow out of one
 * another share the parts of their trees that are equal.
 */
export class LayeredSnapshot implements Snapshot {
  /** The chain ID of its layers, or `scratch`. */
  readonly id: string;
  readonly layers: readonly Layer[];
  readonly #below: LayeredSnapshot | undefined;
  readonly #root: SharedTask<FileNode>;

  private constructor(layers: readonly Layer[], below: LayeredSnapshot | undefined) {
    this.layers = layers;
    this.id = chainId(layers.map(({ diffId }) => diffId)) ?? 'scratch';
    this.#below = below;
    this.#root = new SharedTask((signal) => this.#merge(signal));
  }

  /** The empty file system. */
  static scratch(): LayeredSnapshot {
    return new LayeredSnapshot([], undefined);
  }

  /** A stack of layers, lowest first. Nothing is loaded before it is needed. */
  static of(layers: readonly Layer[]): LayeredSnapshot {
    return LayeredSnapshot.scratch().with(...layers);
  }

  /** This one with more layers on top. */
  with(...layers: readonly Layer[]): LayeredSnapshot {
    return layers.reduce<LayeredSnapshot>((top, layer) => new LayeredSnapshot([...top.layers, layer], top), this);
  }

  async tree(options?: CallOptions): Promise<NodeTree> {
    return new NodeTree(await this.root(options));
  }

  /** The root of the merged tree; loads every layer, all at once. */
  root(options?: CallOptions): Promise<FileNode> {
    return this.#root.run(options);
  }

  async #merge(signal: AbortSignal): Promise<FileNode> {
    const top = this.layers.at(-1);
    if (!this.#below || !top) return emptyRoot;
    const [below, stored]: [FileNode, StoredLayer] = await Promise.all([
      this.#below.root({ signal }),
      top.load({ signal }),
    ]);
    return applyLayer(below, stored, { signal });
  }
}

/** `snapshot` itself if it is one of ours, else one with the same layers. */
export function layered(snapshot: Snapshot): LayeredSnapshot {
  return snapshot instanceof LayeredSnapshot ? snapshot : LayeredSnapshot.of(snapshot.layers);
}
