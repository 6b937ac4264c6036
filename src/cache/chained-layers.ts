import type { CacheLayer } from './contract';

export interface ChainedLayersOptions {
  /** Layers that all chains together may come to. */
  readonly maxLayers: number;
  readonly fail: (reason: string) => never;
}

/**
 * The layers of a config, and what its chains add to them. A chain names layers one by one, in an order that none of
 * them need have been listed in; here it becomes layers with parents, like all others. Equal chains share them.
 */
export class ChainedLayers {
  readonly layers: CacheLayer[];
  readonly #options: ChainedLayersOptions;
  readonly #listed: number;
  #indexes: Map<string, number> | undefined;

  constructor(layers: readonly CacheLayer[], options: ChainedLayersOptions) {
    this.layers = [...layers];
    this.#listed = layers.length;
    this.#options = options;
  }

  /** Index of the topmost layer of a chain given lowest first; undefined for one without layers. */
  top(chain: readonly number[]): number | undefined {
    let parent = -1;
    for (const index of chain) {
      const layer = index < this.#listed ? this.layers[index] : undefined;
      if (layer === undefined) return this.#options.fail(`a chain names a layer ${index}, which there is none of`);
      parent = this.#on(parent, layer.blob);
    }
    return parent === -1 ? undefined : parent;
  }

  #on(parent: number, blob: CacheLayer['blob']): number {
    // Hardly any config has chains.
    this.#indexes ??= new Map(this.layers.map((layer, index) => [keyOf(layer), index]));
    const layer = { blob, parent };
    const key = keyOf(layer);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    if (this.layers.length >= this.#options.maxLayers) this.#options.fail('its chains have too many layers');
    const index = this.layers.push(layer) - 1;
    this.#indexes.set(key, index);
    return index;
  }
}

function keyOf({ blob, parent }: CacheLayer): string {
  return `${parent} ${blob}`;
}
