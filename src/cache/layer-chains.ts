import type { BlobReader } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import type { Digest } from '../oci/digest';
import type { CacheLayer } from './contract';

/** A layer of a cache to be written. */
export interface ExportLayer {
  readonly descriptor: Descriptor;
  readonly provider: BlobReader;
}

/** Chains of layers as a tree that shares lower layers. */
export class LayerChains {
  readonly layers: CacheLayer[] = [];
  readonly blobs = new Map<Digest, ExportLayer>();
  readonly #indexes = new Map<string, number>();

  /** Index of the topmost layer of a chain given lowest first; -1 for an empty one. */
  add(chain: readonly ExportLayer[]): number {
    let parent = -1;
    for (const layer of chain) {
      const { digest } = layer.descriptor;
      const key = `${parent} ${digest}`;
      let index = this.#indexes.get(key);
      if (index === undefined) {
        index = this.layers.push({ blob: digest, parent }) - 1;
        this.#indexes.set(key, index);
        if (!this.blobs.has(digest)) this.blobs.set(digest, layer);
      }
      parent = index;
    }
    return parent;
  }
}
