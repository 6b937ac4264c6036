import { Readable } from 'node:stream';
import type { CallOptions, ContentStore } from '../content/contract';
import { copyBlob } from '../content/copy';
import { Limiter } from '../content/limiter';
import { stoppable } from '../content/stoppable';
import type { Descriptor } from '../oci/descriptor';
import { digestOf, type Digest } from '../oci/digest';
import { serializeCacheConfig } from './cache-config';
import { writeCacheManifest, type CacheManifestForm } from './cache-manifest';
import type { CollectedCache } from './collect-export';
import { cacheConfigMediaType, type CacheConfig } from './contract';
import { BUILDKIT_READ_LIMIT, fitConfig, type DroppedRecord } from './fit-config';
import type { ExportLayer } from './layer-chains';

/** Layers that are written at a time; a store has its own bound for its requests. */
const CONCURRENT_LAYERS = 4;

export interface ExportCacheOptions extends CallOptions, CacheManifestForm {
  /** What the cache is found by; without it, only by its digest. */
  readonly tag?: string;
  /** Says of a blob that the store is known to have it, such as from an import of the same repository. */
  readonly isPresent?: (digest: Digest) => boolean;
  /** Where the store may mount a layer from instead of being sent it: a repository of the same registry. */
  readonly mountFrom?: (layer: Descriptor) => string | undefined;
  /** Bytes that config and manifest may have each; default: what BuildKit reads. Oldest results give way first. */
  readonly maxBytes?: number;
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
      /** Layers that the cache has, sent or not, and the bytes in them. */
      readonly layers: number;
      readonly layerBytes: number;
      /** Results that there was no room for. */
      readonly dropped: readonly DroppedRecord[];
    }
  /** There is no layer to cache, so nothing was written: BuildKit, too, skips such a cache. */
  | { readonly kind: 'empty'; readonly dropped: readonly DroppedRecord[] };

/**
 * Writes a cache into a repository: layers in parallel, then the config, then the manifest and its tag. Until that last
 * step nothing refers to the new blobs, so an interrupted export leaves the old cache as it was.
 */
export async function exportCache(
  cache: CollectedCache,
  store: ContentStore,
  options: ExportCacheOptions,
): Promise<ExportCacheOutcome> {
  const { config, dropped } = fitConfig(cache.config, {
    fits: fitsInto(cache, options),
    ...(cache.targets && { targets: cache.targets }),
  });
  if (config.layers.length === 0) return { kind: 'empty', dropped };
  const blobs = [...new Set(config.layers.map(({ blob }) => blob))].map((blob) => layerOf(cache, blob));
  const sent = await writeLayers(blobs, store, options);
  const bytes = serializeCacheConfig(config);
  const descriptor = configDescriptor(bytes.length, digestOf(bytes));
  const outcome = await store.put(descriptor, () => Promise.resolve(Readable.from([bytes])), callOptions(options));
  options.signal?.throwIfAborted();
  const manifest = await store.putManifest(writeCacheManifest(manifestLayers(cache, config), descriptor, options), {
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
    layers: blobs.length,
    layerBytes: blobs.reduce((sum, layer) => sum + layer.descriptor.size, 0),
    dropped,
  };
}

/** Whether config and manifest of a cache are small enough to be read. */
function fitsInto(cache: CollectedCache, options: ExportCacheOptions): (config: CacheConfig) => boolean {
  const { maxBytes = BUILDKIT_READ_LIMIT } = options;
  return (config) => {
    const configBytes = serializeCacheConfig(config).length;
    if (configBytes > maxBytes) return false;
    const layers = manifestLayers(cache, config);
    // A lower bound first: a manifest that is far too large cannot even be made.
    if (layers.length * MIN_DESCRIPTOR_BYTES > maxBytes) return false;
    const manifest = writeCacheManifest(layers, configDescriptor(configBytes, anyDigest), options);
    return manifest.bytes.length <= maxBytes;
  };
}

/** A descriptor with the shortest media type, a digest and a diffID has more. */
const MIN_DESCRIPTOR_BYTES = 256;
const anyDigest = digestOf('');

function configDescriptor(size: number, digest: Digest): Descriptor {
  return { mediaType: cacheConfigMediaType, digest, size };
}

function manifestLayers(cache: CollectedCache, config: CacheConfig): readonly Descriptor[] {
  return config.layers.map(({ blob }) => layerOf(cache, blob).descriptor);
}

/** Gives the layers that were sent. The first failure stops the others. */
async function writeLayers(
  layers: readonly ExportLayer[],
  store: ContentStore,
  options: ExportCacheOptions,
): Promise<readonly Descriptor[]> {
  const { signal, stop } = stoppable(options.signal);
  const limiter = new Limiter(CONCURRENT_LAYERS);
  const sent: Descriptor[] = [];
  const write = async ({ descriptor, provider }: ExportLayer): Promise<void> => {
    if (options.isPresent?.(descriptor.digest)) return;
    options.onLayer?.(descriptor, 'started');
    const mountFrom = options.mountFrom?.(descriptor);
    const outcome = await copyBlob({ source: provider, target: store }, descriptor, {
      signal,
      onBytes: (bytes) => options.onBytes?.(descriptor, bytes),
      ...(mountFrom !== undefined && { mountFrom }),
    });
    if (outcome === 'written') sent.push(descriptor);
    options.onLayer?.(descriptor, outcome === 'written' ? 'written' : 'already-present');
  };
  const tasks = layers.map((layer) => limiter.run(() => write(layer), signal));
  try {
    await Promise.all(tasks);
  } catch (error) {
    stop(error);
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
