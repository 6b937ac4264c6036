import type { CallOptions, ContentStore } from '../content/contract';
import type { Descriptor } from '../oci/descriptor';
import { convertLayers } from './convert-layers';
import { exportCache, type ExportCacheOptions, type ExportCacheOutcome } from './export-cache';
import type { CacheTarget } from './location';
import { mergeCaches, topsOnly, type CacheInput } from './merge-caches';

/** What is to become of a cache that exists: a target without the place. */
export type CopyForm = Pick<
  CacheTarget,
  'mode' | 'ociMediaTypes' | 'imageManifest' | 'compression' | 'forceCompression'
>;

export interface CopyCacheOptions
  extends CallOptions, Pick<ExportCacheOptions, 'onLayer' | 'onBytes' | 'mountFrom' | 'isPresent'> {
  readonly form: CopyForm;
  readonly tag: string;
  /** For layers that change their compression. */
  readonly temporaryDirectory: string;
  readonly onConverted?: (layer: Descriptor, event: 'started' | 'converted') => void;
}

/**
 * Writes caches that exist as one into a store. Layers keep their compression unless one is forced: as in BuildKit, a
 * compression alone is for layers that have none yet, and these all do. `mode=min` keeps what the topmost results
 * consist of.
 */
export async function copyCache(
  inputs: readonly CacheInput[],
  store: ContentStore,
  options: CopyCacheOptions,
): Promise<ExportCacheOutcome> {
  const { form, onConverted, signal, temporaryDirectory } = options;
  const merged = mergeCaches(inputs);
  const reduced = form.mode === 'min' ? topsOnly(merged) : merged;
  const needed = new Set(reduced.config.layers.map(({ blob }) => blob));
  const cache = { ...reduced, layers: new Map([...reduced.layers].filter(([digest]) => needed.has(digest))) };
  const written = form.forceCompression
    ? await convertLayers(cache, {
        compression: form.compression,
        temporaryDirectory,
        ...(signal && { signal }),
        ...(onConverted && { onLayer: onConverted }),
      })
    : cache;
  return exportCache(written, store, { ...options, ...form });
}
