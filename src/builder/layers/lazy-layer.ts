import { CodedError } from '../../diagnostics/coded-error';
import type { CallOptions } from '../../content/contract';
import type { Digest } from '../../oci/digest';
import type { Layer, LayerBlob, LayerStore, StoredLayer } from '../contract';
import { SharedTask } from '../../content/shared-task';
import { openLayerTar } from './open-layer-tar';

declare module '../../diagnostics/coded-error' {
  interface ErrorDetails {
    /** No blob of a layer could be read, or none is known. */
    LAYER_UNAVAILABLE: { readonly diffId: Digest; readonly blobs: readonly Digest[] };
  }
}

export interface LazyLayerOptions {
  readonly store: LayerStore;
  readonly diffId: Digest;
  /** Where its bytes can be had; tried in order. */
  readonly blobs?: readonly LayerBlob[];
  readonly createdAt?: string;
  /** Called when a download starts, with the blob that is tried. */
  readonly onDownload?: (blob: LayerBlob) => void;
}

/** A layer that is downloaded, decompressed and verified when someone needs it, once however many ask. */
export class LazyLayer implements Layer {
  readonly diffId: Digest;
  readonly createdAt?: string;
  readonly blobs: readonly LayerBlob[];
  readonly #store: LayerStore;
  readonly #onDownload: ((blob: LayerBlob) => void) | undefined;
  readonly #loading: SharedTask<StoredLayer>;

  constructor(options: LazyLayerOptions) {
    this.diffId = options.diffId;
    this.blobs = options.blobs ?? [];
    if (options.createdAt !== undefined) this.createdAt = options.createdAt;
    this.#store = options.store;
    this.#onDownload = options.onDownload;
    this.#loading = new SharedTask((signal) => this.#load(signal));
  }

  /** Rejects with `LAYER_UNAVAILABLE` if no blob gives it; the causes are an `AggregateError`. */
  load(options?: CallOptions): Promise<StoredLayer> {
    return this.#loading.run(options);
  }

  async #load(signal: AbortSignal): Promise<StoredLayer> {
    const present = await this.#store.get(this.diffId);
    if (present) return present;
    const failures: unknown[] = [];
    for (const blob of this.blobs) {
      try {
        this.#onDownload?.(blob);
        const createdAt = this.createdAt === undefined ? {} : { createdAt: this.createdAt };
        return await this.#store.importTar(this.diffId, await openLayerTar(blob, { signal }), { signal, ...createdAt });
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    const [first] = failures;
    const reason = first instanceof Error ? first.message : 'nothing is known about where it lies';
    throw new CodedError(
      'LAYER_UNAVAILABLE',
      `layer ${this.diffId} cannot be had: ${reason}`,
      { diffId: this.diffId, blobs: this.blobs.map(({ descriptor }) => descriptor.digest) },
      { cause: failures.length > 1 ? new AggregateError(failures) : first },
    );
  }
}

/** A layer that lies in the store. */
export function localLayer(store: LayerStore, layer: StoredLayer, createdAt = layer.createdAt): Layer {
  return new LazyLayer({ store, diffId: layer.diffId, createdAt });
}
