import { Readable } from 'node:stream';
import type { CallOptions, ContentStore } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import { digestOf, type Digest } from '../oci/digest';
import { serializeCacheConfig } from './cache-config';
import { writeCacheManifest, type CacheManifestForm } from './cache-manifest';
import type { CollectedCache, ExportLayer } from './collect-export';
import { cacheConfigMediaType } from './contract';
import { Limiter } from '../content/limiter';
import { stopTogether } from '../content/stop-together';

/** Layers that are written at a time; a store has its own bound for its requests. */
const CONCURRENT_LAYERS = 4;

export interface ExportCacheOptions extends CallOptions, CacheManifestForm {
  /** What the cache is found by; without it, only by its digest. */
  readonly tag?: string;
  /** Says of a blob that the store is known to have it, such as from an import of the same repository. */
  readonly isPresent?: (digest: Digest) => boolean;
  readonly onLayer?: (layer: Descriptor, event: 'started' | 'written' | 'already-present') => void;
  readonly onBytes?: (layer: Descriptor, bytes: number) => void;
}

export type ExportCacheOutcome =
  | {
      readonly kind: 'written';
      readonly manifest: Descriptor;
      readonly configBytes: number;
      /** Blobs that had to be sent, and the bytes in them. */
      readonly blobsWritten: number;
      readonly bytesWritten: number;
    }
  /** There is no layer to cache, so nothing was written: BuildKit, too, skips such a cache. */
  | { readonly kind: 'empty' };

/**
 * Writes a cache into a repository: layers in parallel, then the config, then the manifest and its tag. Until that last
 * step nothing refers to the new blobs, so an interrupted export leaves the old cache as it was.
 */
export async function exportCache(
  cache: CollectedCache,
  store: ContentStore,
  options: ExportCacheOptions,
): Promise<ExportCacheOutcome> {
  if (cache.config.layers.length === 0) return { kind: 'empty' };
  const sent = await writeLayers(cache, store, options);
  const bytes = serializeCacheConfig(cache.config);
  const config: Descriptor = { mediaType: cacheConfigMediaType, digest: digestOf(bytes), size: bytes.length };
  const outcome = await store.put(config, () => Promise.resolve(Readable.from([bytes])), callOptions(options));
  const layers = cache.config.layers.map(({ blob }) => layerOf(cache, blob).descriptor);
  options.signal?.throwIfAborted();
  const manifest = await store.putManifest(writeCacheManifest(layers, config, options), {
    ...callOptions(options),
    ...(options.tag !== undefined && { tag: options.tag }),
  });
  const wasSent = outcome === 'written';
  return {
    kind: 'written',
    manifest,
    configBytes: bytes.length,
    blobsWritten: sent.length + (wasSent ? 1 : 0),
    bytesWritten: sent.reduce((sum, layer) => sum + layer.size, wasSent ? bytes.length : 0),
  };
}

/** Gives the layers that were sent. The first failure stops the others. */
async function writeLayers(
  cache: CollectedCache,
  store: ContentStore,
  options: ExportCacheOptions,
): Promise<readonly Descriptor[]> {
  const stop = stopTogether(options.signal);
  const { signal } = stop;
  const limiter = new Limiter(CONCURRENT_LAYERS);
  const sent: Descriptor[] = [];
  const write = async ({ descriptor, provider }: ExportLayer): Promise<void> => {
    if (options.isPresent?.(descriptor.digest)) return;
    options.onLayer?.(descriptor, 'started');
    const outcome = await store.put(descriptor, (call) => provider.open(descriptor, call), {
      signal,
      onBytes: (bytes) => options.onBytes?.(descriptor, bytes),
    });
    if (outcome === 'written') sent.push(descriptor);
    options.onLayer?.(descriptor, outcome === 'written' ? 'written' : 'already-present');
  };
  const tasks = [...cache.layers.values()].map((layer) => limiter.run(() => write(layer), signal));
  try {
    await Promise.all(tasks);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(tasks);
    throw error;
  }
  return sent;
}

function layerOf(cache: CollectedCache, blob: Digest): ExportLayer {
  const layer = cache.layers.get(blob);
  if (layer === undefined) throw new Error(`the config names a layer ${blob} that was not collected`);
  return layer;
}

function callOptions(options: CallOptions): CallOptions {
  return options.signal ? { signal: options.signal } : {};
}
